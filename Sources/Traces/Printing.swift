extension TracedCall: CustomStringConvertible {
  /// The line, without its end.
  public var description: String {
    var line = process == 1 ? "" : "[\(process)] "
    line += operation.rawValue
    line += "("
    line += arguments.joined
    line += ") = "
    switch result {
    case .value(let value): line += value.description
    case .failure(let errno): line += "-1 \(ErrnoNames.name(of: errno))"
    }
    if let output { line += " \(output)" }
    return line
  }
}

extension TraceLine: CustomStringConvertible {
  /// The line, without its end.
  public var description: String {
    switch self {
    case .call(let call): call.description
    case .comment(let text): text
    }
  }
}

extension TracedField: CustomStringConvertible {
  /// `name=value`, or the value alone.
  public var description: String { name.map { "\($0)=\(value)" } ?? value.description }
}

extension [TracedField] {
  fileprivate var joined: String { map(\.description).joined(separator: ", ") }
}

extension TracedValue: CustomStringConvertible {
  /// The value as it is written.
  public var description: String {
    switch self {
    case .decimal(let number): String(number)
    case .hex(let number): hexadecimal(number)
    case .words(let words, let rest):
      words.joined(separator: "|") + (rest == 0 ? "" : "|\(hexadecimal(rest))")
    case .memory(let region, let offset): "m\(region)+\(hexadecimal(offset))"
    case .handle(let handle): handle.description
    case .mark(let mark): mark.rawValue
    case .bytes(let bytes): bytes.description
    case .text(let bytes): quoted(bytes)
    case .list(let values): "[\(values.map(\.description).joined(separator: ", "))]"
    case .structure(let fields): "{\(fields.joined)}"
    }
  }
}

extension TracedHandle: CustomStringConvertible {
  /// The name.
  public var description: String {
    switch self {
    case .container(let number): "container\(number)"
    case .group(let number): "group\(number)"
    case .device(let name, let ordinal): "device-\(name)\(ordinal == 1 ? "" : "#\(ordinal)")"
    case .event(let number): "event\(number)"
    }
  }
}

extension TracedBytes: CustomStringConvertible {
  /// From this many equal bytes on, one stands for all.
  private static let runMinimum = 16

  /// Two digits a byte, `00*240` for a run of 240 zeros, `+5` for five that are not shown.
  public var description: String {
    var parts: [String] = []
    var plain = ""
    var index = 0
    while index < shown.count {
      let byte = shown[index]
      let run = shown[index...].prefix { $0 == byte }.count
      if run >= Self.runMinimum {
        if !plain.isEmpty { parts.append(plain) }
        plain = ""
        parts.append("\(digits(byte))*\(run)")
        index += run
      } else {
        plain += digits(byte)
        index += 1
      }
    }
    if !plain.isEmpty { parts.append(plain) }
    if omitted > 0 { parts.append("+\(omitted)") }
    return "<\(parts.joined(separator: " "))>"
  }
}

func hexadecimal(_ number: UInt64) -> String { "0x" + String(number, radix: 16) }

func digits(_ byte: UInt8) -> String {
  (byte < 16 ? "0" : "") + String(byte, radix: 16)
}

/// Printable ASCII as it is, all else as `\xNN`.
private func quoted(_ bytes: [UInt8]) -> String {
  var text = "\""
  for byte in bytes {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      text += "\\\(Character(UnicodeScalar(byte)))"
    case 0x20...0x7e: text.unicodeScalars.append(UnicodeScalar(byte))
    default: text += "\\x\(digits(byte))"
    }
  }
  return text + "\""
}
