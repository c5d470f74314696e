import Foundation
import Testing

/// The toolchain's compiler, the tool under test, and runs of a program that never hang.
enum Tool {
  /// Longer than the slowest program takes on a busy machine; what takes longer has failed.
  private static let seconds = 90
  /// The tool lies beside the test bundle.
  private static let tool = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(path: "ioasid").path

  static let python = find("python3")
  /// Whether the machine lets this user build a view.
  static let canRun = (try? run(["/bin/true"])) == "exit status 0\n"

  private static func find(_ name: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return path.split(separator: ":").map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Builds a program with the toolchain's clang (libc only) and runs it.
  static func converse(with name: String, options: [String] = []) throws -> String {
    let programs = ConversationTests.root.appending(path: "Tests/Programs")
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "conversation-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let isMediated = name.hasPrefix("mediated-")
    let candidates =
      ["conversations", "conversations/mediated", "conversations/machines"]
      .map { programs.appending(path: "\($0)/\(name).c").path }
      + [programs.appending(path: "\(name)/main.c").path]
    let source = try #require(candidates.first { FileManager.default.fileExists(atPath: $0) })
    let program = directory.appending(path: name).path
    try compile(["-pthread", source], to: program)
    return try run(
      [program], options: options + (isMediated ? drivers(from: programs, in: directory) : []))
  }

  /// The two drivers that pin on command, built, as options of the tool.
  private static func drivers(from programs: URL, in directory: URL) throws -> [String] {
    let source = programs.appending(path: "mediated/ioasid-pins.c").path
    let header = ConversationTests.root.appending(path: "Sources/CMediated").path
    return try [("ioasid-pins", "-DHEARS"), ("ioasid-deaf", "-DDEAF")].flatMap { name, flag in
      let driver = directory.appending(path: "\(name).so").path
      try compile([flag, "-shared", "-fPIC", "-I", header, source], to: driver)
      return ["--mediated", driver]
    }
  }

  private static func compile(_ arguments: [String], to output: String) throws {
    let clang = try #require(find("clang"), "the Swift toolchain has clang")
    let built = try spawn([clang, "-O1", "-w", "-o", output] + arguments)
    try #require(built.status == 0, "\(output) does not compile")
  }

  /// What a program prints under the tool, with its exit status as the last line, as recordings
  /// have it, and with the recordings' limit of descriptors. After `seconds` it is killed: status
  /// 124.
  static func run(_ command: [String], options: [String] = []) throws -> String {
    let script = "ulimit -n 1024; exec timeout -k 5 \(seconds) \"$@\""
    let result = try spawn(
      ["/bin/sh", "-c", script, "sh", tool, "run", "--backend", "software"] + options + ["--"]
        + command)
    return "\(result.output)exit status \(result.status)\n"
  }

  private static func spawn(_ command: [String]) throws -> (output: String, status: Int32) {
    let process = Process()
    process.executableURL = URL(filePath: command[0])
    process.arguments = Array(command.dropFirst())
    // A file, not a pipe: a process left behind cannot keep the test waiting.
    let file = FileManager.default.temporaryDirectory.appending(path: "said-\(UUID().uuidString)")
    try Data().write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    process.standardOutput = try FileHandle(forWritingTo: file)
    process.standardInput = FileHandle.nullDevice
    try process.runUnblocked()
    process.waitUntilExit()
    let code = process.terminationStatus
    return (
      String(decoding: try Data(contentsOf: file), as: UTF8.self),
      process.terminationReason == .exit ? code : 128 + code
    )
  }
}

extension Process {
  /// Starts it with no signal blocked: the test library's threads block all, and children inherit
  /// that.
  func runUnblocked() throws {
    var (none, before) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try run()
  }
}
