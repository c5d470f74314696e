public import AddressSpaces
public import DMATypes

/// A machine's IOMMU groups, as its sysfs shows them.
public struct HostPlatform: Hashable, Sendable {
  /// The groups, in the order of their numbers.
  public var groups: [HostGroup]

  /// States the groups.
  public init(groups: [HostGroup]) { self.groups = groups }
}

/// An IOMMU group of a machine: devices that can be given away only together.
public struct HostGroup: Hashable, Sendable {
  /// `N` of `/sys/kernel/iommu_groups/N`.
  public var number: GroupNumber
  /// The kernel's word for the group's default domain (`DMA-FQ`, `identity`, …); empty where the
  /// kernel tells none.
  public var type: String
  /// What stands behind it: for mediated devices, and for devices without an IOMMU, VFIO itself
  /// makes a group.
  public var kind: GroupFacts.Kind
  /// Its members in the order of their names, those included that no driver is bound to.
  public var devices: [HostDevice]
  /// What no device of the group can use for DMA, with the kernel's reasons.
  public var reservedRegions: [ReservedRegion]
  /// The IOMMU's name without its number, alike for all that one driver answers for (`dmar`,
  /// `ivhd`, `smmu3`); empty where there is none.
  public var iommuDriver: String

  /// States a group.
  public init(
    number: GroupNumber, type: String = "", kind: GroupFacts.Kind = .physical,
    devices: [HostDevice], reservedRegions: [ReservedRegion] = [], iommuDriver: String = ""
  ) {
    self.number = number
    self.iommuDriver = iommuDriver
    self.type = type
    self.kind = kind
    self.devices = devices
    self.reservedRegions = reservedRegions
  }

  /// The addresses taken away from a program, both ends inclusive; regions that firmware lets go
  /// of (direct-relaxable) are none of them.
  public var reserved: [IOVARange] {
    reservedRegions.filter(\.excludesMappings).map(\.range)
  }

  /// The members that native drivers hold: each of them keeps the group from a program.
  public var hindrances: [HostDevice] { devices.filter(\.isNative) }

  /// Whether ownership of the whole group can be claimed, as far as drivers tell: the kernel
  /// counts users of its own DMA (`iommu_group_dma_owner_claimed()`), and only bound drivers use
  /// it.
  public var isViable: Bool { hindrances.isEmpty }

  /// The members bound to VFIO that have a cdev, the most recently registered first.
  ///
  /// The kernel numbers cdevs upwards, so the highest number came last. A number that was given
  /// back is used again: then the order is that of the numbers only.
  public var cdevs: [HostDevice] {
    devices.filter { $0.cdev != nil }.sorted { $0.minor > $1.minor }
  }
}

/// A device of a machine, as far as giving it away goes.
public struct HostDevice: Hashable, Sendable {
  /// How sysfs names it: `0000:00:05.0`.
  public var name: DeviceName
  /// The driver bound to it, if there is one.
  public var driver: String?
  /// Whether a driver has registered it with VFIO.
  public var isBoundToVFIO: Bool
  /// Its node's name below `/dev/vfio/devices` (`vfio0`); nil when it is not bound to VFIO or the
  /// kernel makes no such nodes.
  public var cdev: String?
  /// The device number of that node; 0 and 0 without one.
  public var major, minor: UInt32
  /// Whether it is a PCI function.
  public var isPCI: Bool

  /// States a device; one with a cdev is bound to VFIO.
  public init(
    name: DeviceName, driver: String?, isBoundToVFIO: Bool = false, cdev: String? = nil,
    major: UInt32 = 0, minor: UInt32 = 0, isPCI: Bool = true
  ) {
    self.name = name
    self.driver = driver
    self.isBoundToVFIO = isBoundToVFIO || cdev != nil
    self.cdev = cdev
    self.major = major
    self.minor = minor
    self.isPCI = isPCI
  }

  /// Drivers besides VFIO's that leave DMA to others (`driver_managed_dma` in 6.12).
  static let drivers: Set<String> = ["pci-stub", "pcieport", "fsl-pci"]

  /// Whether a driver holds it that uses the kernel's DMA, so that nobody else can own its group.
  public var isNative: Bool {
    guard let driver, !isBoundToVFIO else { return false }
    return !Self.drivers.contains(driver)
  }
}
