public import CLinux
public import DMATypes

/// The memory of the program that makes the call: a bad address is `EFAULT`, never a crash.
///
/// Needs a fault guard in the process: the preload's, or `installFaultGuard()`.
public enum CallerMemory {
  /// Makes faults inside these functions errors, in a process that has no preload.
  public static func installFaultGuard() { clinux_install_fault_guard() }

  /// Copies from the program, like the kernel's `copy_from_user`.
  @inline(__always)
  public static func read(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress
  ) throws(Errno) {
    // SAFETY: the destination is ours and as long as it says; the source may be anything.
    let result = unsafe clinux_copy(
      bytes.baseAddress, UnsafeRawPointer(bitPattern: UInt(address.rawValue)), bytes.count)
    guard result == 0 else { throw .badAddress }
  }

  /// Copies to the program, like the kernel's `copy_to_user`.
  @inline(__always)
  public static func write(_ bytes: UnsafeRawBufferPointer, to address: UserAddress) throws(Errno) {
    // SAFETY: the source is ours and as long as it says; the destination may be anything.
    let result = unsafe clinux_copy(
      UnsafeMutableRawPointer(bitPattern: UInt(address.rawValue)), bytes.baseAddress, bytes.count)
    guard result == 0 else { throw .badAddress }
  }

  /// Reads one value laid out as C lays it out.
  @inlinable @inline(__always)
  public static func load<Value: BitwiseCopyable>(
    _ type: Value.Type = Value.self, from address: UserAddress, into value: inout Value
  ) throws(Errno) {
    // SAFETY: as many bytes as the value has, so that a guard on the stack has nothing to find.
    let failure = unsafe _withUnprotectedUnsafeMutableBytes(of: &value) { bytes in
      unsafe clinux_copy_value(
        bytes.baseAddress, UnsafeRawPointer(bitPattern: UInt(address.rawValue)), bytes.count)
    }
    guard failure == 0 else { throw .badAddress }
  }

  /// Writes one value laid out as C lays it out.
  @inlinable @inline(__always)
  public static func store<Value: BitwiseCopyable>(
    _ value: Value, to address: UserAddress
  ) throws(Errno) {
    // SAFETY: as in `load`.
    let failure = unsafe _withUnprotectedUnsafeBytes(of: value) { bytes in
      unsafe clinux_copy_value(
        UnsafeMutableRawPointer(bitPattern: UInt(address.rawValue)), bytes.baseAddress, bytes.count)
    }
    guard failure == 0 else { throw .badAddress }
  }

  /// Asks for every page of a page-aligned run as a pin would, changing nothing in it.
  ///
  /// The bytes that are there before the first page that is not; `byteCount` when all are.
  @inline(__always)
  public static func touch(
    _ address: UserAddress, byteCount: UInt64, access: DMAAccess
  ) -> UInt64 {
    let count = Int(clamping: byteCount)
    return access.contains(.write)
      ? UInt64(clinux_touch_for_write(address.rawValue, count))
      : UInt64(clinux_touch_for_read(address.rawValue, count))
  }
}
