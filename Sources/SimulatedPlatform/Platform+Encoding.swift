internal import AddressSpaces
internal import DMATypes

extension Platform {
  /// The machine in a compact form that `init(decoding:)` reads back.
  public var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.bytes = Self.signature
    writer.put(parameters.dmaEntryLimit)
    writer.put(parameters.allowUnsafeInterrupts)
    writer.put(parameters.disableHugePages)
    writer.put(UInt32(iommus.count))
    for unit in iommus {
      writer.put(unit.driver)
      writer.put(unit.aperture)
      writer.put(unit.pageSizes.rawValue)
      writer.put(unit.enforcesCoherency)
      writer.put(unit.isolatesInterrupts)
      writer.put(unit.readsWhatIsWritable)
      writer.put(UInt32(unit.reservedRegions.count))
      for region in unit.reservedRegions {
        writer.put(region.range)
        writer.put(region.kind.rawValue)
      }
    }
    writer.put(UInt32(bridges.count))
    for bridge in bridges {
      writer.put(bridge.address)
      writer.put(bridge.model.rawValue)
      writer.put(bridge.secondaryBus)
      writer.put(bridge.group.rawValue)
    }
    writer.put(UInt32(functions.count))
    for function in functions {
      writer.put(function.address)
      switch function.model {
      case .edu(let mask): writer.put(mask)
      }
      switch function.driver {
      case .none: writer.put(UInt8(0))
      case .vfio: writer.put(UInt8(1))
      case .native(let name):
        writer.put(UInt8(2))
        writer.put(name)
      }
      writer.put(function.group.rawValue)
      writer.put(UInt32(clamping: function.iommu))
      writer.put(function.memoryBase)
      writer.put(function.interruptLine)
    }
    writer.put(UInt32(mediated.count))
    for device in mediated {
      writer.put(device.name.rawValue)
      writer.put(device.group.rawValue)
      writer.put(device.driver)
    }
    return writer.bytes
  }

  /// Reads what `encoded` wrote; nil for anything else. Never traps.
  public init?(decoding bytes: [UInt8]) {
    guard bytes.starts(with: Self.signature) else { return nil }
    var reader = ByteReader(bytes: bytes, position: Self.signature.count)
    do {
      self = try Platform(from: &reader)
    } catch {
      return nil
    }
    guard reader.position == bytes.count else { return nil }
  }

  /// "ioasid", and the version of the form.
  private static var signature: [UInt8] { Array("ioasid".utf8) + [0, 2] }

  private init(from reader: inout ByteReader) throws(Malformed) {
    let parameters = Parameters(
      dmaEntryLimit: try reader.take(), allowUnsafeInterrupts: try reader.take(),
      disableHugePages: try reader.take())
    var iommus: [IOMMU] = []
    for _ in 0..<(try reader.take() as UInt32) { iommus.append(try IOMMU(from: &reader)) }
    var bridges: [Bridge] = []
    for _ in 0..<(try reader.take() as UInt32) { bridges.append(try Bridge(from: &reader)) }
    var functions: [Function] = []
    for _ in 0..<(try reader.take() as UInt32) { functions.append(try Function(from: &reader)) }
    var mediated: [Mediated] = []
    for _ in 0..<(try reader.take() as UInt32) {
      mediated.append(
        Mediated(
          name: DeviceName(rawValue: try reader.takeText()),
          group: GroupNumber(rawValue: try reader.take()), driver: try reader.takeText()))
    }
    self.init(
      iommus: iommus, bridges: bridges, functions: functions, parameters: parameters,
      mediated: mediated)
  }
}

extension Platform.IOMMU {
  fileprivate init(from reader: inout ByteReader) throws(Malformed) {
    self.init(
      driver: try reader.take(), aperture: try reader.takeRange(),
      pageSizes: PageSizes(rawValue: try reader.take()), enforcesCoherency: try reader.take(),
      isolatesInterrupts: try reader.take(),
      readsWhatIsWritable: try reader.take(), reservedRegions: [])
    for _ in 0..<(try reader.take() as UInt32) {
      let range = try reader.takeRange()
      guard let kind = ReservedRegion.Kind(rawValue: try reader.takeText()) else {
        throw Malformed()
      }
      reservedRegions.append(ReservedRegion(range: range, kind: kind))
    }
  }
}

extension Platform.Bridge {
  fileprivate init(from reader: inout ByteReader) throws(Malformed) {
    let address = try reader.takeAddress()
    guard let model = Model(rawValue: try reader.takeText()) else { throw Malformed() }
    self.init(
      address: address, model: model, secondaryBus: try reader.take(),
      group: GroupNumber(rawValue: try reader.take()))
  }
}

extension Platform.Function {
  fileprivate init(from reader: inout ByteReader) throws(Malformed) {
    let address = try reader.takeAddress()
    let model = Model.edu(dmaMask: try reader.take())
    let driver: Driver
    switch try reader.take() as UInt8 {
    case 0: driver = .none
    case 1: driver = .vfio
    case 2: driver = .native(try reader.takeText())
    default: throw Malformed()
    }
    self.init(
      address: address, model: model, driver: driver,
      group: GroupNumber(rawValue: try reader.take()), iommu: Int(try reader.take() as UInt32),
      memoryBase: try reader.take(), interruptLine: try reader.take())
  }
}

/// The bytes are not an encoded machine.
private struct Malformed: Error {}

/// Appends little-endian numbers and counted text.
private struct ByteWriter {
  var bytes: [UInt8] = []

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
  mutating func put(_ range: IOVARange) {
    put(range.start.rawValue)
    put(range.last.rawValue)
  }
  mutating func put(_ address: PCIAddress) {
    put(address.segment)
    put(address.bus)
    put(address.deviceFunction)
  }
}

/// Takes back what `ByteWriter` put, checking every step.
private struct ByteReader {
  var bytes: [UInt8]
  var position: Int

  mutating func take<Value: FixedWidthInteger & UnsignedInteger>() throws(Malformed) -> Value {
    let count = Value.bitWidth / 8
    guard bytes.count - position >= count else { throw Malformed() }
    var value: Value = 0
    for index in (0..<count).reversed() {
      value = (count > 1 ? value << 8 : 0) | Value(bytes[position + index])
    }
    position += count
    return value
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
  mutating func takeRange() throws(Malformed) -> IOVARange {
    let start = IOVA(try take() as UInt64)
    let last = IOVA(try take() as UInt64)
    guard start <= last else { throw Malformed() }
    return IOVARange(start: start, last: last)
  }
  mutating func takeAddress() throws(Malformed) -> PCIAddress {
    let segment: UInt16 = try take()
    let bus: UInt8 = try take()
    let both: UInt8 = try take()
    return PCIAddress(segment: segment, bus: bus, device: both >> 3, function: both)
  }
}
