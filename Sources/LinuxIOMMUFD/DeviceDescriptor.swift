public import AddressSpaces
internal import CLinux
public import DMATypes

/// An open device node below `/dev/vfio/devices`: the calls that tie it to an iommufd.
///
/// A number, so that whoever holds it closes it. Its other calls are the program's own.
public struct DeviceDescriptor: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The descriptor's number.
  public var rawValue: Int32
  /// Wraps a number.
  @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }

  /// Opens a node; any number may be open, one of them bound.
  public init(opening path: String) throws(Errno) {
    // O_RDWR | O_CLOEXEC
    let number = unsafe clinux_open(path, 0o2000002, 0)
    guard number >= 0 else { throw Errno(rawValue: -number) }
    rawValue = number
  }

  /// Closes it: the last descriptor of a bound device detaches, unbinds and resets it.
  public func close() { _ = clinux_close(rawValue) }

  /// Opens the device for an iommufd, which then owns the device's whole group
  /// (`VFIO_DEVICE_BIND_IOMMUFD`). The device is reset.
  ///
  /// `EBUSY` while the group's own node is open, `EINVAL` when the device is bound already,
  /// `EPERM` when a native driver or somebody else holds a member of the group, or interrupts are
  /// not isolated.
  public func bind(to iommufd: IOMMUFDescriptor) throws(Errno) -> DeviceID {
    var request = BindLayout(iommufd: iommufd.rawValue)
    try call(CallNumber.bind, &request)
    return DeviceID(rawValue: request.device)
  }

  /// Whether somebody has the node of the device's group open, on a kernel that has such nodes.
  /// Nothing is bound: the kernel looks at that before it looks for an iommufd.
  public var groupIsOpen: Bool {
    var request = BindLayout(iommufd: .max)
    return issueCall(on: rawValue, CallNumber.bind, &request) == Errno.busy.rawValue
  }

  /// Lets the device translate through a table (`VFIO_DEVICE_ATTACH_IOMMUFD_PT`). Attached already,
  /// it moves, and its whole group with it.
  ///
  /// `EINVAL` when the table does not suit the device's IOMMU or a sibling is on another,
  /// `EADDRINUSE` when a reserved region of the device is mapped.
  public func attach(to table: HardwareTableID) throws(Errno) {
    var request = AttachLayout(table: table.rawValue)
    try call(CallNumber.attach, &request)
  }

  /// The same with a table that the kernel finds or makes for the space; which.
  public func attach(to space: IOASID) throws(Errno) -> HardwareTableID {
    var request = AttachLayout(table: space.rawValue)
    try call(CallNumber.attach, &request)
    return HardwareTableID(rawValue: request.table)
  }

  /// Takes the device off its table, if it has one (`VFIO_DEVICE_DETACH_IOMMUFD_PT`).
  public func detach() {
    var request = DetachLayout()
    _ = issueCall(on: rawValue, CallNumber.detach, &request)
  }

  /// Whether the device's registers can be had as a dma-buf (`VFIO_DEVICE_FEATURE_DMA_BUF`, kernels
  /// newer than 6.18). The device must be bound.
  public var exportsRegisters: Bool {
    var request = FeatureLayout(
      flags: FeatureLayout.probe | FeatureLayout.get | FeatureLayout.dmaBuffer)
    return issueCall(on: rawValue, CallNumber.feature, &request) == 0
  }

  /// A dma-buf of a part of a BAR, whole pages: a descriptor that the caller closes.
  public func export(
    region: UInt32, offset: UInt64, byteCount: UInt64
  ) throws(Errno) -> Int32 {
    var request = RegionExportLayout(region: region, offset: offset, length: byteCount)
    // SAFETY: the structure is ours, laid out as the kernel's, and outlives the call.
    let result = unsafe withUnsafeMutablePointer(to: &request) { pointer in
      clinux_ioctl(rawValue, CallNumber.feature, UInt64(UInt(bitPattern: pointer)))
    }
    guard result >= 0 else { throw Errno(rawValue: Int32(truncatingIfNeeded: -result)) }
    return Int32(truncatingIfNeeded: result)
  }

  private func call<Layout: BitwiseCopyable>(
    _ number: UInt64, _ request: inout Layout
  ) throws(Errno) {
    let failure = issueCall(on: rawValue, number, &request)
    guard failure == 0 else { throw Errno(rawValue: failure) }
  }
}
