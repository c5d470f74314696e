import Foundation

/// The built tool, spawned as a user would.
enum Tool {
  /// Where the package's products lie: beside the test bundle.
  static let products = URL(fileURLWithPath: CommandLine.arguments[0])
    .resolvingSymlinksInPath().deletingLastPathComponent()
  static let path = products.appending(path: "ioasid").path

  struct Outcome: Equatable {
    var status: Int32
    /// Whether a signal ended the process; `status` is then its number.
    var wasKilled = false
    var output: String
    var errors: String
  }

  /// Runs a program to its end.
  static func spawn(
    _ program: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let scratch = FileManager.default.temporaryDirectory
      .appending(path: "ioasid-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let files = try ["out", "err"].map { name in
      let file = scratch.appending(path: name)
      try Data().write(to: file)
      return (file, try FileHandle(forWritingTo: file))
    }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = files[0].1
    process.standardError = files[1].1
    try process.run()
    process.waitUntilExit()
    let texts = try files.map { String(decoding: try Data(contentsOf: $0.0), as: UTF8.self) }
    return Outcome(
      status: process.terminationStatus, wasKilled: process.terminationReason == .uncaughtSignal,
      output: texts[0], errors: texts[1])
  }

  /// Runs the tool itself.
  static func ioasid(
    _ arguments: String..., environment: [String: String] = [:]
  ) throws -> Outcome {
    try spawn(path, arguments, environment: environment)
  }

  /// Runs a shell script in the view.
  static func inView(_ script: String, options: [String] = []) throws -> Outcome {
    try spawn(path, ["run"] + options + ["--", "/bin/sh", "-c", script])
  }

  /// Whether the machine lets this user build a view; when not, the tool says so.
  static let canBuildViews = (try? inView("exit 0"))?.status == 0

  /// A place that every user may read, with copies of the tool and the preload library.
  static func publicCopy() throws -> URL {
    let place = URL(fileURLWithPath: "/tmp/ioasid-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: place, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    for name in ["ioasid", "libioasid-preload.so"] {
      let copy = place.appending(path: name)
      try FileManager.default.copyItem(at: products.appending(path: name), to: copy)
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o755], ofItemAtPath: copy.path)
    }
    return place
  }
}
