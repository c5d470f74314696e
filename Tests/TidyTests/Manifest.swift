/// Package.swift as far as the tree's rules need it: which target names which others.
struct Manifest {
  struct Target: Equatable {
    var name: String
    /// Every other string of its declaration, the names of its dependencies among them.
    var strings: [String]
    var isTest: Bool
  }

  var targets: [Target] = []
  private let text: String

  /// Reads the calls that declare targets.
  init(_ text: String) {
    self.text = text
    for (call, isTest) in [
      (".target(", false), (".executableTarget(", false), (".systemLibrary(", false),
      (".testTarget(", true), ("module(", false), ("tests(", true),
    ] {
      for arguments in Self.arguments(of: call, in: text) {
        var strings = Self.strings(in: arguments)
        guard !strings.isEmpty else { continue }
        var name = strings.removeFirst()
        if call == "tests(" {
          strings.append(name)
          name += "Tests"
        }
        targets.append(Target(name: name, strings: strings, isTest: isTest))
      }
    }
  }

  /// What each call's parentheses hold, in order. The declarations of the helpers themselves name
  /// no target and fall out.
  private static func arguments(of call: String, in text: String) -> [Substring] {
    var found: [Substring] = []
    var rest = text[...]
    while let range = rest.firstRange(of: call) {
      let before = rest[..<range.lowerBound].last
      rest = rest[range.upperBound...]
      guard before.map({ !$0.isLetter && $0 != "." }) ?? true else { continue }
      var depth = 1
      let inside = rest.prefix { character in
        if character == "(" { depth += 1 }
        if character == ")" { depth -= 1 }
        return depth > 0
      }
      let isDeclaration = inside.hasPrefix("_ ") || inside.contains("name: name")
      if !isDeclaration { found.append(inside) }
    }
    return found
  }

  private static func strings(in text: Substring) -> [String] {
    text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
      .filter { $0.offset % 2 == 1 }.map { String($0.element) }
  }

  /// The target and all that it stands on.
  func closure(of name: String) -> Set<String> {
    var known: Set<String> = []
    var waiting = [name]
    while let next = waiting.popLast() {
      guard let target = targets.first(where: { $0.name == next }), known.insert(next).inserted
      else { continue }
      waiting += target.strings
    }
    return known
  }

  /// Dependencies on other packages.
  var outsideDependencies: [Problem] {
    [".package(", "url:", "://", ".binaryTarget("].filter(text.contains)
      .map { Problem(file: "Package.swift", line: 0, reason: "says \($0)") }
  }

  /// Test targets that would put interposed symbols into the test runner.
  var testsLinkingTheLibraries: [Problem] {
    targets.filter(\.isTest).flatMap { target in
      target.strings.filter { $0 == "Preload" || $0 == "Engine" }
        .map { Problem(file: "Package.swift", line: 0, reason: "\(target.name) links \($0)") }
    }
  }

  /// Imports of the package's own modules that the target does not declare.
  func undeclaredImports(in file: SourceFile) -> [Problem] {
    guard let directory = file.target,
      let target = targets.first(where: { $0.name == directory })
    else { return [] }
    let names = Set(targets.map(\.name))
    return file.imports.filter { names.contains(String($0.module)) }
      .filter { !target.strings.contains(String($0.module)) }
      .map { file.problem($0.line, "imports \($0.module), which \(target.name) does not declare") }
  }

  /// Imports of modules that a file must not see.
  static func imports(of modules: Set<Substring>, in file: SourceFile) -> [Problem] {
    file.imports.filter { modules.contains($0.module) }
      .map { file.problem($0.line, "imports \($0.module)") }
  }
}
