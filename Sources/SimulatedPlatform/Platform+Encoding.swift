internal import AddressSpaces
internal import DMATypes
internal import MachineFile

extension Platform {
  /// The machine in a compact form that `init(decoding:)` reads back.
  public var encoded: [UInt8] {
    var writer = MachineWriter(signature: Self.signature)
    writer.put(parameters.dmaEntryLimit)
    writer.put(parameters.allowUnsafeInterrupts)
    writer.put(parameters.disableHugePages)
    writer.put(parameters.allowNoIOMMU)
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
      writer.put(function.iommu.map { UInt32(clamping: $0) } ?? .max)
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
    var reader = MachineReader(bytes: bytes, position: Self.signature.count)
    do {
      self = try Platform(from: &reader)
    } catch {
      return nil
    }
    guard reader.isAtEnd else { return nil }
  }

  /// "ioasid", and the version of the form.
  private static var signature: [UInt8] { Array("ioasid".utf8) + [0, 3] }

  private init(from reader: inout MachineReader) throws(MalformedMachine) {
    let parameters = Parameters(
      dmaEntryLimit: try reader.take(), allowUnsafeInterrupts: try reader.take(),
      disableHugePages: try reader.take(), allowNoIOMMU: try reader.take())
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
  fileprivate init(from reader: inout MachineReader) throws(MalformedMachine) {
    self.init(
      driver: try reader.take(), aperture: try reader.takeRange(),
      pageSizes: PageSizes(rawValue: try reader.take()), enforcesCoherency: try reader.take(),
      isolatesInterrupts: try reader.take(),
      readsWhatIsWritable: try reader.take(), reservedRegions: [])
    for _ in 0..<(try reader.take() as UInt32) {
      let range = try reader.takeRange()
      guard let kind = ReservedRegion.Kind(rawValue: try reader.takeText()) else {
        throw MalformedMachine()
      }
      reservedRegions.append(ReservedRegion(range: range, kind: kind))
    }
  }
}

extension Platform.Bridge {
  fileprivate init(from reader: inout MachineReader) throws(MalformedMachine) {
    let address = try reader.takeAddress()
    guard let model = Model(rawValue: try reader.takeText()) else { throw MalformedMachine() }
    self.init(
      address: address, model: model, secondaryBus: try reader.take(),
      group: GroupNumber(rawValue: try reader.take()))
  }
}

extension Platform.Function {
  fileprivate init(from reader: inout MachineReader) throws(MalformedMachine) {
    let address = try reader.takeAddress()
    let model = Model.edu(dmaMask: try reader.take())
    let driver: Driver
    switch try reader.take() as UInt8 {
    case 0: driver = .none
    case 1: driver = .vfio
    case 2: driver = .native(try reader.takeText())
    default: throw MalformedMachine()
    }
    let group = GroupNumber(rawValue: try reader.take())
    let iommu: UInt32 = try reader.take()
    self.init(
      address: address, model: model, driver: driver, group: group,
      iommu: iommu == .max ? nil : Int(iommu),
      memoryBase: try reader.take(), interruptLine: try reader.take())
  }
}

extension MachineWriter {
  fileprivate mutating func put(_ range: IOVARange) {
    put(range.start.rawValue)
    put(range.last.rawValue)
  }
  fileprivate mutating func put(_ address: PCIAddress) {
    put(address.segment)
    put(address.bus)
    put(address.deviceFunction)
  }
}

extension MachineReader {
  fileprivate mutating func takeRange() throws(MalformedMachine) -> IOVARange {
    let start = IOVA(try take() as UInt64)
    let last = IOVA(try take() as UInt64)
    guard start <= last else { throw MalformedMachine() }
    return IOVARange(start: start, last: last)
  }
  fileprivate mutating func takeAddress() throws(MalformedMachine) -> PCIAddress {
    let segment: UInt16 = try take()
    let bus: UInt8 = try take()
    let both: UInt8 = try take()
    return PCIAddress(segment: segment, bus: bus, device: both >> 3, function: both)
  }
}
