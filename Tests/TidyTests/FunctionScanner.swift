/// Finds the functions of formatted Swift source by counting braces outside strings and comments.
///
/// A block belongs to the last keyword before it: `func`, `init`, `subscript`, `deinit` and `var`
/// make it a function, all others do not.
struct FunctionScanner {
  struct Function: Equatable {
    /// Where it is declared, counted from 1.
    var line: Int
    /// From there to its closing brace, both included.
    var lineCount: Int
  }

  private enum Text { case code, string, longString, comment, lineComment }

  private static let functionWords: Set<String> = ["func", "init", "subscript", "deinit", "var"]
  private static let otherWords: Set<String> = [
    "struct", "class", "enum", "protocol", "extension", "actor", "if", "else", "for", "while",
    "switch", "do", "catch", "guard", "let", "case", "defer",
  ]

  private var line = 1
  private var word = ""
  private var wordFollowsDot = false
  private var previous: Character = "\n"
  /// Where the function whose body comes next is declared.
  private var declared: Int?
  /// For each open block, where its function is declared; nil for other blocks.
  private var blocks: [Int?] = []
  private var found: [Function] = []

  /// The functions in the order in which they end.
  static func functions(in source: String) -> [Function] {
    var scanner = FunctionScanner()
    var text = Text.code
    var rest = Substring(source)
    while let character = rest.first {
      let step = scanner.step(&text, rest)
      for passed in rest.prefix(step) where passed == "\n" { scanner.line += 1 }
      scanner.previous = character
      rest = rest.dropFirst(step)
    }
    return scanner.found
  }

  /// Looks at the front of the rest; how many characters are dealt with.
  private mutating func step(_ text: inout Text, _ rest: Substring) -> Int {
    switch text {
    case .code: return code(&text, rest)
    case .string:
      if rest.hasPrefix("\\") { return 2 }
      if rest.hasPrefix("\"") || rest.hasPrefix("\n") { text = .code }
    case .longString:
      if rest.hasPrefix("\\") { return 2 }
      guard rest.hasPrefix("\"\"\"") else { return 1 }
      text = .code
      return 3
    case .comment:
      guard rest.hasPrefix("*/") else { return 1 }
      text = .code
      return 2
    case .lineComment:
      if rest.hasPrefix("\n") { text = .code }
    }
    return 1
  }

  private mutating func code(_ text: inout Text, _ rest: Substring) -> Int {
    let character = rest[rest.startIndex]
    if character.isLetter || character.isNumber || character == "_" {
      if word.isEmpty { wordFollowsDot = previous == "." || previous == "`" }
      word.append(character)
      return 1
    }
    endWord()
    if rest.hasPrefix("\"\"\"") {
      text = .longString
      return 3
    }
    if character == "\"" { text = .string }
    if rest.hasPrefix("//") { text = .lineComment }
    if rest.hasPrefix("/*") { text = .comment }
    if character == "{" { open() }
    if character == "}" { close() }
    return 1
  }

  private mutating func endWord() {
    defer { word = "" }
    guard !wordFollowsDot else { return }
    if Self.functionWords.contains(word) { declared = line }
    if Self.otherWords.contains(word) { declared = nil }
  }

  private mutating func open() {
    blocks.append(declared)
    declared = nil
  }

  private mutating func close() {
    declared = nil
    guard let block = blocks.popLast(), let start = block else { return }
    found.append(Function(line: start, lineCount: line - start + 1))
  }
}
