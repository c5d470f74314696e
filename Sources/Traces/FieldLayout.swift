import UAPI

/// The names of bits and of choices in a field.
struct NameTable: Sendable {
  /// A name stands for `value` where `mask` is 1.
  struct Entry: Sendable {
    let mask: UInt64
    let value: UInt64
    let name: String
  }

  let entries: [Entry]

  /// Names for single bits, in the order in which they are written.
  init(bits: KeyValuePairs<UInt64, String>) {
    entries = bits.map { Entry(mask: $0.key, value: $0.key, name: $0.value) }
  }

  /// Names for the values of a part of the field, and then for single bits.
  init(
    mask: UInt64, choices: KeyValuePairs<UInt64, String>, bits: KeyValuePairs<UInt64, String> = [:]
  ) {
    entries =
      choices.map { Entry(mask: mask, value: $0.key, name: $0.value) }
      + bits.map { Entry(mask: $0.key, value: $0.key, name: $0.value) }
  }

  func value(of bits: UInt64) -> TracedValue {
    let named = entries.filter { bits & $0.mask == $0.value }
    guard !named.isEmpty else { return .hex(bits) }
    return .words(named.map(\.name), rest: named.reduce(bits) { $0 & ~$1.value })
  }

  func bits(of value: TracedValue) throws(Complaint) -> UInt64 {
    switch value {
    case .hex(let bits): return bits
    case .words(let words, let rest):
      var bits = rest
      for word in words {
        guard let entry = entries.first(where: { $0.name == word }) else {
          throw Complaint("no name '\(word)' here")
        }
        bits |= entry.value
      }
      return bits
    default: throw Complaint("'\(value)' is no name")
    }
  }
}

/// How a field is written.
enum FieldFormat: Sendable {
  case decimal, hex, address, descriptor
  case names(NameTable)
}

/// What a program's numbers are called: its memory and its descriptors.
public protocol TraceNaming {
  /// A number that may be an address.
  mutating func name(address: UInt64) -> TracedValue
  /// A number that may be a descriptor.
  mutating func name(descriptor: Int32) -> TracedValue
  /// A call that was granted says that memory reaches this far from an address.
  mutating func extend(address: UInt64, byteCount: UInt64)
  /// The address of a mapping that was made, with its length in bytes.
  mutating func name(
    mapping address: UInt64, byteCount: UInt64, chosenByKernel: Bool
  ) -> TracedValue
}

extension TraceNaming {
  /// Whoever knows its names beforehand learns none from a mapping.
  public mutating func name(
    mapping address: UInt64, byteCount: UInt64, chosenByKernel: Bool
  ) -> TracedValue {
    name(address: address)
  }
}

extension FieldFormat {
  func value(
    of bits: UInt64, width: Int, _ naming: inout some TraceNaming
  ) -> TracedValue {
    switch self {
    case .decimal: .decimal(Int64(truncatingIfNeeded: bits))
    case .hex: .hex(bits)
    case .address: naming.name(address: bits)
    case .descriptor: naming.name(descriptor: Int32(truncatingIfNeeded: bits))
    case .names(let table): table.value(of: bits)
    }
  }

  /// The number that a value stands for; `resolve` knows what only a process can.
  func bits(
    of value: TracedValue, width: Int, resolve: (TracedValue) -> UInt64
  ) throws(Complaint) -> UInt64 {
    let bits: UInt64
    switch (self, value) {
    case (.decimal, .decimal(let number)) where number >= 0: bits = UInt64(number)
    case (.hex, .hex(let number)), (.address, .hex(let number)): bits = number
    case (.address, .memory): bits = resolve(value)
    case (.descriptor, .decimal(let number)):
      guard number < 0, number >= Int64(Int32.min) else { throw Complaint("no descriptor here") }
      return UInt64(UInt32(truncatingIfNeeded: number))
    case (.descriptor, .handle), (.descriptor, .mark(.closed)), (.descriptor, .mark(.file)),
      (.descriptor, .mark(.path)):
      return resolve(value) & 0xffff_ffff
    case (.names(let table), _): bits = try table.bits(of: value)
    default: throw Complaint("'\(value)' cannot stand here")
    }
    guard width == 8 || bits >> UInt64(width * 8) == 0 else {
      throw Complaint("'\(value)' is too large for \(width) bytes")
    }
    if case .names(let table) = self, table.value(of: bits) != value {
      throw Complaint("it is written '\(table.value(of: bits))'")
    }
    return bits
  }
}

/// One field of a structure.
struct FieldLayout: Sendable {
  enum Direction: Sendable { case input, output, both }

  let name: String
  /// In bytes from the start of the structure.
  let offset: Int
  /// In bytes: 1, 2, 4 or 8.
  let width: Int
  let format: FieldFormat
  let direction: Direction
  var end: Int { offset + width }

  /// A field where the layout of UAPI has it.
  static func field<Root, Value: FixedWidthInteger>(
    _ name: String, _ path: KeyPath<Root, Value>, _ format: FieldFormat,
    _ direction: Direction = .input, from base: Int = 0
  ) -> FieldLayout {
    guard let offset = MemoryLayout<Root>.offset(of: path) else {
      preconditionFailure("\(name) is no stored property")
    }
    return FieldLayout(
      name: name, offset: base + offset, width: MemoryLayout<Value>.size, format: format,
      direction: direction)
  }
}

/// What follows a structure: elements of one width, to the count that the structure tells.
struct DataLayout: Sendable {
  let name: String
  let offset: Int
  /// Bytes of an element; nil for plain bytes.
  let elementWidth: Int?
  let count: Int
  var format = FieldFormat.decimal
  var end: Int { offset + count * (elementWidth ?? 1) }
}

extension [UInt8] {
  /// The little-endian number at an offset; nil when it is not all there.
  func number(at offset: Int, width: Int) -> UInt64? {
    guard offset >= 0, offset <= count - width else { return nil }
    return (0..<width).reduce(0) { $0 | UInt64(self[offset + $1]) << UInt64($1 * 8) }
  }

  mutating func put(_ number: UInt64, at offset: Int, width: Int) {
    if count < offset + width { self += [UInt8](repeating: 0, count: offset + width - count) }
    for byte in 0..<width {
      self[offset + byte] = UInt8(truncatingIfNeeded: number >> UInt64(byte * 8))
    }
  }
}

extension TracedBytes {
  /// As many of the bytes as a line shows.
  public init(of bytes: some Collection<UInt8>) {
    self.init(
      Array(bytes.prefix(Self.maximum)), omitted: UInt64(max(0, bytes.count - Self.maximum)))
  }
}
