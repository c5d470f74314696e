import Testing

/// The tree as it stands, held to its own rules. Each check is shown to fail in `CheckTests`.
@Suite("The tree")
struct TreeTests {
  /// Files that are tables, and may be as long as their rows are many.
  static let tables: Set<String> = ["Tests/TrappedAccessTests/Encodings.swift"]

  let manifest: Manifest
  /// Everything that people write in here, recordings aside.
  let written: [SourceFile]
  let sources: [SourceFile]

  init() throws {
    manifest = Manifest(try Tree.file("Package.swift").text)
    let single = try ["Package.swift", "README.md", "MIGRATION.md"].map(Tree.file)
    written = try Tree.files(below: ["Sources", "Tests", ".github", ".ci"]) + single
    sources = written.filter { $0.path.hasPrefix("Sources/") }
  }

  private func expectNone(
    _ problems: [Problem], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let lines = problems.map(\.description).joined(separator: "\n")
    #expect(problems.isEmpty, "\(lines)", sourceLocation: sourceLocation)
  }

  @Test("The top level holds what it shall hold")
  func topLevel() throws {
    #expect(
      try Tree.visibleNames() == [
        "Package.swift", "Sources", "Tests", "Fixtures", "MIGRATION.md", "README.md", "LICENSE",
      ])
  }

  @Test("The package depends on no other")
  func outsideDependencies() { expectNone(manifest.outsideDependencies) }

  @Test("No test links the preload or the engine")
  func testLinks() {
    #expect(manifest.targets.filter(\.isTest).count > 5)
    expectNone(manifest.testsLinkingTheLibraries)
  }

  @Test("Targets import what they declare")
  func declaredImports() { expectNone(sources.flatMap(manifest.undeclaredImports)) }

  @Test("The shim sees no bytes")
  func shim() {
    let shim = sources.filter { $0.target == "Shim" }
    #expect(!shim.isEmpty)
    expectNone(shim.flatMap { Manifest.imports(of: ["UAPI"], in: $0) })
  }

  @Test("The oracle shares no code with what it judges")
  func oracle() {
    let oracle = sources.filter { $0.target == "Conformance" && $0.name.hasPrefix("Oracle") }
    expectNone(oracle.flatMap { Manifest.imports(of: ["Shim", "UAPI"], in: $0) })
  }

  @Test("Nothing that the engine links imports Foundation")
  func foundation() {
    let linked = manifest.closure(of: "Engine")
    #expect(linked.contains("Shim") && linked.contains("UAPI"))
    let files = sources.filter { file in file.target.map { linked.contains(String($0)) } ?? false }
    expectNone(
      files.flatMap {
        Manifest.imports(of: ["Foundation", "FoundationEssentials", "Dispatch"], in: $0)
      })
  }

  @Test("Files are short")
  func fileLengths() {
    let code = written.filter { $0.isCode && !Self.tables.contains($0.path) }
    expectNone(code.flatMap(SourceChecks.length))
    #expect(Self.tables.isSubset(of: written.map(\.path)), "a table that is gone")
  }

  @Test("Functions are short")
  func functionLengths() {
    expectNone(written.filter(\.isSwift).flatMap(SourceChecks.functions))
  }

  @Test("Swift fits a hundred columns")
  func columns() { expectNone(written.filter(\.isSwift).flatMap(SourceChecks.columns)) }

  @Test("Nothing is put off in a comment")
  func reminders() { expectNone(written.flatMap(SourceChecks.reminders)) }

  @Test("No file names a person's machine or a private host")
  func places() throws {
    let fixtures = try Tree.files(below: ["Fixtures"])
    expectNone((written + fixtures).flatMap(SourceChecks.places))
  }
}
