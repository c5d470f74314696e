import Foundation
import Synchronization
import Testing

/// The programs of `Tests/Programs/runs`, each built once with the toolchain's clang (libc only),
/// and runs of them that never hang.
enum Workshop {
  static let programs = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Programs")
  static let fixtures = programs.deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures")
  /// Where the package's products lie: beside the test bundle.
  static let products = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    .deletingLastPathComponent()
  static let tool = products.appending(path: "ioasid").path
  private static let built = Mutex<[String: String]>([:])
  private static let directory = FileManager.default.temporaryDirectory
    .appending(path: "runs-\(getpid())")

  /// Whether the machine lets this user build a view.
  static let canRun = (try? Outcome(of: [tool, "run", "--", "/bin/true"]).status) == 0
  static let python = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { "\($0)/python3" }.first { FileManager.default.isExecutableFile(atPath: $0) }

  /// The path of a program, built now if it was not before.
  ///
  /// `headers` is a folder of `Sources` that it includes from.
  static func program(_ name: String, headers: String = "CEngine") throws -> String {
    try built.withLock { built in
      if let path = built[name] { return path }
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      let path = directory.appending(path: name.replacing("/", with: "-")).path
      let source = programs.appending(path: "\(name).c").path
      let included = programs.deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Sources/\(headers)").path
      let outcome = try Outcome(of: [
        "clang", "-O1", "-pthread", "-I", included, "-o", path, source,
      ])
      try #require(outcome.status == 0, "\(name) does not compile: \(outcome.output)")
      built[name] = path
      return path
    }
  }

  /// A mediated driver of `Tests/Programs/mediated`, built now, as an option of the tool.
  static func mediated(_ name: String) throws -> [String] {
    let key = "mediated/\(name)"
    let path = try built.withLock { built in
      if let path = built[key] { return path }
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      let path = directory.appending(path: "\(name).so").path
      let header = programs.deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Sources/CMediated").path
      let source = programs.appending(path: "\(key).c").path
      let outcome = try Outcome(of: [
        "clang", "-O1", "-shared", "-fPIC", "-I", header, "-o", path, source,
      ])
      try #require(outcome.status == 0, "\(name) does not compile: \(outcome.output)")
      built[key] = path
      return path
    }
    return ["--mediated", path]
  }

  /// Runs a command under the tool with the lab's limit of descriptors.
  static func run(
    _ command: [String], options: [String] = [], seconds: Int = 480
  ) throws -> Outcome {
    try Outcome(of: [tool, "run"] + options + ["--"] + command, seconds: seconds)
  }

  /// Runs a shell script under the tool.
  static func run(script: String, seconds: Int = 480) throws -> Outcome {
    try run(["/bin/sh", "-c", script], seconds: seconds)
  }
}

/// How a command ended. One that takes longer than its seconds is killed, with all it started.
struct Outcome: Equatable {
  /// What it wrote, errors included.
  var output: String
  /// Its exit status: 124 or 137 when it took too long, 128 and more for a signal.
  var status: Int32

  init(output: String, status: Int32) {
    self.output = output
    self.status = status
  }

  init(of command: [String], seconds: Int = 480) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments =
      ["-c", "ulimit -n 1024; exec timeout -k 5 \(seconds) \"$@\"", "sh"] + command
    let file = FileManager.default.temporaryDirectory.appending(path: "run-\(UUID().uuidString)")
    try Data().write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    // A file, not a pipe: what a program leaves running cannot keep the test waiting.
    let writing = try FileHandle(forWritingTo: file)
    process.standardOutput = writing
    process.standardError = writing
    process.standardInput = FileHandle.nullDevice
    try process.runUnblocked()
    process.waitUntilExit()
    output = String(decoding: try Data(contentsOf: file), as: UTF8.self)
    let code = process.terminationStatus
    status = process.terminationReason == .exit ? code : 128 + code
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
