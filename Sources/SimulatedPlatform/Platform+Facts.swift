public import AddressSpaces
public import DMATypes
internal import LegacyVFIO

extension Platform {
  /// Every group, ascending.
  public var groups: [GroupNumber] {
    Set(functions.map(\.group) + bridges.map(\.group) + mediated.map(\.group)).sorted()
  }

  /// Every function of a group, bridges included, ascending.
  public func members(of group: GroupNumber) -> [PCIAddress] {
    (functions.filter { $0.group == group }.map(\.address)
      + bridges.filter { $0.group == group }.map(\.address)).sorted()
  }

  /// Registers a mediated device, in the group given or else behind every group that is there.
  public mutating func add(mediated name: DeviceName, driver: String, group: GroupNumber? = nil) {
    let next = GroupNumber(rawValue: groups.last.map { $0.rawValue + 1 } ?? 0)
    mediated.append(Mediated(name: name, group: group ?? next, driver: driver))
  }

  /// The function at an address; nil for a bridge and where there is nothing.
  public func function(at address: PCIAddress) -> Function? {
    functions.first { $0.address == address }
  }

  /// The function with a name.
  public func function(named name: DeviceName) -> Function? {
    functions.first { $0.address.name == name }
  }

  /// The bridges between a root bus and an address, the one nearest to the root first.
  public func bridges(above address: PCIAddress) -> [Bridge] {
    var path: [Bridge] = []
    var bus = address.bus
    while path.count <= bridges.count,
      let bridge = bridges.first(where: {
        $0.secondaryBus == bus && $0.address.segment == address.segment
      })
    {
      path.append(bridge)
      bus = bridge.address.bus
    }
    return path.reversed()
  }

  /// What a container must know of a group; nil when there is none of that number, or none of its
  /// members is bound to vfio-pci, so that it has no node.
  public func facts(of group: GroupNumber) -> GroupFacts? {
    if let device = mediated.first(where: { $0.group == group }) {
      return GroupFacts(
        number: group, kind: .emulated, devices: [device.name], isViable: true,
        reservedRegions: [], interruptsAreSafe: true, iommu: nil)
    }
    let members = functions.filter { $0.group == group }
    let bound = members.filter { $0.driver == .vfio }
    guard let first = bound.first else { return nil }
    guard let index = first.iommu else {
      return GroupFacts(
        number: group, kind: .noIOMMU, devices: [first.address.name], isViable: true,
        reservedRegions: [], interruptsAreSafe: true, iommu: nil)
    }
    guard iommus.indices.contains(index) else { return nil }
    let unit = iommus[index]
    let isViable = members.allSatisfy {
      if case .native = $0.driver { false } else { true }
    }
    return GroupFacts(
      number: group, kind: .physical, devices: bound.reversed().map(\.address.name),
      isViable: isViable, reservedRegions: unit.reservedRegions,
      interruptsAreSafe: unit.isolatesInterrupts || parameters.allowUnsafeInterrupts,
      iommu: IOMMUFacts(
        driver: unit.driver, aperture: unit.aperture, pageSizes: unit.pageSizes,
        enforcesCoherency: unit.enforcesCoherency,
        readsWhatIsWritable: unit.readsWhatIsWritable))
  }

  /// The device of a function that is bound to vfio-pci.
  public func device(named name: DeviceName) -> PCIDevice? {
    guard let function = function(named: name), function.driver == .vfio else { return nil }
    return PCIDevice(
      function: function, isAloneOnBus: isAloneBelowBridge(function.address),
      resetSet: resetSet(of: function.address))
  }

  /// Whether resetting the bus resets this function only: `pci_parent_bus_reset()`.
  private func isAloneBelowBridge(_ address: PCIAddress) -> Bool {
    !bridges(above: address).isEmpty
      && functions.allSatisfy { $0.address == address || !sharesBus($0.address, address) }
      && bridges.allSatisfy { !sharesBus($0.address, address) }
  }

  /// Every function on and below the bus; nil on a root bus: `pci_walk_bus()`.
  private func resetSet(of address: PCIAddress) -> [PCIDevice.ResetMember]? {
    guard let bridge = bridges(above: address).last else { return nil }
    func isBelow(_ other: PCIAddress) -> Bool {
      bridges(above: other).contains(bridge)
    }
    func member(_ at: PCIAddress, _ group: GroupNumber, _ bound: Bool) -> PCIDevice.ResetMember {
      PCIDevice.ResetMember(
        device: DependentDevice(
          group: group, segment: at.segment, bus: at.bus, deviceFunction: at.deviceFunction),
        isBoundToVFIO: bound)
    }
    let below = functions.filter { isBelow($0.address) }
      .map { member($0.address, $0.group, $0.driver == .vfio) }
    let inner = bridges.filter { isBelow($0.address) }.map { member($0.address, $0.group, false) }
    return (below + inner).sorted { $0.address < $1.address }
  }

  private func sharesBus(_ a: PCIAddress, _ b: PCIAddress) -> Bool {
    a.segment == b.segment && a.bus == b.bus
  }
}
