import CEngine
import CPreload

@inline(__always)
private func positioned(
  _ name: cpreload_next_name, _ descriptor: Word, _ offset: Word, _ whence: Word
) -> Word {
  if _slowPath(entry(int(descriptor)) != .none), let error = seek(int(descriptor), int(whence)) {
    return fail(error)
  }
  return next(name, Call3.self)(descriptor, offset, whence)
}

/// None of the legacy files has a position: their file operations have no llseek.
@inline(never)
private func seek(_ descriptor: Int32, _ whence: Int32) -> Int32? {
  if entry(descriptor) == .hidden { return Errno.EBADF }
  guard let index = pin(descriptor) else { return nil }
  release(index)
  return whence < 0 || whence > 4 ? Errno.EINVAL : Errno.ESPIPE  // SEEK_HOLE is the last
}

/// Stands in front of libc's `lseek`.
@c(lseek)
public func interposedLseek(_ descriptor: Word, _ offset: Word, _ whence: Word) -> Word {
  positioned(cpreload_next_lseek, descriptor, offset, whence)
}

/// Stands in front of libc's `lseek64`.
@c(lseek64)
public func interposedLseek64(_ descriptor: Word, _ offset: Word, _ whence: Word) -> Word {
  positioned(cpreload_next_lseek64, descriptor, offset, whence)
}
