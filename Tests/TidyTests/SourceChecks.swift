import Foundation

/// What is wrong in one file, and where.
struct Problem: Hashable, CustomStringConvertible {
  var file: String
  /// Counted from 1; 0 for the file as a whole.
  var line: Int
  var reason: String

  var description: String { "\(file):\(line): \(reason)" }
}

/// A text file of the tree: its path from the top, and what it says.
struct SourceFile {
  var path: String
  var text: String

  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
  var name: Substring { path.split(separator: "/").last ?? "" }
  var isSwift: Bool { path.hasSuffix(".swift") }
  var isCode: Bool { isSwift || path.hasSuffix(".c") || path.hasSuffix(".h") }
  /// `Shim` for `Sources/Shim/Rule.swift`.
  var target: Substring? {
    let parts = path.split(separator: "/")
    return parts.count > 2 ? parts[1] : nil
  }

  /// The modules that a Swift file imports, each with its line.
  var imports: [(module: Substring, line: Int)] {
    lines.enumerated().compactMap { index, line in
      var words = line.split(separator: " ")
      while let first = words.first, first.hasPrefix("@") || Self.importAccess.contains(first) {
        words.removeFirst()
      }
      guard words.count >= 2, words[0] == "import", !line.hasPrefix(" ") else { return nil }
      let module = words.count > 2 && Self.importKinds.contains(words[1]) ? words[2] : words[1]
      return (module.prefix { $0 != "." }, index + 1)
    }
  }

  private static let importAccess: Set<Substring> = ["public", "package", "internal", "private"]
  private static let importKinds: Set<Substring> = ["func", "struct", "class", "enum", "protocol"]

  func problem(_ line: Int, _ reason: String) -> Problem {
    Problem(file: path, line: line, reason: reason)
  }
}

/// Checks of one file's text. Each answers what is wrong, nothing when all is well.
enum SourceChecks {
  static let lineMaximum = 500
  static let functionLineMaximum = 60
  static let columnMaximum = 100

  static func length(of file: SourceFile) -> [Problem] {
    let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
    return count <= lineMaximum ? [] : [file.problem(0, "\(count) lines")]
  }

  /// A row of a table in a comment cannot be broken.
  static func columns(of file: SourceFile) -> [Problem] {
    file.lines.enumerated()
      .filter { $0.element.count > columnMaximum && !$0.element.hasPrefix("/// |") }
      .map { file.problem($0.offset + 1, "\($0.element.count) columns") }
  }

  /// Words that put off what ought to be an issue.
  static func reminders(in file: SourceFile) -> [Problem] {
    let words: Set<String> = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
    return file.lines.enumerated().flatMap { index, line in
      line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init)
        .filter(words.contains).map { file.problem(index + 1, "says \($0)") }
    }
  }

  /// Directories of somebody's machine, and hosts that not everybody reaches.
  static func places(in file: SourceFile) -> [Problem] {
    let directories = ["root", "work", "home", "Users", "workspace"].map { "/\($0)/" }
    return file.lines.enumerated().flatMap { index, line -> [Problem] in
      var found = directories.filter { holds(String(line), $0) }.map { "names \($0)" }
      for tail in line.components(separatedBy: "://").dropFirst() {
        let host = tail.prefix { $0.isLetter || $0.isNumber || $0 == "." || $0 == "-" }
        guard !host.isEmpty, !publicHosts.contains(String(host)) else { continue }
        found.append("names the host '\(host)'")
      }
      return found.map { file.problem(index + 1, $0) }
    }
  }

  /// Hosts that files of the tree may name.
  static let publicHosts: Set<String> = [
    "www.apache.org", "www.kernel.org", "docs.kernel.org", "www.swift.org", "swift.org",
    "github.com",
  ]

  /// Whether an absolute directory begins anywhere in the line.
  private static func holds(_ line: String, _ directory: String) -> Bool {
    line.components(separatedBy: directory).dropLast()
      .contains { before in
        before.last.map { !$0.isLetter && !$0.isNumber && $0 != "." } ?? true
      }
  }

  static func functions(of file: SourceFile) -> [Problem] {
    FunctionScanner.functions(in: file.text).filter { $0.lineCount > functionLineMaximum }
      .map { file.problem($0.line, "a function of \($0.lineCount) lines") }
  }
}
