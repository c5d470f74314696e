public import AddressSpaces
public import DMATypes
public import LegacyVFIO

// What mediated drivers ask of a container. The caller of each has the container to itself.
extension ContainerSession where Backend: AccessBackend {
  /// Rounds in which drivers are asked to let go of one mapping: after as many type1 gives up.
  static var mostRounds: Int { 11 }

  /// `vfio_pin_pages()`: the pages, in order. All of them, or none is held.
  public mutating func pin(
    _ request: PinRequest, journal: inout some ContainerJournal
  ) throws(Errno) -> [PinnedPages] {
    let plan: PinPlan
    do throws(Rule) {
      plan = try container.plan(pinning: request)
    } catch {
      throw error.errno
    }
    try act(plan, journal: &journal)
    commit(
      .pinned(PageRun(start: request.iova, count: UInt64(request.count)), times: 1),
      journal: &journal)
    if container.group(request.group)?.kind == .physical,
      !container.pinningGroups.contains(request.group)
    {
      commit(.limitedToPins(request.group), journal: &journal)
    }
    return plan.pages
  }

  /// Asks for the memory that is not held yet; the refusal at the end of the plan comes after it.
  private mutating func act(
    _ plan: PinPlan, journal: inout some ContainerJournal
  ) throws(Errno) {
    guard let space else { throw .notTypewriter }
    for (index, pages) in plan.fresh.enumerated() {
      do throws(Errno) {
        try backend.pin(pages.asMapping, isCharged: plan.charges, in: space)
      } catch {
        let present =
          container.isTracking ? count(of: pages, isCharged: plan.charges, in: space) : 0
        for earlier in plan.fresh[..<index] { backend.unpin(earlier.asMapping, in: space) }
        let refused = pages.part(PageRun(start: pages.run.start, count: present))
        leaveDirty(plan.fresh[..<index] + [refused], journal: &journal)
        throw error
      }
    }
    guard let refusal = plan.refusal else { return }
    for pages in plan.fresh { backend.unpin(pages.asMapping, in: space) }
    leaveDirty(plan.fresh[...], journal: &journal)
    throw refusal.errno
  }

  /// How many pages can be had before the one that refuses: they are asked for singly, and let go.
  private mutating func count(
    of pages: PinnedPages, isCharged: Bool, in space: IOASID
  ) -> UInt64 {
    var had: [PinnedPages] = []
    defer { for page in had { backend.unpin(page.asMapping, in: space) } }
    for number in 0..<pages.run.count {
      let start = pages.run.start.rawValue + number * PageSizes.processorPageBytes
      let page = pages.part(PageRun(start: IOVA(start), count: 1))
      do throws(Errno) {
        try backend.pin(page.asMapping, isCharged: isCharged, in: space)
      } catch { break }
      had.append(page)
    }
    return UInt64(had.count)
  }

  /// Pages that a failed pin had held for a moment stay dirty: `vfio_iommu_type1_pin_pages()` marks
  /// each as it pins it, and takes no mark back.
  private mutating func leaveDirty(
    _ held: ArraySlice<PinnedPages>, journal: inout some ContainerJournal
  ) {
    guard container.isTracking else { return }
    for pages in held {
      if let range = pages.run.evenRange { commit(.dirtied(range), journal: &journal) }
    }
  }

  /// `vfio_unpin_pages()`: gives each page back once. It never fails; true is where the kernel
  /// would log a warning.
  @discardableResult
  public mutating func unpin(
    _ request: UnpinRequest, journal: inout some ContainerJournal
  ) -> Bool {
    let plan = container.plan(unpinning: request)
    if let run = plan.run, container.hasPins {
      if let space {
        for pages in plan.released { backend.unpin(pages.asMapping, in: space) }
      }
      commit(.unpinned(run), journal: &journal)
    }
    return plan.isSuspicious
  }

  /// `vfio_dma_rw()` that reads: fails at the first address that refuses, with everything before it
  /// read.
  ///
  /// - Parameter owner: the calling process, whose memory it must be.
  public mutating func read(
    _ bytes: UnsafeMutableRawBufferPointer, from iova: IOVA, for owner: MemoryOwner,
    journal: inout some ContainerJournal
  ) throws(Errno) {
    try copy(bytes.count, iova, .read, owner, journal: &journal) {
      (backend, part, range) throws(Errno) in
      // SAFETY: the parts of a plan lie within the count that it was made for.
      let piece = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[range])
      try unsafe backend.load(piece, from: part.address)
    }
  }

  /// `vfio_dma_rw()` that writes: fails at the first address that refuses, with everything before
  /// it written.
  public mutating func write(
    _ bytes: UnsafeRawBufferPointer, to iova: IOVA, for owner: MemoryOwner,
    journal: inout some ContainerJournal
  ) throws(Errno) {
    try copy(bytes.count, iova, .write, owner, journal: &journal) {
      (backend, part, range) throws(Errno) in
      // SAFETY: the parts of a plan lie within the count that it was made for.
      let piece = unsafe UnsafeRawBufferPointer(rebasing: bytes[range])
      try unsafe backend.store(piece, to: part.address)
    }
  }

  private mutating func copy(
    _ count: Int, _ iova: IOVA, _ access: DMAAccess, _ owner: MemoryOwner,
    journal: inout some ContainerJournal,
    _ body: (Backend, CopyPart, Range<Int>) throws(Errno) -> Void
  ) throws(Errno) {
    // Not asked of `self`, which would be copied for the closure, all of the state.
    let backend = backend
    let plan: CopyPlan
    do throws(Rule) {
      plan = try container.plan(
        copying: UInt64(count), at: iova, access: access, by: owner,
        isAlive: { backend.isAlive($0) })
    } catch {
      throw error.errno
    }
    guard space != nil else { throw .notTypewriter }
    var done = 0
    for part in plan.parts {
      let end = done + Int(part.range.size)
      try body(backend, part, done..<end)
      if access == .write, container.isTracking {
        commit(.dirtied(part.range), journal: &journal)
      }
      done = end
    }
    if let refusal = plan.refusal { throw refusal.errno }
  }

  /// Copies out of a pinned page, whosever it is.
  public func read(
    _ bytes: UnsafeMutableRawBufferPointer, from page: MappedMemory, offset: UInt64
  ) throws(Errno) {
    guard let space else { throw .notTypewriter }
    try unsafe backend.read(
      bytes, from: page.address.advanced(by: offset), of: page, in: space)
  }

  /// Copies into a pinned page, whosever it is.
  public func write(
    _ bytes: UnsafeRawBufferPointer, to page: MappedMemory, offset: UInt64
  ) throws(Errno) {
    guard let space else { throw .notTypewriter }
    try unsafe backend.write(
      bytes, to: page.address.advanced(by: offset), of: page, in: space)
  }

  // MARK: Unmapping

  /// Before an admitted UNMAP_DMA is made: asks drivers to let go of every mapping that it would
  /// remove, the lowest first, `vfio_notify_dma_unmap()`.
  ///
  /// A driver is told the whole mapping, and what it gives back it *returns*: nothing of this
  /// container is called meanwhile. `EDEADLK` when one mapping is still held after all rounds: the
  /// unmapper is refused, with every mapping in place, and so is who pins in that mapping from then
  /// on, until it is unmapped. A request that will be refused tells nobody.
  public mutating func letGo(
    before request: UnmapRequest, drivers: inout some MediatedDrivers,
    journal: inout some ContainerJournal
  ) throws(Errno) {
    guard !request.invalidatesAddress, let plan = try? container.plan(unmapping: request),
      let starts = plan.starts
    else { return }
    while let held = container.pins.first(in: starts),
      let mapping = container.entries.containing(held)?.range
    {
      try letGo(of: mapping, drivers: &drivers, journal: &journal)
    }
  }

  private mutating func letGo(
    of mapping: IOVARange, drivers: inout some MediatedDrivers,
    journal: inout some ContainerJournal
  ) throws(Errno) {
    for _ in 0..<Self.mostRounds {
      for request in drivers.letGo(of: mapping) { unpin(request, journal: &journal) }
      if !container.pins.overlaps(mapping) { return }
    }
    let refusal: Rule
    do throws(Rule) { return try container.checkLetGo(of: mapping) } catch { refusal = error }
    if !container.failedUnmaps.contains(mapping.start) {
      commit(.unmapFailed(start: mapping.start), journal: &journal)
    }
    drivers.unmapFailed(mapping)
    throw refusal.errno
  }
}
