import Foundation
import Testing

/// The table in `Fixtures/Traces/README.md` of what holds which behaviour of the kernel.
@Suite("What holds which behaviour") struct CoverageTests {
  private static let suffix = ".native-6.12"

  /// The names of a directory's files that end so, without it.
  private static func names(in directory: String, ending: String) throws -> Set<String> {
    let files = try FileManager.default.contentsOfDirectory(
      atPath: Guide.top.appending(path: directory).path)
    return Set(files.filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.count)) })
  }

  /// The columns of the table, each with all the names in it.
  private static func columns() throws -> [Set<String>] {
    let text = try Guide.text("Fixtures/Traces/README.md")
    let heading = try #require(text.firstRange(of: "| behaviour |"))
    let rows = text[heading.upperBound...].split(separator: "\n").dropFirst(2)
      .filter { $0.hasPrefix("|") }
      .map { $0.split(separator: "|", omittingEmptySubsequences: false) }
    #expect(rows.count > 30)
    return try (2...4).map { column in
      try Set(
        rows.flatMap { row in
          try #require(row.count == 6 ? row[column] : nil, "\(row)")
            .split(separator: "`").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
        })
    }
  }

  @Test("Each that the table names is there, and each trace is named")
  func present() throws {
    let columns = try Self.columns()
    let traces = try Self.names(in: "Fixtures/Traces", ending: Self.suffix + ".trace")
    let conversations = try Self.names(in: "Fixtures/Conversations", ending: Self.suffix + ".txt")
    let circumstances = try Self.names(in: "Tests/Programs/circumstances", ending: ".c")
    #expect(columns[0] == traces)
    #expect(columns[1].subtracting(conversations).isEmpty)
    #expect(columns[2] == circumstances)
  }

  @Test("No behaviour is without something that holds it")
  func held() throws {
    let text = try Guide.text("Fixtures/Traces/README.md")
    let heading = try #require(text.firstRange(of: "| behaviour |"))
    for row in text[heading.upperBound...].split(separator: "\n").dropFirst(2) {
      #expect(row.contains("`"), "\(row)")
    }
  }
}
