public import AddressSpaces
public import DMATypes

/// How a group is to be attached to a container with a type1 driver.
public struct Attachment: Hashable, Sendable {
  /// Where the group's devices translate.
  public enum Place: Hashable, Sendable {
    /// Nowhere: a mediated device's group.
    case noTable
    /// Through a table that is there, by its index in `ContainerState.domains`.
    case table(Int)
    /// Through a table of its own, the next in `ContainerState.domains`.
    case newTable
  }

  /// The group.
  public var facts: GroupFacts
  /// Where its devices translate.
  public var place: Place
  /// The usable addresses from then on.
  public var usableRanges: [IOVARange]
}

extension ContainerState {
  /// Decides how a group would be attached: `vfio_iommu_type1_attach_group()`.
  func plan(attaching facts: GroupFacts) throws(Rule) -> Attachment {
    let attachment = try placement(of: facts)
    guard
      facts.kind == .emulated || facts.interruptsAreSafe || parameters.allowsUnsafeInterrupts
    else { throw .interruptsNotIsolated }
    return attachment
  }

  /// The same without the parameter, which is not asked again about a group that is attached.
  func placement(of facts: GroupFacts) throws(Rule) -> Attachment {
    guard invalidAddressCount == 0 else { throw .attachWhileAddressInvalid }
    if facts.kind == .emulated {
      return Attachment(facts: facts, place: .noTable, usableRanges: usableRanges)
    }
    guard let iommu = facts.iommu else { throw .groupHasNoIOMMU }
    // No x86 driver implements it; the ARM SMMU's would grant it.
    guard driver != .version2Nesting else { throw .nestingRefused }
    guard !conflicts(aperture: iommu.aperture) else { throw .apertureConflicts }
    let reserved = facts.reservedRegions.filter(\.excludesMappings).map(\.range)
    guard !reserved.contains(where: { entries.firstOverlapping($0) != nil }) else {
      throw .reservedRegionIsMapped
    }
    let base = usableRanges.isEmpty ? [iommu.aperture] : usableRanges
    let ranges = base.compactMap { $0.intersection(iommu.aperture) }.excluding(reserved)
    guard !ranges.isEmpty else { throw .noUsableAddressLeft }
    // Domains are kept newest first in the kernel, and asked in that order.
    let table = domains.lastIndex { $0.facts.accepts(iommu) }
    return Attachment(
      facts: facts, place: table.map { .table($0) } ?? .newTable, usableRanges: ranges)
  }

  /// Whether an aperture misses the usable ranges, or a mapping lies between their ends and its
  /// own: `vfio_iommu_aper_conflict()`. Nothing conflicts while there are no ranges. With emulated
  /// groups alone they may end at 2⁶⁴, where the kernel's look ends at 0 and finds nothing: what
  /// lies there does not fit into the table, later.
  private func conflicts(aperture: IOVARange) -> Bool {
    guard let bounds = usableRanges.bounds else { return false }
    guard aperture.overlaps(bounds) else { return true }
    let (first, last) = (bounds.start, bounds.last)
    if first < aperture.start,
      entries.firstOverlapping(
        IOVARange(start: first, last: IOVA(aperture.start.rawValue - 1))) != nil
    {
      return true
    }
    let isFound = last.rawValue != .max || !domains.isEmpty
    return aperture.last < last && isFound
      && entries.firstOverlapping(
        IOVARange(start: IOVA(aperture.last.rawValue + 1), last: last)) != nil
  }

  /// Attaches a group as planned; a group that no plan admits stays without a table.
  mutating func attach(_ facts: GroupFacts) {
    guard let attachment = try? placement(of: facts), let iommu = facts.iommu else { return }
    switch attachment.place {
    case .noTable: return
    case .table(let index): domains[index].members.append(facts.number)
    case .newTable:
      domains.append(TranslationDomain(facts: iommu, members: [facts.number]))
      updatePageSizes()
    }
    usableRanges = attachment.usableRanges
  }

  /// Detaches a group that has left while others stay: `vfio_iommu_type1_detach_group()`.
  mutating func detach(_ number: GroupNumber) {
    guard let index = domains.firstIndex(where: { $0.members.contains(number) }) else { return }
    domains[index].members.removeAll { $0 == number }
    let removesDomain = domains[index].members.isEmpty
    if removesDomain {
      domains.remove(at: index)
      updatePageSizes()
    }
    guard var bounds = usableRanges.bounds else { return }
    // Only a domain that goes gives back what its aperture took off the two ends.
    if removesDomain {
      bounds = domains.reduce(.all) { $0.intersection($1.facts.aperture) ?? $0 }
    }
    let remaining = domains.flatMap(\.members).compactMap { group($0) }
    let reserved = remaining.flatMap(\.reservedRegions).filter(\.excludesMappings).map(\.range)
    let ranges = [bounds].excluding(reserved)
    // An update that fails leaves the list as it was.
    if !ranges.isEmpty { usableRanges = ranges }
  }

  /// What every domain knows: `vfio_update_pgsize_bitmap()`.
  mutating func updatePageSizes() {
    let common = domains.reduce(UInt64.max) { $0 & $1.facts.pageSizes.rawValue }
    let pages = common & PageSizes.all.rawValue
    // Sizes below the processor's page stand for that page.
    let small = common & ~PageSizes.all.rawValue
    pageSizes = PageSizes(rawValue: pages | (small == 0 ? 0 : PageSizes.processorPageBytes))
  }
}

extension IOMMUFacts {
  /// Whether a group whose own table would be `other` may share a table like this one.
  ///
  /// Drivers refuse a table that reaches further than the device's IOMMU can.
  func accepts(_ other: IOMMUFacts) -> Bool {
    driver == other.driver && enforcesCoherency == other.enforcesCoherency
      && other.aperture.contains(aperture)
  }
}

extension [IOVARange] {
  /// From the first start to the last end, or nil when there is no range.
  var bounds: IOVARange? {
    guard let first, let last else { return nil }
    return IOVARange(start: first.start, last: last.last)
  }

  /// What is left without the reserved ranges: `vfio_iommu_resv_exclude()`.
  func excluding(_ reserved: [IOVARange]) -> Self {
    reserved.reduce(self) { ranges, hole in
      ranges.flatMap { range -> Self in
        guard range.overlaps(hole) else { return [range] }
        var rest: Self = []
        if range.start < hole.start {
          rest.append(IOVARange(start: range.start, last: IOVA(hole.start.rawValue - 1)))
        }
        if hole.last < range.last {
          rest.append(IOVARange(start: IOVA(hole.last.rawValue + 1), last: range.last))
        }
        return rest
      }
    }
  }
}
