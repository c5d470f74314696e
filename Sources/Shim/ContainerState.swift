public import AddressSpaces
public import DMATypes

/// A type1 container as a value: what it holds, and nothing about how a backend holds it.
///
/// - It changes by `commit` alone, so it is the fold of its events.
/// - `domains` and `usableRanges` are empty while no driver is set.
/// - Mappings are disjoint; there are at most `mappingLimit`.
/// - Without groups it is as new: no driver, nothing mapped.
public struct ContainerState: Sendable {
  /// The module parameters that the next decisions look at.
  public var parameters: ModuleParameters
  /// What SET_IOMMU chose.
  public internal(set) var driver: ContainerDriver = .none
  /// The groups inside, in joining order.
  public internal(set) var groups: [GroupFacts] = []
  /// The hardware tables, the oldest first.
  public internal(set) var domains: [TranslationDomain] = []
  /// The usable addresses, ascending and disjoint; empty means that every address is.
  public internal(set) var usableRanges: [IOVARange] = []
  /// The page sizes that every domain knows, none below the processor's page.
  public internal(set) var pageSizes: PageSizes = .all
  @usableFromInline var entries = RangeMap<MappedMemory>()
  /// `dma_entry_limit` as it was when the driver was set.
  public internal(set) var mappingLimit: UInt32 = 0
  /// How many mappings have an invalid address.
  public internal(set) var invalidAddressCount = 0
  /// How dirty pages are told apart and reported.
  public let reporting: DirtyReporting
  /// Whether dirty pages are tracked: `dirty_page_tracking`.
  public internal(set) var isTracking = false
  /// The pages that were dirtied one by one; empty while nothing is tracked. Where
  /// `countsEveryPage` says so, all others are dirty too.
  public internal(set) var dirtyPages = DirtyPages()
  /// What reports left behind bitmaps, by where mappings start; only with `.staleBits`.
  var staleBits: [IOVA: StaleBits] = [:]

  /// The pages that mediated drivers hold. Each lies in a mapping.
  public internal(set) var pins = PageCounts()
  /// Where the mappings start that drivers would not let go of.
  public internal(set) var failedUnmaps: Set<IOVA> = []
  /// The groups whose devices have pinned: `pinned_page_dirty_scope`. Mediated ones need not.
  public internal(set) var pinningGroups: Set<GroupNumber> = []
  /// Whether a mapping's removal has anything to do with pins.
  @usableFromInline var hasPins = false

  /// A container without groups.
  public init(
    parameters: ModuleParameters = ModuleParameters(), reporting: DirtyReporting = []
  ) {
    self.parameters = parameters
    self.reporting = reporting
  }

  /// What is mapped.
  @inlinable public var mappings: RangeMap<MappedMemory> { entries }
  /// Mappings that may still be made: `dma_avail`.
  public var mappingsAvailable: UInt32 {
    UInt32(clamping: max(0, Int(mappingLimit) - mappings.count))
  }
  /// Whether a mediated device's group is inside.
  public var hasEmulatedGroup: Bool { groups.contains { $0.kind == .emulated } }
  /// Whether the groups inside have no IOMMU. False without groups.
  public var isNoIOMMU: Bool { groups.first?.kind == .noIOMMU }

  /// The facts of a group inside.
  public func group(_ number: GroupNumber) -> GroupFacts? { groups.first { $0.number == number } }

  /// Everything but the mappings.
  public var snapshot: ContainerSnapshot {
    ContainerSnapshot(
      driver: driver, mappingLimit: mappingLimit, groups: groups, domains: domains,
      usableRanges: usableRanges, isTracking: isTracking)
  }
}

extension ContainerState: Equatable {
  /// Whether both hold the same, mapping by mapping.
  public static func == (a: Self, b: Self) -> Bool {
    a.parameters == b.parameters && a.snapshot == b.snapshot && a.pageSizes == b.pageSizes
      && a.invalidAddressCount == b.invalidAddressCount && a.pins == b.pins
      && a.failedUnmaps == b.failedUnmaps && a.pinningGroups == b.pinningGroups
      && a.mappings.count == b.mappings.count
      && a.dirtyPages == b.dirtyPages && a.staleBits == b.staleBits
      && zip(a.mappings, b.mappings).allSatisfy { $0.range == $1.range && $0.value == $1.value }
  }
}

extension ContainerState {
  /// Takes in what happened; total, so an event that cannot have happened changes nothing.
  @inlinable public mutating func commit(_ event: ContainerEvent) {
    switch event {
    case .mapped(let mapping):
      guard entries.firstOverlapping(mapping.range) == nil else { return }
      commitMapped(mapping)
    case .unmapped(let start): commitUnmapped(start)
    default: commitRare(event)
    }
  }

  /// Takes in a mapping that is known to overlap none, and where it goes.
  @inlinable @inline(__always) mutating func commitMapped(
    _ mapping: Mapping, at place: RangeMap<MappedMemory>.Place? = nil
  ) {
    if let place {
      entries.insert(mapping.range, mapping.memory, at: place)
    } else {
      entries.insert(mapping.range, mapping.memory)
    }
    if mapping.memory.addressIsInvalid { adjustInvalidAddressCount(by: 1) }
  }

  /// Forgets the mapping that starts at an address, and where it is known to be.
  @inlinable @inline(__always) mutating func commitUnmapped(
    _ start: IOVA, at place: RangeMap<MappedMemory>.Place
  ) {
    // Nothing else is known of it.
    if invalidAddressCount == 0, !hasPins, !isTracking {
      entries.remove(startingAt: start, at: place)
    } else {
      commitUnmapped(start)
    }
  }

  @usableFromInline mutating func commitUnmapped(_ start: IOVA) {
    guard let removed = entries.remove(startingAt: start) else { return }
    if removed.value.addressIsInvalid { adjustInvalidAddressCount(by: -1) }
    if hasPins { forgetPins(in: removed.range) }
    if isTracking { forgetDirtyPages(of: removed.range) }
  }

  @usableFromInline mutating func adjustInvalidAddressCount(by difference: Int) {
    invalidAddressCount += difference
  }

  @usableFromInline mutating func commitRare(_ event: ContainerEvent) {
    switch event {
    case .iommuSet(let driver, let limit): commitDriver(driver, mappingLimit: limit)
    case .joined(let facts): commitJoined(facts)
    case .left(let number): commitLeft(number)
    case .readdressed(let start, let memory): commitReaddressed(start, memory)
    case .trackingSet(let isOn): commitTracking(isOn)
    case .dirtied(let range): if isTracking { dirtyPages.insert(range) }
    case .cleaned(let range): commitCleaned(range)
    case .leftBehind(let start, let bits): commitLeftBehind(start, bits)
    case .restored(let snapshot): commitRestored(snapshot)
    case .pinned(let run, let times): commitPinned(run, times: times)
    case .unpinned(let run): commitUnpinned(run)
    case .limitedToPins(let group): pinningGroups.insert(group)
    case .unmapFailed(let start): commitUnmapFailed(start)
    case .mapped, .unmapped: break
    }
  }

  private mutating func commitDriver(_ driver: ContainerDriver, mappingLimit: UInt32) {
    self.driver = driver
    self.mappingLimit = mappingLimit
    guard driver.isType1 else { return }
    for facts in groups.reversed() { attach(facts) }
  }

  private mutating func commitJoined(_ facts: GroupFacts) {
    guard group(facts.number) == nil else { return }
    if driver.isType1 { attach(facts) }
    groups.append(facts)
  }

  private mutating func commitLeft(_ number: GroupNumber) {
    guard let index = groups.firstIndex(where: { $0.number == number }) else { return }
    let tells = pinningGroups.remove(number) != nil
    let facts = groups.remove(at: index)
    if groups.isEmpty {
      self = ContainerState(parameters: parameters, reporting: reporting)
    } else if driver.isType1 {
      detach(number)
      if facts.kind == .physical, !tells { dirtyEverythingLeft() }
    }
  }

  private mutating func commitReaddressed(_ start: IOVA, _ memory: MappedMemory) {
    guard let old = entries.containing(start), old.range.start == start else { return }
    _ = entries.update(startingAt: start, memory)
    adjustInvalidAddressCount(
      by: (memory.addressIsInvalid ? 1 : 0) - (old.value.addressIsInvalid ? 1 : 0))
  }

  private mutating func commitRestored(_ snapshot: ContainerSnapshot) {
    self = ContainerState(parameters: parameters, reporting: reporting)
    driver = snapshot.driver
    mappingLimit = snapshot.mappingLimit
    groups = snapshot.groups
    domains = snapshot.domains
    usableRanges = snapshot.usableRanges
    isTracking = snapshot.isTracking
    updatePageSizes()
  }
}
