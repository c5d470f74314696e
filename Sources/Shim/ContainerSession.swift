public import AddressSpaces
public import DMATypes
public import LegacyVFIO

/// A container on a backend: plans a request on the state, acts on the backend, commits.
///
/// - A refused request has had no effect.
/// - When the backend fails, what one step began is taken back. UNMAP's finished mappings stay
///   gone, as type1's do.
/// - Each finished step is told to the journal before the state shows it.
///
/// Nothing here locks: whoever owns the session orders the calls.
public struct ContainerSession<Backend: AddressSpaceBackend> {
  /// Who makes the container real.
  public var backend: Backend
  @usableFromInline var container: ContainerState
  /// The backend's name for the address space; nil while no type1 driver is set.
  @usableFromInline var space: IOASID?
  /// The backend's tables, one for each of the state's domains; nil where an adopted one failed.
  var tables: [HardwareTableID?] = []

  /// A container without groups on a backend.
  public init(
    backend: Backend, parameters: ModuleParameters = ModuleParameters(),
    reporting: DirtyReporting = []
  ) {
    self.backend = backend
    container = ContainerState(parameters: parameters, reporting: reporting)
  }

  /// What the container holds.
  public var state: ContainerState { container }
  /// What is mapped.
  @inlinable public var mappings: RangeMap<MappedMemory> { container.entries }
  /// Whether drivers hold pages of mappings, so that they are asked before a mapping goes.
  @inlinable public var hasPins: Bool { container.hasPins }
  /// How many mappings the container holds.
  @inlinable public var mappingCount: Int { container.entries.count }
  /// The module parameters that the next calls look at.
  public var parameters: ModuleParameters {
    get { container.parameters }
    set { container.parameters = newValue }
  }

  /// Whether MAP_DMA and UNMAP_DMA are admitted, told at less cost than by `admit`.
  @inlinable @inline(__always) public var admitsMappings: Bool { container.driver.isType1 }
  /// Makes the checks that come before the caller's structure is read.
  public func admit(_ command: ContainerCommand) throws(Errno) {
    do throws(Rule) { try container.admit(command) } catch { throw error.errno }
  }

  /// Makes an admitted call whose structure was read, from the decision to the answer.
  ///
  /// Dirty bits go to `bitmaps` while the call is made, mapping by mapping.
  @inlinable public mutating func perform(
    _ request: ContainerRequest, for caller: Caller, bitmaps: some DirtyBitmapMemory,
    journal: inout some ContainerJournal
  ) throws(Errno) -> ContainerReply {
    switch request {
    case .map(let request):
      try map(request, for: caller, journal: &journal)
      return .value(0)
    case .unmap(let request):
      return .unmapped(try unmap(request, bitmaps: bitmaps, journal: &journal))
    default:
      return try performRare(request, for: caller, bitmaps: bitmaps, journal: &journal)
    }
  }

  /// Makes an admitted MAP_DMA.
  @inlinable @inline(__always) public mutating func map(
    _ request: MapRequest, for caller: Caller, journal: inout some ContainerJournal
  ) throws(Errno) {
    if request.replacesAddress {
      return try readdress(request, for: caller, journal: &journal)
    }
    prepareChange(at: request.iova)
    let plan: MapPlan
    let place: RangeMap<MappedMemory>.Place
    do throws(Rule) {
      (plan, place) = try container.find(mapping: request, for: caller)
    } catch {
      throw error.errno
    }
    try act(plan)
    if container.isTracking { try takeBackIfTooLarge(plan) }
    journal.record(.mapped(plan.mapping))
    container.commitMapped(plan.mapping, at: place)
  }

  /// Makes an admitted UNMAP_DMA; returns the bytes of the mappings that went.
  ///
  /// When the backend fails at one mapping, or its dirty bits cannot be written, those before it
  /// are gone.
  public mutating func unmap(
    _ request: UnmapRequest, bitmaps: some DirtyBitmapMemory, journal: inout some ContainerJournal
  ) throws(Errno) -> UInt64 {
    if request.invalidatesAddress || request.bitmap != nil {
      return try unmapRarely(request, bitmaps: bitmaps, journal: &journal)
    }
    if request.all { return try unmapAll(request, journal: &journal) }
    return try unmap(request.iova, size: request.size, journal: &journal)
  }

  /// The same of an UNMAP_DMA without flags, as most are. Most name one mapping.
  @inlinable @inline(__always) public mutating func unmap(
    _ iova: IOVA, size: UInt64, journal: inout some ContainerJournal
  ) throws(Errno) -> UInt64 {
    prepareChange(at: iova)
    let range: IOVARange
    do throws(Rule) {
      range = try container.range(unmapping: iova, size: size)
    } catch {
      throw error.errno
    }
    guard let place = container.place(unmapping: range) else {
      return try unmapAll(UnmapRequest(iova: iova, size: size), journal: &journal)
    }
    try act(unmapping: range, reachesTables: !container.domains.isEmpty)
    journal.record(.unmapped(start: range.start))
    container.commitUnmapped(range.start, at: place)
    return size
  }

  /// Removes what a request names, one mapping by another: each is a step of its own.
  @usableFromInline @inline(never) mutating func unmapAll(
    _ request: UnmapRequest, journal: inout some ContainerJournal
  ) throws(Errno) -> UInt64 {
    let plan: UnmapPlan
    do throws(Rule) {
      plan = try container.plan(unmapping: request)
    } catch {
      throw error.errno
    }
    guard let starts = plan.starts else { return 0 }
    var removed: UInt64 = 0
    while let next = container.entries.firstStarting(atOrAfter: starts.start)?.range,
      next.start <= starts.last
    {
      try remove(next, reachesTables: plan.reachesTables, journal: &journal)
      removed &+= next.size
    }
    return removed
  }

  /// Removes one mapping, the whole step.
  mutating func remove(
    _ range: IOVARange, reachesTables: Bool, journal: inout some ContainerJournal
  ) throws(Errno) {
    try act(unmapping: range, reachesTables: reachesTables)
    commit(.unmapped(start: range.start), journal: &journal)
  }

  @usableFromInline mutating func performRare(
    _ request: ContainerRequest, for caller: Caller, bitmaps: some DirtyBitmapMemory,
    journal: inout some ContainerJournal
  ) throws(Errno) -> ContainerReply {
    let plan: ContainerPlan
    do throws(Rule) {
      plan = try container.plan(request, for: caller)
    } catch {
      throw error.errno
    }
    switch plan {
    case .reply(let reply): return reply
    case .setDriver(let plan):
      try act(plan)
      commit(.iommuSet(plan.driver, mappingLimit: plan.mappingLimit), journal: &journal)
      return .value(0)
    case .track(let isOn):
      commit(.trackingSet(isOn), journal: &journal)
      return .value(0)
    case .reportDirty(let plan):
      try report(plan, to: bitmaps, journal: &journal)
      return .value(0)
    // `perform` makes these by itself.
    case .map, .readdress: return .value(0)
    case .unmap, .invalidate: return .unmapped(0)
    }
  }

  /// Lets a group join, claimed and attached as the container's state asks.
  public mutating func join(
    _ facts: GroupFacts, for caller: Caller, journal: inout some ContainerJournal
  ) throws(Errno) {
    let plan: JoinPlan
    do throws(Rule) {
      plan = try container.plan(joining: facts, for: caller)
    } catch {
      throw error.errno
    }
    try act(plan)
    commit(.joined(facts), journal: &journal)
  }

  /// Lets a group leave, and everything that goes with the last one; nothing when it is not inside.
  public mutating func leave(_ group: GroupNumber, journal: inout some ContainerJournal) {
    guard let plan = container.plan(leaving: group) else { return }
    act(plan)
    commit(.left(group), journal: &journal)
  }

  mutating func commit(_ event: ContainerEvent, journal: inout some ContainerJournal) {
    journal.record(event)
    container.commit(event)
  }
}
