public import AddressSpaces
public import DMATypes

/// A machine as a program sees it through VFIO: IOMMUs, groups, bridges and PCI functions.
///
/// A plain value that may be wrong; `problem` says what is. What reads it assumes that it was
/// checked, and still never traps on one that was not.
public struct Platform: Hashable, Sendable {
  /// The IOMMUs, in the order that `Function.iommu` counts them.
  public var iommus: [IOMMU]
  /// The bridges, upstream first.
  public var bridges: [Bridge]
  /// The functions that are not bridges, in the order in which they were bound to their drivers.
  public var functions: [Function]
  /// The module parameters.
  public var parameters: Parameters
  /// The mediated devices, each in a group of its own, in the order in which they were registered.
  public var mediated: [Mediated]

  /// States a machine.
  public init(
    iommus: [IOMMU], bridges: [Bridge], functions: [Function],
    parameters: Parameters = Parameters(), mediated: [Mediated] = []
  ) {
    self.mediated = mediated
    self.iommus = iommus
    self.bridges = bridges
    self.functions = functions
    self.parameters = parameters
  }

  /// A translation unit.
  public struct IOMMU: Hashable, Sendable {
    /// Which driver answers for it: page tables are shared only within one.
    public var driver: UInt32
    /// The addresses it can translate, both ends inclusive.
    public var aperture: IOVARange
    /// The page sizes of its tables.
    public var pageSizes: PageSizes
    /// Whether it makes every device access cache coherent.
    public var enforcesCoherency: Bool
    /// Whether devices cannot forge one another's interrupts.
    public var isolatesInterrupts: Bool
    /// Whether devices can read what they may write: its tables know no write-only page.
    public var readsWhatIsWritable: Bool
    /// Addresses that no device behind it can use for DMA.
    public var reservedRegions: [ReservedRegion]

    /// States a unit.
    public init(
      driver: UInt32, aperture: IOVARange, pageSizes: PageSizes, enforcesCoherency: Bool,
      isolatesInterrupts: Bool, readsWhatIsWritable: Bool = false,
      reservedRegions: [ReservedRegion]
    ) {
      self.driver = driver
      self.aperture = aperture
      self.pageSizes = pageSizes
      self.enforcesCoherency = enforcesCoherency
      self.isolatesInterrupts = isolatesInterrupts
      self.readsWhatIsWritable = readsWhatIsWritable
      self.reservedRegions = reservedRegions
    }
  }

  /// A function that leads to another bus.
  public struct Bridge: Hashable, Sendable {
    /// What kind it is; the raw value is the word in a platform's file.
    public enum Model: String, Hashable, Sendable, CaseIterable {
      /// A PCI Express root port, 1b36:000c, bound to `pcieport`.
      case rootPort = "pcie-root-port"
      /// A PCI Express to PCI bridge, 1b36:000e, bound to nothing.
      case pciBridge = "pcie-pci-bridge"
    }
    /// Where it sits.
    public var address: PCIAddress
    /// What it is.
    public var model: Model
    /// The bus it leads to.
    public var secondaryBus: UInt8
    /// Its IOMMU group.
    public var group: GroupNumber

    /// States a bridge.
    public init(address: PCIAddress, model: Model, secondaryBus: UInt8, group: GroupNumber) {
      self.address = address
      self.model = model
      self.secondaryBus = secondaryBus
      self.group = group
    }
  }

  /// A PCI function.
  public struct Function: Hashable, Sendable {
    /// What a function is made as.
    public enum Model: Hashable, Sendable {
      /// QEMU's teaching device; DMA addresses are cut to the mask.
      case edu(dmaMask: UInt64)
    }
    /// Which driver holds a function.
    public enum Driver: Hashable, Sendable {
      /// None.
      case none
      /// `vfio-pci`.
      case vfio
      /// A driver of the kernel's own that does DMA: the group cannot be handed over.
      case native(String)
    }

    /// Where it sits.
    public var address: PCIAddress
    /// What it is.
    public var model: Model
    /// Who holds it.
    public var driver: Driver
    /// Its IOMMU group.
    public var group: GroupNumber
    /// The index of its unit in `Platform.iommus`, the same throughout a group; nil for none: then
    /// VFIO makes a group for the function alone, and only while `Parameters.allowNoIOMMU`.
    public var iommu: Int?
    /// Where firmware put BAR 0: a multiple of its 1 MiB, below 4 GiB.
    public var memoryBase: UInt32
    /// The interrupt line that firmware wrote into config space.
    public var interruptLine: UInt8

    /// States a function.
    public init(
      address: PCIAddress, model: Model, driver: Driver, group: GroupNumber, iommu: Int?,
      memoryBase: UInt32, interruptLine: UInt8
    ) {
      self.address = address
      self.model = model
      self.driver = driver
      self.group = group
      self.iommu = iommu
      self.memoryBase = memoryBase
      self.interruptLine = interruptLine
    }
  }

  /// A device that a driver in user space makes, with no IOMMU behind it.
  public struct Mediated: Hashable, Sendable {
    /// What programs and sysfs call it.
    public var name: DeviceName
    /// Its IOMMU group, which nothing else is in.
    public var group: GroupNumber
    /// The path of the shared object that is its driver.
    public var driver: String

    /// States a device.
    public init(name: DeviceName, group: GroupNumber, driver: String) {
      self.name = name
      self.group = group
      self.driver = driver
    }
  }

  /// Module parameters that change what programs see.
  public struct Parameters: Hashable, Sendable {
    /// `vfio_iommu_type1.dma_entry_limit`: mappings that a container may hold.
    public var dmaEntryLimit: UInt32
    /// `vfio_iommu_type1.allow_unsafe_interrupts`.
    public var allowUnsafeInterrupts: Bool
    /// `vfio_iommu_type1.disable_hugepages`.
    public var disableHugePages: Bool
    /// `vfio.enable_unsafe_noiommu_mode`.
    public var allowNoIOMMU: Bool

    /// States the parameters; the defaults are the kernel's.
    public init(
      dmaEntryLimit: UInt32 = 65535, allowUnsafeInterrupts: Bool = false,
      disableHugePages: Bool = false, allowNoIOMMU: Bool = false
    ) {
      self.allowNoIOMMU = allowNoIOMMU
      self.dmaEntryLimit = dmaEntryLimit
      self.allowUnsafeInterrupts = allowUnsafeInterrupts
      self.disableHugePages = disableHugePages
    }
  }
}
