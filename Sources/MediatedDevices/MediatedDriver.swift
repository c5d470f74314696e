public import AddressSpaces
internal import CMediated
public import DMATypes

/// A vendor driver: what a mediated device does. Every function is called with the devices of its
/// container to itself.
public protocol MediatedDriver: AnyObject {
  /// What the device can be attached as. A legacy container gives it a software space.
  var accepts: AcceptedAttachments { get }
  /// Whether the driver can be told to let go; without it the device can pin nothing.
  var hasUnmapHook: Bool { get }
  /// The first open.
  func opened(_ device: MediatedDevice) throws(Errno)
  /// The end of the last.
  func closed(_ device: MediatedDevice)
  /// An ioctl: its result. What the argument points at may be anything.
  func ioctl(
    _ device: MediatedDevice, command: UInt32, argument: UInt64
  ) throws(Errno) -> Int
  /// Reads at a position of the device's file into the caller's buffer; how many bytes.
  func read(
    _ device: MediatedDevice, into buffer: UserAddress, count: Int, at position: Int
  ) throws(Errno) -> Int
  /// Writes; how many bytes.
  func write(
    _ device: MediatedDevice, from buffer: UserAddress, count: Int, at position: Int
  ) throws(Errno) -> Int
  /// Where the memory stands that a client may map at a position of the device's file.
  func memory(
    _ device: MediatedDevice, at position: Int, count: Int, protection: Int32
  ) throws(Errno) -> UserAddress
  /// A mapping of which pages are pinned goes away: give back what was pinned there.
  func dmaUnmap(_ mapping: IOVARange, of device: MediatedDevice)
  /// It was not given back in all rounds: the mapping stays, and takes no more pins.
  func unmapFailed(_ mapping: IOVARange, of device: MediatedDevice)
}

/// What `vfio_main.c` does for a function that a driver does not have.
extension MediatedDriver {
  /// A software space.
  public var accepts: AcceptedAttachments { .software }
  /// True.
  public var hasUnmapHook: Bool { true }
  /// Nothing.
  public func opened(_ device: MediatedDevice) throws(Errno) {}
  /// Nothing.
  public func closed(_ device: MediatedDevice) {}
  /// `EINVAL`.
  public func ioctl(
    _ device: MediatedDevice, command: UInt32, argument: UInt64
  ) throws(Errno) -> Int { throw .invalidArgument }
  /// `EINVAL`.
  public func read(
    _ device: MediatedDevice, into buffer: UserAddress, count: Int, at position: Int
  ) throws(Errno) -> Int { throw .invalidArgument }
  /// `EINVAL`.
  public func write(
    _ device: MediatedDevice, from buffer: UserAddress, count: Int, at position: Int
  ) throws(Errno) -> Int { throw .invalidArgument }
  /// `EINVAL`.
  public func memory(
    _ device: MediatedDevice, at position: Int, count: Int, protection: Int32
  ) throws(Errno) -> UserAddress { throw .invalidArgument }
  /// Nothing.
  public func unmapFailed(_ mapping: IOVARange, of device: MediatedDevice) {}
}

/// A driver in C, by its `vfio_device_ops`.
@safe final class CDriver: MediatedDriver {
  private let operations: UnsafePointer<vfio_device_ops>
  // SAFETY: ours from init to deinit, zero at first, as the driver is promised.
  private let state: UnsafeMutableRawPointer
  // SAFETY: likewise, in whole pages.
  private let memory: UnsafeMutableRawPointer
  private var seen: DriverDevice?

  init(_ operations: UnsafePointer<vfio_device_ops>) {
    unsafe self.operations = operations
    let count = unsafe max(operations.pointee.state_bytes, 16)
    unsafe state = .allocate(byteCount: count, alignment: 4096)
    unsafe state.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    let pages = unsafe (max(operations.pointee.memory_bytes, 1) + 4095) & ~4095
    unsafe memory = .allocate(byteCount: pages, alignment: 4096)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: pages)
  }

  deinit {
    unsafe state.deallocate()
    unsafe memory.deallocate()
  }

  /// What the driver sees of a device, which hosts it from now on.
  func device(of host: MediatedDevice) -> DriverDevice {
    if let seen { return seen }
    let device = unsafe DriverDevice(
      operations: operations, state: state, memory: memory, host: host)
    seen = device
    return device
  }

  private func number(_ result: Int) throws(Errno) -> Int {
    if result < 0, result >= -4095 { throw Errno(rawValue: Int32(-result)) }
    return result
  }

  var hasUnmapHook: Bool { unsafe operations.pointee.dma_unmap != nil }

  func opened(_ device: MediatedDevice) throws(Errno) {
    guard let open = unsafe operations.pointee.open_device else { return }
    _ = try number(Int(unsafe open(self.device(of: device).pointer)))
  }

  func closed(_ device: MediatedDevice) {
    unsafe operations.pointee.close_device?(self.device(of: device).pointer)
  }

  func ioctl(
    _ device: MediatedDevice, command: UInt32, argument: UInt64
  ) throws(Errno) -> Int {
    guard let ioctl = unsafe operations.pointee.ioctl else { throw .invalidArgument }
    return try number(unsafe ioctl(self.device(of: device).pointer, command, UInt(argument)))
  }

  func read(
    _ device: MediatedDevice, into buffer: UserAddress, count: Int, at position: Int
  ) throws(Errno) -> Int {
    guard let read = unsafe operations.pointee.read else { throw .invalidArgument }
    var position = position
    // SAFETY: the driver was told that the caller's addresses are to be copied, not followed.
    let bytes = unsafe UnsafeMutablePointer<CChar>(bitPattern: UInt(buffer.rawValue))
    return try number(unsafe read(self.device(of: device).pointer, bytes, count, &position))
  }

  func write(
    _ device: MediatedDevice, from buffer: UserAddress, count: Int, at position: Int
  ) throws(Errno) -> Int {
    guard let write = unsafe operations.pointee.write else { throw .invalidArgument }
    var position = position
    // SAFETY: as in `read`.
    let bytes = unsafe UnsafePointer<CChar>(bitPattern: UInt(buffer.rawValue))
    return try number(unsafe write(self.device(of: device).pointer, bytes, count, &position))
  }

  func memory(
    _ device: MediatedDevice, at position: Int, count: Int, protection: Int32
  ) throws(Errno) -> UserAddress {
    let part = try self.device(of: device).part(
      at: position, count: UInt64(max(count, 0)), protection: protection)
    return UserAddress(unsafe UInt64(UInt(bitPattern: memory)) + part)
  }

  func dmaUnmap(_ mapping: IOVARange, of device: MediatedDevice) {
    unsafe operations.pointee.dma_unmap?(
      self.device(of: device).pointer, mapping.start.rawValue, mapping.size)
  }

  func unmapFailed(_ mapping: IOVARange, of device: MediatedDevice) {
    unsafe operations.pointee.unmap_failed?(
      self.device(of: device).pointer, mapping.start.rawValue, mapping.size)
  }
}
