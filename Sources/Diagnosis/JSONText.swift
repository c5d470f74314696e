/// JSON to be printed.
indirect enum JSONText {
  case null
  case bool(Bool)
  case number(Int)
  case string(String)
  case array([JSONText])
  case object(KeyValuePairs<String, JSONText>)

  static func string(_ text: String?) -> JSONText { text.map { .string($0) } ?? .null }
  static func strings(_ texts: [String]) -> JSONText { .array(texts.map { .string($0) }) }

  /// The text, with a newline at its end.
  var text: String {
    var text = ""
    write(to: &text, indent: "")
    return text + "\n"
  }

  /// Whether it stands on one line.
  private var isPlain: Bool {
    switch self {
    case .null, .bool, .number, .string: true
    case .array(let elements): elements.isEmpty
    case .object(let members): members.isEmpty
    }
  }

  private func write(to text: inout String, indent: String) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += "\(value)"
    case .number(let value): text += "\(value)"
    case .string(let value): text += Self.quoted(value)
    case .array(let elements):
      Self.write(elements, "[", "]", isLine: elements.allSatisfy(\.isPlain), &text, indent) {
        $0.write(to: &$1, indent: $2)
      }
    case .object(let members):
      let isLine = members.allSatisfy(\.value.isPlain) && members.count <= 3
      Self.write(Array(members), "{", "}", isLine: isLine, &text, indent) {
        $1 += Self.quoted($0.key) + ": "
        $0.value.write(to: &$1, indent: $2)
      }
    }
  }

  private static func write<Element>(
    _ elements: [Element], _ start: String, _ end: String, isLine: Bool, _ text: inout String,
    _ indent: String, _ put: (Element, inout String, String) -> Void
  ) {
    let inner = isLine ? indent : indent + "  "
    text += start
    for (index, element) in elements.enumerated() {
      text += isLine ? (index == 0 ? "" : ", ") : (index == 0 ? "\n" : ",\n") + inner
      put(element, &text, inner)
    }
    text += (isLine || elements.isEmpty ? "" : "\n" + indent) + end
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
