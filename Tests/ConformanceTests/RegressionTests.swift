import Conformance
import Foundation
import Testing

/// Scripts on which two implementations once disagreed, or that a careless one gets wrong, made
/// small. A file is never deleted; what the calls answered then stands in its comments.
@Suite("Fixtures/Regressions")
struct RegressionTests {
  static let directory = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/Regressions")

  static func files() throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "txt" }
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
  }

  @Test("Every script runs without a difference", arguments: try files())
  func replay(file: URL) throws {
    let text = try String(contentsOf: file, encoding: .utf8)
    let script = try Script(parsing: text)
    let arena = try #require(ScriptArena())
    let runner = DifferentialRunner { ShimContestant(world: $0, arena: arena) }
    if let difference = runner.difference(script) { Issue.record("\(difference)") }
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    #expect(script.description == lines.map { $0 + "\n" }.joined(), "stated as it is printed")
  }

  @Test("There are scripts to replay")
  func present() throws {
    #expect(try !Self.files().isEmpty)
  }
}
