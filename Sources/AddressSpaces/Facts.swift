public import DMATypes

/// A run of bus addresses that an IOMMU group cannot use for DMA.
///
/// The source is `/sys/kernel/iommu_groups/N/reserved_regions`.
public struct ReservedRegion: Hashable, Sendable {
  /// Why the run is reserved; the raw value is sysfs's word.
  public enum Kind: String, Hashable, Sendable {
    /// Mapped one to one by firmware, always.
    case direct
    /// Mapped one to one by firmware until the device is handed over: stays usable.
    case directRelaxable = "direct-relaxable"
    /// Not translated.
    case reserved
    /// The interrupt window.
    case interrupt = "msi"
  }

  /// The addresses, both ends inclusive.
  public var range: IOVARange
  /// Why.
  public var kind: Kind

  /// States one region.
  public init(range: IOVARange, kind: Kind) {
    self.range = range
    self.kind = kind
  }

  /// Whether it takes addresses away from a program: `vfio_iommu_resv_exclude()`.
  public var excludesMappings: Bool { kind != .directRelaxable }
}

/// What a hardware page table made for a device can do.
public struct IOMMUFacts: Hashable, Sendable {
  /// Which IOMMU driver answers: tables are shared only within one.
  public var driver: UInt32
  /// The addresses the table can translate, both ends inclusive.
  public var aperture: IOVARange
  /// The page sizes of the table.
  public var pageSizes: PageSizes
  /// Whether it makes every device access cache coherent.
  public var enforcesCoherency: Bool
  /// Whether devices can read what they may write: tables in the processor's own format, and the
  /// VT-d that QEMU shows, know no write-only page.
  public var readsWhatIsWritable: Bool

  /// States the facts.
  public init(
    driver: UInt32, aperture: IOVARange, pageSizes: PageSizes, enforcesCoherency: Bool,
    readsWhatIsWritable: Bool = false
  ) {
    self.driver = driver
    self.aperture = aperture
    self.pageSizes = pageSizes
    self.enforcesCoherency = enforcesCoherency
    self.readsWhatIsWritable = readsWhatIsWritable
  }
}

/// What an IOMMU group is, as far as a container must know before it takes it.
public struct GroupFacts: Hashable, Sendable {
  /// What stands behind the group.
  public enum Kind: Hashable, Sendable {
    /// Devices behind an IOMMU.
    case physical
    /// A mediated device: no ownership to claim and no table.
    case emulated
    /// Devices with no IOMMU, allowed by `enable_unsafe_noiommu_mode`.
    case noIOMMU
  }

  /// The group's number.
  public var number: GroupNumber
  /// What stands behind it.
  public var kind: Kind
  /// Its devices that are bound to VFIO, the most recently registered first.
  public var devices: [DeviceName]
  /// Whether no native driver holds a member, so that ownership can be claimed.
  public var isViable: Bool
  /// The reserved regions of all members, opened or not.
  public var reservedRegions: [ReservedRegion]
  /// Whether devices cannot forge one another's interrupts, or the administrator allows it.
  public var interruptsAreSafe: Bool
  /// The table a member gets; nil when there is no IOMMU.
  public var iommu: IOMMUFacts?

  /// States the facts.
  public init(
    number: GroupNumber, kind: Kind, devices: [DeviceName], isViable: Bool,
    reservedRegions: [ReservedRegion], interruptsAreSafe: Bool, iommu: IOMMUFacts?
  ) {
    self.number = number
    self.kind = kind
    self.devices = devices
    self.isViable = isViable
    self.reservedRegions = reservedRegions
    self.interruptsAreSafe = interruptsAreSafe
    self.iommu = iommu
  }

  /// What its node in `/dev/vfio` is called.
  public var nodeName: String { (kind == .noIOMMU ? "noiommu-" : "") + "\(number.rawValue)" }
}
