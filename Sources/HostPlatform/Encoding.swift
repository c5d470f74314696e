internal import AddressSpaces
internal import DMATypes
internal import MachineFile

extension HostPlatform {
  /// The groups in a compact form that `init(decoding:)` reads back: a signature, what there is,
  /// and a checksum.
  public var encoded: [UInt8] {
    var writer = MachineWriter(signature: Self.signature)
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
      writer.put(group.iommuDriver)
    }
    writer.put(Self.checksum(of: writer.bytes[...]))
    return writer.bytes
  }

  /// Reads what `encoded` wrote; nil for anything else. Never traps.
  public init?(decoding bytes: [UInt8]) {
    let body = bytes.dropLast(MemoryLayout<UInt64>.size)
    var end = MachineReader(bytes: bytes, position: body.count)
    guard bytes.starts(with: Self.signature), let sum = try? end.take() as UInt64,
      sum == Self.checksum(of: body)
    else { return nil }
    var reader = MachineReader(bytes: Array(body), position: Self.signature.count)
    do {
      groups = []
      for _ in 0..<(try reader.take() as UInt32) { groups.append(try HostGroup(from: &reader)) }
    } catch {
      return nil
    }
    guard reader.isAtEnd else { return nil }
  }

  /// "iohost", and the version of the form.
  private static var signature: [UInt8] { Array("iohost".utf8) + [0, 2] }

  /// FNV-1a: each byte permutes the states, so that one changed byte always shows.
  private static func checksum(of bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}

extension HostGroup {
  fileprivate init(from reader: inout MachineReader) throws(MalformedMachine) {
    self.init(
      number: GroupNumber(rawValue: try reader.take()), type: try reader.takeText(),
      kind: try GroupFacts.Kind(code: try reader.take()), devices: [])
    for _ in 0..<(try reader.take() as UInt32) { devices.append(try HostDevice(from: &reader)) }
    for _ in 0..<(try reader.take() as UInt32) {
      let start = IOVA(try reader.take() as UInt64)
      let last = IOVA(try reader.take() as UInt64)
      guard start <= last, let kind = ReservedRegion.Kind(rawValue: try reader.takeText()) else {
        throw MalformedMachine()
      }
      reservedRegions.append(
        ReservedRegion(range: IOVARange(start: start, last: last), kind: kind))
    }
    iommuDriver = try reader.takeText()
  }
}

extension HostDevice {
  fileprivate init(from reader: inout MachineReader) throws(MalformedMachine) {
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

  fileprivate init(code: UInt8) throws(MalformedMachine) {
    switch code {
    case 0: self = .physical
    case 1: self = .emulated
    case 2: self = .noIOMMU
    default: throw MalformedMachine()
    }
  }
}

extension MachineWriter {
  fileprivate mutating func put(_ device: HostDevice) {
    put(device.name.rawValue)
    put(device.driver)
    put(device.isBoundToVFIO)
    put(device.cdev)
    put(device.major)
    put(device.minor)
    put(device.isPCI)
  }
}
