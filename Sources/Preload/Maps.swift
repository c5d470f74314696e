import CEngine
import CPreload

enum MapFlag {
  static var fixed: Word { 0x10 }
  static var anonymous: Word { 0x20 }
  static var locked: Word { 0x2000 }
}

/// mmap(2); what is not ours goes to `call`.
@inline(__always)
func mapped(
  _ address: Word, _ length: Word, _ protection: Word, _ flags: Word, _ descriptor: Word,
  _ offset: Word, _ call: (Word, Word, Word, Word, Word, Word) -> Word
) -> Word {
  if _slowPath(flags & MapFlag.anonymous == 0 && entry(int(descriptor)) != .none) {
    let result = map(address, length, protection, flags, int(descriptor), offset)
    if let result { return answer(result) }
  }
  notice(protection)
  let result = call(address, length, protection, flags, descriptor, offset)
  if _slowPath(flags & MapFlag.locked != 0) { limitsMayHaveChanged() }
  if _slowPath(flags & MapFlag.fixed != 0) { lookForRegisters() }
  if _slowPath(flags & MapFlag.fixed != 0), result != -1, let engine = trapping(address, length) {
    _ = insideWithRoom(function(engine.pointee.covered), address, length)
  }
  return result
}

@inline(__always)
func bytes(_ word: Word) -> UInt64 { UInt64(UInt(bitPattern: word)) }

/// TASK_SIZE with four levels of page tables.
private let userAddresses: UInt64 = 1 << 47 - 4096

/// mmap(2) of a descriptor that may be ours; nil sends the call on.
@inline(never)
private func map(
  _ address: Word, _ length: Word, _ protection: Word, _ flags: Word, _ descriptor: Int32,
  _ offset: Word
) -> Word? {
  if entry(descriptor) == .hidden { return Word(-Errno.EBADF) }
  guard let index = pin(descriptor), let engine = loadedEngine() else { return nil }
  defer { release(index) }
  let file = slot(index).pointee.file
  if file.kind == ioasid_kernel_device.rawValue { return nil }
  if offset & 4095 != 0 || length == 0 { return Word(-Errno.EINVAL) }
  // get_unmapped_area(), then file_mmap_ok().
  if bytes(length) > userAddresses { return Word(-Errno.ENOMEM) }
  let whole = (bytes(length) + 4095) & ~4095
  if bytes(offset) >> 12 > (UInt64.max - whole) >> 12 { return Word(-Errno.EOVERFLOW) }
  if accessMode(Word(descriptor)) == 1 { return Word(-Errno.EACCES) }
  // Containers and groups cannot be mapped: vfio_fops, vfio_group_fops.
  guard file.kind == ioasid_device.rawValue else { return Word(-Errno.ENODEV) }
  return insideWithRoom(
    function(engine.pointee.map), Word(bitPattern: UInt(file.file)), Word(descriptor),
    address, length, protection, flags, offset)
}

/// The engine, if a page of the range traps.
@inline(__always)
func trapping(_ address: Word, _ length: Word) -> Engine? {
  guard let engine = loadedEngine(), cpreload_depth() == 0,
    engine.pointee.traps(bytes(address), bytes(length)) != 0
  else { return nil }
  return engine
}

/// Mappings went: a device that was kept open for its registers may be closed.
@inline(__always)
func lookForRegisters() {
  if _slowPath(cpreload_keeping() != 0 && cpreload_depth() == 0) { lookAtMappings() }
}

@inline(never)
private func lookAtMappings() {
  guard let engine = loadedEngine() else { return }
  let error = cpreload_errno().pointee
  // Before the look: what is kept meanwhile says so again.
  cpreload_set_keeping(0)
  if int(insideWithRoom(function(engine.pointee.unmapped))) != 0 { cpreload_set_keeping(1) }
  cpreload_errno().pointee = error
}

/// PROT_WRITE or PROT_EXEC without PROT_READ.
@inline(__always)
private func notice(_ protection: Word) {
  if _slowPath(protection & 7 != 0 && protection & 1 == 0), cpreload_in_run() != 0 {
    cpreload_set_hides_reading()
  }
}

/// Stands in front of libc's `mmap`.
@c(mmap)
public func interposedMmap(
  _ address: Word, _ length: Word, _ protection: Word, _ flags: Word, _ d: Word, _ offset: Word
) -> Word {
  mapped(
    address, length, protection, flags, d, offset, next(cpreload_next_mmap, Call6.self))
}

/// Stands in front of libc's `mmap64`.
@c(mmap64)
public func interposedMmap64(
  _ address: Word, _ length: Word, _ protection: Word, _ flags: Word, _ d: Word, _ offset: Word
) -> Word {
  mapped(
    address, length, protection, flags, d, offset, next(cpreload_next_mmap64, Call6.self))
}

/// Stands in front of libc's `munmap`.
@c(munmap)
public func interposedMunmap(_ address: Word, _ length: Word) -> Word {
  if _slowPath(loadedEngine() != nil), let engine = trapping(address, length) {
    return answer(insideWithRoom(function(engine.pointee.unmap), address, length))
  }
  let result = next(cpreload_next_munmap, Call2.self)(address, length)
  lookForRegisters()
  return result
}

/// Stands in front of libc's `mprotect`.
@c(mprotect)
public func interposedMprotect(_ address: Word, _ length: Word, _ protection: Word) -> Word {
  if _slowPath(loadedEngine() != nil), let engine = trapping(address, length) {
    return answer(
      insideWithRoom(function(engine.pointee.protect), address, length, protection))
  }
  notice(protection)
  return next(cpreload_next_mprotect, Call3.self)(address, length, protection)
}

/// Stands in front of libc's `mremap`.
@c(mremap)
public func interposedMremap(
  _ address: Word, _ length: Word, _ newLength: Word, _ flags: Word, _ newAddress: Word
) -> Word {
  if _slowPath(loadedEngine() != nil), let engine = trapping(address, max(length, 1)) {
    // MREMAP_DONTUNMAP is not for memory without pages of its own.
    if flags & 4 != 0 { return fail(Errno.EINVAL) }
    return answer(
      insideWithRoom(
        function(engine.pointee.remap), address, length, newLength, flags, newAddress))
  }
  let call = next(cpreload_next_mremap, Call5.self)
  let result = call(address, length, newLength, flags, newAddress)
  lookForRegisters()
  // MREMAP_FIXED
  if _slowPath(flags & 2 != 0), result != -1, let engine = trapping(newAddress, newLength) {
    _ = insideWithRoom(function(engine.pointee.covered), newAddress, newLength)
  }
  return result
}
