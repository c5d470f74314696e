import Foundation
import Glibc
import Testing

/// The tool under test, and the programs that it runs.
enum Tool {
  /// Longer than the slowest replay takes on a busy machine; what takes longer has failed.
  private static let seconds = 90
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  static let fixtures = root.appending(path: "Fixtures/Traces")
  /// The tool lies beside the test bundle.
  static let path = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(path: "ioasid").path
  /// Whether the machine lets this user build a view.
  static let canRun = (try? run([path, "run", "--", "/bin/true"]))?.status == 0

  static func find(_ name: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return path.split(separator: ":").map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Runs `body` with a directory that is gone afterwards.
  static func withDirectory<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "replay-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try body(directory)
  }

  /// What a command printed on stdout and stderr, and its exit status; 124 when it was killed for
  /// taking too long.
  static func run(_ command: [String]) throws -> (output: String, status: Int32) {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    let script = "ulimit -n 1024; exec timeout -k 5 \(seconds) \"$@\""
    process.arguments = ["-c", script, "sh"] + command
    let file = FileManager.default.temporaryDirectory.appending(path: "said-\(UUID().uuidString)")
    try Data().write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let output = try FileHandle(forWritingTo: file)
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    // The test library's threads block all signals, and children inherit that.
    var (none, before) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try process.run()
    process.waitUntilExit()
    return (
      String(decoding: try Data(contentsOf: file), as: UTF8.self), process.terminationStatus
    )
  }

  /// The two drivers that pin on command, as `ioasid run --mediated` takes them.
  static func drivers(in directory: URL) throws -> [String] {
    let source = root.appending(path: "Tests/Programs/mediated/ioasid-pins.c").path
    let header = root.appending(path: "Sources/CMediated").path
    let clang = try #require(find("clang"), "the Swift toolchain has clang")
    return try [("ioasid-pins", "-DHEARS"), ("ioasid-deaf", "-DDEAF")].map { name, flag in
      let driver = directory.appending(path: "\(name).so").path
      let built = try run([
        clang, "-O1", "-w", "-shared", "-fPIC", flag, "-I", header, "-o", driver, source,
      ])
      try #require(built.status == 0, "\(name) does not compile: \(built.output)")
      return driver
    }
  }

  /// Builds a conversation program with the toolchain's clang (libc only).
  static func build(_ name: String, in directory: URL) throws -> String {
    let program = directory.appending(path: name).path
    let source = root.appending(path: "Tests/Programs/conversations/\(name).c").path
    let clang = try #require(find("clang"), "the Swift toolchain has clang")
    let built = try run([clang, "-O1", "-w", "-pthread", "-o", program, source])
    try #require(built.status == 0, "\(name) does not compile: \(built.output)")
    return program
  }
}
