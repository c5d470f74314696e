internal import DMATypes
internal import SimulatedPlatform

extension PlatformView {
  /// Where mediated devices are; there only when some are.
  static let mediatedRoots = ["/sys/bus/mdev", "/sys/devices/virtual/ioasid"]

  /// Mediated devices, on the bus where the kernel's are, and their groups.
  func addMediated(to tree: inout Tree) {
    for device in platform.mediated {
      let name = device.name.rawValue
      let path = "/sys/devices/virtual/ioasid/\(name)"
      let group = "/sys/kernel/iommu_groups/\(device.group.rawValue)"
      tree.makeDirectory(path)
      tree.link("\(path)/iommu_group", to: group)
      tree.link("\(path)/subsystem", to: "/sys/bus/mdev")
      tree.addWritable(["uevent": ""], in: path)
      tree.makeDirectory("/sys/bus/mdev/devices")
      tree.link("/sys/bus/mdev/devices/\(name)", to: path)
      tree.makeDirectory("\(group)/devices")
      tree.link("\(group)/devices/\(name)", to: path)
      tree.add(.text("\(group)/reserved_regions", ""))
      tree.addWritable(["type": "unknown"], in: group)
    }
  }
}
