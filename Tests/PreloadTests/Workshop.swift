import Foundation
import Testing

/// The C programs, the fake engine and the preload side by side in a directory of their own, built
/// once.
struct Workshop {
  static let shared = Result { try Workshop() }

  let directory: URL
  let preload: URL
  /// Why no run's file system can be shown here; nil when it can.
  let refusal: String?

  private static let sources = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Programs/preload")
  private static let header = sources.deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
    .appending(path: "Sources/CEngine")

  private init() throws {
    let products = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
      .deletingLastPathComponent()
    directory = FileManager.default.temporaryDirectory.appending(path: "preload-\(getpid())")
    try? FileManager.default.removeItem(at: directory)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.path)
    preload = directory.appending(path: "libioasid-preload.so")
    try FileManager.default.copyItem(
      at: products.appending(path: "libioasid-preload.so"), to: preload)
    for program in ["view", "descriptors", "signals", "symbols"] {
      try Self.compile(program, to: directory.appending(path: program), [])
    }
    try Self.compile(
      "symbols", to: directory.appending(path: "between.so"), ["-shared", "-fPIC", "-DBETWEEN"])
    try Self.compile(
      "fake-engine", to: directory.appending(path: "libioasid-engine.so"),
      ["-shared", "-fPIC", "-I", Self.header.path])
    let probe = try Ran("\(directory.path)/view", ["", "/bin/true"])
    refusal = probe.status == 0 ? nil : probe.output
    if let refusal { print("skipped: process tests of the preload: \(refusal)") }
  }

  private static func compile(_ program: String, to output: URL, _ options: [String]) throws {
    let source = sources.appending(path: "\(program).c").path
    let ran = try Ran(
      "/usr/bin/env", ["clang", "-O1", "-w", "-o", output.path] + options + [source, "-lpthread"])
    try #require(ran.status == 0, "\(ran.output)")
  }

  /// Runs a program inside a run's view with the preload, or a list of libraries, in front of its
  /// libc.
  func run(_ program: String, _ arguments: [String], libraries: String? = nil) throws -> Ran {
    try Ran(
      "/usr/bin/env",
      ["timeout", "60", "\(directory.path)/view", libraries ?? preload.path, program] + arguments)
  }

  func own(_ program: String) -> String { directory.appending(path: program).path }

  static var canShowRuns: Bool { (try? shared.get().refusal) == .some(nil) }
}

/// A process that has ended: its status (128 and more for a signal) and what it wrote.
struct Ran {
  let status: Int32
  let output: String

  init(_ program: String, _ arguments: [String], _ environment: [String: String] = [:]) throws {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let written = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let code = process.terminationStatus
    status = process.terminationReason == .exit ? code : 128 + code
    output = String(decoding: written, as: UTF8.self)
  }
}
