import CEngine
import CPreload

// Calls that act on the size or the content of a file. A legacy file has neither, and what stands
// for it in the kernel must not be touched.

/// The kind of file behind a descriptor, or the answer to a call on it when it is the engine's.
enum Owned {
  case foreign, hidden
  case ours(ioasid_open_file)
}

@inline(never)
func owned(_ descriptor: Word) -> Owned {
  if entry(int(descriptor)) == .hidden { return .hidden }
  guard let index = pin(int(descriptor)) else { return .foreign }
  defer { release(index) }
  return .ours(slot(index).pointee.file)
}

/// The O_ACCMODE bits of a descriptor: 0 reads, 1 writes, 2 does both.
func accessMode(_ descriptor: Word) -> Word { kernel(.fcntl, descriptor, 3) & 3 }

/// What a call on a descriptor of ours fails with; nil sends the call on.
@inline(__always)
func refused(_ descriptor: Word, _ judge: () -> Int32) -> Int32? {
  _fastPath(entry(int(descriptor)) == .none) ? nil : refusal(of: descriptor, judge)
}

@inline(never)
private func refusal(of descriptor: Word, _ judge: () -> Int32) -> Int32? {
  switch owned(descriptor) {
  case .foreign: nil
  case .hidden: Errno.EBADF
  case .ours: judge()
  }
}

/// Stands in front of libc's `fsync`.
@c(fsync)
public func interposedFsync(_ d: Word) -> Word {
  if let error = refused(d, { Errno.EINVAL }) { return fail(error) }
  return next(cpreload_next_fsync, Call1.self)(d)
}

/// Stands in front of libc's `fdatasync`.
@c(fdatasync)
public func interposedFdatasync(_ d: Word) -> Word {
  if let error = refused(d, { Errno.EINVAL }) { return fail(error) }
  return next(cpreload_next_fdatasync, Call1.self)(d)
}

/// Stands in front of libc's `ftruncate`.
@c(ftruncate)
public func interposedFtruncate(_ d: Word, _ length: Word) -> Word {
  if let error = refused(d, { Errno.EINVAL }) { return fail(error) }
  return next(cpreload_next_ftruncate, Call2.self)(d, length)
}

/// Stands in front of libc's `ftruncate64`.
@c(ftruncate64)
public func interposedFtruncate64(_ d: Word, _ length: Word) -> Word {
  if let error = refused(d, { Errno.EINVAL }) { return fail(error) }
  return next(cpreload_next_ftruncate64, Call2.self)(d, length)
}

/// Stands in front of libc's `readahead`.
@c(readahead)
public func interposedReadahead(_ d: Word, _ offset: Word, _ count: Word) -> Word {
  if let error = refused(d, { Errno.EINVAL }) { return fail(error) }
  return next(cpreload_next_readahead, Call3.self)(d, offset, count)
}

/// `ksys_sync_file_range()`.
private func syncRefusal(_ offset: Word, _ count: Word, _ flags: Word) -> Int32 {
  let (end, overflows) = offset.addingReportingOverflow(count)
  let isWrong = flags & 0xffff_ffff & ~7 != 0 || offset < 0 || overflows || end < offset
  return isWrong ? Errno.EINVAL : Errno.ESPIPE
}

/// Stands in front of libc's `sync_file_range`.
@c(sync_file_range)
public func interposedSyncFileRange(
  _ d: Word, _ offset: Word, _ count: Word, _ flags: Word
) -> Word {
  if let error = refused(d, { syncRefusal(offset, count, flags) }) { return fail(error) }
  return next(cpreload_next_sync_file_range, Call4.self)(d, offset, count, flags)
}

/// `vfs_fallocate()`: what has a size is asked for last.
private func allocationRefusal(
  _ descriptor: Word, _ mode: Word, _ offset: Word, _ length: Word
) -> Int32 {
  if offset < 0 || length <= 0 { return Errno.EINVAL }
  switch int(mode) {
  case 0, 1, 3, 8, 0x10, 0x11, 0x20, 0x40, 0x41: break
  default: return Errno.EOPNOTSUPP
  }
  return accessMode(descriptor) == 0 ? Errno.EBADF : Errno.ENODEV
}

/// Stands in front of libc's `fallocate`.
@c(fallocate)
public func interposedFallocate(_ d: Word, _ mode: Word, _ offset: Word, _ length: Word) -> Word {
  if let error = refused(d, { allocationRefusal(d, mode, offset, length) }) { return fail(error) }
  return next(cpreload_next_fallocate, Call4.self)(d, mode, offset, length)
}

/// Stands in front of libc's `fallocate64`.
@c(fallocate64)
public func interposedFallocate64(_ d: Word, _ mode: Word, _ offset: Word, _ length: Word) -> Word {
  if let error = refused(d, { allocationRefusal(d, mode, offset, length) }) { return fail(error) }
  return next(cpreload_next_fallocate64, Call4.self)(d, mode, offset, length)
}

// These two answer the error itself.

/// Stands in front of libc's `posix_fallocate`.
@c(posix_fallocate)
public func interposedPosixFallocate(_ d: Word, _ offset: Word, _ length: Word) -> Word {
  if let error = refused(d, { allocationRefusal(d, 0, offset, length) }) { return Word(error) }
  return next(cpreload_next_posix_fallocate, Call3.self)(d, offset, length)
}

/// Stands in front of libc's `posix_fallocate64`.
@c(posix_fallocate64)
public func interposedPosixFallocate64(_ d: Word, _ offset: Word, _ length: Word) -> Word {
  if let error = refused(d, { allocationRefusal(d, 0, offset, length) }) { return Word(error) }
  return next(cpreload_next_posix_fallocate64, Call3.self)(d, offset, length)
}

// Copies between files: neither end can be a legacy file.

/// Stands in front of libc's `copy_file_range`.
@c(copy_file_range)
public func interposedCopyFileRange(
  _ from: Word, _ fromOffset: Word, _ to: Word, _ toOffset: Word, _ count: Word, _ flags: Word
) -> Word {
  if let error = refused(from, { Errno.EINVAL }) ?? refused(to, { Errno.EINVAL }) {
    return fail(error)
  }
  return next(cpreload_next_copy_file_range, Call6.self)(
    from, fromOffset, to, toOffset, count, flags)
}

/// Stands in front of libc's `sendfile`.
@c(sendfile)
public func interposedSendfile(_ to: Word, _ from: Word, _ offset: Word, _ count: Word) -> Word {
  if let error = refused(from, { Errno.EINVAL }) ?? refused(to, { Errno.EINVAL }) {
    return fail(error)
  }
  return next(cpreload_next_sendfile, Call4.self)(to, from, offset, count)
}

/// Stands in front of libc's `sendfile64`.
@c(sendfile64)
public func interposedSendfile64(_ to: Word, _ from: Word, _ offset: Word, _ count: Word) -> Word {
  if let error = refused(from, { Errno.EINVAL }) ?? refused(to, { Errno.EINVAL }) {
    return fail(error)
  }
  return next(cpreload_next_sendfile64, Call4.self)(to, from, offset, count)
}

/// Stands in front of libc's `splice`.
@c(splice)
public func interposedSplice(
  _ from: Word, _ fromOffset: Word, _ to: Word, _ toOffset: Word, _ count: Word, _ flags: Word
) -> Word {
  if count != 0, let error = refused(from, { Errno.EINVAL }) ?? refused(to, { Errno.EINVAL }) {
    return fail(error)
  }
  return next(cpreload_next_splice, Call6.self)(from, fromOffset, to, toOffset, count, flags)
}

// A container's and a group's owner and mode are those of its node; a device's inode is nobody's.

@inline(never)
private func changeNode(_ file: ioasid_open_file, _ call: (Word) -> Word) -> Word {
  guard !isDevice(file) else { return 0 }
  var name = NodeName(file)
  return name.withPath { answer(call($0)) }
}

/// Stands in front of libc's `fchmod`.
@c(fchmod)
public func interposedFchmod(_ d: Word, _ mode: Word) -> Word {
  if _slowPath(entry(int(d)) != .none) {
    switch owned(d) {
    case .foreign: break
    case .hidden: return fail(Errno.EBADF)
    case .ours(let file):
      return changeNode(file) { kernel(.fchmodat, currentDirectory, $0, mode) }
    }
  }
  return next(cpreload_next_fchmod, Call2.self)(d, mode)
}

/// Stands in front of libc's `fchown`.
@c(fchown)
public func interposedFchown(_ d: Word, _ user: Word, _ group: Word) -> Word {
  if _slowPath(entry(int(d)) != .none) {
    switch owned(d) {
    case .foreign: break
    case .hidden: return fail(Errno.EBADF)
    case .ours(let file):
      return changeNode(file) { kernel(.fchownat, currentDirectory, $0, user, group) }
    }
  }
  return next(cpreload_next_fchown, Call3.self)(d, user, group)
}
