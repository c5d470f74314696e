internal import AddressSpaces
public import DMATypes
public import LegacyVFIO

// Address updates and dirty pages: calls that programs make while they move, and then only.
extension ContainerSession {
  /// Gives a mapping a new address: MAP_DMA with VADDR.
  @usableFromInline @inline(never) mutating func readdress(
    _ request: MapRequest, for caller: Caller, journal: inout some ContainerJournal
  ) throws(Errno) {
    let plan: ReaddressPlan
    do throws(Rule) {
      plan = try container.plan(readdressing: request, for: caller)
    } catch {
      throw error.errno
    }
    try act(plan)
    commit(.readdressed(start: plan.mapping.range.start, plan.mapping.memory), journal: &journal)
  }

  /// UNMAP_DMA with VADDR or with a bitmap.
  @usableFromInline @inline(never) mutating func unmapRarely(
    _ request: UnmapRequest, bitmaps: some DirtyBitmapMemory, journal: inout some ContainerJournal
  ) throws(Errno) -> UInt64 {
    let plan: UnmapPlan
    do throws(Rule) {
      plan = try container.plan(unmapping: request)
    } catch {
      throw error.errno
    }
    guard let starts = plan.starts else { return 0 }
    var byteCount: UInt64 = 0
    var from = starts.start
    while let next = container.entries.firstStarting(atOrAfter: from),
      next.range.start <= starts.last
    {
      if let bitmap = request.bitmap {
        try report(next.range, from: request.iova, to: bitmap.data, in: bitmaps, journal: &journal)
        try remove(next.range, reachesTables: plan.reachesTables, journal: &journal)
      } else {
        let mapping = Mapping(range: next.range, memory: next.value)
        invalidate(mapping, reachesTables: plan.reachesTables, journal: &journal)
      }
      byteCount &+= next.range.size
      guard next.range.last.rawValue < .max else { break }
      from = IOVA(next.range.last.rawValue + 1)
    }
    return byteCount
  }

  /// Takes the address of one mapping away, the whole step.
  private mutating func invalidate(
    _ mapping: Mapping, reachesTables: Bool, journal: inout some ContainerJournal
  ) {
    var memory = act(releasing: mapping, reachesTables: reachesTables)
    memory.addressIsInvalid = true
    commit(.readdressed(start: mapping.range.start, memory), journal: &journal)
  }

  /// Takes back a mapping that a bitmap could not count: tracking looks last.
  @usableFromInline @inline(never) mutating func takeBackIfTooLarge(
    _ plan: MapPlan
  ) throws(Errno) {
    do throws(Rule) {
      try container.checkTrackable(plan.mapping.range)
    } catch {
      if plan.reachesTables, let space { unmap(plan.mapping.range, in: space) }
      throw error.errno
    }
  }

  /// Reports mappings in ascending order, and counts those before a fault as clean.
  mutating func report(
    _ plan: DirtyReportPlan, to bitmaps: some DirtyBitmapMemory,
    journal: inout some ContainerJournal
  ) throws(Errno) {
    var last: IOVA?
    defer {
      if let last, container.dirtyPages.intersects(IOVARange(start: plan.range.start, last: last)) {
        commit(.cleaned(IOVARange(start: plan.range.start, last: last)), journal: &journal)
      }
    }
    for mapping in container.entries.elements(startingAtOrAfter: plan.range.start) {
      guard mapping.range.start <= plan.range.last else { return }
      try report(
        mapping.range, from: plan.range.start, to: plan.data, in: bitmaps, journal: &journal)
      last = mapping.range.last
    }
  }

  /// Reports one mapping.
  private mutating func report(
    _ range: IOVARange, from base: IOVA, to data: UserAddress, in bitmaps: some DirtyBitmapMemory,
    journal: inout some ContainerJournal
  ) throws(Errno) {
    let (failure, left) = container.report(range, from: base, to: data, in: bitmaps)
    if let left, left != container.staleBits[range.start] ?? StaleBits() {
      commit(.leftBehind(start: range.start, left), journal: &journal)
    }
    if let failure { throw failure }
  }

  /// Notes what a device is about to write, where that is told apart: pages that are mapped.
  public mutating func noteWrite(
    to iova: IOVA, byteCount: Int, journal: inout some ContainerJournal
  ) {
    guard container.isTracking, container.reporting.contains(.precise), byteCount > 0 else {
      return
    }
    let (end, wraps) = iova.rawValue.addingReportingOverflow(UInt64(byteCount - 1))
    let written = IOVARange(start: iova, last: IOVA(wraps ? .max : end))
    var from = written.start
    while let mapping = container.entries.firstOverlapping(
      IOVARange(start: from, last: written.last))
    {
      guard let pages = written.intersection(mapping.range) else { return }
      if mapping.value.access.contains(.write), !container.dirtyPages.contains(pages) {
        commit(.dirtied(pages), journal: &journal)
      }
      guard mapping.range.last < written.last else { return }
      from = IOVA(mapping.range.last.rawValue + 1)
    }
  }
}
