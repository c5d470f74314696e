internal import AddressSpaces
internal import CLinux
internal import DMATypes
internal import HostPlatform
internal import MachineFile
internal import Shim
internal import SimulatedPlatform

/// One process's view of the machine that a run shares: its platform, its groups, the containers
/// and devices that this process has touched.
///
/// Locks, in this order: the machine's (in shared memory; held to open, join, leave and close), a
/// device's, a container's, `replicas` (which guards the dictionary only).
public final class Machine: @unchecked Sendable {
  /// The simulated platform; nil on the kernel's own devices.
  let platform: Platform?
  /// The groups that have a node. What may change about them is asked of `facts(ofGroupAt:)`.
  let groups: [GroupFacts]
  /// The kernel's own devices; nil where devices are simulated.
  let kernel: KernelMachine?
  let image: MachineImage
  let files: RunFiles
  let process: ProcessIdentity
  /// The mappings of registers in this process.
  let trapped: TrappedMappings
  let events: EventDescriptors
  /// Where instructions are performed that only the processor knows.
  let scratch = Scratch()
  let units: [DeviceUnit]
  /// The devices of drivers in user space.
  let mediated: [MediatedUnit]
  /// Writes the conversation down; nil without `--trace`.
  let tracer: Tracer?
  let lockLimit = LockLimit()
  private(set) lazy var watcher = EventWatcher(machine: self)
  private let shared: SharedMemory
  private let sharedOffset: Int
  private let words: GroupWords
  private let lock: SharedLock
  /// See `PeerAccess.swift`.
  let hasPeers: PeerFlag
  var peersLock: SharedLock { shared.lock(at: sharedOffset + SharedRegion.peersLock) }
  private let replicas = Guarded<[UInt64: ContainerReplica]>([:])
  // See `Attendance.swift`.
  let attendance: Attendance
  /// By thread.
  let postponed = Guarded<[UInt64: [PostponedCall]]>([:])

  /// Joins the run whose files lie in `directory`; nil when there is no run.
  public init?(directory: String, descriptors: any DescriptorTable) {
    guard let file = try? Descriptor(opening: directory + "/machine"),
      let status = try? file.status(),
      let shared = try? SharedMemory(descriptor: file.number, byteCount: Int(status.size)),
      let image = MachineImage(bytes: shared.bytes(at: 0, count: Int(status.size))),
      let process = ProcessIdentity()
    else { return nil }
    let files = RunFiles(directory: directory)
    let words = GroupWords(memory: shared, offset: image.sharedOffset)
    switch image.backend {
    case .software:
      guard let platform = Platform(decoding: image.platform) else { return nil }
      self.platform = platform
      kernel = nil
      groups = Self.groups(of: platform)
    case .iommufd:
      guard let host = HostPlatform(decoding: image.platform) else { return nil }
      let kernel = KernelMachine(
        platform: host, image: image, files: files, words: words, descriptors: descriptors)
      self.kernel = kernel
      platform = nil
      groups = kernel.groups.indices.map { kernel.facts(ofGroupAt: $0) }
    }
    self.files = files
    self.words = words
    self.image = image
    self.process = process
    self.shared = shared
    sharedOffset = image.sharedOffset
    lock = shared.lock(at: image.sharedOffset + SharedRegion.lock)
    hasPeers = PeerFlag(memory: shared, sharedOffset: image.sharedOffset)
    attendance = Attendance()
    trapped = TrappedMappings()
    events = EventDescriptors(descriptors: descriptors)
    units = Self.units(of: platform, groups)
    mediated = Self.mediated(of: platform, groups)
    tracer = image.options.contains(.trace) ? Tracer() : nil
  }

  /// The same run, seen by the child that fork made. Nothing of the parent's that a lock of its
  /// threads guarded is used again.
  public init(forkedFrom parent: Machine) {
    platform = parent.platform
    groups = parent.groups
    kernel = parent.kernel.map { KernelMachine(forkedFrom: $0) }
    image = parent.image
    files = parent.files
    process = ProcessIdentity(forkedFrom: parent.process)
    shared = parent.shared
    sharedOffset = parent.sharedOffset
    words = parent.words
    lock = parent.lock
    hasPeers = parent.hasPeers
    attendance = Attendance(forkedFrom: parent.attendance)
    trapped = TrappedMappings(copying: parent.trapped)
    events = EventDescriptors(descriptors: parent.events.descriptors)
    units = Self.units(of: platform, groups)
    mediated = Self.mediated(of: platform, groups)
    tracer = parent.tracer.map { Tracer(forkedFrom: $0) }
  }

  /// The groups that have a node, in the order in which the machine file counts them.
  private static func groups(of platform: Platform) -> [GroupFacts] {
    var groups: [GroupFacts] = []
    for function in platform.functions where function.driver == .vfio {
      guard !groups.contains(where: { $0.number == function.group }),
        var facts = platform.facts(of: function.group)
      else { continue }
      // The parameter, which programs may write, is asked when a group attaches.
      if let unit = function.iommu {
        facts.interruptsAreSafe = platform.iommus[unit].isolatesInterrupts
      }
      groups.append(facts)
    }
    return groups + platform.mediated.compactMap { platform.facts(of: $0.group) }
  }

  /// Functions that vfio-pci holds, in the platform's order; others never get a file.
  private static func units(of platform: Platform?, _ groups: [GroupFacts]) -> [DeviceUnit] {
    guard let platform else { return [] }
    var units: [DeviceUnit] = []
    for (place, function) in platform.functions.enumerated() {
      guard let device = platform.device(named: function.address.name),
        let group = groups.firstIndex(where: { $0.number == function.group })
      else { continue }
      units.append(
        DeviceUnit(index: units.count, function: place, device: device, group: group))
    }
    return units
  }

  private static func mediated(
    of platform: Platform?, _ groups: [GroupFacts]
  ) -> [MediatedUnit] {
    guard let platform else { return [] }
    return platform.mediated.enumerated().compactMap { index, device in
      groups.firstIndex { $0.number == device.group }.map {
        MediatedUnit(
          index: index, place: platform.functions.count + index, device: device, group: $0)
      }
    }
  }

  /// False in a child that fork made since.
  @inline(__always) public var isCurrent: Bool { process.isCurrent }

  /// Tells the calling process, a child that fork made, from every other such child.
  public var keyOfChild: UInt64 {
    process.token &+ UInt64(UInt32(bitPattern: clinux_pid()))
  }

  /// Lets another thread run.
  public func yield() { clinux_yield() }

  /// Runs `body` with the machine to itself.
  func exclusively<Result, Failure: Error>(
    _ body: (ExclusiveMachine) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock.take()
    defer { lock.drop() }
    return try body(ExclusiveMachine(machine: self))
  }

  /// The container that a group is in, by its index; 0 for none.
  func container(ofGroupAt index: Int) -> UInt64 {
    words[.container, index]
  }

  func setContainer(ofGroupAt index: Int, _ number: UInt64) {
    words[.container, index] = number
  }

  func nextContainer() -> UInt64 {
    shared[sharedOffset + SharedRegion.newestContainer] += 1
    return shared[sharedOffset + SharedRegion.newestContainer]
  }

  /// Remembers a new container, and answers which older one it takes the place of; 0 for none.
  func remember(_ container: UInt64) -> UInt64 {
    let place = sharedOffset + SharedRegion.recentContainer(container)
    defer { shared[place] = container }
    return shared[place]
  }

  /// The number of one more process that writes a trace.
  func nextTracedProcess() -> UInt64 {
    shared[sharedOffset + SharedRegion.newestProcess] += 1
    return shared[sharedOffset + SharedRegion.newestProcess]
  }

  /// This process's copy of a container.
  func replica(_ number: UInt64) throws(Errno) -> ContainerReplica {
    if let known = replicas.withLock({ $0[number] }) { return known }
    let descriptor = try Descriptor(opening: files.journal(number))
    let file = try JournalFile(descriptor: descriptor.number)
    return enter(ContainerReplica(number: number, file: file, machine: self))
  }

  /// Every container's copy that this process has.
  var knownReplicas: [ContainerReplica] { replicas.withLock { Array($0.values) } }

  func enter(_ replica: ContainerReplica) -> ContainerReplica {
    replicas.withLock { known in
      if let first = known[replica.number] { return first }
      known[replica.number] = replica
      return replica
    }
  }

  func forget(_ number: UInt64) {
    kernel?.forget(number)
    _ = replicas.withLock { $0.removeValue(forKey: number) }
  }

  /// How dirty pages are told apart in this run.
  var reporting: DirtyReporting {
    var reporting: DirtyReporting = []
    if image.options.contains(.bugCompatible) { reporting.insert(.staleBits) }
    if image.options.contains(.preciseDirty) { reporting.insert(.precise) }
    return reporting
  }

  /// Stale bits take two records more of a mapping's own.
  var recordsPerMapping: UInt32 { reporting.contains(.staleBits) ? 3 : 1 }

  /// The module parameters, as the programs of the run see and write them in sysfs.
  var parameters: WrittenParameters {
    WrittenParameters(
      given: platform?.parameters
        ?? .init(allowUnsafeInterrupts: KernelMachine.allowsUnsafeInterrupts))
  }

  /// What a group is now.
  func facts(ofGroupAt index: Int) -> GroupFacts {
    kernel?.currentFacts(ofGroupAt: index) ?? groups[index]
  }

  /// The process's limits or capabilities may have changed.
  public func limitsMayHaveChanged() { lockLimit.refresh() }

  /// The pages that a MAP may pin, counted anew. The limit too is asked again: another process may
  /// have raised it.
  func lockAllowance() -> UInt64 {
    lockLimit.refresh()
    guard let limit = lockLimit.value else { return .max }
    // Each container is asked by itself: no two locks are held at once.
    let charged = replicas.withLock { Array($0.values) }.reduce(0) { $0 + $1.chargedPages }
    return lockLimit.allowance(of: limit, charged: charged)
  }

  /// The calling thread, for decisions that no mapping follows from.
  var caller: Caller {
    Caller(owner: MemoryOwner(rawValue: 0), hasRawIO: ProcessIdentity.hasRawIO)
  }

  /// Tells a person what no error number can, with `--verbose` only.
  func tell(_ line: String) {
    if image.options.contains(.verbose) { say(line) }
  }
}

/// Writes a line to stderr.
func say(_ line: String) {
  let text = Array("ioasid: \(line)\n".utf8)
  unsafe text.withUnsafeBytes { bytes in
    if let start = bytes.baseAddress { _ = unsafe clinux_write(2, start, bytes.count) }
  }
}
