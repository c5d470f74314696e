public import AddressSpaces
public import DMATypes

/// The kernel's numbers for what one container has, the same for every process that uses it.
public struct ContainerNumbers: Equatable, Sendable {
  /// A page table of the kernel.
  public struct Table: Equatable, Sendable {
    /// The kernel's number; nil where the kernel makes tables as devices are attached.
    public var id: HardwareTableID?
    /// Whether it serves a table before it in the list, for groups whose IOMMU refuses that.
    public var isFurther: Bool

    /// States one table.
    public init(id: HardwareTableID?, isFurther: Bool) {
      self.id = id
      self.isFurther = isFurther
    }
  }

  /// The address space; nil for none.
  public var space: IOASID?
  /// The tables, in the order in which the container counts them, at most `maximumTables`.
  public var tables: [Table]

  /// A container that has nothing.
  public init() {
    space = nil
    tables = []
  }
}

extension ContainerNumbers {
  /// How many words `words` has.
  public static let wordCount = 64
  /// How many tables they hold. More kinds of IOMMU than that no machine has.
  public static let maximumTables = wordCount - 1

  /// The same as words; a container that has nothing is all zero.
  public var words: [UInt64] {
    var words = [UInt64](repeating: 0, count: Self.wordCount)
    words[0] = UInt64(space?.rawValue ?? 0) | UInt64(tables.count) << 32
    for (index, table) in tables.enumerated() {
      words[1 + index] = UInt64(table.id?.rawValue ?? 0) | (table.isFurther ? 1 << 32 : 0)
    }
    return words
  }

  /// Reads words back. What no process wrote reads as a container that has nothing.
  public init(words: [UInt64]) {
    self.init()
    let count = Int(clamping: (words.first ?? 0) >> 32)
    guard let first = words.first, count <= Self.maximumTables, count < words.count else { return }
    let id = UInt32(truncatingIfNeeded: first)
    space = id == 0 ? nil : IOASID(rawValue: id)
    tables = words[1...].prefix(count).map { word in
      let id = UInt32(truncatingIfNeeded: word)
      return Table(
        id: id == 0 ? nil : HardwareTableID(rawValue: id), isFurther: word >> 32 & 1 != 0)
    }
  }
}

/// A bound device that holds its group for a container: its representative.
public struct ClaimedDevice: Hashable, Sendable {
  /// Its descriptor in this process.
  public var descriptor: DeviceDescriptor
  /// The iommufd's number for it.
  public var id: DeviceID

  /// States both.
  public init(descriptor: DeviceDescriptor, id: DeviceID) {
    self.descriptor = descriptor
    self.id = id
  }
}

/// Where a container's kernel numbers and its claimed devices' descriptors are kept.
///
/// In a run, numbers lie in memory that its processes share, and descriptors go from one to the
/// other; `PrivateObjects` serves one process alone. Everything here is asked and changed under the
/// container's lock.
public protocol KernelObjects: AnyObject {
  /// The kernel's numbers of the container.
  var numbers: ContainerNumbers { get set }

  /// Opens the node of one device of a group, the same each time; not bound.
  func openDevice(of group: GroupNumber) throws(Errno) -> DeviceDescriptor
  /// The device that holds the group, if the group is held at all; throws when this process
  /// cannot come by its descriptor.
  func claimed(_ group: GroupNumber) throws(Errno) -> ClaimedDevice?
  /// Keeps a device that now holds its group, under a descriptor of the keeper's choice.
  func keep(_ device: ClaimedDevice, of group: GroupNumber) throws(Errno)
  /// Closes the descriptor of the device that held the group, if it is kept here.
  func drop(_ group: GroupNumber)

  /// What was found out about the IOMMU behind a group since the run began.
  func probed(_ group: GroupNumber) -> ProbedIOMMU?
  /// Keeps what was found out.
  func remember(_ iommu: ProbedIOMMU, of group: GroupNumber)

  /// The table that the group's devices translate through; nil while they are on none.
  func table(of group: GroupNumber) -> HardwareTableID?
  /// Keeps it.
  func setTable(_ table: HardwareTableID?, of group: GroupNumber)
}

/// The objects of a container that one process uses alone. When it goes it closes the iommufd and
/// the devices it keeps.
public final class PrivateObjects: KernelObjects {
  /// The kernel's numbers of the container.
  public var numbers = ContainerNumbers()
  private let iommufd: IOMMUFDescriptor
  private let nodes: [GroupNumber: String]
  private var devices: [GroupNumber: ClaimedDevice] = [:]
  private var iommus: [GroupNumber: ProbedIOMMU] = [:]
  private var tables: [GroupNumber: HardwareTableID] = [:]

  /// `nodes` has the path of one device's node for each group.
  public init(iommufd: IOMMUFDescriptor, nodes: [GroupNumber: String]) {
    self.iommufd = iommufd
    self.nodes = nodes
  }

  deinit {
    for device in devices.values { device.descriptor.close() }
    iommufd.close()
  }

  /// Opens a group's node; `ENODEV` for a group without one.
  public func openDevice(of group: GroupNumber) throws(Errno) -> DeviceDescriptor {
    guard let path = nodes[group] else { throw .noDevice }
    return try DeviceDescriptor(opening: path)
  }
  /// The device that holds the group.
  public func claimed(_ group: GroupNumber) -> ClaimedDevice? { devices[group] }
  /// Keeps a device under the descriptor it has.
  public func keep(_ device: ClaimedDevice, of group: GroupNumber) { devices[group] = device }
  /// Closes a device.
  public func drop(_ group: GroupNumber) { devices.removeValue(forKey: group)?.descriptor.close() }

  /// What was found out about the IOMMU behind a group.
  public func probed(_ group: GroupNumber) -> ProbedIOMMU? { iommus[group] }
  /// Keeps what was found out.
  public func remember(_ iommu: ProbedIOMMU, of group: GroupNumber) { iommus[group] = iommu }
  /// The table that the group's devices translate through.
  public func table(of group: GroupNumber) -> HardwareTableID? { tables[group] }
  /// Keeps it.
  public func setTable(_ table: HardwareTableID?, of group: GroupNumber) { tables[group] = table }
}
