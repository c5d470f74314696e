import Testing

/// Every check of `TreeTests` on a sample that breaks its rule, and on one that does not.
@Suite("The tree's checks can fail")
struct CheckTests {
  private func file(_ text: String, path: String = "Sources/Shim/Sample.swift") -> SourceFile {
    SourceFile(path: path, text: text)
  }

  @Test("A file of 501 lines is too long, one of 500 is not")
  func fileLength() {
    #expect(SourceChecks.length(of: file(String(repeating: "\n", count: 501))).count == 1)
    #expect(SourceChecks.length(of: file(String(repeating: "\n", count: 500))).isEmpty)
  }

  @Test("A line of 101 columns is too wide, one of 100 characters is not")
  func columns() {
    let wide = String(repeating: "a", count: 101)
    let text = String(repeating: "é", count: 100) + "\n\(wide)\n/// | \(wide) |"
    #expect(SourceChecks.columns(of: file(text)).map(\.line) == [2])
  }

  @Test("A reminder is found as a word, not inside one")
  func reminders() {
    let word = "TO" + "DO"
    #expect(SourceChecks.reminders(in: file("// \(word): later")).count == 1)
    #expect(SourceChecks.reminders(in: file("let my\(word)s = mkdtemp(\"XXXXXX\")")).isEmpty)
  }

  @Test("A directory of a machine is found, a part of another path is not")
  func places() {
    let home = ["", "home", "someone"].joined(separator: "/")
    #expect(SourceChecks.places(in: file("let path = \"\(home)\"")).count == 1)
    #expect(SourceChecks.places(in: file("see sys\(home)")).isEmpty)
  }

  @Test("Only public hosts may be named", arguments: [("registry.local", 1), ("github.com", 0)])
  func hosts(_ host: String, _ count: Int) {
    #expect(SourceChecks.places(in: file("see https:" + "//\(host)/x")).count == count)
  }

  @Test("A function of 61 lines is too long, one of 60 is not", arguments: [(59, 1), (58, 0)])
  func functionLength(_ statements: Int, _ count: Int) {
    let body = String(repeating: "    x += 1\n", count: statements)
    let source = file("struct A {\n  func b() {\n\(body)  }\n}\n")
    #expect(SourceChecks.functions(of: source).map(\.line) == (count == 0 ? [] : [2]))
  }

  @Test("Braces in strings and comments count for nothing; requirements have no body")
  func scanner() {
    let source = """
      protocol P {
        func first()
        func second()
      }
      // }
      init() { /* { */ let s = "}"; print("\\(s) {") }
      struct Q {
        var x: Int {
          if true { 1 } else { 2 }
        }
      }
      """
    #expect(
      FunctionScanner.functions(in: source) == [
        .init(line: 6, lineCount: 1), .init(line: 8, lineCount: 3),
      ])
  }

  static let manifest = Manifest(
    """
    func module(_ name: String, _ imports: [Target.Dependency]) -> Target {
      .target(name: name, dependencies: imports)
    }
    let engine: Target = .target(name: "Engine", dependencies: ["Shim"])
    let targets = [
      module("DMATypes", []), module("Shim", ["DMATypes"]), module("UAPI", []),
      engine, tests("Shim", []), tests("Engine", []),
      .testTarget(name: "PreloadTests", dependencies: ["Preload"]),
      .package(url: "")
    ]
    """)

  @Test("The manifest's targets are read")
  func manifestTargets() {
    #expect(
      Self.manifest.targets.map(\.name).sorted() == [
        "DMATypes", "Engine", "EngineTests", "PreloadTests", "Shim", "ShimTests", "UAPI",
      ])
    #expect(Self.manifest.closure(of: "Engine") == ["DMATypes", "Engine", "Shim"])
  }

  @Test("Other packages and linked libraries are found")
  func manifestProblems() {
    #expect(Self.manifest.outsideDependencies.map(\.reason) == ["says .package(", "says url:"])
    #expect(
      Set(Self.manifest.testsLinkingTheLibraries.map(\.reason)) == [
        "EngineTests links Engine", "PreloadTests links Preload",
      ])
  }

  @Test("Imports are found behind attributes and access levels, and judged")
  func imports() {
    let source = file("@preconcurrency public import UAPI\ninternal import DMATypes\nimport Glibc")
    #expect(source.imports.map(\.module) == ["UAPI", "DMATypes", "Glibc"])
    #expect(Manifest.imports(of: ["UAPI"], in: source).map(\.line) == [1])
    #expect(Self.manifest.undeclaredImports(in: source).map(\.line) == [1])
  }
}
