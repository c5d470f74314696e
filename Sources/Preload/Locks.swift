import CEngine
import CPreload

// Record locks. The engine holds the last byte that a file can have, on the same description: the
// program's ranges end one byte before it, and what it is told of them ends at infinity again.

/// struct flock.
private struct Lock {
  var type: Int16 = 0
  var whence: Int16 = 0
  var start: Int = 0
  var length: Int = 0
  var process: Int32 = 0
}

private enum Command {
  static var getFlags: Int32 { 3 }
  static var getLock: Int32 { 5 }
  static var setLock: Int32 { 6 }
  static var getOwnLock: Int32 { 36 }  // F_OFD_GETLK
}

/// fcntl(2) on a descriptor of ours; nil sends the call on.
@inline(never)
func controlOurs(_ descriptor: Word, _ command: Int32, _ argument: Word, _ call: Call3) -> Word? {
  switch command {
  case Command.getFlags:
    guard case .ours(let file) = owned(descriptor) else { return nil }
    let flags = call(descriptor, Word(command), 0)
    // O_LARGEFILE is what open(2) adds; an anonymous inode was not opened.
    return isDevice(file) && int(flags) >= 0 ? flags & ~0x8000 : flags
  // F_SETFL: no legacy file takes O_DIRECT.
  case 4 where argument & directAccess != 0:
    guard case .ours = owned(descriptor) else { return nil }
    return fail(Errno.EINVAL)
  // F_GETLK, F_SETLK, F_SETLKW and their kin of the description's own
  case 5...7, 36...38:
    guard case .ours = owned(descriptor) else { return nil }
    return lock(descriptor, command, argument, call)
  // F_SETLEASE, F_ADD_SEALS, F_GET_SEALS: an ordinary file's
  case 1024, 1033, 1034:
    guard case .ours = owned(descriptor) else { return nil }
    return fail(command == 1033 && accessMode(descriptor) == 0 ? Errno.EPERM : Errno.EINVAL)
  // F_CREATED_QUERY: what stands for a file was made for it, the node was there
  case 1028:
    guard case .ours = owned(descriptor) else { return nil }
    let result = call(descriptor, Word(command), argument)
    return int(result) > 0 ? 0 : result
  default: return nil
  }
}

private func lock(_ descriptor: Word, _ command: Int32, _ argument: Word, _ call: Call3) -> Word {
  guard let asked = section(argument) else { return fail(Errno.EFAULT) }
  var given = asked
  if given.whence == 2 { given.whence = 0 }  // SEEK_END: the size is 0
  let isWhole = given.length == 0
  let (last, overflows) = given.start.addingReportingOverflow(given.length &- 1)
  if given.start >= 0, isWhole || (!overflows && given.length > 0 && last == .max) {
    // A range of the last byte alone has no part of it left.
    guard given.start != .max else { return 0 }
    given.length = .max - given.start
  }
  let result = withUnsafeMutablePointer(to: &given) { call(descriptor, Word(command), word($0)) }
  guard int(result) == 0, command == Command.getLock || command == Command.getOwnLock else {
    return result
  }
  var told = given.type == 2 ? asked : given  // F_UNLCK: nothing else changes
  told.type = given.type
  if given.type != 2, told.start &+ told.length == .max { told.length = 0 }
  let written = withUnsafePointer(to: &told) {
    copyGuarded(word($0), argument, 32, toProgram: true)
  }
  return written ? 0 : fail(Errno.EFAULT)
}

/// The program's struct flock.
private func section(_ address: Word) -> Lock? {
  var section = Lock()
  let read = withUnsafeMutablePointer(to: &section) {
    copyGuarded(word($0), address, 32, toProgram: false)
  }
  return read ? section : nil
}

/// lockf(3), which libc makes of fcntl(2) where no interposed function sees it.
@inline(never)
private func lockSection(_ descriptor: Word, _ operation: Word, _ length: Word) -> Word {
  var section = Lock(type: 1, whence: 1, start: 0, length: length)  // F_WRLCK, SEEK_CUR
  func control(_ command: Int32) -> Word {
    withUnsafePointer(to: &section) { interposedFcntl(descriptor, Word(command), word($0)) }
  }
  switch int(operation) {
  case 0:
    section.type = 2
    return control(6)  // F_ULOCK
  case 1: return control(7)  // F_LOCK
  case 2: return control(6)  // F_TLOCK
  case 3:  // F_TEST
    section.type = 0
    let result = control(5)
    if int(result) < 0 || section.type == 2 || section.process == int(kernel(.getpid)) {
      return result
    }
    return fail(Errno.EACCES)
  default: return fail(Errno.EINVAL)
  }
}

/// Stands in front of libc's `lockf`.
@c(lockf)
public func interposedLockf(_ d: Word, _ operation: Word, _ length: Word) -> Word {
  if _slowPath(entry(int(d)) != .none) { return lockSection(d, operation, length) }
  return next(cpreload_next_lockf, Call3.self)(d, operation, length)
}

/// Stands in front of libc's `lockf64`.
@c(lockf64)
public func interposedLockf64(_ d: Word, _ operation: Word, _ length: Word) -> Word {
  if _slowPath(entry(int(d)) != .none) { return lockSection(d, operation, length) }
  return next(cpreload_next_lockf64, Call3.self)(d, operation, length)
}
