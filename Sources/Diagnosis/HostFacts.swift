public import DMATypes
public import HostPlatform

/// What a machine offers to programs of legacy VFIO, as far as it can be seen without taking a
/// device.
public struct HostFacts: Hashable, Sendable {
  /// What stands behind `/dev/vfio/vfio`.
  public enum ContainerNode: Hashable, Sendable {
    /// Nothing, or a node that no driver answers for.
    case absent
    /// The kernel's own containers, with type1.
    case type1
    /// The kernel's own containers, with another driver or none.
    case otherDriver
    /// An iommufd that answers legacy numbers too.
    case iommufd
    /// It may not be opened, and nothing else tells.
    case refused(Errno)
  }

  /// Whether a node can be used.
  public enum NodeAccess: Hashable, Sendable {
    /// It is not there.
    case absent
    /// It opens.
    case allowed
    /// It does not open.
    case refused(Errno)
  }

  /// A bound on locked memory.
  public enum LockedMemory: Hashable, Sendable {
    /// RLIMIT_MEMLOCK in bytes, as every process of this user has it.
    case bytes(UInt64)
    /// No bound: RLIMIT_MEMLOCK is infinite.
    case unlimited
  }

  /// The kernel's release, as uname(2) tells it.
  public var kernel: String
  /// The groups.
  public var platform: HostPlatform
  /// The machine's IOMMUs by their names in `/sys/class/iommu`.
  public var iommus: [String: IOMMUModel]
  /// Which of them serves a device.
  public var iommuOfDevice: [DeviceName: String]
  /// The members of groups that are bridges: they go with a group and are of no use to a program.
  public var bridges: Set<DeviceName>
  /// Devices that are bound to VFIO and in no group, as mediated devices are where the kernel has
  /// no VFIO groups.
  public var ungrouped: [HostDevice]
  /// What `/dev/vfio/vfio` is.
  public var containerNode: ContainerNode
  /// What `/dev/iommu` is.
  public var iommuNode: NodeAccess
  /// The groups that have a node `/dev/vfio/N`.
  public var groupNodes: Set<GroupNumber>
  /// The nodes `/dev/vfio/devices/vfioN` by name; one that is not named is absent.
  public var cdevNodes: [String: NodeAccess]
  /// What the machine uses devices for: network interfaces, disks and where they are mounted.
  public var uses: [DeviceName: [DeviceUse]]
  /// The processes that hold a group's node or a cdev of it, as far as this user may see.
  public var holders: [GroupNumber: [Holder]]
  /// Whether a PCI driver `vfio-pci` is there to bind to.
  public var hasPCIDriver: Bool
  /// RLIMIT_MEMLOCK.
  public var lockedMemory: LockedMemory
  /// Whether CAP_IPC_LOCK is effective: nothing is charged then.
  public var mayLockAnything: Bool
  /// Whether an iommufd maps files (IOMMU_IOAS_MAP_FILE): the first thing that a dma-buf needs.
  public var mapsFiles = false
  /// Whether CAP_SYS_RESOURCE is effective: iommufd then charges processes instead of users.
  public var mayRaiseLimits: Bool
  /// Whether this user is root, who needs no user namespace for a view.
  public var isRoot: Bool
  /// Whether the kernel makes user namespaces for this user, as far as its settings tell.
  public var allowsUserNamespaces: Bool
  /// `iommufd.allow_unsafe_interrupts`; nil where there is no such parameter.
  public var allowsUnsafeInterrupts: Bool?

  /// A machine with nothing.
  public init(kernel: String = "", platform: HostPlatform = HostPlatform(groups: [])) {
    self.kernel = kernel
    self.platform = platform
    iommus = [:]
    iommuOfDevice = [:]
    bridges = []
    ungrouped = []
    containerNode = .absent
    iommuNode = .absent
    groupNodes = []
    cdevNodes = [:]
    uses = [:]
    holders = [:]
    hasPCIDriver = false
    lockedMemory = .unlimited
    mayLockAnything = false
    mayRaiseLimits = false
    isRoot = false
    allowsUserNamespaces = true
  }

  /// What can be said of a cdev's node.
  public func access(of device: HostDevice) -> NodeAccess {
    device.cdev.flatMap { cdevNodes[$0] } ?? .absent
  }

  /// The devices bound to VFIO, in the order of groups and names.
  var boundDevices: [HostDevice] { platform.groups.flatMap(\.devices).filter(\.isBoundToVFIO) }
}

/// What the machine itself uses a device for.
public enum DeviceUse: Hashable, Sendable {
  /// A network interface of this name.
  case network(String)
  /// A disk or partition of this name, and where it is mounted, if it is.
  case disk(String, mountedAt: [String])
}

/// A process that has a node open.
public struct Holder: Hashable, Sendable {
  /// Its process id.
  public var process: Int32
  /// Its name.
  public var name: String

  /// States a process.
  public init(process: Int32, name: String) {
    self.process = process
    self.name = name
  }
}
