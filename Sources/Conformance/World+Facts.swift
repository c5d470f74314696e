internal import AddressSpaces
internal import DMATypes
internal import LegacyVFIO

extension World {
  /// The machine that a run simulates, where `groups` are those with nodes: what a container cannot
  /// be asked for is known here, too. Nil without groups.
  init?(groups: [GroupFacts], entryLimit: UInt32) {
    guard !groups.isEmpty else { return nil }
    var iommus: [IOMMU] = []
    var drivers: [UInt32] = []
    let described = groups.map { group in
      let iommu = group.iommu.map { facts -> IOMMU in
        if !drivers.contains(facts.driver) { drivers.append(facts.driver) }
        return IOMMU(
          // As worlds count them, whose first is 1.
          driver: UInt32(1 + (drivers.firstIndex(of: facts.driver) ?? 0)),
          aperture: Run(facts.aperture), pageSizes: facts.pageSizes.rawValue,
          coherent: facts.enforcesCoherency, readsWhatIsWritable: facts.readsWhatIsWritable)
      }
      if let iommu, !iommus.contains(iommu) { iommus.append(iommu) }
      func runs(_ isRelaxable: Bool) -> [Run] {
        group.reservedRegions.filter { ($0.kind == .directRelaxable) == isRelaxable }
          .map { Run($0.range) }
      }
      return Group(
        number: group.number.rawValue, iommu: iommu.flatMap(iommus.firstIndex),
        devices: group.devices.map(\.rawValue), viable: group.isViable,
        safeInterrupts: group.interruptsAreSafe, unprotected: group.kind == .noIOMMU,
        reserved: runs(false), relaxable: runs(true))
    }
    self = World(name: "here", iommus: iommus, groups: described, entryLimit: entryLimit).recognised
  }

  /// The group as the shim is told of it.
  func facts(of group: Group) -> GroupFacts {
    let iommu = group.iommu.map { index in
      IOMMUFacts(
        driver: iommus[index].driver, aperture: IOVARange(iommus[index].aperture),
        pageSizes: PageSizes(rawValue: iommus[index].pageSizes),
        enforcesCoherency: iommus[index].coherent,
        readsWhatIsWritable: iommus[index].readsWhatIsWritable)
    }
    return GroupFacts(
      number: GroupNumber(rawValue: group.number),
      kind: group.unprotected ? .noIOMMU : iommu == nil ? .emulated : .physical,
      devices: group.devices.map { DeviceName(rawValue: $0) }, isViable: group.viable,
      reservedRegions: group.reserved.map { ReservedRegion(range: IOVARange($0), kind: .reserved) }
        + group.relaxable.map { ReservedRegion(range: IOVARange($0), kind: .directRelaxable) },
      interruptsAreSafe: group.safeInterrupts, iommu: iommu)
  }
}

extension IOVARange {
  init(_ run: World.Run) { self.init(start: IOVA(run.start), last: IOVA(run.last)) }
}

extension World.Run {
  init(_ range: IOVARange) { self.init(range.start.rawValue, range.last.rawValue) }
}
