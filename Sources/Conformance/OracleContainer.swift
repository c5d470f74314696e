/// The oracle's container: its groups, and the type1 instance once SET_IOMMU chose one.
struct OracleContainer {
  struct Mapping {
    var iova: World.Run
    var address: UInt64
    /// 1 read, 2 write.
    var access: UInt64
    /// Whether UNMAP with VADDR took the address away.
    var invalid = false
    /// The kernel's bitmap, longer than the pages; empty while nothing is tracked.
    var bits: [Bool] = []
    /// How often each page is pinned, by its bus address.
    var pins: [UInt64: Int] = [:]
    var size: UInt64 { iova.last &- iova.start &+ 1 }
  }

  /// A domain: groups that share one table. A domain without groups does not exist.
  struct Domain {
    var iommu: Int
    var groups: [Int]
  }

  let world: World
  let memoryBase: UInt64
  let manner: DirtyManner

  /// Every group of the container, the newest first.
  var members: [Int] = []

  // The type1 instance.
  var version: Int?
  var nesting = false
  var mappings: [Mapping] = []
  var available: UInt32 = 0
  /// The newest first.
  var domains: [Domain] = []
  var emulated: [Int] = []
  /// Usable addresses, ascending; empty: no list, everything is usable.
  var usable: [World.Run] = []
  var tracking = false
  /// The open mediated devices, by their groups.
  var drivers: [Int: PinsDriver] = [:]

  init(world: World, memoryBase: UInt64, manner: DirtyManner) {
    self.world = world
    self.manner = manner
    self.memoryBase = memoryBase
  }

  // MARK: - SET_IOMMU and CHECK_EXTENSION (1.1.1, 2.8)

  mutating func setIOMMU(_ type: UInt64) -> Int64 {
    if members.isEmpty || version != nil { return errnoINVAL }
    if isUnprotected {
      version = type == 8 ? Self.unprotectedVersion : nil
      return version == nil ? errnoNODEV : 0
    }
    switch type {
    case 1: version = 1
    case 3, 6: version = 2
    case 9: return errnoINVAL  // claimed as an extension, refused as a type
    default: return errnoNODEV
    }
    nesting = type == 6
    available = world.entryLimit
    for group in members {
      let refusal = attach(group)
      if refusal != 0 {
        dropInstance()
        return refusal
      }
    }
    return 0
  }

  /// `version` where the driver is that of groups without an IOMMU.
  static let unprotectedVersion = 8
  /// Whether the groups are without an IOMMU, which decides over the container.
  var isUnprotected: Bool { members.first.map { world.groups[$0].unprotected } ?? false }
  /// Whether a group is of another kind than those that are here (1.2).
  func isMixed(by group: Int) -> Bool {
    !members.isEmpty && isUnprotected != world.groups[group].unprotected
  }

  func checkExtension(_ number: UInt64) -> Outcome {
    if number == 8 && version == nil && (members.isEmpty || isUnprotected) {
      return Outcome(world.allowsUnprotected ? 1 : 0)
    }
    if isUnprotected { return Outcome(number == 8 ? 1 : 0) }
    return switch number {
    case 1, 3, 6, 9: Outcome(1)
    case 4: Outcome(version != nil && domains.allSatisfy { iommu($0).coherent } ? 1 : 0)
    case 10: Outcome(version != nil && emulated.isEmpty ? 1 : 0)
    default: Outcome(0)
    }
  }

  private mutating func dropInstance() {
    version = nil
    mappings = []
    domains = []
    emulated = []
    usable = []
    tracking = false
  }

  /// The group leaves; with the last one the instance and all its mappings go.
  mutating func remove(_ group: Int) {
    members.removeAll { $0 == group }
    if version != nil { detach(group) }
    if members.isEmpty { dropInstance() }
  }

  func iommu(_ domain: Domain) -> World.IOMMU { world.iommus[domain.iommu] }

  /// What every domain supports, from the processor's page up.
  var pageSizes: UInt64 {
    var sizes = UInt64.max
    for domain in domains { sizes &= iommu(domain).pageSizes }
    return sizes & 0xfff == 0 ? sizes : sizes & ~0xfff | 0x1000
  }
  var pageSize: UInt64 { pageSizes & (0 &- pageSizes) }

  func overlapsMapping(_ run: World.Run) -> Bool { mappings.contains { $0.iova.overlaps(run) } }

  // MARK: - Attach and detach (2.9)

  mutating func attach(_ group: Int) -> Int64 {
    if mappings.contains(where: \.invalid) { return errnoBUSY }
    guard let number = world.groups[group].iommu else {
      emulated.append(group)
      return 0
    }
    if nesting { return errnoINVAL }
    let iommu = world.iommus[number]
    if let first = usable.first, let last = usable.last {
      if iommu.aperture.start > last.last || iommu.aperture.last < first.start {
        return errnoINVAL
      }
      if iommu.aperture.start > first.start,
        overlapsMapping(World.Run(first.start, iommu.aperture.start - 1))
      {
        return errnoINVAL
      }
      // Up to 2⁶⁴ the kernel finds nothing (2.5), and the first table then has no room for it.
      if iommu.aperture.last < last.last, last.last != .max || !domains.isEmpty,
        overlapsMapping(World.Run(iommu.aperture.last + 1, last.last))
      {
        return errnoINVAL
      }
    }
    for region in world.groups[group].reserved where overlapsMapping(region) { return errnoINVAL }
    var list = usable.isEmpty ? [iommu.aperture] : clip(usable, to: iommu.aperture)
    list = subtract(world.groups[group].reserved, from: list)
    if list.isEmpty { return errnoINVAL }
    if !world.groups[group].safeInterrupts { return errnoPERM }
    // The newest domain that the driver lets it share; otherwise a new one, filled.
    if let joined = domains.firstIndex(where: { isShareable(self.iommu($0), by: iommu) }) {
      domains[joined].groups.append(group)
    } else {
      let refusal = fill(iommu)
      if refusal != 0 { return refusal }
      domains.insert(Domain(iommu: number, groups: [group]), at: 0)
    }
    usable = list
    return 0
  }

  /// A driver refuses its own domain only where it reaches further than the device's IOMMU.
  private func isShareable(_ domain: World.IOMMU, by iommu: World.IOMMU) -> Bool {
    domain.driver == iommu.driver && domain.coherent == iommu.coherent
      && iommu.aperture.contains(domain.aperture)
  }

  /// What is mapped must fit into a new domain; without another domain nothing was pinned yet.
  private func fill(_ iommu: World.IOMMU) -> Int64 {
    for mapping in mappings.sorted(by: { $0.iova.start < $1.iova.start }) {
      if domains.isEmpty, !isPinnable(mapping.address, mapping.size, mapping.access) {
        return errnoFAULT
      }
      if !iommu.aperture.contains(mapping.iova) { return errnoFAULT }
    }
    return 0
  }

  private mutating func detach(_ group: Int) {
    if let index = emulated.firstIndex(of: group) {
      emulated.remove(at: index)
      return
    }
    guard let index = domains.firstIndex(where: { $0.groups.contains(group) }) else { return }
    domains[index].groups.removeAll { $0 == group }
    if domains[index].groups.isEmpty {
      domains.remove(at: index)
      // The ends open to what the remaining domains translate.
      var (start, last) = (UInt64.min, UInt64.max)
      for domain in domains {
        start = max(start, iommu(domain).aperture.start)
        last = min(last, iommu(domain).aperture.last)
      }
      if !usable.isEmpty {
        usable[0].start = start
        usable[usable.count - 1].last = last
      }
    }
    if domains.isEmpty { fillBits() }
    guard let first = usable.first, let last = usable.last else { return }
    var list = [World.Run(first.start, last.last)]
    for group in domains.flatMap(\.groups) {
      list = subtract(world.groups[group].reserved, from: list)
    }
    if !list.isEmpty { usable = list }
  }

  private func clip(_ runs: [World.Run], to bounds: World.Run) -> [World.Run] {
    runs.filter { $0.overlaps(bounds) }
      .map { World.Run(max($0.start, bounds.start), min($0.last, bounds.last)) }
  }

  private func subtract(_ holes: [World.Run], from runs: [World.Run]) -> [World.Run] {
    var runs = runs
    for hole in holes {
      var rest: [World.Run] = []
      for run in runs {
        guard run.overlaps(hole) else {
          rest.append(run)
          continue
        }
        if hole.start > run.start { rest.append(World.Run(run.start, hole.start - 1)) }
        if hole.last < run.last { rest.append(World.Run(hole.last + 1, run.last)) }
      }
      runs = rest
    }
    return runs
  }

  // MARK: - Memory and translation (2.3)

  func isPinnable(_ address: UInt64, _ size: UInt64, _ access: UInt64) -> Bool {
    var done: UInt64 = 0
    while done < size {
      if Oracle.endlessMemory.contains(address &+ done) {
        done += 4096
        continue
      }
      let offset = address &+ done &- memoryBase
      guard offset < ScriptMemory.byteCount else { return false }
      switch ScriptMemory.page(at: offset) {
      case .missing: return false
      case .readable where access & 2 != 0: return false
      default: done += 4096
      }
    }
    return true
  }

  /// The program's address behind an IOVA, or nil where an access of a group's device faults.
  func translate(_ iova: UInt64, needs access: UInt64, by group: Int) -> UInt64? {
    // Where whatever can be written can be read, either right will do for reading.
    let readsAll = world.groups[group].iommu.map { world.iommus[$0].readsWhatIsWritable } ?? false
    let access = readsAll && access == 1 ? 3 : access
    for mapping in mappings where mapping.iova.contains(World.Run(iova, iova)) {
      return mapping.access & access != 0 ? mapping.address &+ (iova - mapping.iova.start) : nil
    }
    return nil
  }
}
