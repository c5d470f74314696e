/// Why a script's text is refused: the line's number, counted from 1, and what is wrong with it.
public struct ScriptError: Error, Hashable, CustomStringConvertible {
  /// The line, counted from 1.
  public var line: Int
  /// What is wrong.
  public var reason: String
  /// Both, in a line.
  public var description: String { "line \(line): \(reason)" }
}

extension Script: CustomStringConvertible {
  /// The text: the world on the first line, then a call a line.
  public var description: String {
    (["world \(world.name) limit=\(world.entryLimit)"] + calls.map(\.description))
      .map { $0 + "\n" }.joined()
  }

  /// Reads what `description` prints; empty lines and lines that start with # say nothing.
  /// `machine` is a world to know beside those that have names of their own.
  public init(parsing text: String, on machine: World? = nil) throws(ScriptError) {
    var world: World?
    calls = []
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where !line.isEmpty && line.first != "#" {
      let words = line.split(separator: " ").map(String.init)
      do throws(Refusal) {
        if world == nil {
          world = try Self.world(words, machine)
        } else {
          calls.append(try Call(words: words))
        }
      } catch {
        throw ScriptError(line: index + 1, reason: error.reason)
      }
    }
    guard let world else { throw ScriptError(line: 1, reason: "no world") }
    self.world = world
  }

  private static func world(_ words: [String], _ machine: World?) throws(Refusal) -> World {
    guard words.count == 3, words[0] == "world", words[2].hasPrefix("limit="),
      let limit = UInt32(words[2].dropFirst(6))
    else { throw Refusal("expected: world NAME limit=N") }
    let known = World.all + (machine.map { [$0] } ?? [])
    guard let world = known.first(where: { $0.name == words[1] }) else {
      throw Refusal("no world is called \(words[1])")
    }
    return world.limited(to: limit)
  }
}

private struct Refusal: Error {
  var reason: String
  init(_ reason: String) { self.reason = reason }
}

extension Call: CustomStringConvertible {
  /// The line without its end.
  public var description: String {
    var words: [String] = []
    if verb.makesDescriptor { words += ["f\(into)", "="] }
    if verb.usesDescriptor { words.append("f\(on)") }
    words.append(verb.rawValue)
    if verb == .setContainer { words.append(other.description) }
    if verb.namesDevice { words.append(quoted(name)) }
    for (field, number) in zip(verb.fields, numbers) { words.append("\(field)=\(number)") }
    if verb.hasStructure, place != .plain { words.append("@\(place)") }
    if byChild { words.append("by-child") }
    return words.joined(separator: " ")
  }

  fileprivate init(words: [String]) throws(Refusal) {
    var words = words[...]
    self.init(.close)
    if words.dropFirst().first == "=" {
      into = try descriptorNumber(words.removeFirst())
      words.removeFirst()
    }
    var used: Int?
    if let word = words.first, word.first == "f", let number = Int(word.dropFirst()) {
      used = number
      words.removeFirst()
    }
    guard let verb = words.popFirst().flatMap(Verb.init(rawValue:)) else {
      throw Refusal("no such call")
    }
    self.verb = verb
    guard verb.usesDescriptor == (used != nil) else { throw Refusal("descriptor") }
    on = used ?? 0
    if verb == .setContainer { other = try Other(word: words.popFirst() ?? "") }
    if verb.namesDevice { name = try unquoted(words.popFirst() ?? "") }
    for field in verb.fields {
      guard let word = words.popFirst(), word.hasPrefix(field + "=") else {
        throw Refusal("expected \(field)=")
      }
      numbers.append(try Number(word: word.dropFirst(field.count + 1)))
    }
    if words.last == "by-child" {
      byChild = true
      words.removeLast()
    }
    if let word = words.popFirst() { place = try Place(word: word) }
    guard words.isEmpty else { throw Refusal("too many words") }
  }
}

private func descriptorNumber(_ word: String) throws(Refusal) -> Int {
  guard word.first == "f", let number = Int(word.dropFirst()) else {
    throw Refusal("\(word) is no descriptor")
  }
  return number
}

/// A name in quotes with everything but plain ASCII as %XX, so that a line splits at blanks;
/// more than one of them as %XX*COUNT; names of devices hold no asterisk.
private func quoted(_ name: String) -> String {
  var text = ""
  var rest = Array(name.utf8)[...]
  while let byte = rest.first {
    let run = rest.prefix { $0 == byte }.count
    if (0x21...0x7e).contains(byte) && byte != 0x25 && byte != 0x22 {
      text += String(UnicodeScalar(byte))
      rest = rest.dropFirst()
    } else {
      text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      if run > 1 { text += "*\(run)*" }
      rest = rest.dropFirst(run)
    }
  }
  return "\"" + text + "\""
}

private func unquoted(_ word: String) throws(Refusal) -> String {
  guard word.count >= 2, word.first == "\"", word.last == "\"" else {
    throw Refusal("expected a name in quotes")
  }
  var bytes: [UInt8] = []
  var rest = word.utf8.dropFirst().dropLast()
  while let byte = rest.popFirst() {
    guard byte == 0x25 else {
      bytes.append(byte)
      continue
    }
    guard rest.count >= 2, let code = UInt8(String(rest.prefix(2)) ?? "", radix: 16) else {
      throw Refusal("expected two digits after %")
    }
    rest = rest.dropFirst(2)
    guard rest.first == 0x2a else {
      bytes.append(code)
      continue
    }
    let digits = rest.dropFirst().prefix { $0 != 0x2a }
    guard let count = Int(String(digits) ?? ""), (1...65536).contains(count) else {
      throw Refusal("expected a count between asterisks")
    }
    bytes += Array(repeating: code, count: count)
    rest = rest.dropFirst(digits.count + 2)
  }
  return String(decoding: bytes, as: UTF8.self)
}

private func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

private func number(_ word: Substring) throws(Refusal) -> UInt64 {
  let value = word.hasPrefix("0x") ? UInt64(word.dropFirst(2), radix: 16) : UInt64(word)
  guard let value else { throw Refusal("\(word) is no number") }
  return value
}

extension Number: CustomStringConvertible {
  /// Small numbers in decimal, others in hexadecimal, addresses as m+offset.
  public var description: String {
    if inMemory { return "m+" + hexadecimal(value) }
    return value < 1024 ? String(value) : hexadecimal(value)
  }
  fileprivate init(word: Substring) throws(Refusal) {
    if word.hasPrefix("m+") {
      self = .memory(try number(word.dropFirst(2)))
    } else {
      self.init(try number(word))
    }
  }
}

extension Place: CustomStringConvertible {
  /// The word behind the @.
  public var description: String {
    switch self {
    case .plain: "plain"
    case .readOnly: "read-only"
    case .edge(let count): "edge+\(count)"
    case .absent(let address): hexadecimal(address)
    }
  }
  fileprivate init(word: String) throws(Refusal) {
    if word == "@read-only" {
      self = .readOnly
    } else if word.hasPrefix("@edge+"), let count = Int(word.dropFirst(6)) {
      self = .edge(count)
    } else if word.hasPrefix("@") {
      self = .absent(try number(word.dropFirst()))
    } else {
      throw Refusal("expected @PLACE")
    }
  }
}

extension Other: CustomStringConvertible {
  /// The word.
  public var description: String {
    switch self {
    case .descriptor(let number): "f\(number)"
    case .closed: "closed"
    case .foreign: "foreign"
    }
  }
  fileprivate init(word: String) throws(Refusal) {
    switch word {
    case "closed": self = .closed
    case "foreign": self = .foreign
    default: self = .descriptor(try descriptorNumber(word))
    }
  }
}
