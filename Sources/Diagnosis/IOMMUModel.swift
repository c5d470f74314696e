/// Which kind of IOMMU serves a group, as far as its name in sysfs tells.
public enum IOMMUModel: String, Hashable, Sendable {
  case intel = "VT-d"
  case amd = "AMD-Vi"
  case smmu3 = "SMMUv3"
  case smmu = "SMMU"
  case virtio = "virtio-iommu"
  case other = "of a kind not known here"

  /// Reads the name in `/sys/class/iommu` and what the link there holds.
  init(name: String, link: String) {
    self =
      if name.hasPrefix("dmar") {
        .intel
      } else if name.hasPrefix("ivhd") {
        .amd
      } else if name.hasPrefix("smmu3.") {
        .smmu3
      } else if name.hasPrefix("smmu.") {
        .smmu
      } else if link.contains("/virtio") {
        .virtio
      } else {
        .other
      }
  }

  /// How the iommufd backend keeps pages pinned while no device is open.
  var anchor: Anchor {
    switch self {
    case .intel, .amd, .smmu3: .table
    case .smmu, .virtio: .device
    case .other: .unknown
    }
  }

  /// What pins a container's pages from SET_IOMMU on.
  enum Anchor: String {
    /// The driver finishes a page table when it is made.
    case table
    /// The driver finishes one only when a device is attached.
    case device
    /// Not known before a device is bound.
    case unknown

    var text: String {
      switch self {
      case .table: "a page table of its own keeps pages pinned, with no device open"
      case .device: "a device is kept open while its group is in a container, to keep pages pinned"
      case .unknown: "how pages stay pinned is found out when the first device is bound"
      }
    }
  }
}
