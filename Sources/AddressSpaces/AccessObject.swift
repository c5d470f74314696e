public import DMATypes

/// Software's own way into an address space, by the processor and no table: iommufd's access
/// object.
///
/// A driver that emulates a device, or shares one, has one of these for each space that it serves:
/// a PASID in a device's own space, a space of software only, a whole requester. No group stands
/// behind it. What a legacy program sees of such a driver, a group and 512 pages a call, the shim
/// adds.
///
/// It is a value over a backend: it knows what it holds, and the backend holds it. What the space
/// maps is the owner's to know, and handed in.
public struct AccessObject: Sendable {
  /// The space.
  public let space: IOASID
  /// How often each range of whole pages is pinned; the ranges may overlap.
  private var users: [IOVARange: Int] = [:]
  private var counts = PageCounts()
  /// The mappings that take no new pin, because they are about to go.
  private var closed: Set<IOVA> = []

  /// An access to a space of software only (`iommufd_access_attach()`).
  public init(to space: IOASID) { self.space = space }

  /// An access to a space as whatever its driver accepts.
  ///
  /// `EINVAL` for what it does not, and for a PASID of more than 20 bits.
  public init(
    to space: IOASID, as attachment: AccessAttachment, accepting kinds: AcceptedAttachments
  ) throws(Errno) {
    guard kinds.contains(attachment.kind) else { throw .invalidArgument }
    if case .pasid(let number, _) = attachment, number >> 20 != 0 { throw .invalidArgument }
    self.space = space
  }

  /// How many pages are pinned, each counted once.
  public var pageCount: UInt64 { counts.pageCount }

  /// Whether it holds a page of a range of whole pages.
  public func holds(_ range: IOVARange) -> Bool { counts.overlaps(range) }

  /// Pins any number of bytes, rounded out to whole pages, over as many mappings as follow one
  /// another: `iommufd_access_pin_pages()`. All of them, or none.
  ///
  /// `EINVAL` for nothing, what wraps, and mappings that are about to go; `ENOENT` where nothing is
  /// mapped; `EPERM` when a mapping does not allow it, reading being asked for unless `access` has
  /// `write`; `EFAULT`, `ENODEV`, `ENOMEM` as the backend's `pin`.
  public mutating func pin<Backend: AccessBackend>(
    _ range: IOVARange, access: DMAAccess, mappings: RangeMap<MappedMemory>,
    on backend: inout Backend
  ) throws(Errno) -> [PinnedPages] {
    let range = range.wholePages
    let pages = try parts(of: range, needing: access.contains(.write) ? .write : .read, mappings)
    for (index, part) in pages.enumerated() {
      do throws(Errno) {
        try backend.pin(part.asMapping, isCharged: true, in: space)
      } catch {
        for earlier in pages[..<index] { backend.unpin(earlier.asMapping, in: space) }
        throw error
      }
    }
    users[range, default: 0] += 1
    counts.add(PageRun(start: range.start, count: range.pageCount))
    return pages
  }

  /// Gives back a range that was pinned exactly so: `iommufd_access_unpin_pages()`. False, and
  /// nothing done, for any other.
  @discardableResult
  public mutating func unpin<Backend: AccessBackend>(
    _ range: IOVARange, mappings: RangeMap<MappedMemory>, on backend: inout Backend
  ) -> Bool {
    let range = range.wholePages
    guard let times = users[range] else { return false }
    users[range] = times == 1 ? nil : times - 1
    counts.drop(PageRun(start: range.start, count: range.pageCount))
    for part in (try? parts(of: range, needing: [], mappings, isPinned: true)) ?? [] {
      backend.unpin(part.asMapping, in: space)
    }
    return true
  }

  /// Copies out of the space, whosever memory it is: `iommufd_access_rw()`.
  ///
  /// `EINVAL` for nothing, `EOVERFLOW` for what wraps; else what lies before the address that
  /// refuses is copied: `ENOENT`, `EPERM` and `EINVAL` as `pin` says, `EFAULT` where no memory is.
  public func read<Backend: AccessBackend>(
    _ bytes: UnsafeMutableRawBufferPointer, from iova: IOVA, mappings: RangeMap<MappedMemory>,
    on backend: Backend
  ) throws(Errno) {
    try copy(bytes.count, at: iova, needing: .read, mappings) {
      (address, memory, place) throws(Errno) in
      let part = UnsafeMutableRawBufferPointer(rebasing: bytes[place])
      try backend.read(part, from: address, of: memory, in: space)
    }
  }

  /// Copies into the space, whosever memory it is: `iommufd_access_rw()`. Only writing must be
  /// allowed.
  public func write<Backend: AccessBackend>(
    _ bytes: UnsafeRawBufferPointer, to iova: IOVA, mappings: RangeMap<MappedMemory>,
    on backend: Backend
  ) throws(Errno) {
    try copy(bytes.count, at: iova, needing: .write, mappings) {
      (address, memory, place) throws(Errno) in
      let part = UnsafeRawBufferPointer(rebasing: bytes[place])
      try backend.write(part, to: address, of: memory, in: space)
    }
  }

  // MARK: Unmapping

  /// Rounds in which a driver is asked to let go of one mapping.
  public static var mostRounds: Int { 101 }

  /// Before a mapping goes: no new pin of it is granted, and the driver is asked, until nothing of
  /// it is held: `iopt_unmap_iova_range()`. What the driver gives back it returns.
  ///
  /// `EDEADLK` after all rounds: the mapping stays, and takes no pin until it is gone.
  public mutating func close<Backend: AccessBackend>(
    _ mapping: IOVARange, mappings: RangeMap<MappedMemory>, on backend: inout Backend,
    asking driver: (IOVARange) -> [IOVARange]
  ) throws(Errno) {
    closed.insert(mapping.start)
    for _ in 0..<Self.mostRounds {
      if !holds(mapping) { return }
      for range in driver(mapping) { unpin(range, mappings: mappings, on: &backend) }
    }
    if holds(mapping) { throw .deadlock }
  }

  /// The mapping is gone: what is mapped there next may be pinned.
  public mutating func forget(_ mapping: IOVARange) { closed.remove(mapping.start) }

  // MARK: Parts

  private func parts(
    of range: IOVARange, needing access: DMAAccess, _ mappings: RangeMap<MappedMemory>,
    isPinned: Bool = false
  ) throws(Errno) -> [PinnedPages] {
    var parts: [PinnedPages] = []
    try eachPart(of: range, needing: access, mappings, isPinned: isPinned) { part in
      parts.append(part)
    }
    return parts
  }

  /// Hands over the parts of whole pages that lie in one mapping each, up to one that refuses.
  private func eachPart(
    of range: IOVARange, needing access: DMAAccess, _ mappings: RangeMap<MappedMemory>,
    isPinned: Bool = false, _ body: (PinnedPages) throws(Errno) -> Void
  ) throws(Errno) {
    var next = range.start
    while true {
      guard let mapping = mappings.containing(next) else { throw .notFound }
      guard mapping.value.access.isSuperset(of: access) else { throw .notPermitted }
      guard isPinned || closed.isEmpty || !closed.contains(mapping.range.start) else {
        throw .invalidArgument
      }
      let last = min(mapping.range.last, range.last)
      let distance = next.rawValue - mapping.range.start.rawValue
      try body(
        PinnedPages(
          run: PageRun(start: next, count: IOVARange(start: next, last: last).pageCount),
          memory: MappedMemory(rawValue: mapping.value.rawValue + distance)))
      if last == range.last { return }
      next = IOVA(last.rawValue + 1)
    }
  }

  private func copy(
    _ count: Int, at iova: IOVA, needing access: DMAAccess, _ mappings: RangeMap<MappedMemory>,
    _ body: (UserAddress, MappedMemory, Range<Int>) throws(Errno) -> Void
  ) throws(Errno) {
    guard count > 0 else { throw .invalidArgument }
    guard let range = IOVARange(start: iova, size: UInt64(count)) else { throw .overflow }
    var done = 0
    try eachPart(of: range.wholePages, needing: access, mappings) { part throws(Errno) in
      let offset = done == 0 ? iova.rawValue - part.run.start.rawValue : 0
      let bytes = part.run.count * PageSizes.processorPageBytes - offset
      let end = done + Int(min(bytes, UInt64(count - done)))
      try body(part.memory.address.advanced(by: offset), part.memory, done..<end)
      done = end
    }
  }
}

extension IOVARange {
  /// The pages that it touches.
  fileprivate var wholePages: Self {
    let mask = PageSizes.processorPageBytes - 1
    return Self(start: IOVA(start.rawValue & ~mask), last: IOVA(last.rawValue | mask))
  }

  /// How many pages whole pages are.
  fileprivate var pageCount: UInt64 {
    (last.rawValue - start.rawValue) / PageSizes.processorPageBytes + 1
  }
}
