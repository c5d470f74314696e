public import AddressSpaces
public import DMATypes
public import LegacyVFIO

/// What a granted request will do, the whole of it.
public enum ContainerPlan: Hashable, Sendable {
  /// Nothing but an answer.
  case reply(ContainerReply)
  /// Sets the driver and attaches the groups inside.
  case setDriver(DriverPlan)
  /// Makes a mapping.
  case map(MapPlan)
  /// Removes mappings, one after the other.
  case unmap(UnmapPlan)
  /// Takes the addresses of mappings away, which stay.
  case invalidate(UnmapPlan)
  /// Gives a mapping a new address.
  case readdress(ReaddressPlan)
  /// Switches dirty tracking.
  case track(Bool)
  /// Reports dirty pages, mapping by mapping, and counts them as clean.
  case reportDirty(DirtyReportPlan)
}

/// A granted SET_IOMMU.
public struct DriverPlan: Hashable, Sendable {
  /// The driver.
  public var driver: ContainerDriver
  /// How many mappings may be made.
  public var mappingLimit: UInt32
  /// How each group is attached, in that order: the newest first.
  public var attachments: [Attachment]
}

/// A granted MAP_DMA.
public struct MapPlan: Hashable, Sendable, BitwiseCopyable {
  /// The mapping.
  public var mapping: Mapping
  /// Whether a hardware table exists: without one the memory is not even looked at.
  public var reachesTables: Bool

  @inlinable init(mapping: Mapping, reachesTables: Bool) {
    self.mapping = mapping
    self.reachesTables = reachesTables
  }
}

/// A granted UNMAP_DMA: mappings that start in a range go, in ascending order.
public struct UnmapPlan: Hashable, Sendable, BitwiseCopyable {
  /// Where the mappings that go start; nil when none goes.
  public var starts: IOVARange?
  /// Whether a hardware table exists.
  public var reachesTables: Bool

  init(starts: IOVARange?, reachesTables: Bool) {
    self.starts = starts
    self.reachesTables = reachesTables
  }
}

extension ContainerState {
  /// Makes the checks that come before the caller's structure is read. Nothing is to be said of
  /// MAP_DMA and UNMAP_DMA with a driver of type1's.
  public func admit(_ command: ContainerCommand) throws(Rule) {
    switch command {
    case .getAPIVersion, .checkExtension, .setIOMMU: return
    case .getInfo, .map, .unmap, .dirtyPages, .unknown: break
    }
    guard driver != .none else { throw .containerHasNoDriver }
    guard driver != .noIOMMU else { throw .noIOMMUKnowsNoCall }
    if command == .unknown { throw .unknownContainerCall }
    if command == .dirtyPages, driver == .version1 { throw .dirtyPagesInVersion1 }
  }

  /// Decides a request; changes nothing.
  ///
  /// It makes the checks of `admit` too, so that it can be asked alone.
  public func plan(
    _ request: ContainerRequest, for caller: Caller
  ) throws(Rule) -> ContainerPlan {
    try admit(request.command)
    switch request {
    case .getAPIVersion: return .reply(.value(0))
    case .checkExtension(let number): return .reply(.value(answer(toExtension: number)))
    case .setIOMMU(let type): return .setDriver(try plan(settingDriver: type, for: caller))
    case .getInfo: return .reply(.info(info))
    case .map(let request):
      if request.replacesAddress { return .readdress(try plan(readdressing: request, for: caller)) }
      return .map(try plan(mapping: request, for: caller))
    case .unmap(let request):
      let plan = try plan(unmapping: request)
      return request.invalidatesAddress ? .invalidate(plan) : .unmap(plan)
    case .dirtyPages(let request): return try plan(dirtyPages: request)
    }
  }

  /// Decides MAP_DMA without VADDR: `vfio_dma_do_map()`.
  @inlinable public func plan(
    mapping request: MapRequest, for caller: Caller
  ) throws(Rule) -> MapPlan {
    try find(mapping: request, for: caller).plan
  }

  /// Decides MAP_DMA, and remembers where the decision found room.
  @inlinable @inline(__always) func find(
    mapping request: MapRequest, for caller: Caller
  ) throws(Rule) -> (plan: MapPlan, place: RangeMap<MappedMemory>.Place) {
    let range = try range(of: request)
    guard let place = entries.gap(for: range) else { throw .mapOverlaps }
    guard entries.count < Int(mappingLimit) else { throw .mapLimitReached }
    guard allows(range) else { throw .mapOutsideUsableRanges }
    let memory = MappedMemory(
      address: request.address, access: request.access, owner: caller.owner)
    let mapping = Mapping(range: range, memory: memory)
    return (MapPlan(mapping: mapping, reachesTables: !domains.isEmpty), place)
  }

  /// Makes the checks that MAP_DMA begins with, whatever it maps.
  @inlinable @inline(__always) func range(of request: MapRequest) throws(Rule) -> IOVARange {
    guard request.access.isEmpty == request.replacesAddress else { throw .mapFlagsContradict }
    let mask = pageSizes.smallestBytes &- 1
    let size = request.size
    guard (size | request.iova.rawValue | request.address.rawValue) & mask == 0, size != 0 else {
      throw .mapUnaligned
    }
    guard let range = IOVARange(start: request.iova, size: size),
      !request.address.rawValue.addingReportingOverflow(size - 1).overflow
    else { throw .mapWraps }
    return range
  }

  /// Decides MAP_DMA with VADDR: `vfio_dma_do_map()`. The new address is not looked at.
  @usableFromInline func plan(
    readdressing request: MapRequest, for caller: Caller
  ) throws(Rule) -> ReaddressPlan {
    let range = try range(of: request)
    guard let found = entries.firstOverlapping(range) else { throw .newAddressWithoutMapping }
    guard found.value.addressIsInvalid, found.range == range else { throw .newAddressMismatch }
    let memory = MappedMemory(
      address: request.address, access: found.value.access, owner: caller.owner)
    return ReaddressPlan(
      mapping: Mapping(range: range, memory: memory), old: found.value,
      reachesTables: !domains.isEmpty)
  }

  /// Decides UNMAP_DMA: `vfio_dma_do_unmap()`.
  func plan(unmapping request: UnmapRequest) throws(Rule) -> UnmapPlan {
    if request.invalidatesAddress, hasEmulatedGroup { throw .invalidationWithEmulatedGroup }
    if request.all {
      try checkAlignment(of: request.iova.rawValue)
      guard request.iova.rawValue == 0, request.size == 0 else { throw .unmapAllWithRange }
      if request.invalidatesAddress { try checkAddresses(startingIn: .all) }
      return UnmapPlan(starts: .all, reachesTables: !domains.isEmpty)
    }
    let range = try range(unmapping: request.iova, size: request.size)
    if let bitmap = request.bitmap {
      guard isTracking else { throw .unmapDirtyWithoutTracking }
      guard bitmap.pageBytes == pageSizes.smallestBytes else { throw .unmapDirtyPageSizeDiffers }
    }
    let starts = try starts(unmapping: range)
    if request.invalidatesAddress { try checkAddresses(startingIn: starts) }
    return UnmapPlan(starts: starts, reachesTables: !domains.isEmpty)
  }

  /// Makes the checks that UNMAP_DMA of a range begins with.
  @inlinable @inline(__always) func range(
    unmapping iova: IOVA, size: UInt64
  ) throws(Rule) -> IOVARange {
    try checkAlignment(of: iova.rawValue | size)
    guard size != 0 else { throw .unmapUnaligned }
    guard let range = IOVARange(start: iova, size: size) else { throw .unmapWraps }
    return range
  }

  @inlinable @inline(__always) func checkAlignment(of word: UInt64) throws(Rule) {
    guard word & (pageSizes.smallestBytes &- 1) == 0 else { throw .unmapUnaligned }
  }

  /// Where the mapping is that an UNMAP_DMA of exactly its range removes; nil where the range is no
  /// mapping's own, so that `plan` decides.
  @inlinable @inline(__always) func place(
    unmapping range: IOVARange
  ) -> RangeMap<MappedMemory>.Place? {
    // An end of 2⁶⁴ wraps to 0 in the kernel, which does not find a mapping that ends there.
    range.last.rawValue < .max ? entries.place(of: range) : nil
  }

  /// Which mappings a range names, by where they start; nil when none.
  private func starts(unmapping range: IOVARange) throws(Rule) -> IOVARange? {
    // An end of 2⁶⁴ wraps to 0 in the kernel: no mapping lies below it, and one that ends there
    // itself is not found.
    let reachesTop = range.last.rawValue == .max
    let atStart = entries.containing(range.start)?.range
    let startIsCut = atStart.map { $0.start != range.start } ?? false
    if driver.roundsUnmaps { return startIsCut || reachesTop ? nil : range }
    if startIsCut, let atStart, !(reachesTop && atStart.last.rawValue == .max) {
      throw .unmapCutsMapping
    }
    if reachesTop { return nil }
    if let atLast = entries.containing(range.last), atLast.range.last != range.last {
      throw .unmapCutsMapping
    }
    return range
  }

  /// Whether a range lies wholly in one usable range: `vfio_iommu_iova_dma_valid()`.
  @inlinable func allows(_ range: IOVARange) -> Bool {
    usableRanges.isEmpty || usableRanges.contains { $0.contains(range) }
  }

  /// Whether no address of the mappings that start in a range was taken away before.
  func checkAddresses(startingIn starts: IOVARange?) throws(Rule) {
    guard invalidAddressCount > 0, let starts else { return }
    for mapping in entries.elements(startingAtOrAfter: starts.start) {
      guard mapping.range.start <= starts.last else { return }
      if mapping.value.addressIsInvalid { throw .addressAlreadyInvalid }
    }
  }

  /// What GET_INFO reports: `vfio_iommu_type1_get_info()`.
  private var info: Type1Info {
    Type1Info(
      pageSizes: pageSizes, dirtyPageBytes: pageSizes.smallestBytes,
      mappingsAvailable: mappingsAvailable, ranges: usableRanges)
  }
}

extension ContainerRequest {
  /// Which call it is.
  public var command: ContainerCommand {
    switch self {
    case .getAPIVersion: .getAPIVersion
    case .checkExtension: .checkExtension
    case .setIOMMU: .setIOMMU
    case .getInfo: .getInfo
    case .map: .map
    case .unmap: .unmap
    case .dirtyPages: .dirtyPages
    }
  }
}
