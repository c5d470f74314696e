internal import DMATypes

/// A value on its way into a platform, with its path.
struct Reader {
  let value: JSON
  let path: String

  func error(_ reason: String) -> PlatformFileError {
    PlatformFileError(place: value.place, path: path.isEmpty ? "file" : path, reason: reason)
  }

  private func wrong(_ wanted: String) -> PlatformFileError {
    error("\(wanted) must stand here, not \(value.kind)")
  }

  /// The members of an object, whose keys must all be among `keys`.
  func object(_ keys: Set<String>) throws(PlatformFileError) -> ObjectReader {
    guard case .object(let members) = value.content else { throw wrong("an object") }
    for member in members where !keys.contains(member.key) {
      throw PlatformFileError(
        place: member.place, path: path.isEmpty ? member.key : "\(path).\(member.key)",
        reason: "unknown key; known are \(keys.sorted().joined(separator: ", "))")
    }
    return ObjectReader(
      reader: self, members: Dictionary(uniqueKeysWithValues: members.map { ($0.key, $0.value) }))
  }

  func array() throws(PlatformFileError) -> [Reader] {
    guard case .array(let elements) = value.content else { throw wrong("an array") }
    return elements.enumerated().map { Reader(value: $1, path: "\(path)[\($0)]") }
  }

  func bool() throws(PlatformFileError) -> Bool {
    guard case .bool(let bool) = value.content else { throw wrong("true or false") }
    return bool
  }

  func string() throws(PlatformFileError) -> String {
    guard case .string(let string) = value.content else { throw wrong("a string") }
    return string
  }

  /// A number of 0...maximum, written as an integer or as a string with 0x.
  func number<Number: FixedWidthInteger & UnsignedInteger>(
    _ type: Number.Type = Number.self, maximum: Number = .max
  ) throws(PlatformFileError) -> Number {
    let number: Number?
    switch value.content {
    case .integer(let digits): number = Number(digits)
    case .string(let text) where text.hasPrefix("0x") && text.utf8.count > 2:
      let digits = text.dropFirst(2)
      guard digits.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else {
        throw error("'\(text)' is no number: write an integer or \"0x…\"")
      }
      number = Number(digits, radix: 16)
    case .string(let text): throw error("'\(text)' is no number: write an integer or \"0x…\"")
    default: throw wrong("an integer or a string with 0x")
    }
    guard let number, number <= maximum else {
      throw error("the number must be 0 to 0x\(String(maximum, radix: 16))")
    }
    return number
  }
}

/// An object's members on their way into a platform.
struct ObjectReader {
  let reader: Reader
  let members: [String: JSON]

  /// A member that may be absent.
  func optional(_ key: String) -> Reader? {
    members[key].map {
      Reader(value: $0, path: reader.path.isEmpty ? key : "\(reader.path).\(key)")
    }
  }

  /// A member that must be there.
  func callAsFunction(_ key: String) throws(PlatformFileError) -> Reader {
    guard let member = optional(key) else { throw reader.error("the key '\(key)' is missing") }
    return member
  }
}
