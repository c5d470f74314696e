public import AddressSpaces
public import DMATypes
internal import LegacyVFIO

/// How dirty pages are told apart and reported; the kernel's way is neither.
public struct DirtyReporting: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits: 1 stale bits, 2 precise.
  public var rawValue: UInt8
  /// Wraps the bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// Reports leave bits behind that later ones show, as `update_user_bitmap()` of Linux 6.12 does.
  public static var staleBits: Self { .init(rawValue: 1) }
  /// Only what devices truly wrote is dirty, behind an IOMMU too: better than type1.
  public static var precise: Self { .init(rawValue: 2) }
}

/// A granted GET_BITMAP: whole mappings, reported one by one.
public struct DirtyReportPlan: Hashable, Sendable, BitwiseCopyable {
  /// The bytes asked for; bit 0 stands for the first page.
  public var range: IOVARange
  /// Where the bits go.
  public var data: UserAddress
}

/// A granted MAP_DMA with VADDR.
public struct ReaddressPlan: Hashable, Sendable, BitwiseCopyable {
  /// The mapping as it will be.
  public var mapping: Mapping
  /// The memory that it had.
  public var old: MappedMemory
  /// Whether a hardware table exists.
  public var reachesTables: Bool
}

extension ContainerState {
  /// Whether every page of every mapping is dirty, because a group writes memory without telling:
  /// `num_non_pinned_groups`.
  ///
  /// Mediated devices tell by pinning and copying, and so does any group that has ever pinned.
  public var countsEveryPage: Bool {
    !domains.isEmpty && !reporting.contains(.precise) && hasUntellingGroup
  }

  private var hasUntellingGroup: Bool {
    groups.contains { $0.kind == .physical && !pinningGroups.contains($0.number) }
  }

  /// The most bytes that a tracked mapping can have: 2³¹−1 pages.
  private var trackedBytesMaximum: UInt64 {
    pageSizes.smallestBytes.multipliedReportingOverflow(by: 0x7fff_ffff).partialValue
  }

  /// Whether a mapping has more pages than a bitmap counts: `vfio_dma_bitmap_alloc()`.
  @usableFromInline func checkTrackable(_ range: IOVARange) throws(Rule) {
    // The size of the whole space, 2⁶⁴, does not fit its own type.
    if range.last.rawValue - range.start.rawValue >= trackedBytesMaximum {
      throw .mappingTooLargeToTrack
    }
  }

  /// Decides DIRTY_PAGES: `vfio_iommu_type1_dirty_pages()`.
  func plan(dirtyPages request: DirtyPagesRequest) throws(Rule) -> ContainerPlan {
    switch request {
    case .start:
      if isTracking { return .reply(.value(0)) }
      for mapping in entries { try checkTrackable(mapping.range) }
      return .track(true)
    case .stop: return isTracking ? .track(false) : .reply(.value(0))
    case .getBitmap(let iova, let size, let bitmap):
      return .reportDirty(try plan(reporting: iova, size, bitmap))
    }
  }

  private func plan(
    reporting iova: IOVA, _ size: UInt64, _ bitmap: BitmapArgument
  ) throws(Rule) -> DirtyReportPlan {
    let page = pageSizes.smallestBytes
    if iova.rawValue.addingReportingOverflow(size).overflow { throw .dirtyRangeWraps }
    if bitmap.pageBytes != page { throw .dirtyPageSizeDiffers }
    guard (iova.rawValue | size) & (page &- 1) == 0, let range = IOVARange(start: iova, size: size)
    else { throw .dirtyRangeUnaligned }
    guard isTracking else { throw .dirtyTrackingIsOff }
    if let first = entries.containing(range.start), first.range.start != range.start {
      throw .dirtyRangeCutsMapping
    }
    if let last = entries.containing(range.last), last.range.last != range.last {
      throw .dirtyRangeCutsMapping
    }
    return DirtyReportPlan(range: range, data: bitmap.data)
  }

  /// Everything that a snapshot and the mappings leave out, as events. Dirty pages are at most
  /// `most` runs: pages between the nearest of them are counted in where there are more.
  public func forEachDirtyEvent(atMost most: Int, _ body: (ContainerEvent) -> Void) {
    for run in dirtyPages.runs(atMost: most) { body(.dirtied(run)) }
    for (start, bits) in staleBits.sorted(by: { $0.key < $1.key }) {
      body(.leftBehind(start: start, bits))
    }
  }

  // MARK: - Events

  /// A mapping that goes takes its dirty pages with it.
  @usableFromInline mutating func forgetDirtyPages(of range: IOVARange) {
    dirtyPages.remove(range)
    staleBits[range.start] = nil
  }

  mutating func commitTracking(_ isOn: Bool) {
    isTracking = isOn
    dirtyPages = DirtyPages()
    staleBits = [:]
    dirtyPinnedPages(in: .all)
  }

  /// What drivers hold now they may write at any time: `vfio_dma_populate_bitmap()`.
  private mutating func dirtyPinnedPages(in range: IOVARange) {
    guard isTracking, hasPins else { return }
    pins.forEach(in: range) { run, _ in
      if let pages = run.evenRange { dirtyPages.insert(pages) }
    }
  }

  mutating func commitCleaned(_ range: IOVARange) {
    dirtyPages.remove(range)
    dirtyPinnedPages(in: range)
  }

  mutating func commitLeftBehind(_ start: IOVA, _ bits: StaleBits) {
    staleBits[start] = bits == StaleBits() ? nil : bits
  }

  /// Once no group is left that writes without telling, whatever it wrote is reported once more:
  /// `vfio_iommu_populate_bitmap_full()`.
  mutating func dirtyEverythingLeft() {
    guard isTracking, !hasUntellingGroup, !reporting.contains(.precise) else { return }
    for mapping in entries { dirtyPages.insert(mapping.range) }
  }
}
