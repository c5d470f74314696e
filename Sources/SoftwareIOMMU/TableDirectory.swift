public import AddressSpaces
public import DMATypes

/// Spaces, groups and tables of one software IOMMU, and who uses which: all of it but the memory.
///
/// A value, so that one call checks exclusive access once; looked through in order, because a
/// container has a handful of each.
@usableFromInline struct TableDirectory: ~Copyable {
  private struct Space {
    var isLive = true
    var tables: [HardwareTable] = []
    /// The same tables as MAP and UNMAP go through them: each leads to the next.
    var first: RadixTable?
    let mappings = MappingCount()
  }
  private struct HardwareTable {
    let id: HardwareTableID
    let facts: IOMMUFacts
    let radix: RadixTable
    var groupCount = 0
  }
  private struct Claim {
    let group: GroupNumber
    let iommu: IOMMUFacts?
    let devices: DeviceTable
    var table: HardwareTableID?
  }

  // Numbers are never used twice, so that a stale one names nothing. Space n is at n − 1.
  private var spaces: [Space] = []
  private var claims: [Claim] = []
  private var tableCount: UInt32 = 0
  private let budget: PageBudget

  init(budget: PageBudget) { self.budget = budget }

  deinit {
    for claim in claims { claim.devices.table = nil }
    for space in spaces {
      for table in space.tables { table.radix.free() }
      space.mappings.free()
    }
  }

  @inline(__always) private func index(_ space: IOASID) throws(Errno) -> Int {
    let index = Int(space.rawValue) - 1
    guard index >= 0, index < spaces.count, spaces[index].isLive else { throw .notFound }
    return index
  }

  @inline(__always) private func claimIndex(_ group: GroupNumber) -> Int? {
    for index in claims.indices where claims[index].group == group { return index }
    return nil
  }

  private func place(of id: HardwareTableID) -> (space: Int, table: Int)? {
    for space in spaces.indices {
      for table in spaces[space].tables.indices where spaces[space].tables[table].id == id {
        return (space, table)
      }
    }
    return nil
  }

  /// Table pages held, over all tables.
  var tablePageCount: Int {
    spaces.reduce(0) { $0 + $1.tables.reduce(0) { $0 + $1.radix.pageCount } }
  }
}

// Spaces and groups.
extension TableDirectory {
  mutating func allocateSpace() throws(Errno) -> IOASID {
    guard let number = UInt32(exactly: spaces.count + 1) else { throw .noSpace }
    spaces.append(Space())
    return IOASID(rawValue: number)
  }

  mutating func destroy(space: IOASID) {
    guard let index = try? index(space), spaces[index].tables.isEmpty else { return }
    spaces[index].isLive = false
  }

  mutating func claim(_ group: GroupFacts) throws(Errno) {
    guard group.isViable, claimIndex(group.number) == nil else { throw .notPermitted }
    let devices = DeviceTable(readsWhatIsWritable: group.iommu?.readsWhatIsWritable ?? false)
    claims.append(Claim(group: group.number, iommu: group.iommu, devices: devices))
  }

  mutating func release(_ group: GroupNumber) {
    detach(group)
    if let index = claimIndex(group) { claims.remove(at: index) }
  }

  func devices(of group: GroupNumber) -> DeviceTable? {
    claimIndex(group).map { claims[$0].devices }
  }
}

// Tables.
extension TableDirectory {
  mutating func allocateTable(in space: IOASID, for group: GroupNumber) throws(Errno)
    -> HardwareTableID
  {
    let index = try index(space)
    guard let claim = claimIndex(group), let facts = claims[claim].iommu else { throw .noDevice }
    guard tableCount < .max else { throw .noSpace }
    tableCount += 1
    let id = HardwareTableID(rawValue: tableCount)
    // Mappings that the space has already come in by promotion, as devices use them.
    let radix = RadixTable(
      aperture: facts.aperture, pageSizes: facts.pageSizes, budget: budget,
      mappings: spaces[index].mappings)
    spaces[index].tables.append(HardwareTable(id: id, facts: facts, radix: radix))
    chainTables(of: index)
    return id
  }

  private mutating func chainTables(of index: Int) {
    var next: RadixTable?
    for table in spaces[index].tables.reversed() {
      table.radix.next = next
      next = table.radix
    }
    spaces[index].first = next
  }

  mutating func destroy(table id: HardwareTableID) {
    guard let at = place(of: id), spaces[at.space].tables[at.table].groupCount == 0 else { return }
    let removed = spaces[at.space].tables.remove(at: at.table)
    chainTables(of: at.space)
    removed.radix.free()
  }

  mutating func attach(_ group: GroupNumber, to id: HardwareTableID) throws(Errno) {
    guard let claim = claimIndex(group), let facts = claims[claim].iommu else { throw .noDevice }
    guard let at = place(of: id) else { throw .notFound }
    guard claims[claim].table == nil else { throw .busy }
    guard facts.canUse(spaces[at.space].tables[at.table].facts) else { throw .invalidArgument }
    spaces[at.space].tables[at.table].groupCount += 1
    claims[claim].table = id
    claims[claim].devices.table = spaces[at.space].tables[at.table].radix
  }

  mutating func detach(_ group: GroupNumber) {
    guard let claim = claimIndex(group), let id = claims[claim].table else { return }
    claims[claim].devices.table = nil
    claims[claim].table = nil
    guard let at = place(of: id) else { return }
    spaces[at.space].tables[at.table].groupCount -= 1
  }
}

extension IOMMUFacts {
  /// Whether devices behind this IOMMU can walk a table made for another.
  fileprivate func canUse(_ table: IOMMUFacts) -> Bool {
    driver == table.driver && enforcesCoherency == table.enforcesCoherency
      && aperture.contains(table.aperture) && table.pageSizes.rawValue & ~pageSizes.rawValue == 0
  }
}

// Mappings.
extension TableDirectory {
  /// Refuses what no table of the space could hold; true when devices will reach the memory, so
  /// that it must be there.
  @usableFromInline func checkMap(_ mapping: Mapping, in space: IOASID) throws(Errno) -> Bool {
    let first = spaces[try index(space)].first
    var next = first
    while let table = next {
      // VT-d answers EFAULT beyond its tables; `iommu_map()` answers EINVAL for odd ends.
      guard table.aperture.contains(mapping.range) else { throw .badAddress }
      guard mapping.range.isPageAligned else { throw .invalidArgument }
      // No process has 2⁶⁴ bytes, and their count cannot be written down.
      guard mapping.range.size != 0 else { throw .badAddress }
      next = table.next
    }
    return first != nil
  }

  @usableFromInline func prefetch(_ iova: IOVA, in space: IOASID) {
    guard let index = try? index(space) else { return }
    spaces[index].first?.prefetch(iova)
  }

  @usableFromInline func map(_ mapping: Mapping, in space: IOASID) throws(Errno) {
    let index = try index(space)
    let (first, mappings) = (spaces[index].first, spaces[index].mappings)
    mappings.value += 1
    guard enter(mapping, from: first) else {
      clear(mapping.range, from: first)
      mappings.value -= 1
      throw .exists
    }
  }

  /// Follows another process: what stands in the way is a past that its own record has removed.
  func adopt(_ mapping: Mapping, in space: IOASID) {
    guard let index = try? index(space) else { return }
    spaces[index].mappings.value += 1
    clear(mapping.range, from: spaces[index].first)
    _ = enter(mapping, from: spaces[index].first)
  }

  @usableFromInline func unmap(_ range: IOVARange, in space: IOASID) throws(Errno) {
    let index = try index(space)
    let (first, mappings) = (spaces[index].first, spaces[index].mappings)
    mappings.value = max(0, mappings.value - 1)
    var next = first
    while let table = next {
      table.clear(range)
      table.trim()
      next = table.next
    }
  }

  /// False when another mapping stands there; then some tables may hold part of this one.
  @inline(__always)
  private func enter(_ mapping: Mapping, from first: RadixTable?) -> Bool {
    var next = first
    while let table = next {
      if table.aperture.contains(mapping.range), mapping.range.isPageAligned,
        table.enter(mapping.range, mapping.memory) == .occupied
      {
        return false
      }
      next = table.next
    }
    return true
  }

  private func clear(_ range: IOVARange, from first: RadixTable?) {
    var next = first
    while let table = next {
      table.clear(range)
      next = table.next
    }
  }
}

extension IOVARange {
  fileprivate var isPageAligned: Bool {
    (start.rawValue | last.rawValue &+ 1) & (PageSizes.processorPageBytes - 1) == 0
  }
}
