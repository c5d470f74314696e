internal import CLinux
import Glibc

/// Calls as any program makes them, through the C library: whoever stands behind the nodes of this
/// process answers, the kernel or a run of ours.
enum KernelCalls {
  /// open(2) with O_CLOEXEC: the descriptor, or −errno.
  static func open(_ path: String, _ flags: Int32) -> Int32 {
    Int32(truncatingIfNeeded: unsafe clinux_libc_open(path, flags | O_CLOEXEC))
  }
  /// close(2).
  static func close(_ descriptor: Int32) { _ = clinux_libc_close(descriptor) }
  /// ioctl(2): its result, or −errno.
  static func ioctl(_ descriptor: Int32, _ request: UInt64, _ argument: UInt64) -> Int64 {
    clinux_libc_ioctl(descriptor, request, argument)
  }
}
