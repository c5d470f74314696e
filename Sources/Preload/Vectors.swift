import CEngine
import CPreload

/// readv(2), writev(2) and their kin on a descriptor that may be ours; nil sends the call on.
/// Devices have no read_iter: the kernel moves the segments one after the other
/// (do_loop_readv_writev) and stops at a short one.
@inline(never)
private func transferVector(
  _ direction: Direction, _ descriptor: Word, _ vector: Word, _ count: Word, _ offset: Word?,
  _ flags: Word
) -> Word? {
  pthread_testcancel()  // libc's own are cancellation points
  if entry(int(descriptor)) == .hidden { return Word(-Errno.EBADF) }
  guard let index = pin(int(descriptor)) else { return nil }
  defer { release(index) }
  let file = slot(index).pointee.file
  if file.kind == ioasid_kernel_device.rawValue { return nil }
  if let offset, offset < 0 { return Word(-Errno.EINVAL) }
  let segments = int(count)
  if segments < 0 || segments > 1024 { return Word(-Errno.EINVAL) }  // UIO_MAXIOV
  let checked = walk(vector, Int(segments)) { _, length in length < 0 ? Word(-Errno.EINVAL) : length
  }
  if checked < 0 { return checked }
  guard file.kind == ioasid_device.rawValue else { return refusal(direction, descriptor) }
  if flags & ~1 != 0 { return Word(-Errno.EOPNOTSUPP) }  // RWF_HIPRI is all that a loop takes
  var position = offset
  return walk(vector, Int(segments)) { address, length in
    if length == 0 { return 0 }
    let moved = transfer(direction, descriptor, address, length, position) ?? Word(-Errno.EBADF)
    if let at = position, moved > 0 { position = at &+ moved }
    return moved
  }
}

/// Calls `body` with each segment until it answers an error or less than the segment's length. The
/// sum, or the error if nothing came before it.
private func walk(_ vector: Word, _ count: Int, _ body: (Word, Word) -> Word) -> Word {
  var sum = 0
  var number = 0
  while number < count {
    guard let segment = guardedSegment(vector &+ number &* 16) else {
      return sum == 0 ? Word(-Errno.EFAULT) : sum
    }
    let moved = body(segment[0], segment[1])
    if moved < 0 { return sum == 0 || moved == Word(-Errno.EINVAL) ? moved : sum }
    sum = sum.addingReportingOverflow(moved).partialValue & .max
    if moved < segment[1] { break }
    number += 1
  }
  return sum
}

/// One struct iovec, read by the kernel so that a bad pointer is an answer.
private func guardedSegment(_ address: Word) -> InlineArray<2, Word>? {
  var segment = [0, 0] as InlineArray<2, Word>
  let isThere = withUnsafeMutablePointer(to: &segment) {
    copyGuarded(word($0), address, 16, toProgram: false)
  }
  return isThere ? segment : nil
}

@inline(__always)
private func vectored(
  _ direction: Direction, _ name: cpreload_next_name, _ descriptor: Word, _ vector: Word,
  _ count: Word, _ offset: Word?, _ flags: Word
) -> Word {
  if _slowPath(entry(int(descriptor)) != .none),
    let result = transferVector(direction, descriptor, vector, count, offset, flags)
  {
    return answer(result)
  }
  return next(name, Call5.self)(descriptor, vector, count, offset ?? -1, flags)
}

/// Stands in front of libc's `readv`.
@c(readv)
public func interposedReadv(_ d: Word, _ vector: Word, _ count: Word) -> Word {
  vectored(.read, cpreload_next_readv, d, vector, count, nil, 0)
}

/// Stands in front of libc's `writev`.
@c(writev)
public func interposedWritev(_ d: Word, _ vector: Word, _ count: Word) -> Word {
  vectored(.write, cpreload_next_writev, d, vector, count, nil, 0)
}

/// Stands in front of libc's `preadv`.
@c(preadv)
public func interposedPreadv(_ d: Word, _ vector: Word, _ count: Word, _ offset: Word) -> Word {
  vectored(.read, cpreload_next_preadv, d, vector, count, offset, 0)
}

/// Stands in front of libc's `preadv64`.
@c(preadv64)
public func interposedPreadv64(_ d: Word, _ vector: Word, _ count: Word, _ offset: Word) -> Word {
  vectored(.read, cpreload_next_preadv64, d, vector, count, offset, 0)
}

/// Stands in front of libc's `pwritev`.
@c(pwritev)
public func interposedPwritev(_ d: Word, _ vector: Word, _ count: Word, _ offset: Word) -> Word {
  vectored(.write, cpreload_next_pwritev, d, vector, count, offset, 0)
}

/// Stands in front of libc's `pwritev64`.
@c(pwritev64)
public func interposedPwritev64(_ d: Word, _ vector: Word, _ count: Word, _ offset: Word) -> Word {
  vectored(.write, cpreload_next_pwritev64, d, vector, count, offset, 0)
}

// Offset −1 of the second versions means the description's own position.

/// Stands in front of libc's `preadv2`.
@c(preadv2)
public func interposedPreadv2(
  _ d: Word, _ vector: Word, _ count: Word, _ offset: Word, _ flags: Word
) -> Word {
  vectored(.read, cpreload_next_preadv2, d, vector, count, offset == -1 ? nil : offset, flags)
}

/// Stands in front of libc's `preadv64v2`.
@c(preadv64v2)
public func interposedPreadv64v2(
  _ d: Word, _ vector: Word, _ count: Word, _ offset: Word, _ flags: Word
) -> Word {
  vectored(.read, cpreload_next_preadv64v2, d, vector, count, offset == -1 ? nil : offset, flags)
}

/// Stands in front of libc's `pwritev2`.
@c(pwritev2)
public func interposedPwritev2(
  _ d: Word, _ vector: Word, _ count: Word, _ offset: Word, _ flags: Word
) -> Word {
  vectored(.write, cpreload_next_pwritev2, d, vector, count, offset == -1 ? nil : offset, flags)
}

/// Stands in front of libc's `pwritev64v2`.
@c(pwritev64v2)
public func interposedPwritev64v2(
  _ d: Word, _ vector: Word, _ count: Word, _ offset: Word, _ flags: Word
) -> Word {
  vectored(.write, cpreload_next_pwritev64v2, d, vector, count, offset == -1 ? nil : offset, flags)
}
