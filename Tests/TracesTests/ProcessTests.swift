import Foundation
import Testing
import Traces

/// A program under `ioasid run --trace`: what stands in the file is the program's conversation.
@Suite("The trace of a run", .serialized)
struct ProcessTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  @Test("A tour of every call, with a forked child, writes the same lines each time")
  func tour() throws {
    let fixture = Self.root.appendingPathComponent("Fixtures/Traces/tour.software.trace")
    let golden = try String(contentsOf: fixture, encoding: .utf8)
    let first = try Self.trace("tour")
    #expect(first == golden)
    #expect(try Self.trace("tour") == first)
    let lines = try TraceLine.parse(first)
    #expect(lines.map { "\($0)\n" }.joined() == first)
  }

  /// Builds a program with the toolchain's clang, runs it, and returns its trace.
  private static func trace(_ name: String) throws -> String {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("trace-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let program = directory.appendingPathComponent(name).path
    let source = root.appendingPathComponent("Tests/Programs/traced/\(name).c").path
    #expect(try run(["clang", "-O1", "-o", program, source]) == 0)
    let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    let tool = bundle.deletingLastPathComponent().appendingPathComponent("ioasid").path
    let file = directory.appendingPathComponent("trace")
    #expect(try run([tool, "run", "--trace", file.path, "--", program]) == 0)
    return try String(contentsOf: file, encoding: .utf8)
  }

  private static func run(_ command: [String]) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
