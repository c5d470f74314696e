/// A naive model of one machine with a native type1: what the specification says, said again as
/// plainly as it can be, in arrays and linear scans. It shares no code with the shim.
///
/// Error numbers are the kernel's.
public struct Oracle: Contestant {
  enum File {
    case container(Int)
    case group(Int)
    case device(group: Int, name: String)
  }

  /// A descriptor: the open file, and which of all opens that was.
  struct Descriptor {
    var file: File
    var open: Int
  }

  /// A group's own state; its facts are in the world at the same index.
  struct Group {
    /// Whether the node's one file is open.
    var isOpen = false
    /// Whether a descriptor of the file is left; devices alone keep the file open too.
    var hasDescriptor = false
    /// Index into `containers`.
    var container: Int?
    /// The device names of open device descriptors, one entry for each.
    var openDevices: [String] = []
  }

  /// Beside the script's memory: as much as anybody asks for, all of it there.
  static let endlessMemory: Range<UInt64> = 0x1000_0000_0000..<0x6000_0000_0000

  /// Where the script's memory lies.
  public let memoryBase: UInt64
  let world: World
  private var descriptors: [Int: Descriptor] = [:]
  /// How many descriptors each open file has.
  private var references: [Int] = []
  /// The open file behind each descriptor.
  var files: [Int: File] { descriptors.mapValues(\.file) }
  var groups: [Group]
  var containers: [OracleContainer] = []
  private let manner: DirtyManner
  /// What the script's memory holds.
  var memory: OracleMemory

  /// A machine at rest.
  public init(
    world: World, memoryBase: UInt64 = 0x7000_0000_0000, manner: DirtyManner = .clean
  ) {
    self.world = world
    self.memoryBase = memoryBase
    self.manner = manner
    memory = OracleMemory(base: memoryBase)
    groups = Array(repeating: Group(), count: world.groups.count)
  }

  /// Makes one call.
  public mutating func perform(_ call: Call) -> Outcome {
    switch call.verb {
    case .openContainer:
      containers.append(
        OracleContainer(world: world, memoryBase: memoryBase, manner: manner))
      open(.container(containers.count - 1), as: call.into)
      return Outcome(0)
    case .openGroup: return openGroup(call)
    case .close: return close(call)
    case .dup:
      guard let descriptor = descriptors[call.on] else { return Outcome(-errnoBADF) }
      descriptors[call.into] = descriptor
      references[descriptor.open] += 1
      return Outcome(0)
    case .deviceRead, .deviceWrite: return deviceAccess(call)
    default: break
    }
    switch descriptors[call.on]?.file {
    case nil: return Outcome(-errnoBADF)
    case .container(let container): return containerCall(call, container)
    case .group(let group): return groupCall(call, group)
    // Other device calls are the device model's: not compared.
    case .device(let group, let name): return driverCall(call, group, name)
    }
  }

  // MARK: - Opening and closing (1.2, 1.4)

  private mutating func open(_ file: File, as number: Int) {
    descriptors[number] = Descriptor(file: file, open: references.count)
    references.append(1)
  }

  private mutating func openGroup(_ call: Call) -> Outcome {
    let number = call.numbers[0].value
    guard let group = world.groups.firstIndex(where: { $0.number == number }) else {
      return Outcome(-errnoNOENT)
    }
    if groups[group].isOpen { return Outcome(-errnoBUSY) }
    groups[group].isOpen = true
    groups[group].hasDescriptor = true
    open(.group(group), as: call.into)
    return Outcome(0)
  }

  private mutating func close(_ call: Call) -> Outcome {
    guard let closed = descriptors.removeValue(forKey: call.on) else { return Outcome(-errnoBADF) }
    references[closed.open] -= 1
    if references[closed.open] > 0 { return Outcome(0) }
    switch closed.file {
    case .container: return Outcome(0)  // its groups keep it
    case .group(let group):
      groups[group].hasDescriptor = false
      releaseIfUnused(group)
    case .device(let group, let name):
      if let open = groups[group].openDevices.firstIndex(of: name) {
        groups[group].openDevices.remove(at: open)
      }
      if PinsDriver.names.contains(name), groups[group].openDevices.isEmpty,
        let container = groups[group].container
      {
        containers[container].closeDriver(of: group)
      }
      releaseIfUnused(group)
    }
    return Outcome(0)
  }

  /// The group's file is released with its last reference; open devices hold one each.
  private mutating func releaseIfUnused(_ group: Int) {
    if groups[group].hasDescriptor || !groups[group].openDevices.isEmpty { return }
    leave(group)
    groups[group].isOpen = false
  }

  private mutating func leave(_ group: Int) {
    guard let container = groups[group].container else { return }
    containers[container].remove(group)
    groups[group].container = nil
  }

  // MARK: - Container calls (1.1)

  private mutating func containerCall(_ call: Call, _ index: Int) -> Outcome {
    switch call.verb {
    case .getAPIVersion: return Outcome(0)
    case .checkExtension: return containers[index].checkExtension(call.numbers[0].value)
    case .setIOMMU: return Outcome(-containers[index].setIOMMU(call.numbers[0].value))
    default: break
    }
    // Without an IOMMU the driver knows no call (1.5).
    if containers[index].version == OracleContainer.unprotectedVersion {
      return Outcome(-errnoNOTTY, bytes: bytes(of: call))
    }
    if containers[index].version == nil { return Outcome(-errnoINVAL, bytes: bytes(of: call)) }
    var structure = CallerStructure(call, base: memoryBase)
    let result: Int64
    switch call.verb {
    case .getInfo: result = -containers[index].getInfo(&structure)
    case .mapDMA: result = -containers[index].map(structure)
    case .unmapDMA: result = -containers[index].unmap(&structure, &memory)
    case .dirtyPages: result = -containers[index].dirtyPages(structure, &memory)
    default: return Outcome(-errnoNOTTY, bytes: bytes(of: call))
    }
    return Outcome(result, bytes: visible(structure, of: call))
  }

  /// What a program sees of its structure and of a bitmap that it names.
  private func visible(_ structure: CallerStructure, of call: Call) -> [UInt8] {
    guard let bitmap = structure.writtenBitmap(of: call.verb) else { return structure.visible }
    return structure.visible + memory.bytes(bitmap.count, at: bitmap.address)
  }

  /// The structure as it was: nobody looked at it.
  private func bytes(of call: Call) -> [UInt8] {
    call.verb.layout.isEmpty
      ? [] : visible(CallerStructure(call, base: memoryBase), of: call)
  }

  // MARK: - Group calls (1.2)

  private mutating func groupCall(_ call: Call, _ group: Int) -> Outcome {
    switch call.verb {
    case .getStatus: return getStatus(call, group)
    case .setContainer: return Outcome(-setContainer(call, group))
    case .unsetContainer:
      if groups[group].container == nil { return Outcome(-errnoINVAL) }
      if !groups[group].openDevices.isEmpty { return Outcome(-errnoBUSY) }
      leave(group)
      return Outcome(0)
    case .getDeviceFD: return Outcome(-getDevice(call, group))
    default: return Outcome(-errnoNOTTY, bytes: bytes(of: call))
    }
  }

  private func getStatus(_ call: Call, _ group: Int) -> Outcome {
    var structure = CallerStructure(call, base: memoryBase)
    guard let argsz = structure.load32(0), structure.readable >= 8 else {
      return Outcome(-errnoFAULT)
    }
    if argsz < 8 { return Outcome(-errnoINVAL, bytes: structure.visible) }
    if !structure.isWritable { return Outcome(-errnoFAULT) }
    let isSet = groups[group].container != nil
    structure.store32(isSet ? 3 : (world.groups[group].viable ? 1 : 0), 4)
    return Outcome(0, bytes: structure.visible)
  }

  private mutating func setContainer(_ call: Call, _ group: Int) -> Int64 {
    if CallerStructure(call, base: memoryBase).readable < 4 { return errnoFAULT }
    let file: File?
    switch call.other {
    case .closed: return errnoBADF
    case .foreign: file = nil
    case .descriptor(let number):
      guard let open = descriptors[number] else { return errnoBADF }
      file = open.file
    }
    if groups[group].container != nil { return errnoINVAL }
    guard case .container(let container) = file else { return errnoBADFD }
    if containers[container].isMixed(by: group) { return errnoPERM }
    let isPhysical = world.groups[group].iommu != nil
    if isPhysical && !world.groups[group].viable { return errnoPERM }
    if containers[container].version != nil && !world.groups[group].unprotected {
      let refusal = containers[container].attach(group)
      if refusal != 0 { return refusal }
    }
    containers[container].members.insert(group, at: 0)
    groups[group].container = container
    return 0
  }

  private mutating func getDevice(_ call: Call, _ group: Int) -> Int64 {
    let text = Array(call.name.utf8)
    // The string ends with a NUL: it must be readable up to there, and a page holds both.
    switch call.place {
    case .absent: return errnoFAULT
    case .edge(let count) where count <= text.count: return errnoFAULT
    default: break
    }
    if text.count + 1 > 4096 { return errnoINVAL }
    let facts = world.groups[group]
    for device in facts.devices {
      if facts.iommu == nil && !facts.unprotected {
        if device != call.name { continue }
      } else {
        let name = Array(device.utf8)
        if Array(text.prefix(name.count)) != name { continue }
        let options = text.dropFirst(name.count)
        if let first = options.first, first != 0x20 { continue }
        // No device here is a VF or a PF with a token: any option, right or wrong, is refused.
        if options.contains(where: { $0 != 0x20 }) { return errnoINVAL }
      }
      guard let container = groups[group].container else { return errnoINVAL }
      if containers[container].version == nil { return errnoINVAL }
      if PinsDriver.names.contains(device), groups[group].openDevices.isEmpty {
        containers[container].drivers[group] = PinsDriver(of: device)
      }
      groups[group].openDevices.append(device)
      open(.device(group: group, name: device), as: call.into)
      return 0
    }
    return errnoNODEV
  }

  private mutating func driverCall(_ call: Call, _ group: Int, _ name: String) -> Outcome {
    guard call.verb.isOfDriver, PinsDriver.names.contains(name),
      let container = groups[group].container
    else { return Outcome(0) }
    return containers[container].perform(call, byDriverOf: group, &memory)
  }

  // MARK: - What devices reach

  private mutating func deviceAccess(_ call: Call) -> Outcome {
    let iova = call.numbers[0].value & ~7
    let isWrite = call.verb == .deviceWrite
    guard let group = world.groups.firstIndex(where: { $0.devices.contains(call.name) }),
      world.groups[group].iommu != nil,
      let container = groups[group].container, containers[container].version != nil,
      let address = containers[container].translate(iova, needs: isWrite ? 2 : 1, by: group)
    else { return Outcome(-errnoFAULT) }
    let offset = address &- memoryBase
    guard offset < ScriptMemory.byteCount else { return Outcome(-errnoFAULT) }
    switch ScriptMemory.page(at: offset) {
    case .missing: return Outcome(-errnoFAULT)
    case .readable where isWrite: return Outcome(-errnoFAULT)
    default: break
    }
    if isWrite {
      memory.written[offset] = call.numbers[1].value
      containers[container].noteWrite(iova)
      return Outcome(0)
    }
    return Outcome(Int64(bitPattern: (memory.word(at: address) ?? 0) >> 1))
  }
}

let errnoPERM: Int64 = 1
let errnoNOENT: Int64 = 2
let errnoE2BIG: Int64 = 7
let errnoBADF: Int64 = 9
let errnoACCES: Int64 = 13
let errnoFAULT: Int64 = 14
let errnoBUSY: Int64 = 16
let errnoEXIST: Int64 = 17
let errnoNODEV: Int64 = 19
let errnoINVAL: Int64 = 22
let errnoNOTTY: Int64 = 25
let errnoNOSPC: Int64 = 28
let errnoOVERFLOW: Int64 = 75
let errnoBADFD: Int64 = 77

extension CallerStructure {
  /// A number of the structure, or nil where it cannot be read.
  func load(_ offset: Int, _ count: Int) -> UInt64? {
    if offset + count > readable { return nil }
    var value: UInt64 = 0
    for index in (0..<count).reversed() { value = value << 8 | UInt64(bytes[offset + index]) }
    return value
  }
  func load32(_ offset: Int) -> UInt64? { load(offset, 4) }
  func load64(_ offset: Int) -> UInt64? { load(offset, 8) }

  mutating func store(_ value: UInt64, _ offset: Int, _ count: Int) {
    for index in 0..<count {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
    }
  }
  mutating func store32(_ value: UInt64, _ offset: Int) { store(value, offset, 4) }
  mutating func store64(_ value: UInt64, _ offset: Int) { store(value, offset, 8) }
}
