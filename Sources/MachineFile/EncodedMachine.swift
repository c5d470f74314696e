/// The bytes are not an encoded machine.
package struct MalformedMachine: Error {
  /// Says no more than that.
  package init() {}
}

/// Writes a machine for the machine file: little-endian numbers, and text behind its count.
package struct MachineWriter {
  /// What was put so far.
  package private(set) var bytes: [UInt8]

  /// A form that begins with a signature.
  package init(signature: [UInt8]) { bytes = signature }

  /// Appends a number, as many bytes as its type has.
  package mutating func put(_ value: some FixedWidthInteger & UnsignedInteger) {
    for shift in stride(from: 0, to: value.bitWidth, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }
  /// Appends a byte, 0 or 1.
  package mutating func put(_ value: Bool) { bytes.append(value ? 1 : 0) }
  /// Appends 4 bytes that count, then UTF-8.
  package mutating func put(_ text: String) {
    put(UInt32(clamping: text.utf8.count))
    bytes += text.utf8
  }
  /// Appends whether there is text, then the text.
  package mutating func put(_ text: String?) {
    put(text != nil)
    if let text { put(text) }
  }
}

/// Takes back what a `MachineWriter` put, checking every step: bytes of any kind throw, never trap.
package struct MachineReader {
  private let bytes: [UInt8]
  private var position: Int

  /// Begins behind a position, counted from 0.
  package init(bytes: [UInt8], position: Int) {
    self.bytes = bytes
    self.position = position
  }

  /// Whether all bytes are taken.
  package var isAtEnd: Bool { position == bytes.count }

  /// Takes a number, as many bytes as its type has.
  package mutating func take<Value: FixedWidthInteger & UnsignedInteger>()
    throws(MalformedMachine) -> Value
  {
    let count = Value.bitWidth / 8
    guard bytes.count - position >= count else { throw MalformedMachine() }
    defer { position += count }
    return (0..<count).reduce(0) { $0 | Value(bytes[position + $1]) << Value($1 * 8) }
  }
  /// Takes a byte that is 0 or 1.
  package mutating func take() throws(MalformedMachine) -> Bool {
    switch try take() as UInt8 {
    case 0: return false
    case 1: return true
    default: throw MalformedMachine()
    }
  }
  /// Takes counted text.
  package mutating func takeText() throws(MalformedMachine) -> String {
    let count = Int(try take() as UInt32)
    guard bytes.count - position >= count,
      let text = String(validating: bytes[position..<position + count], as: UTF8.self)
    else { throw MalformedMachine() }
    position += count
    return text
  }
  /// Takes text that may not be there.
  package mutating func takeOptionalText() throws(MalformedMachine) -> String? {
    try take() as Bool ? try takeText() : nil
  }
}
