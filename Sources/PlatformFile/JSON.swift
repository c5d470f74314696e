/// A JSON text as values that know where they stand.
struct JSON: Equatable {
  /// Line and column, counted from 1; the column in bytes.
  struct Place: Equatable {
    var line = 1
    var column = 1
  }

  indirect enum Content: Equatable {
    case null
    case bool(Bool)
    /// Digits with an optional sign, without fraction and exponent.
    case integer(String)
    /// Any other number.
    case fraction(String)
    case string(String)
    case array([JSON])
    /// In the order of the text; keys are unique.
    case object([(key: String, place: Place, value: JSON)])

    static func == (a: Self, b: Self) -> Bool {
      switch (a, b) {
      case (.null, .null): true
      case (.bool(let a), .bool(let b)): a == b
      case (.integer(let a), .integer(let b)), (.fraction(let a), .fraction(let b)),
        (.string(let a), .string(let b)):
        a == b
      case (.array(let a), .array(let b)): a == b
      case (.object(let a), .object(let b)):
        a.elementsEqual(b) { $0.key == $1.key && $0.place == $1.place && $0.value == $1.value }
      default: false
      }
    }
  }

  var content: Content
  var place: Place

  /// What the value is, in a message's words.
  var kind: String {
    switch content {
    case .null: "null"
    case .bool: "a boolean"
    case .integer: "a number"
    case .fraction: "a fraction"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  /// Reads a whole text.
  init(parsing bytes: [UInt8]) throws(PlatformFileError) {
    var parser = JSONParser(bytes: bytes)
    self = try parser.parse()
  }

  init(_ content: Content, at place: Place) {
    self.content = content
    self.place = place
  }
}

/// Reads RFC 8259 text. Deeper nesting than any platform has is refused, so that it cannot exhaust
/// the stack.
private struct JSONParser {
  static let deepest = 32

  let bytes: [UInt8]
  var offset = 0
  var place = JSON.Place()

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func parse() throws(PlatformFileError) -> JSON {
    let value = try value(depth: 0)
    skipSpace()
    guard offset == bytes.count else { throw error("more text after the end of the value") }
    return value
  }

  private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private func error(_ reason: String) -> PlatformFileError {
    PlatformFileError(place: place, path: "", reason: reason)
  }

  private var found: String {
    guard let byte = next else { return "the end of the file" }
    return 0x21...0x7e ~= byte
      ? "'\(Character(Unicode.Scalar(byte)))'" : "the byte 0x" + String(byte, radix: 16)
  }

  @discardableResult
  private mutating func advance() -> UInt8 {
    let byte = bytes[offset]
    offset += 1
    if byte == 0x0a {
      place = JSON.Place(line: place.line + 1, column: 1)
    } else {
      place.column += 1
    }
    return byte
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d {
      advance()
    }
  }

  private mutating func expect(_ byte: Unicode.Scalar) throws(PlatformFileError) {
    skipSpace()
    guard next == UInt8(ascii: byte) else { throw error("'\(byte)' must stand here, not \(found)") }
    advance()
  }

  /// Whether another element follows: a comma does, the closing bracket does not.
  private mutating func goesOn(
    until end: Unicode.Scalar
  ) throws(PlatformFileError) -> Bool {
    skipSpace()
    if next == UInt8(ascii: ",") {
      advance()
      return true
    }
    guard next == UInt8(ascii: end) else {
      throw error("',' or '\(end)' must stand here, not \(found)")
    }
    advance()
    return false
  }

  private mutating func value(depth: Int) throws(PlatformFileError) -> JSON {
    guard depth < Self.deepest else { throw error("values are nested too deeply") }
    skipSpace()
    let start = place
    switch next {
    case UInt8(ascii: "{"): return JSON(try object(depth: depth), at: start)
    case UInt8(ascii: "["): return JSON(try array(depth: depth), at: start)
    case UInt8(ascii: "\""): return JSON(.string(try string()), at: start)
    case let byte? where byte == UInt8(ascii: "-") || 0x30...0x39 ~= byte:
      return JSON(try number(), at: start)
    default:
      for (word, content) in [
        ("true", JSON.Content.bool(true)), ("false", .bool(false)), ("null", .null),
      ] where bytes[offset...].starts(with: word.utf8) {
        for _ in word.utf8 { advance() }
        return JSON(content, at: start)
      }
      throw error("a value must stand here, not \(found)")
    }
  }

  private mutating func object(depth: Int) throws(PlatformFileError) -> JSON.Content {
    advance()
    var members: [(key: String, place: JSON.Place, value: JSON)] = []
    skipSpace()
    if next == UInt8(ascii: "}") {
      advance()
      return .object(members)
    }
    repeat {
      skipSpace()
      let start = place
      guard next == UInt8(ascii: "\"") else {
        throw error("a key in quotes must stand here, not \(found)")
      }
      let key = try string()
      guard !members.contains(where: { $0.key == key }) else {
        throw PlatformFileError(
          place: start, path: "", reason: "the key '\(key)' stands here twice")
      }
      try expect(":")
      members.append((key, start, try value(depth: depth + 1)))
    } while try goesOn(until: "}")
    return .object(members)
  }

  private mutating func array(depth: Int) throws(PlatformFileError) -> JSON.Content {
    advance()
    var elements: [JSON] = []
    skipSpace()
    if next == UInt8(ascii: "]") {
      advance()
      return .array(elements)
    }
    repeat { elements.append(try value(depth: depth + 1)) } while try goesOn(until: "]")
    return .array(elements)
  }

  private mutating func digits() throws(PlatformFileError) {
    guard let byte = next, 0x30...0x39 ~= byte else {
      throw error("a digit must stand here, not \(found)")
    }
    while let byte = next, 0x30...0x39 ~= byte { advance() }
  }

  private mutating func number() throws(PlatformFileError) -> JSON.Content {
    let start = offset
    var isInteger = true
    if next == UInt8(ascii: "-") { advance() }
    if next == UInt8(ascii: "0") { advance() } else { try digits() }
    if next == UInt8(ascii: ".") {
      isInteger = false
      advance()
      try digits()
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      isInteger = false
      advance()
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { advance() }
      try digits()
    }
    let text = String(decoding: bytes[start..<offset], as: UTF8.self)
    return isInteger ? .integer(text) : .fraction(text)
  }

  private mutating func string() throws(PlatformFileError) -> String {
    advance()
    var text: [UInt8] = []
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        advance()
        guard let string = String(validating: text, as: UTF8.self) else {
          throw error("the string before this place is not UTF-8")
        }
        return string
      case UInt8(ascii: "\\"):
        advance()
        text += try escape().utf8
      case 0..<0x20: throw error("a string must not hold \(found)")
      default: text.append(advance())
      }
    }
    throw error("a string has no end")
  }

  private mutating func escape() throws(PlatformFileError) -> String {
    let plain: [UInt8: String] = [
      UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/",
      UInt8(ascii: "b"): "\u{8}", UInt8(ascii: "f"): "\u{c}", UInt8(ascii: "n"): "\n",
      UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
    ]
    if let byte = next, let character = plain[byte] {
      advance()
      return character
    }
    guard next == UInt8(ascii: "u") else { throw error("'\\' is followed by \(found)") }
    var unit = try codeUnit()
    if 0xd800..<0xdc00 ~= unit, bytes[offset...].starts(with: "\\u".utf8) {
      advance()
      let low = try codeUnit()
      unit = 0x10000 + (unit & 0x3ff) << 10 + (low & 0x3ff)
      guard 0xdc00..<0xe000 ~= low else { throw error("half a surrogate pair") }
    }
    guard let scalar = Unicode.Scalar(unit) else { throw error("half a surrogate pair") }
    return String(scalar)
  }

  /// The `u` and its four digits.
  private mutating func codeUnit() throws(PlatformFileError) -> UInt32 {
    advance()
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw error("four hexadecimal digits must follow \\u, not \(found)")
      }
      unit = unit << 4 | UInt32(digit)
      advance()
    }
    return unit
  }
}
