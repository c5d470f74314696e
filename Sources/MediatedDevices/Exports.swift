public import CMediated
internal import DMATypes

// What `libvfio_ioasid.h` declares.

private func container(_ token: OpaquePointer) -> MediatedContainer {
  // SAFETY: made by `open`, which retained it, and not used after `close`.
  unsafe Unmanaged.fromOpaque(UnsafeRawPointer(token)).takeUnretainedValue()
}

private func host(_ device: UnsafeMutablePointer<vfio_device>) -> MediatedDevice? {
  // SAFETY: devices come from `register` only.
  unsafe DriverDevice.host(of: device) as? MediatedDevice
}

/// Opens a container.
@c(vfio_ioasid_container_open)
public func openContainer() -> OpaquePointer {
  unsafe OpaquePointer(Unmanaged.passRetained(MediatedContainer()).toOpaque())
}

/// Ends a container and its devices.
@c(vfio_ioasid_container_close)
public func closeContainer(_ token: OpaquePointer) {
  unsafe Unmanaged<MediatedContainer>.fromOpaque(UnsafeRawPointer(token)).release()
}

/// An ioctl of a container.
@c(vfio_ioasid_container_ioctl)
public func containerIoctl(_ token: OpaquePointer, _ command: UInt32, _ argument: UInt) -> Int {
  unsafe container(token).ioctl(command, UInt64(argument))
}

/// Adds a driver's device.
@c(vfio_ioasid_register)
public func register(
  _ token: OpaquePointer, _ operations: UnsafePointer<vfio_device_ops>,
  _ device: UnsafeMutablePointer<UnsafeMutablePointer<vfio_device>?>
) -> Int32 {
  do throws(Errno) {
    guard unsafe operations.pointee.version == UInt32(VFIO_IOASID_VERSION) else {
      throw .invalidArgument
    }
    let driver = unsafe CDriver(operations)
    let name = unsafe operations.pointee.name.map { unsafe String(cString: $0) }
    let host = try unsafe container(token).register(driver, named: name ?? "mediated")
    unsafe device.pointee = driver.device(of: host).pointer
    return 0
  } catch {
    return -error.rawValue
  }
}

/// Opens a device.
@c(vfio_ioasid_open)
public func openDevice(_ device: UnsafeMutablePointer<vfio_device>) -> Int32 {
  do throws(Errno) {
    guard let host = unsafe host(device) else { throw .noDevice }
    try host.open()
    return 0
  } catch {
    return -error.rawValue
  }
}

/// Closes a device.
@c(vfio_ioasid_close)
public func closeDevice(_ device: UnsafeMutablePointer<vfio_device>) {
  unsafe host(device)?.close()
}

/// An ioctl of a device.
@c(vfio_ioasid_ioctl)
public func deviceIoctl(
  _ device: UnsafeMutablePointer<vfio_device>, _ command: UInt32, _ argument: UInt
) -> Int {
  unsafe host(device)?.ioctl(command, UInt64(argument)) ?? -Int(Errno.noDevice.rawValue)
}

/// Reads a device's file.
@c(vfio_ioasid_pread)
public func readDevice(
  _ device: UnsafeMutablePointer<vfio_device>, _ buffer: UnsafeMutableRawPointer?, _ count: Int,
  _ position: Int
) -> Int {
  let address = UserAddress(UInt64(UInt(bitPattern: buffer)))
  return unsafe host(device)?.read(into: address, count: count, at: position)
    ?? -Int(Errno.noDevice.rawValue)
}

/// Writes a device's file.
@c(vfio_ioasid_pwrite)
public func writeDevice(
  _ device: UnsafeMutablePointer<vfio_device>, _ buffer: UnsafeRawPointer?, _ count: Int,
  _ position: Int
) -> Int {
  let address = UserAddress(UInt64(UInt(bitPattern: buffer)))
  return unsafe host(device)?.write(from: address, count: count, at: position)
    ?? -Int(Errno.noDevice.rawValue)
}

/// Where a device's memory stands.
@c(vfio_ioasid_mmap)
public func mapDevice(
  _ device: UnsafeMutablePointer<vfio_device>, _ position: Int, _ length: Int, _ protection: Int32
) -> UnsafeMutableRawPointer? {
  guard
    let address = try? unsafe host(device)?.memory(
      at: position, count: length, protection: protection)
  else { return nil }
  return unsafe UnsafeMutableRawPointer(bitPattern: UInt(address.rawValue))
}
