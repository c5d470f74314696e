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
  /// ioctl(2) in a forked child, which ends with it; EAGAIN where there is none. What the call
  /// writes to private memory is the child's.
  static func ioctlByChild(_ descriptor: Int32, _ request: UInt64, _ argument: UInt64) -> Int64 {
    var socket: Int32 = -1
    let child = unsafe clinux_libc_fork(&socket)
    guard child >= 0 else { return -Int64(EAGAIN) }
    if child == 0 {
      var result = ioctl(descriptor, request, argument)
      _ = unsafe clinux_libc_send(socket, &result, UInt64(MemoryLayout<Int64>.size))
      clinux_libc_exit()
    }
    var result = -Int64(EAGAIN)
    _ = unsafe clinux_libc_receive(socket, &result, UInt64(MemoryLayout<Int64>.size))
    clinux_libc_wait(Int32(child))
    close(socket)
    return result
  }
}
