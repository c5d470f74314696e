internal import AddressSpaces
public import DMATypes

extension ContainerState {
  /// Decides a pin: `vfio_pin_pages()`, `vfio_iommu_type1_pin_pages()`.
  public func plan(pinning request: PinRequest) throws(Rule) -> PinPlan {
    guard request.count != 0 else { throw .pinOfNothing }
    guard request.hasUnmapHook else { throw .pinWithoutUnmapHook }
    guard (1...PinRequest.mostPages).contains(request.count) else { throw .pinOfTooManyPages }
    guard driver != .version1 else { throw .pinInVersion1 }
    guard invalidAddressCount == 0 else { throw .pinWhileAddressInvalid }
    var plan = PinPlan(pages: [], fresh: [], charges: domains.isEmpty, refusal: nil)
    plan.refusal = eachMapping(
      of: PageRun(start: request.iova, count: UInt64(request.count))
    ) { pages throws(Rule) in
      guard UInt32(pages.memory.access.rawValue) & request.protection == request.protection else {
        throw .pinExceedsAccess
      }
      guard failedUnmaps.isEmpty || !isFailedUnmap(pages.run.start) else {
        throw .pinInFailedUnmap
      }
      plan.pages.append(pages)
      if hasPins {
        plan.fresh += pins.unheld(in: pages.run).map { pages.part($0) }
      } else {
        plan.fresh.append(pages)
      }
    }
    return plan
  }

  /// Finds what an unpin gives back; it never fails: `vfio_iommu_type1_unpin_pages()`.
  public func plan(unpinning request: UnpinRequest) -> UnpinPlan {
    guard (1...PinRequest.mostPages).contains(request.count), driver != .version1 else {
      return UnpinPlan(run: nil, released: [], isSuspicious: true)
    }
    var walked: UInt64 = 0
    var released: [PinnedPages] = []
    let end = eachMapping(
      of: PageRun(start: request.iova, count: UInt64(request.count))
    ) { pages throws(Rule) in
      walked += pages.run.count
      if hasPins { released += pins.heldOnce(in: pages.run).map { pages.part($0) } }
    }
    return UnpinPlan(
      run: walked == 0 ? nil : PageRun(start: request.iova, count: walked), released: released,
      isSuspicious: end != nil)
  }

  /// Decides a copy by a driver: `vfio_dma_rw()`, `vfio_iommu_type1_dma_rw()`.
  ///
  /// - Parameters:
  ///   - access: read or write, as the driver sees memory.
  ///   - owner: the calling process, whose memory it must be.
  ///   - isAlive: whether another process still has its memory.
  public func plan(
    copying byteCount: UInt64, at iova: IOVA, access: DMAAccess, by owner: MemoryOwner,
    isAlive: (MemoryOwner) -> Bool = { _ in true }
  ) throws(Rule) -> CopyPlan {
    guard byteCount != 0 else { throw .copyOfNothing }
    guard invalidAddressCount == 0 else { throw .copyWhileAddressInvalid }
    var plan = CopyPlan(parts: [], refusal: nil)
    var (next, left) = (iova, byteCount)
    // Readable memory is needed even to write: vfio_iommu_type1_dma_rw_chunk().
    let needed = access.union(.read)
    while left > 0, plan.refusal == nil {
      if let mapping = entries.containing(next) {
        if !mapping.value.access.isSuperset(of: needed) {
          plan.refusal = .copyExceedsAccess
        } else if mapping.value.owner != owner {
          plan.refusal = isAlive(mapping.value.owner) ? .copyInAnotherProcess : .copyOfTheDead
        } else {
          let distance = next.rawValue - mapping.range.start.rawValue
          let size = min(left - 1, mapping.range.last.rawValue - next.rawValue)
          plan.parts.append(
            CopyPart(
              range: IOVARange(start: next, last: IOVA(next.rawValue + size)),
              memory: mapping.value, address: mapping.value.address.advanced(by: distance)))
          next = IOVA(next.rawValue &+ size &+ 1)
          left -= size + 1
        }
      } else {
        plan.refusal = .copyNotMapped
      }
    }
    return plan
  }

  /// Hands over the parts of a run that lie in one mapping each; why it ends early, or nil.
  private func eachMapping(
    of run: PageRun, _ body: (PinnedPages) throws(Rule) -> Void
  ) -> Rule? {
    var (next, left) = (run.start, run.count)
    while left > 0 {
      // A page whose first address is not mapped is refused, where the kernel takes the mapping
      // that the odd page ends in, and a page in front of that mapping's memory.
      guard let mapping = entries.containing(next) else { return .pinNotMapped }
      let behind = (mapping.range.last.rawValue - next.rawValue) / PageSizes.processorPageBytes
      let count = min(left - 1, behind) + 1
      let distance = (next.rawValue - mapping.range.start.rawValue) & ~0xfff
      let memory = MappedMemory(rawValue: mapping.value.rawValue &+ distance)
      do throws(Rule) {
        try body(PinnedPages(run: PageRun(start: next, count: count), memory: memory))
      } catch {
        return error
      }
      left -= count
      let (after, wraps) = next.rawValue.addingReportingOverflow(
        count * PageSizes.processorPageBytes)
      if wraps, left > 0 { return .pinNotMapped }
      next = IOVA(after)
    }
    return nil
  }

  private func isFailedUnmap(_ address: IOVA) -> Bool {
    guard let mapping = entries.containing(address) else { return false }
    return failedUnmaps.contains(mapping.range.start)
  }

  /// How many pages of an owner's memory drivers have pinned that no table has.
  public func pinnedPageCount(of owner: MemoryOwner) -> UInt64 {
    guard hasPins else { return 0 }
    return entries.reduce(0) { pages, mapping in
      mapping.value.owner == owner ? pages + pins.count(in: mapping.range) : pages
    }
  }

  /// Decides, after all rounds, whether a mapping may go: `vfio_dma_do_unmap()`.
  public func checkLetGo(of mapping: IOVARange) throws(Rule) {
    if pins.overlaps(mapping) { throw .unmapOfHeldPages }
  }

  /// The events that make a restored container hold what this one holds, its mappings being there.
  public var pinEvents: [ContainerEvent] {
    var events: [ContainerEvent] = []
    pins.forEach { events.append(.pinned($0, times: $1)) }
    events += pinningGroups.sorted().map { .limitedToPins($0) }
    return events + failedUnmaps.sorted().map { .unmapFailed(start: $0) }
  }

  // MARK: Commits

  mutating func commitPinned(_ run: PageRun, times: UInt32) {
    pins.add(run, times: times)
    updateHasPins()
    if isTracking, let pages = run.evenRange { dirtyPages.insert(pages) }
  }

  mutating func commitUnpinned(_ run: PageRun) {
    pins.drop(run)
    updateHasPins()
  }

  mutating func commitUnmapFailed(_ start: IOVA) {
    failedUnmaps.insert(start)
    updateHasPins()
  }

  /// A mapping went: nothing of it is held any more.
  @usableFromInline @inline(never) mutating func forgetPins(in range: IOVARange) {
    pins.removeAll(in: range)
    failedUnmaps.remove(range.start)
    updateHasPins()
  }

  private mutating func updateHasPins() { hasPins = !pins.isEmpty || !failedUnmaps.isEmpty }
}
