internal import AddressSpaces
internal import CLinux
internal import DMATypes
internal import LegacyVFIO
internal import Shim
internal import SimulatedPlatform
internal import SoftwareIOMMU
internal import UAPI

/// One device of the platform: its registers, buffers and interrupts in a file that the processes
/// of the run share, under the lock that lies beside them.
final class DeviceUnit: Sendable {
  private static let madeOffset = 0
  private static let openOffset = 8
  private static let lockOffset = 64
  private static let stateOffset = 128
  private static let byteCount = (stateOffset + MemoryLayout<DeviceState>.stride + 4095) & ~4095

  /// The device's place in `Machine.units`.
  let index: Int
  /// Its place in `Platform.functions`.
  let function: Int
  /// Its sysfs name.
  let name: DeviceName
  /// What never changes about it.
  let device: PCIDevice
  /// The place of its group in `Machine.groups`.
  let group: Int
  private let mapping = Guarded<SharedMemory?>(nil)

  init(index: Int, function: Int, device: PCIDevice, group: Int) {
    self.index = index
    self.function = function
    self.device = device
    self.group = group
    name = device.function.address.name
  }

  private func memory(_ machine: Machine) throws(Errno) -> SharedMemory {
    try mapping.withLock { (known: inout SharedMemory?) throws(Errno) -> SharedMemory in
      if let known { return known }
      let file = try Descriptor(opening: machine.files.state(name.rawValue))
      if try file.status().size < UInt64(Self.byteCount) {
        let failure = clinux_resize(file.number, UInt64(Self.byteCount))
        guard failure == 0 else { throw Errno(rawValue: -failure) }
      }
      let memory = try SharedMemory(descriptor: file.number, byteCount: Self.byteCount)
      known = memory
      return memory
    }
  }

  /// Maps the device's file, for calls that come when no descriptor is left.
  func prepare(_ machine: Machine) throws(Errno) { _ = try memory(machine) }

  /// Runs `body` with the device to itself; its DMA and interrupts go through `environment`.
  func withState<Result, Failure: Error>(
    _ machine: Machine,
    _ body: (inout DeviceState, DeviceUnitEnvironment) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard machine.hasPeers.isSet else { return try withState(machine, reachesPeers: false, body) }
    machine.peersLock.take()
    defer { machine.peersLock.drop() }
    return try withState(machine, reachesPeers: true, body)
  }

  /// The same for a caller that has the peers' lock, and another device.
  func withStateOfPeer(
    _ machine: Machine, _ body: (inout DeviceState, DeviceUnitEnvironment) -> Void
  ) { _ = withState(machine, reachesPeers: false, body) }

  private func withState<Result, Failure: Error>(
    _ machine: Machine, reachesPeers: Bool,
    _ body: (inout DeviceState, DeviceUnitEnvironment) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard let memory = try? memory(machine) else { return nil }
    let lock = memory.lock(at: Self.lockOffset)
    lock.take()
    defer { lock.drop() }
    let environment = DeviceUnitEnvironment(
      unit: self, machine: machine, reachesPeers: reachesPeers)
    return try memory.with(DeviceState.self, at: Self.stateOffset) {
      (state: inout DeviceState) throws(Failure) -> Result in try body(&state, environment)
    }
  }

  /// Whether the device counts as open; the machine's lock guards the word.
  func isOpen(_ machine: ExclusiveMachine) -> Bool {
    guard let memory = try? memory(machine.machine) else { return false }
    return memory[Self.openOffset] != 0
  }

  /// The first open.
  func open(_ machine: ExclusiveMachine) throws(Errno) {
    let memory = try memory(machine.machine)
    if memory[Self.madeOffset] == 0 {
      memory.with(DeviceState.self, at: Self.stateOffset) { $0 = device.initialState() }
      memory.words.storeReleasing(Self.madeOffset, 1)
    }
    _ = withState(machine.machine) { state, _ in device.open(&state) }
    memory[Self.openOffset] = 1
  }

  /// The last reference is gone.
  func close(_ machine: ExclusiveMachine) {
    _ = withState(machine.machine) { state, environment in device.close(&state, in: environment) }
    if let memory = try? memory(machine.machine) { memory[Self.openOffset] = 0 }
  }
}

/// What a device reaches: memory through its container, eventfds through their holders.
struct DeviceUnitEnvironment: DeviceEnvironment {
  let unit: DeviceUnit
  let machine: Machine

  /// Whether the peers' lock is held: other devices may be touched.
  let reachesPeers: Bool

  private func translating<Result>(
    _ body: (inout MachineSession, inout JournalWriter, GroupNumber) throws(DMAFault) -> Result
  ) throws(Errno) -> Result {
    let container = machine.container(ofGroupAt: unit.group)
    guard container != 0 else { throw .badAddress }
    let replica = try machine.replica(container)
    let number = machine.groups[unit.group].number
    do throws(DMAFault) {
      return try replica.withSession { session, journal throws(DMAFault) in
        try body(&session, &journal, number)
      }
    } catch {
      machine.tell("\(unit.name): \(error)")
      throw .badAddress
    }
  }

  func dmaRead(_ bytes: UnsafeMutableRawBufferPointer, from address: IOVA) throws(Errno) {
    var done = 0
    while done < bytes.count {
      let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[done...])
      let here = IOVA(address.rawValue &+ UInt64(done))
      let piece = try translating { session, _, group throws(DMAFault) -> DMAPiece in
        let (found, most) =
          reachesPeers ? peer(at: here, access: .read, by: group, in: session) : (nil, .max)
        if let found { return found }
        let part = unsafe UnsafeMutableRawBufferPointer(rebasing: rest.prefix(most))
        try unsafe session.backend.software.read(
          part, from: here, by: group, mappings: session.mappings)
        return .memory(part.count)
      }
      switch piece {
      case .memory(let count): done += count
      case .registers(let index, let offset, let count, let owner):
        let part = unsafe UnsafeMutableRawBufferPointer(rebasing: rest.prefix(Int(clamping: count)))
        unsafe try peer(index, of: owner).readByPeer(machine, part, offset: offset)
        done += part.count
      }
    }
  }

  func dmaWrite(_ bytes: UnsafeRawBufferPointer, to address: IOVA) throws(Errno) {
    var done = 0
    while done < bytes.count {
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
      let here = IOVA(address.rawValue &+ UInt64(done))
      let piece = try translating { session, journal, group throws(DMAFault) -> DMAPiece in
        let (found, most) =
          reachesPeers ? peer(at: here, access: .write, by: group, in: session) : (nil, .max)
        if case .registers(_, _, let count, _)? = found {
          let count = Int(clamping: min(count, UInt64(rest.count)))
          session.noteWrite(to: here, byteCount: count, journal: &journal)
        }
        if let found { return found }
        let part = unsafe UnsafeRawBufferPointer(rebasing: rest.prefix(most))
        // Before the write: should this process end between the two, one page too many is dirty.
        session.noteWrite(to: here, byteCount: part.count, journal: &journal)
        try unsafe session.backend.software.write(
          part, to: here, by: group, mappings: session.mappings)
        return .memory(part.count)
      }
      switch piece {
      case .memory(let count): done += count
      case .registers(let index, let offset, let count, let owner):
        let part = unsafe UnsafeRawBufferPointer(rebasing: rest.prefix(Int(clamping: count)))
        unsafe try peer(index, of: owner).writeByPeer(machine, part, offset: offset)
        done += part.count
      }
    }
  }

  func resolveEvent(_ descriptor: Int32) throws(Errno) -> EventTarget {
    try machine.events.resolve(descriptor)
  }
  func signal(_ event: EventTarget) { machine.events.signal(event) }
  func release(_ event: EventTarget) { machine.events.release(event) }
  func watch(_ event: EventTarget) { machine.watcher.watch(event, for: unit) }
  func unwatch(_ event: EventTarget) { machine.watcher.unwatch(event) }

  func resolveGroup(_ descriptor: Int32) throws(Errno) -> GroupNumber {
    if let file = machine.events.descriptors.file(descriptor) {
      if case .group(let index) = file.kind { return machine.groups[index].number }
      throw .invalidArgument
    }
    throw clinux_status_flags(descriptor) < 0 ? .badDescriptor : .invalidArgument
  }
}
