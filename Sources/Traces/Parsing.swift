/// Why a line is no line of a trace.
public struct TraceError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The line, from 1.
  public var line: Int
  /// The place in the line, in bytes from 1.
  public var column: Int
  /// What is wrong there.
  public var reason: String

  /// `line 3, column 14: no field 'iovaa'`.
  public var description: String { "line \(line), column \(column): \(reason)" }
}

extension TraceLine {
  /// Reads a trace. What is accepted prints as it was written, byte for byte.
  public static func parse(_ text: String) throws(TraceError) -> [TraceLine] {
    var lines: [TraceLine] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let line = rest.prefix { $0 != UInt8(ascii: "\n") }
      rest = rest.dropFirst(line.count + 1)
      lines.append(try parse(line: Array(line), number: lines.count + 1))
    }
    return lines
  }

  /// Reads the line with a number, from 1.
  public static func parse(line: [UInt8], number: Int = 1) throws(TraceError) -> TraceLine {
    if line.isEmpty || line[0] == UInt8(ascii: "#") {
      return .comment(String(decoding: line, as: UTF8.self))
    }
    var scanner = Scanner(bytes: line)
    do throws(Complaint) {
      let call = try scanner.call()
      // What follows is wrong about the call as a whole.
      scanner.index = 0
      try Vocabulary.check(call)
      // Numbers with leading zeros, names in another order: one way to write each call.
      let printed = Array(call.description.utf8)
      guard printed == line else {
        let same = zip(printed, line).prefix { $0 == $1 }.count
        scanner.index = same
        let rest = String(decoding: printed[same...], as: UTF8.self)
        throw Complaint("it is written '\(rest)'")
      }
      return .call(call)
    } catch {
      throw TraceError(line: number, column: scanner.index + 1, reason: error.reason)
    }
  }
}

/// What is wrong at the place that the scanner has reached.
struct Complaint: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

/// Reads one line from left to right.
private struct Scanner {
  let bytes: [UInt8]
  var index = 0
  private var depth = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  private var next: UInt8 { index < bytes.count ? bytes[index] : 0 }

  private mutating func skip(_ text: String) -> Bool {
    guard bytes[index...].starts(with: text.utf8) else { return false }
    index += text.utf8.count
    return true
  }

  private mutating func expect(_ text: String) throws(Complaint) {
    guard skip(text) else { throw Complaint("'\(text)' is missing") }
  }

  private mutating func take(while isPart: (UInt8) -> Bool) -> String {
    let part = bytes[index...].prefix(while: isPart)
    index += part.count
    return String(decoding: part, as: UTF8.self)
  }

  mutating func call() throws(Complaint) -> TracedCall {
    var process = 1
    if skip("[") {
      process = Int(try number())
      guard process > 1 else { throw Complaint("the first process has no number") }
      try expect("] ")
    }
    let name = peekWord()
    guard let operation = TracedOperation(rawValue: name) else {
      throw Complaint("no call '\(name)'")
    }
    index += name.utf8.count
    try expect("(")
    let arguments = try fields(until: ")")
    try expect(" = ")
    var call = TracedCall(process: process, operation, arguments, result: try result())
    if index < bytes.count {
      try expect(" ")
      call.output = try value()
    }
    guard index == bytes.count else { throw Complaint("more follows than a call") }
    return call
  }

  private func peekWord() -> String {
    String(
      decoding: bytes[index...].prefix { $0.isLetter || $0.isDigit || $0 == 95 }, as: UTF8.self)
  }

  private mutating func result() throws(Complaint) -> TracedResult {
    guard skip("-1 ") else { return .value(try value()) }
    let name = peekWord()
    guard let errno = ErrnoNames.errno(named: name) else { throw Complaint("no error '\(name)'") }
    index += name.utf8.count
    return .failure(errno)
  }

  private mutating func fields(until end: String) throws(Complaint) -> [TracedField] {
    var fields: [TracedField] = []
    if skip(end) { return fields }
    repeat { fields.append(try field()) } while skip(", ")
    try expect(end)
    return fields
  }

  private mutating func field() throws(Complaint) -> TracedField {
    let word = peekWord()
    let after = index + word.utf8.count
    guard let first = word.utf8.first, first.isLower, after < bytes.count,
      bytes[after] == UInt8(ascii: "=")
    else { return TracedField(nil, try value()) }
    index = after + 1
    return TracedField(word, try value())
  }

  /// Deeper nesting than any call has is refused, so that no line overflows the stack.
  private static let depthMaximum = 8

  private mutating func value() throws(Complaint) -> TracedValue {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthMaximum else { throw Complaint("too deep") }
    switch next {
    case UInt8(ascii: "{"):
      index += 1
      return .structure(try fields(until: "}"))
    case UInt8(ascii: "["):
      index += 1
      return .list(try values())
    case UInt8(ascii: "<"):
      index += 1
      return .bytes(try bytesShown())
    case UInt8(ascii: "\""):
      index += 1
      return .text(try text())
    case let byte where byte.isDigit || byte == UInt8(ascii: "-"): return try numeral()
    case let byte where byte.isUpper: return try words()
    default: return try name()
    }
  }

  private mutating func values() throws(Complaint) -> [TracedValue] {
    var values: [TracedValue] = []
    if skip("]") { return values }
    repeat { values.append(try value()) } while skip(", ")
    try expect("]")
    return values
  }

  private mutating func numeral() throws(Complaint) -> TracedValue {
    if bytes[index...].starts(with: "0x".utf8) { return .hex(try hexadecimal()) }
    let isNegative = skip("-")
    let number = try number()
    guard let value = Int64(exactly: number) else { throw Complaint("the number is too large") }
    return .decimal(isNegative ? -value : value)
  }

  private mutating func number() throws(Complaint) -> UInt64 {
    let digits = take { $0.isDigit }
    guard !digits.isEmpty else { throw Complaint("a number is missing") }
    guard let number = UInt64(digits) else { throw Complaint("the number is too large") }
    return number
  }

  private mutating func hexadecimal() throws(Complaint) -> UInt64 {
    try expect("0x")
    let digits = take { $0.isHexDigit }
    guard let number = UInt64(digits, radix: 16) else {
      throw Complaint(digits.isEmpty ? "digits are missing" : "the number is too large")
    }
    return number
  }

  private mutating func words() throws(Complaint) -> TracedValue {
    var words: [String] = []
    repeat {
      if bytes[index...].starts(with: "0x".utf8) {
        return .words(words, rest: try hexadecimal())
      }
      let word = peekWord()
      guard word.utf8.first?.isUpper == true else { throw Complaint("a name is missing") }
      words.append(word)
      index += word.utf8.count
    } while skip("|")
    return .words(words, rest: 0)
  }

  /// A mark, a handle or a place in memory.
  private mutating func name() throws(Complaint) -> TracedValue {
    if skip("device-") {
      let name = take { $0.isLetter || $0.isDigit || ":.-_".utf8.contains($0) }
      let ordinal = skip("#") ? Int(clamping: try number()) : 1
      guard !name.isEmpty, ordinal > 0 else { throw Complaint("the device has no name") }
      return .handle(.device(name, ordinal: ordinal))
    }
    let word = peekWord()
    if let mark = TracedMark(rawValue: word) {
      index += word.utf8.count
      return .mark(mark)
    }
    let kind = word.prefix { !$0.isNumber }
    guard let number = UInt64(word.dropFirst(kind.count)) else {
      throw Complaint(word.isEmpty ? "a value is missing" : "no value '\(word)'")
    }
    switch kind {
    case "container": return handle(.container(number), word)
    case "group":
      guard let number = UInt32(exactly: number) else { throw Complaint("no group '\(word)'") }
      return handle(.group(number), word)
    case "event": return handle(.event(Int(clamping: number)), word)
    case "m":
      index += word.utf8.count
      try expect("+")
      return .memory(region: Int(clamping: number), offset: try hexadecimal())
    default: throw Complaint("no value '\(word)'")
    }
  }

  private mutating func handle(_ handle: TracedHandle, _ word: String) -> TracedValue {
    index += word.utf8.count
    return .handle(handle)
  }

  private mutating func bytesShown() throws(Complaint) -> TracedBytes {
    var result = TracedBytes([])
    if skip(">") { return result }
    repeat {
      if skip("+") {
        result.omitted = try number()
        break
      }
      let part = try pairs()
      guard skip("*") else {
        result.shown += part
        continue
      }
      let count = try number()
      guard part.count == 1, count <= UInt64(TracedBytes.maximum) else {
        throw Complaint("a run is one byte and at most \(TracedBytes.maximum) long")
      }
      result.shown += [UInt8](repeating: part[0], count: Int(count))
    } while skip(" ")
    try expect(">")
    guard result.shown.count <= TracedBytes.maximum else {
      throw Complaint("more than \(TracedBytes.maximum) bytes")
    }
    return result
  }

  private mutating func pairs() throws(Complaint) -> [UInt8] {
    let digits = Array(take { $0.isHexDigit }.utf8)
    guard !digits.isEmpty, digits.count % 2 == 0 else { throw Complaint("bytes are two digits") }
    return stride(from: 0, to: digits.count, by: 2).map {
      UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16) ?? 0
    }
  }

  private mutating func text() throws(Complaint) -> [UInt8] {
    var text: [UInt8] = []
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      switch byte {
      case UInt8(ascii: "\""): return text
      case UInt8(ascii: "\\") where skip("x"):
        let digits = String(decoding: bytes[index...].prefix(2), as: UTF8.self)
        guard digits.utf8.count == 2, let code = UInt8(digits, radix: 16) else {
          throw Complaint("an escape is \\xNN")
        }
        text.append(code)
        index += 2
      case UInt8(ascii: "\\") where index < bytes.count:
        text.append(bytes[index])
        index += 1
      default: text.append(byte)
      }
    }
    throw Complaint("the text does not end")
  }
}

extension UInt8 {
  fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
  fileprivate var isUpper: Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) }
  fileprivate var isLower: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }
  fileprivate var isLetter: Bool { isUpper || isLower }
  fileprivate var isHexDigit: Bool {
    isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
  }
}
