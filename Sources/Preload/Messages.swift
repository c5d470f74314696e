import CPreload

// Descriptors that arrive over a socket are only marked; their first use finds out what they are.

/// struct msghdr: control at 32, its length at 40. struct cmsghdr: length, level, type, then the
/// data at 16.
@inline(never)
private func markReceived(_ header: Word) {
  guard machineDevice() != 0, let message = UnsafeRawPointer(bitPattern: header),
    let control = UnsafeRawPointer(bitPattern: message.load(fromByteOffset: 32, as: Int.self))
  else { return }
  let bytes = message.load(fromByteOffset: 40, as: Int.self)
  var start = 0
  while start + 16 <= bytes {
    let length = control.load(fromByteOffset: start, as: Int.self)
    guard length >= 16, length <= bytes - start else { return }
    let level = control.load(fromByteOffset: start + 8, as: Int32.self)
    let type = control.load(fromByteOffset: start + 12, as: Int32.self)
    if level == 1 && type == 1 {  // SOL_SOCKET, SCM_RIGHTS
      var at = start + 16
      while at + 4 <= start + length {
        let descriptor = control.load(fromByteOffset: at, as: Int32.self)
        if tableEntry(descriptor) != .none { forget(descriptor) }
        markIfOurs(descriptor)
        takeInKernel(descriptor)
        at += 4
      }
    }
    start += (length + 7) & ~7
  }
}

/// A file of a run on the kernel's devices is taken over at once: what stands behind it in the
/// kernel is had from its sender, who may be gone at its first use.
private func takeInKernel(_ descriptor: Int32) {
  guard tableEntry(descriptor) == .marked,
    status(currentDirectory, path("/sys/module/ioasid/iommu"), 0) != nil,
    let index = pin(descriptor)
  else { return }
  release(index)
}

@inline(__always)
private func hasControl(_ header: Word) -> Bool {
  UnsafeRawPointer(bitPattern: header).unsafelyUnwrapped
    .load(fromByteOffset: 40, as: Int.self) != 0
}

/// Stands in front of libc's `recvmsg`.
@c(recvmsg)
public func interposedRecvmsg(_ socket: Word, _ header: Word, _ flags: Word) -> Word {
  let result = next(cpreload_next_recvmsg, Call3.self)(socket, header, flags)
  if result >= 0, cpreload_in_run() != 0, cpreload_depth() == 0, hasControl(header) {
    markReceived(header)
  }
  return result
}

/// Stands in front of libc's `recvmmsg`.
@c(recvmmsg)
public func interposedRecvmmsg(
  _ socket: Word, _ headers: Word, _ count: Word, _ flags: Word, _ timeout: Word
) -> Word {
  let result = next(cpreload_next_recvmmsg, Call5.self)(socket, headers, count, flags, timeout)
  if int(result) > 0, cpreload_in_run() != 0, cpreload_depth() == 0 {
    var number = 0
    while number < Int(int(result)) {
      let header = headers + number * 64  // struct mmsghdr
      if hasControl(header) { markReceived(header) }
      number += 1
    }
  }
  return result
}
