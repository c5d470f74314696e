internal import AddressSpaces
internal import DMATypes

extension HostPlatform {
  /// The groups in a compact form that `init(decoding:)` reads back: a signature, what there is,
  /// and a checksum.
  public var encoded: [UInt8] {
    var writer = ByteWriter(bytes: Self.signature)
    writer.put(UInt32(groups.count))
    for group in groups {
      writer.put(group.number.rawValue)
      writer.put(group.type)
      writer.put(group.kind.code)
      writer.put(UInt32(group.devices.count))
      for device in group.devices { writer.put(device) }
      writer.put(UInt32(group.reservedRegions.count))
      for region in group.reservedRegions {
        writer.put(region.range.start.rawValue)
        writer.put(region.range.last.rawValue)
        writer.put(region.kind.rawValue)
      }
    }
    writer.put(Self.checksum(of: writer.bytes[...]))
    return writer.bytes
  }

  /// Reads what `encoded` wrote; nil for anything else. Never traps.
  public init?(decoding bytes: [UInt8]) {
    let body = bytes.dropLast(MemoryLayout<UInt64>.size)
    var end = ByteReader(bytes: bytes, position: body.count)
    guard bytes.starts(with: Self.signature), let sum = try? end.take() as UInt64,
      sum == Self.checksum(of: body)
    else { return nil }
    var reader = ByteReader(bytes: Array(body), position: Self.signature.count)
    do {
      groups = []
      for _ in 0..<(try reader.take() as UInt32) { groups.append(try HostGroup(from: &reader)) }
    } catch {
      return nil
    }
    guard reader.position == body.count else { return nil }
  }

  /// "iohost", and the version of the form.
  private static var signature: [UInt8] { Array("iohost".utf8) + [0, 1] }

  /// FNV-1a: each byte permutes the states, so that one changed byte always shows.
  private static func checksum(of bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}

extension HostGroup {
  fileprivate init(from reader: inout ByteReader) throws(Malformed) {
    self.init(
      number: GroupNumber(rawValue: try reader.take()), type: try reader.takeText(),
      kind: try GroupFacts.Kind(code: try reader.take()), devices: [])
    for _ in 0..<(try reader.take() as UInt32) { devices.append(try HostDevice(from: &reader)) }
    for _ in 0..<(try reader.take() as UInt32) {
      let start = IOVA(try reader.take() as UInt64)
      let last = IOVA(try reader.take() as UInt64)
      guard start <= last, let kind = ReservedRegion.Kind(rawValue: try reader.takeText()) else {
        throw Malformed()
      }
      reservedRegions.append(
        ReservedRegion(range: IOVARange(start: start, last: last), kind: kind))
    }
  }
}

extension HostDevice {
  fileprivate init(from reader: inout ByteReader) throws(Malformed) {
    name = DeviceName(rawValue: try reader.takeText())
    driver = try reader.takeOptionalText()
    isBoundToVFIO = try reader.take()
    cdev = try reader.takeOptionalText()
    major = try reader.take()
    minor = try reader.take()
    isPCI = try reader.take()
  }
}

extension GroupFacts.Kind {
  fileprivate var code: UInt8 {
    switch self {
    case .physical: 0
    case .emulated: 1
    case .noIOMMU: 2
    }
  }

  fileprivate init(code: UInt8) throws(Malformed) {
    switch code {
    case 0: self = .physical
    case 1: self = .emulated
    case 2: self = .noIOMMU
    default: throw Malformed()
    }
  }
}

/// The bytes are not an encoded machine.
private struct Malformed: Error {}

/// Appends little-endian numbers and counted text.
private struct ByteWriter {
  var bytes: [UInt8]

  mutating func put(_ value: some FixedWidthInteger & UnsignedInteger) {
    for shift in stride(from: 0, to: value.bitWidth, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }
  mutating func put(_ value: Bool) { bytes.append(value ? 1 : 0) }
  mutating func put(_ text: String) {
    put(UInt32(clamping: text.utf8.count))
    bytes += text.utf8
  }
  mutating func put(_ text: String?) {
    put(text != nil)
    if let text { put(text) }
  }
  mutating func put(_ device: HostDevice) {
    put(device.name.rawValue)
    put(device.driver)
    put(device.isBoundToVFIO)
    put(device.cdev)
    put(device.major)
    put(device.minor)
    put(device.isPCI)
  }
}

/// Takes back what `ByteWriter` put, checking every step.
private struct ByteReader {
  var bytes: [UInt8]
  var position: Int

  mutating func take<Value: FixedWidthInteger & UnsignedInteger>() throws(Malformed) -> Value {
    let count = Value.bitWidth / 8
    guard bytes.count - position >= count else { throw Malformed() }
    defer { position += count }
    return (0..<count).reduce(0) { $0 | Value(bytes[position + $1]) << Value($1 * 8) }
  }
  mutating func take() throws(Malformed) -> Bool {
    switch try take() as UInt8 {
    case 0: return false
    case 1: return true
    default: throw Malformed()
    }
  }
  mutating func takeText() throws(Malformed) -> String {
    let count = Int(try take() as UInt32)
    guard bytes.count - position >= count,
      let text = String(validating: bytes[position..<position + count], as: UTF8.self)
    else { throw Malformed() }
    position += count
    return text
  }
  mutating func takeOptionalText() throws(Malformed) -> String? {
    try take() as Bool ? try takeText() : nil
  }
}
