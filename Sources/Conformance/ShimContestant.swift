internal import AddressSpaces
internal import DMATypes
internal import LegacyVFIO
internal import Shim
internal import UAPI

/// The product in this process: codecs, shim and a backend over real memory. Only the descriptors
/// of containers, groups and devices are made up, as plain numbers.
public final class ShimContestant<Ground: ShimGround>: Contestant {
  typealias Container = ScriptedContainer<Ground.Backend>

  private enum File {
    case container(ContainerNumber)
    case group(Int)
    case device(group: Int, name: DeviceName)
  }

  fileprivate struct Group {
    var facts: GroupFacts
    var state = GroupState()
    var hasDescriptor = false
    var openDevices: [DeviceName] = []
  }

  private let arena: ScriptArena
  private let ground: Ground
  private let entryLimit: UInt32
  private let allowsUnprotected: Bool
  private let reporting: DirtyReporting
  private var files: [Int: File] = [:]
  /// Which open file each descriptor is of, and how many descriptors each has.
  private var opens: [Int: Int] = [:]
  private var references: [Int] = []
  private var groups: [Group]
  private var containers: [ContainerNumber: Container] = [:]
  private var drivers = ScriptedDrivers()
  fileprivate let caller = Caller(owner: MemoryOwner(rawValue: 0), hasRawIO: true)

  /// A machine at rest over memory whose words hold their first values again; `ground` makes its
  /// containers real.
  public init(world: World, arena: ScriptArena, ground: Ground, manner: DirtyManner = .clean) {
    self.arena = arena
    self.ground = ground
    reporting =
      switch manner {
      case .clean: []
      case .stale: .staleBits
      case .precise: .precise
      }
    arena.restore()
    (entryLimit, allowsUnprotected) = (world.entryLimit, world.allowsUnprotected)
    groups = world.groups.map { Group(facts: world.facts(of: $0)) }
  }

  /// Where the script's memory lies.
  public var memoryBase: UInt64 { arena.base }

  /// Makes one call.
  public func perform(_ call: Call) -> Outcome {
    do throws(Errno) {
      switch call.verb {
      case .openContainer: return try openContainer(call)
      case .openGroup: return try openGroup(call)
      case .deviceRead, .deviceWrite: return try access(call)
      default: break
      }
      guard let file = files[call.on] else { throw .badDescriptor }
      if call.verb == .dup {
        enter(file, as: call.into, sharing: opens[call.on])
        return Outcome(0)
      }
      if call.verb == .close {
        files[call.on] = nil
        if let open = opens.removeValue(forKey: call.on) {
          references[open] -= 1
          if references[open] == 0 { close(file) }
        }
        return Outcome(0)
      }
      return ioctl(call, on: file)
    } catch {
      return Outcome(-Int64(error.rawValue))
    }
  }

  // MARK: - Files

  /// Gives back what the script left open.
  public func finish() {
    files = [:]
    containers = [:]
    drivers = ScriptedDrivers()
  }

  private func openContainer(_ call: Call) throws(Errno) -> Outcome {
    let number = ContainerNumber(rawValue: UInt64(containers.count))
    containers[number] = Container(
      session: ContainerSession(
        backend: try ground.makeBackend(),
        parameters: ModuleParameters(mappingLimit: entryLimit, allowsNoIOMMU: allowsUnprotected),
        reporting: reporting),
      caller: caller, journal: NoJournal(), bitmaps: CallerBitmaps())
    enter(.container(number), as: call.into)
    return Outcome(0)
  }

  private func enter(_ file: File, as number: Int, sharing open: Int? = nil) {
    files[number] = file
    opens[number] = open ?? references.count
    if let open { references[open] += 1 } else { references.append(1) }
  }

  private func openGroup(_ call: Call) throws(Errno) -> Outcome {
    let number = GroupNumber(rawValue: UInt32(truncatingIfNeeded: call.numbers[0].value))
    guard let group = groups.firstIndex(where: { $0.facts.number == number }) else {
      throw .notFound
    }
    try refusing { () throws(Rule) in
      try groups[group].state.checkOpen(of: groups[group].facts, for: caller)
    }
    groups[group].state.isOpen = true
    groups[group].hasDescriptor = true
    enter(.group(group), as: call.into)
    return Outcome(0)
  }

  private func close(_ file: File) {
    switch file {
    case .container: return
    case .group(let group):
      groups[group].hasDescriptor = false
      releaseIfUnused(group)
    case .device(let group, let name):
      if let open = groups[group].openDevices.firstIndex(of: name) {
        groups[group].openDevices.remove(at: open)
      }
      groups[group].state.openDeviceCount = Set(groups[group].openDevices).count
      if groups[group].openDevices.isEmpty { closeDriver(of: group) }
      releaseIfUnused(group)
    }
  }

  private func releaseIfUnused(_ group: Int) {
    guard !groups[group].hasDescriptor, groups[group].openDevices.isEmpty else { return }
    if let container = groups[group].state.container {
      containers[container]?.leave(groups[group].facts.number)
    }
    groups[group].state = GroupState()
  }

  // MARK: - Calls

  private func ioctl(_ call: Call, on file: File) -> Outcome {
    if case .device(let group, let name) = file { return driverCall(call, group, name) }
    guard !call.verb.isOfDriver else { return Outcome(-Int64(Errno.notTypewriter.rawValue)) }
    let number = call.verb.request ?? UInt32(truncatingIfNeeded: call.numbers[0].value)
    let structure = CallerStructure(call, base: memoryBase)
    let argument = arena.argument(of: call, structure) { descriptor(of: $0) }
    let result: Int
    switch file {
    case .container(let container):
      guard var server = containers.removeValue(forKey: container) else { return Outcome(-9) }
      result = ground.serve(number, argument, by: &server, asking: &drivers)
      containers[container] = server
    case .group(let group):
      var server = GroupCalls(contestant: self, group: group, into: call.into)
      result = GroupCodec.serve(number, argument, by: &server)
    case .device: return Outcome(0)
    }
    return arena.outcome(Int64(result), of: call, structure, at: argument)
  }

  private func descriptor(of other: Other) -> Int32 {
    switch other {
    case .closed: -1
    case .foreign: foreignDescriptor
    case .descriptor(let number): Int32(truncatingIfNeeded: number)
    }
  }

  fileprivate func target(_ descriptor: Int32) -> ContainerTarget {
    if descriptor == foreignDescriptor { return .otherFile }
    switch files[Int(descriptor)] {
    case nil: return .closed
    case .container(let number): return .container(number)
    case .group, .device: return .otherFile
    }
  }

  // MARK: - Devices

  private func driverCall(_ call: Call, _ group: Int, _ name: DeviceName) -> Outcome {
    guard call.verb.isOfDriver, PinsDriver.names.contains(name.rawValue),
      let container = groups[group].state.container,
      var server = containers.removeValue(forKey: container)
    else { return Outcome(0) }
    defer { containers[container] = server }
    return ground.perform(
      call, byDriverOf: groups[group].facts.number, of: &drivers, in: &server, of: arena)
  }

  private func closeDriver(of group: Int) {
    guard let container = groups[group].state.container,
      var server = containers.removeValue(forKey: container)
    else { return }
    ground.closeDriver(of: groups[group].facts.number, of: &drivers, in: &server)
    containers[container] = server
  }

  private func access(_ call: Call) throws(Errno) -> Outcome {
    let iova = IOVA(call.numbers[0].value & ~7)
    guard
      let group = groups.first(where: { $0.facts.devices.contains { $0.rawValue == call.name } }),
      let container = group.state.container.flatMap({ containers[$0] })
    else { throw .badAddress }
    let number = group.facts.number
    if call.verb == .deviceRead {
      return ground.read(iova, by: number, in: container, of: arena)
    }
    note(container: group.state.container, iova)
    return ground.write(call.numbers[1].value, to: iova, by: number, in: container, of: arena)
  }

  /// The pages of a write count as dirty where devices tell.
  private func note(container: ContainerNumber?, _ iova: IOVA) {
    guard let container, var server = containers.removeValue(forKey: container) else { return }
    server.session.noteWrite(to: iova, byteCount: 8, journal: &server.journal)
    containers[container] = server
  }
}

/// The descriptor of a file that is none of VFIO's.
private let foreignDescriptor: Int32 = 1_000_000

/// Puts a group's pure decisions and its container together.
private struct GroupCalls<Ground: ShimGround>: GroupServer {
  var contestant: ShimContestant<Ground>
  var group: Int
  /// The descriptor that GET_DEVICE_FD makes.
  var into: Int

  func admit(_ command: GroupCommand) throws(Errno) {
    try refusing { () throws(Rule) in try GroupState().admit(command) }
  }

  mutating func perform(_ request: GroupRequest) throws(Errno) -> GroupReply {
    switch request {
    case .getStatus: return .status(contestant.status(of: group))
    case .setContainer(let descriptor): try contestant.setContainer(descriptor, of: group)
    case .unsetContainer: try contestant.unsetContainer(of: group)
    case .getDevice(let name): try contestant.openDevice(name, of: group, into: into)
    }
    return .value(0)
  }
}

extension ShimContestant {
  fileprivate func status(of group: Int) -> GroupStatus {
    groups[group].state.status(of: groups[group].facts)
  }

  fileprivate func setContainer(_ descriptor: Int32, of group: Int) throws(Errno) {
    let container = try refusing { () throws(Rule) in
      try groups[group].state.plan(settingContainer: target(descriptor))
    }
    guard var server = containers.removeValue(forKey: container) else { throw .wrongDescriptor }
    defer { containers[container] = server }
    let facts = try ground.prepare(groups[group].facts, on: &server.session.backend)
    do throws(Errno) {
      try server.join(facts)
    } catch {
      server.session.backend.release(facts.number)
      throw error
    }
    groups[group].state.container = container
  }

  fileprivate func unsetContainer(of group: Int) throws(Errno) {
    let container = try refusing { () throws(Rule) in
      try groups[group].state.planUnsettingContainer()
    }
    containers[container]?.leave(groups[group].facts.number)
    groups[group].state.container = nil
  }

  fileprivate func openDevice(_ name: [UInt8], of group: Int, into: Int) throws(Errno) {
    let facts = groups[group].facts
    let device = try refusing { () throws(Rule) in
      let device = try facts.device(named: name)
      let driver = groups[group].state.container.flatMap { containers[$0]?.session.state.driver }
      try groups[group].state.checkDeviceOpen(
        of: facts, driver: driver ?? .none,
        isFirstOpen: !groups[group].openDevices.contains(device), for: caller)
      return device
    }
    if groups[group].openDevices.isEmpty {
      drivers.open(device.rawValue, in: facts.number)
    }
    groups[group].openDevices.append(device)
    groups[group].state.openDeviceCount = Set(groups[group].openDevices).count
    enter(.device(group: group, name: device), as: into)
  }
}

/// A refusal as the error number that a program sees.
private func refusing<Value>(_ decide: () throws(Rule) -> Value) throws(Errno) -> Value {
  do throws(Rule) {
    return try decide()
  } catch {
    throw error.errno
  }
}
