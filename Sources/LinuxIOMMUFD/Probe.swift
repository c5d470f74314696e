public import AddressSpaces
public import DMATypes

/// What scratch objects showed of the IOMMU behind a bound device.
public struct ProbedIOMMU: Hashable, Sendable {
  /// What tables made for the device can do.
  public var facts: IOMMUFacts
  /// Whether the driver finishes a table only when a device is attached (virtio-iommu): then no
  /// table is made ahead, and pages stay pinned only while the device is attached.
  public var finishesTablesAtAttach: Bool

  /// States what was found.
  public init(facts: IOMMUFacts, finishesTablesAtAttach: Bool) {
    self.facts = facts
    self.finishesTablesAtAttach = finishesTablesAtAttach
  }
}

extension IOMMUFDescriptor {
  /// Finds out about the IOMMU behind a bound device that is attached to nothing, and leaves
  /// nothing behind.
  ///
  /// The compatibility space is another meanwhile, and `space` afterwards: nobody may map in
  /// between.
  public func probe(
    _ device: DeviceDescriptor, _ id: DeviceID, restoring space: IOASID?
  ) throws(Errno) -> ProbedIOMMU {
    let scratch = try allocateSpace()
    defer {
      try? setCompatibilitySpace(space)
      try? destroy(space: scratch)
    }
    try setCompatibilitySpace(scratch)
    let table = try allocateTable(in: scratch, for: id)
    if let facts = try? facts(of: scratch, for: id) {
      try? destroy(table: table)
      return ProbedIOMMU(facts: facts, finishesTablesAtAttach: false)
    }
    // An unfinished table translates nothing.
    try? destroy(table: table)
    _ = try device.attach(to: scratch)
    defer { device.detach() }
    return ProbedIOMMU(
      facts: try facts(of: scratch, for: id), finishesTablesAtAttach: true)
  }

  /// The facts of a compatibility space with one table; `ENODEV` when nothing can be mapped. An
  /// unfinished table reaches from 0 to 0.
  private func facts(of space: IOASID, for device: DeviceID) throws(Errno) -> IOMMUFacts {
    let ranges = try usableRanges(of: space)
    guard let first = ranges.first, let last = ranges.last,
      last.last.rawValue >= PageSizes.processorPageBytes - 1
    else { throw .noDevice }
    // Linux 6.12 loses count of pins where a mapping ends at 2⁶⁴, and frees pages that are in use.
    let end = min(last.last, IOVARange.mostMappable.last)
    let sizes = try pageSizes()
    return IOMMUFacts(
      driver: (try? driver(of: device)) ?? 0,
      aperture: IOVARange(start: first.start, last: end),
      pageSizes: sizes, enforcesCoherency: try enforcesCoherency())
  }
}

extension IOVARange {
  /// The whole space without its last page.
  public static let mostMappable = Self(
    start: IOVA(0), last: IOVA(.max - PageSizes.processorPageBytes))
}
