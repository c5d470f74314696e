public import CMediated
public import DMATypes
internal import UAPI

/// What a driver's functions in `vfio_ioasid.h` ask of whoever hosts its device. Numbers are the
/// kernel's: a count or 0, or −errno.
public protocol DeviceHost: AnyObject {
  /// `vfio_pin_pages()`; `pages` has room for `count`.
  func pin(
    _ iova: IOVA, _ count: Int32, _ protection: Int32,
    into pages: UnsafeMutablePointer<OpaquePointer?>?
  ) -> Int32
  /// `vfio_unpin_pages()`.
  func unpin(_ iova: IOVA, _ count: Int32)
  /// `vfio_dma_rw()`.
  func copy(_ data: UnsafeMutableRawPointer?, _ iova: IOVA, _ count: Int, isWrite: Bool) -> Int32
  /// Copies within one pinned page, whosever it is.
  func copy(
    _ page: MappedMemory, _ offset: Int, _ bytes: UnsafeMutableRawBufferPointer, isWrite: Bool
  ) -> Int32
  /// Where a pinned page stands in this process; 0 when it is another's.
  func address(of page: MappedMemory) -> UInt64
  /// Takes hold of the caller's eventfd.
  func takeEvent(_ descriptor: Int32) throws(Errno) -> vfio_ioasid_event
  /// Adds one to an eventfd.
  func signal(_ event: vfio_ioasid_event)
  /// Lets an eventfd go.
  func release(_ event: vfio_ioasid_event)
}

/// A driver's device, as the driver sees it, and whose it is.
@safe public final class DriverDevice: @unchecked Sendable {
  /// What stands in `vfio_device.owner`: never freed before the driver's last call.
  fileprivate unowned(unsafe) let host: any DeviceHost
  // SAFETY: ours from init to deinit; set before the driver sees it and not changed after.
  private let device: UnsafeMutablePointer<vfio_device>

  /// Makes a device for a driver whose state and memory lie at addresses that outlive it, as the
  /// host does.
  public init(
    operations: UnsafePointer<vfio_device_ops>, state: UnsafeMutableRawPointer?,
    memory: UnsafeMutableRawPointer?, host: any DeviceHost
  ) {
    unsafe self.host = host
    unsafe device = .allocate(capacity: 1)
    unsafe device.initialize(
      to: vfio_device(
        ops: operations, state: state, memory: memory, host: hostTable, owner: nil))
    unsafe device.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit { unsafe device.deallocate() }

  /// The device that a driver's functions take.
  public var pointer: UnsafeMutablePointer<vfio_device> { unsafe device }
  /// The driver's functions.
  public var operations: vfio_device_ops { unsafe device.pointee.ops.pointee }

  /// Which part of the device's memory a program may map: where it begins, in whole pages.
  ///
  /// `EINVAL` when the driver shows none, or names memory that the device does not have; or what
  /// the driver says.
  public func part(
    at position: Int, count: UInt64, protection: Int32
  ) throws(Errno) -> UInt64 {
    guard let map = unsafe operations.mmap, count > 0, position >= 0, position % 4096 == 0,
      count <= UInt64(Int.max)
    else { throw .invalidArgument }
    var part = 0
    let failure = unsafe map(pointer, position, Int(count), protection, &part)
    guard failure == 0 else { throw Errno(rawValue: -failure) }
    let pages = (count + 4095) & ~4095
    let whole = unsafe UInt64(operations.memory_bytes)
    guard part >= 0, part % 4096 == 0, pages <= whole, UInt64(part) <= whole - pages else {
      throw .invalidArgument
    }
    return UInt64(part)
  }
}

/// What a driver's functions lead to. Never freed.
@safe nonisolated(unsafe) private let hostTable: UnsafePointer<vfio_ioasid_host> = {
  let host = UnsafeMutablePointer<vfio_ioasid_host>.allocate(capacity: 1)
  unsafe host.initialize(
    to: vfio_ioasid_host(
      pin_pages: { device, iova, count, protection, pages in
        unsafe owner(device).pin(IOVA(iova), count, protection, into: pages)
      },
      unpin_pages: { device, iova, count in unsafe owner(device).unpin(IOVA(iova), count) },
      dma_rw: { device, iova, data, count, isWrite in
        unsafe owner(device).copy(
          data, IOVA(iova), Int(clamping: count), isWrite: isWrite != 0)
      },
      copy_page: { device, page, offset, data, count, isWrite in
        let bytes = unsafe UnsafeMutableRawBufferPointer(
          start: data, count: Int(clamping: count))
        return unsafe owner(device).copy(
          memory(page), Int(clamping: offset), bytes, isWrite: isWrite != 0)
      },
      page_address: { device, page in
        unsafe UnsafeMutableRawPointer(
          bitPattern: UInt(owner(device).address(of: memory(page))))
      },
      copy_from_user: { to, from, count in
        let bytes = unsafe UnsafeMutableRawBufferPointer(start: to, count: Int(clamping: count))
        let address = UserAddress(UInt64(UInt(bitPattern: from)))
        return (try? unsafe CallerMemory.read(bytes, from: address)) == nil ? count : 0
      },
      copy_to_user: { to, from, count in
        let bytes = unsafe UnsafeRawBufferPointer(start: from, count: Int(clamping: count))
        let address = UserAddress(UInt64(UInt(bitPattern: to)))
        return (try? unsafe CallerMemory.write(bytes, to: address)) == nil ? count : 0
      },
      event_get: { device, descriptor, event in
        do throws(Errno) {
          guard descriptor >= 0, let event = unsafe event else { throw .badDescriptor }
          unsafe event.pointee = try owner(device).takeEvent(descriptor)
          return 0
        } catch {
          return -error.rawValue
        }
      },
      event_signal: { device, event in
        if let event = unsafe event { unsafe owner(device).signal(event.pointee) }
      },
      event_put: { device, event in
        if let event = unsafe event { unsafe owner(device).release(event.pointee) }
      }))
  return unsafe UnsafePointer(host)
}()

extension DriverDevice {
  /// Who hosts a driver's device.
  static func host(of device: UnsafeMutablePointer<vfio_device>) -> any DeviceHost {
    // SAFETY: drivers have devices from here only, with their owner, and only while both live.
    unsafe Unmanaged<DriverDevice>.fromOpaque(device.pointee.owner).takeUnretainedValue().host
  }
}

private func owner(_ device: UnsafeMutablePointer<vfio_device>?) -> any DeviceHost {
  unsafe DriverDevice.host(of: device.unsafelyUnwrapped)
}

/// The memory that a page's handle names.
private func memory(_ page: OpaquePointer?) -> MappedMemory {
  MappedMemory(rawValue: UInt64(UInt(bitPattern: page)))
}
