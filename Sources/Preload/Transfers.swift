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
  if file.kind == ioasid_kernel_device.rawValue { return nil }
  if let offset, offset < 0 { return Word(-Errno.EINVAL) }
  guard file.kind == ioasid_device.rawValue else { return refusal(direction, descriptor) }
  func move(_ address: Word, _ count: Word, _ offset: Word?) -> Word {
    insideWithRoom(
      function(direction == .read ? engine.pointee.read : engine.pointee.write),
      Word(bitPattern: UInt(file.file)), descriptor, address, count, offset ?? -1)
  }
  let result = move(address, count, offset)
  guard _slowPath(result == Word(-Errno.EFAULT)) else { return result }
  return bounce(direction, address, count) { start, count, done in
    move(start, count, offset.map { $0 &+ done })
  } ?? result
}

/// A container and a group can be opened for either, and do neither.
func refusal(_ direction: Direction, _ descriptor: Word) -> Word {
  let mode = accessMode(descriptor)
  return Word(mode == (direction == .read ? 1 : 0) ? -Errno.EBADF : -Errno.EINVAL)
}

/// A transfer whose buffer is register memory, which the kernel finds closed: it goes through a
/// buffer of ours, by `call` of an address, a count and what has gone before. Asked only after
/// EFAULT; nil when that stands. A read is not repeated: less than asked for is an answer.
@inline(never)
func bounce(
  _ direction: Direction, _ address: Word, _ count: Word, _ call: (Word, Word, Word) -> Word
) -> Word? {
  guard count > 0, let engine = trapping(address, 1) else { return nil }
  var buffer: InlineArray<4096, UInt8> = InlineArray(repeating: 0)
  return withUnsafeMutableBytes(of: &buffer) { buffer in
    guard let start = buffer.baseAddress else { return nil }
    var done = 0
    while done < count {
      let registers = bytes(address &+ done), part = UInt64(min(count - done, buffer.count))
      let there = inside {
        direction == .write
          ? engine.pointee.load(registers, start, part)
          : engine.pointee.store(registers, nil, part)
      }
      if there == 0 { break }
      let result = call(word(start), Word(there), done)
      if result <= 0 { return done == 0 ? result : done }
      if direction == .read {
        return Word(inside { engine.pointee.store(registers, start, UInt64(result)) })
      }
      done += result
      if result < Word(there) { break }
    }
    return done == 0 ? nil : done
  }
}

/// A transfer that the program asks for: a cancellation point, as libc's own is.
@inline(never)
private func transferOfOurs(
  _ direction: Direction, _ descriptor: Word, _ address: Word, _ count: Word, _ offset: Word?
) -> Word? {
  pthread_testcancel()
  return transfer(direction, descriptor, address, count, offset)
}

/// The answer of the kernel to a transfer, or what came of it by way of a buffer.
@inline(__always)
func orBounced(
  _ result: Word, _ direction: Direction, _ address: Word, _ count: Word,
  _ call: (Word, Word, Word) -> Word
) -> Word {
  guard _slowPath(result == -1), cpreload_errno().pointee == Errno.EFAULT, loadedEngine() != nil
  else { return result }
  return bounce(direction, address, count, call) ?? fail(Errno.EFAULT)
}

/// Stands in front of libc's `read`.
@c(read)
public func interposedRead(_ descriptor: Word, _ address: Word, _ count: Word) -> Word {
  if _slowPath(entry(int(descriptor)) != .none),
    let result = transferOfOurs(.read, descriptor, address, count, nil)
  {
    return answer(result)
  }
  let call = next(cpreload_next_read, Call3.self)
  return orBounced(call(descriptor, address, count), .read, address, count) { start, count, _ in
    call(descriptor, start, count)
  }
}

/// Stands in front of libc's `write`.
@c(write)
public func interposedWrite(_ descriptor: Word, _ address: Word, _ count: Word) -> Word {
  if _slowPath(entry(int(descriptor)) != .none),
    let result = transferOfOurs(.write, descriptor, address, count, nil)
  {
    return answer(result)
  }
  let call = next(cpreload_next_write, Call3.self)
  return orBounced(call(descriptor, address, count), .write, address, count) { start, count, _ in
    call(descriptor, start, count)
  }
}

@inline(__always)
func positional(
  _ direction: Direction, _ name: cpreload_next_name, _ descriptor: Word, _ address: Word,
  _ count: Word, _ offset: Word
) -> Word {
  if _slowPath(entry(int(descriptor)) != .none),
    let result = transferOfOurs(direction, descriptor, address, count, offset)
  {
    return answer(result)
  }
  let call = next(name, Call4.self)
  return orBounced(call(descriptor, address, count, offset), direction, address, count) {
    start, count, done in call(descriptor, start, count, offset &+ done)
  }
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
