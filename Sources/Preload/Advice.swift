import CPreload

// Advice on register memory. The kernel knows such memory as VM_IO and VM_PFNMAP, without pages of
// its own; ours is a closed mapping of a file, to which it would say something else.

/// Stands in front of libc's `madvise`.
@c(madvise)
public func interposedMadvise(_ address: Word, _ length: Word, _ advice: Word) -> Word {
  if _slowPath(loadedEngine() != nil), trapping(address, length) != nil {
    switch int(advice) {
    // DONTNEED, FREE, DOFORK, MERGEABLE, DODUMP, COLD, PAGEOUT, DONTNEED_LOCKED
    case 4, 8, 11, 12, 17, 20, 21, 24: return fail(Errno.EINVAL)
    case 9: return fail(Errno.ENODEV)  // REMOVE
    default: break
    }
  }
  return next(cpreload_next_madvise, Call3.self)(address, length, advice)
}

/// Stands in front of libc's `msync`.
@c(msync)
public func interposedMsync(_ address: Word, _ length: Word, _ flags: Word) -> Word {
  let result = next(cpreload_next_msync, Call3.self)(address, length, flags)
  // MS_SYNC asks the file, and no legacy file has an fsync.
  if _slowPath(loadedEngine() != nil), int(result) == 0, flags & 4 != 0,
    trapping(address, length) != nil
  {
    return fail(Errno.EINVAL)
  }
  return result
}

/// Registers are never paged out: the kernel passes over them, and would fail on a closed mapping.
@inline(__always)
private func locked(_ result: Word, _ address: Word, _ length: Word) -> Word {
  limitsMayHaveChanged()
  if _slowPath(int(result) < 0 && loadedEngine() != nil),
    cpreload_errno().pointee == Errno.ENOMEM, trapping(address, length) != nil
  {
    return 0
  }
  return result
}

/// Stands in front of libc's `mlock`.
@c(mlock)
public func interposedMlock(_ address: Word, _ length: Word) -> Word {
  locked(next(cpreload_next_mlock, Call2.self)(address, length), address, length)
}

/// Stands in front of libc's `mlock2`.
@c(mlock2)
public func interposedMlock2(_ address: Word, _ length: Word, _ flags: Word) -> Word {
  locked(next(cpreload_next_mlock2, Call3.self)(address, length, flags), address, length)
}
