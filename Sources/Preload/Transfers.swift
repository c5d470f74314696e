import CEngine
import CPreload

enum Direction { case read, write }

/// read(2), write(2) and their positional kin on a descriptor that may be ours; nil sends the call
/// on.
@inline(never)
func transfer(
  _ direction: Direction, _ descriptor: Word, _ address: Word, _ count: Word, _ offset: Word?
) -> Word? {
  if entry(int(descriptor)) == .hidden { return Word(-Errno.EBADF) }
  guard let index = pin(int(descriptor)) else { return nil }
  defer { release(index) }
  guard let engine = loadedEngine() else { return nil }
  let file = slot(index).pointee.file
  guard file.kind == ioasid_device.rawValue else { return Word(-Errno.EINVAL) }
  if let offset, offset < 0 { return Word(-Errno.EINVAL) }
  let from = UInt64(UInt(bitPattern: address)), length = UInt64(UInt(bitPattern: count))
  return inside {
    direction == .read
      ? Word(engine.pointee.read(file.file, int(descriptor), from, length, Int64(offset ?? -1)))
      : Word(engine.pointee.write(file.file, int(descriptor), from, length, Int64(offset ?? -1)))
  }
}

/// Stands in front of libc's `read`.
@c(read)
public func interposedRead(_ descriptor: Word, _ address: Word, _ count: Word) -> Word {
  if _slowPath(entry(int(descriptor)) != .none),
    let result = transfer(.read, descriptor, address, count, nil)
  {
    return answer(result)
  }
  return next(cpreload_next_read, Call3.self)(descriptor, address, count)
}

/// Stands in front of libc's `write`.
@c(write)
public func interposedWrite(_ descriptor: Word, _ address: Word, _ count: Word) -> Word {
  if _slowPath(entry(int(descriptor)) != .none),
    let result = transfer(.write, descriptor, address, count, nil)
  {
    return answer(result)
  }
  return next(cpreload_next_write, Call3.self)(descriptor, address, count)
}

@inline(__always)
func positional(
  _ direction: Direction, _ name: cpreload_next_name, _ descriptor: Word, _ address: Word,
  _ count: Word, _ offset: Word
) -> Word {
  if _slowPath(entry(int(descriptor)) != .none),
    let result = transfer(direction, descriptor, address, count, offset)
  {
    return answer(result)
  }
  return next(name, Call4.self)(descriptor, address, count, offset)
}

/// Stands in front of libc's `pread`.
@c(pread)
public func interposedPread(_ d: Word, _ address: Word, _ count: Word, _ offset: Word) -> Word {
  positional(.read, cpreload_next_pread, d, address, count, offset)
}

/// Stands in front of libc's `pread64`.
@c(pread64)
public func interposedPread64(_ d: Word, _ address: Word, _ count: Word, _ offset: Word) -> Word {
  positional(.read, cpreload_next_pread64, d, address, count, offset)
}

/// Stands in front of libc's `pwrite`.
@c(pwrite)
public func interposedPwrite(_ d: Word, _ address: Word, _ count: Word, _ offset: Word) -> Word {
  positional(.write, cpreload_next_pwrite, d, address, count, offset)
}

/// Stands in front of libc's `pwrite64`.
@c(pwrite64)
public func interposedPwrite64(_ d: Word, _ address: Word, _ count: Word, _ offset: Word) -> Word {
  positional(.write, cpreload_next_pwrite64, d, address, count, offset)
}

// What _FORTIFY_SOURCE makes of reads into buffers of known size; glibc aborts when the count
// exceeds it.

/// Stands in front of libc's `__read_chk`.
@c(__read_chk)
public func interposedCheckedRead(
  _ descriptor: Word, _ address: Word, _ count: Word, _ room: Word
) -> Word {
  if _slowPath(entry(int(descriptor)) != .none), UInt(bitPattern: count) <= UInt(bitPattern: room) {
    return interposedRead(descriptor, address, count)
  }
  return next(cpreload_next___read_chk, Call4.self)(descriptor, address, count, room)
}

/// Stands in front of libc's `__pread_chk`.
@c(__pread_chk)
public func interposedCheckedPread(
  _ descriptor: Word, _ address: Word, _ count: Word, _ offset: Word, _ room: Word
) -> Word {
  if _slowPath(entry(int(descriptor)) != .none), UInt(bitPattern: count) <= UInt(bitPattern: room) {
    return interposedPread(descriptor, address, count, offset)
  }
  return next(cpreload_next___pread_chk, Call5.self)(descriptor, address, count, offset, room)
}

/// Stands in front of libc's `__pread64_chk`.
@c(__pread64_chk)
public func interposedCheckedPread64(
  _ descriptor: Word, _ address: Word, _ count: Word, _ offset: Word, _ room: Word
) -> Word {
  if _slowPath(entry(int(descriptor)) != .none), UInt(bitPattern: count) <= UInt(bitPattern: room) {
    return interposedPread64(descriptor, address, count, offset)
  }
  return next(cpreload_next___pread64_chk, Call5.self)(descriptor, address, count, offset, room)
}
