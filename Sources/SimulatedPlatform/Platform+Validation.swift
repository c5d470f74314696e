internal import AddressSpaces
internal import DMATypes

extension Platform {
  /// The first thing that is wrong, or nil: the place in the terms of a platform's file, a colon,
  /// and the reason.
  public var problem: String? {
    iommuProblem ?? bridgeProblem ?? functionProblem ?? groupProblem ?? memoryProblem
      ?? mediatedProblem
  }

  private var iommuProblem: String? {
    for (index, unit) in iommus.enumerated() {
      let place = "iommus[\(index)]"
      guard unit.pageSizes.rawValue & (1 << 12) != 0 else {
        return "\(place).pageSizes: 4096 must be among them"
      }
      guard unit.pageSizes.rawValue & 0xfff == 0 else {
        return "\(place).pageSizes: a size below 4096 cannot be used"
      }
      guard unit.aperture.start.rawValue % 4096 == 0, unit.aperture.last.rawValue % 4096 == 4095
      else { return "\(place).aperture: must begin and end with a page of 4096" }
      for (number, region) in unit.reservedRegions.enumerated()
      where region.range.start.rawValue % 4096 != 0 || region.range.last.rawValue % 4096 != 4095 {
        return "\(place).reservedRegions[\(number)]: must begin and end with a page of 4096"
      }
    }
    return nil
  }

  private var bridgeProblem: String? {
    var seen: Set<PCIAddress> = []
    var buses: Set<UInt32> = []
    for (index, bridge) in bridges.enumerated() {
      let place = "bridges[\(index)]"
      guard seen.insert(bridge.address).inserted else {
        return "\(place).address: \(bridge.address.name) is there twice"
      }
      guard bridge.secondaryBus > bridge.address.bus else {
        return "\(place).secondaryBus: must be above the bridge's own bus"
      }
      let bus = UInt32(bridge.address.segment) << 8 | UInt32(bridge.secondaryBus)
      guard buses.insert(bus).inserted else {
        return "\(place).secondaryBus: another bridge leads to bus \(bridge.secondaryBus)"
      }
      if let reason = unreachable(bridge.address) { return "\(place).address: \(reason)" }
    }
    return nil
  }

  private var functionProblem: String? {
    var seen = Set(bridges.map(\.address))
    for (index, function) in functions.enumerated() {
      let place = "functions[\(index)]"
      guard seen.insert(function.address).inserted else {
        return "\(place).address: \(function.address.name) is there twice"
      }
      if let unit = function.iommu, !iommus.indices.contains(unit) {
        return "\(place).iommu: there is no iommus[\(unit)]"
      }
      guard function.iommu != nil || function.driver != .vfio || parameters.allowNoIOMMU else {
        return "\(place).iommu: vfio-pci takes a function without an IOMMU only with "
          + "\"enable_unsafe_noiommu_mode\": true among the parameters"
      }
      if let reason = unreachable(function.address) { return "\(place).address: \(reason)" }
      guard case .edu(let mask) = function.model, mask != 0, mask & (mask &+ 1) == 0 else {
        return "\(place).dmaMask: must be a run of ones from bit 0"
      }
      if case .native(let name) = function.driver {
        guard !name.isEmpty, name != "vfio-pci", !name.contains("/") else {
          return "\(place).driver: is no native driver's name"
        }
      }
    }
    return nil
  }

  private var groupProblem: String? {
    var owners: [GroupNumber: Function] = [:]
    for (index, function) in functions.enumerated() {
      if let other = owners[function.group], function.iommu == nil || other.iommu == nil {
        return "functions[\(index)].group: \(other.address.name) is in it, and a function without "
          + "an IOMMU has a group of its own"
      }
      if let other = owners[function.group], other.iommu != function.iommu {
        return "functions[\(index)].iommu: differs from \(other.address.name) of the same group"
      }
      owners[function.group] = function
    }
    // A PCI bus has no requester of its own: what is behind a PCI bridge is one group.
    for (index, function) in functions.enumerated() where function.iommu != nil {
      for bridge in bridges(above: function.address)
      where bridge.model == .pciBridge && bridge.group != function.group {
        return "functions[\(index)].group: must be \(bridge.group.rawValue), "
          + "the group of \(bridge.address.name) above it"
      }
    }
    return nil
  }

  private var memoryProblem: String? {
    var seen: Set<UInt32> = []
    for (index, function) in functions.enumerated() {
      let place = "functions[\(index)].memoryBase"
      guard function.memoryBase != 0, UInt64(function.memoryBase) % Region.barBytes == 0 else {
        return "\(place): must be a multiple of 1 MiB and not 0"
      }
      guard seen.insert(function.memoryBase).inserted else {
        return "\(place): another function's BAR is there"
      }
    }
    return nil
  }

  private var mediatedProblem: String? {
    var names = Set(functions.map(\.address.name))
    var taken = Set(functions.map(\.group) + bridges.map(\.group))
    for (index, device) in mediated.enumerated() {
      let name = device.name.rawValue
      let place = "mediated[\(index)]"
      guard !name.isEmpty, name != ".", name != "..", !name.contains("/"), name.utf8.count < 128
      else { return "\(place).name: is no file's name" }
      guard names.insert(device.name).inserted else {
        return "\(place).name: \(name) is there twice"
      }
      guard taken.insert(device.group).inserted else {
        return "\(place).group: something else is in group \(device.group.rawValue)"
      }
    }
    return nil
  }

  /// Why no bus leads to an address; nil when one does. Bus 0 of each segment is a root bus.
  private func unreachable(_ address: PCIAddress) -> String? {
    let root = bridges(above: address).first?.address.bus ?? address.bus
    return root == 0 ? nil : "no bridge leads to bus \(address.bus)"
  }
}
