import Foundation
import Testing

/// Plain legacy programs under `ioasid run`, held line by line to what they printed on Linux 6.12.
@Suite("Conversations with the real kernel")
struct ConversationTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  static let fixtures = root.appendingPathComponent("Fixtures/Conversations")

  /// Programs whose answers a later issue completes, and why.
  static let later: [String: String] = [
    "later-dirty": "the kernel grants dirty pages and VADDR; here what it would grant is ENOTTY"
  ]

  /// Names of the recordings, in order.
  static var names: [String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: fixtures.path)) ?? []
    return files.filter { $0.hasSuffix(".native-6.12.txt") }
      .map { String($0.dropLast(".native-6.12.txt".count)) }.sorted()
  }

  @Test("A program prints under ioasid what it prints on the real kernel", arguments: names)
  func prints(_ name: String) throws {
    guard name != "edu_client" || Tool.find("python3") != nil else {
      print("skipped: edu_client needs python3")
      return
    }
    let recorded = try String(
      contentsOf: Self.fixtures.appendingPathComponent("\(name).native-6.12.txt"), encoding: .utf8)
    let printed = try Tool.converse(with: name, root: Self.root)
    if let reason = Self.later[name] {
      #expect(printed != recorded, "no longer different: \(reason)")
      return
    }
    let (theirs, ours) = (lines(recorded), lines(printed))
    for (number, pair) in zip(theirs, ours).enumerated() where pair.0 != pair.1 {
      Issue.record("\(name) line \(number + 1): \(pair.1)\n  the kernel says: \(pair.0)")
      return
    }
    #expect(ours.count == theirs.count)
  }

  private func lines(_ text: String) -> [Substring] {
    text.split(separator: "\n", omittingEmptySubsequences: false)
  }
}

/// The toolchain's compiler, the tool under test, and one run of a program.
enum Tool {
  /// A command on PATH, or nil.
  static func find(_ name: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return path.split(separator: ":").map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Builds `name` with the toolchain's clang (libc only), runs it under the tool, and returns its
  /// output with the exit status as the last line, as recordings have it.
  static func converse(with name: String, root: URL) throws -> String {
    let programs = root.appendingPathComponent("Tests/Programs")
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("conversation-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    var command = [try tool().path, "run", "--backend", "software", "--"]
    if name == "edu_client" {
      command += ["python3", programs.appendingPathComponent("edu_client.py").path]
    } else {
      let source = name == "edu-copy" ? "edu-copy/main.c" : "conversations/\(name).c"
      let program = directory.appendingPathComponent(name).path
      let clang = try #require(find("clang"), "the Swift toolchain has clang")
      let built = try run([
        clang, "-O1", "-pthread", "-o", program, programs.appendingPathComponent(source).path,
      ])
      #expect(built.status == 0, "\(name) does not compile")
      command.append(program)
    }
    let result = try run(command)
    return "\(result.output)exit status \(result.status)\n"
  }

  /// The tool lies beside the test bundle.
  private static func tool() throws -> URL {
    let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    let tool = bundle.deletingLastPathComponent().appendingPathComponent("ioasid")
    try #require(FileManager.default.isExecutableFile(atPath: tool.path), "ioasid is built")
    return tool
  }

  private static func run(_ command: [String]) throws -> (output: String, status: Int32) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (String(decoding: data, as: UTF8.self), process.terminationStatus)
  }
}
