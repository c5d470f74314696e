import CEngine
import CPreload

/// open(2) of a path that the kernel refused to open. Device nodes of the run lie on a file system
/// where no device opens: by then look-up, permissions of directories and flags were the kernel's
/// own, and only this last refusal is left. An open that succeeds after all leaves errno alone.
@inline(__always)
func orNode(
  _ call: @autoclosure () -> Word, _ directory: Word, _ path: Word, _ flags: Word
) -> Word {
  let kept = cpreload_errno().pointee
  let result = call()
  if _fastPath(int(result) >= 0) {
    // A number that we still hold as ours was closed where we could not see it.
    if _slowPath(tableEntry(int(result)) != .none) { forget(int(result)) }
    if _slowPath(cpreload_in_run() != 0), cpreload_depth() == 0, mayReopen(path),
      let reopened = reopen(int(result), int(flags))
    {
      return answer(reopened)
    }
    return result
  }
  return openNode(result, directory, path, flags, kept)
}

/// `result` is the refused call's, errno holds the refusal, and `kept` is errno before the call.
@inline(never)
func openNode(
  _ result: Word, _ directory: Word, _ path: Word, _ flags: Word, _ kept: Int32
) -> Word {
  let refusal = cpreload_errno().pointee
  guard cpreload_depth() == 0,
    refusal == Errno.EACCES || refusal == Errno.ENXIO || refusal == Errno.ENODEV
  else {
    return result
  }
  let opened = openNode(directory, path, int(flags))
  if opened == notANode {
    cpreload_errno().pointee = refusal
    return -1
  }
  cpreload_errno().pointee = kept
  return answer(opened)
}

let notANode: Word = .min

/// The descriptor, a negative errno, or `notANode`.
func openNode(_ directory: Word, _ path: Word, _ flags: Int32) -> Word {
  // An empty path is a descriptor of the node itself; open(2) has refused any other by then.
  let place = (flags & O_NOFOLLOW != 0 ? Word(AT_SYMLINK_NOFOLLOW) : 0) | 0x1000  // AT_EMPTY_PATH
  guard let node = status(directory, path, place), node.st_mode & 0o170000 == 0o020000,
    UInt64(node.st_dev) == machineDevice(), let engine = engine()
  else { return notANode }
  // access(2)'s bits are 4 to read and 2 to write; mode 3 of open(2) asks for both.
  let wanted = [4, 2, 6, 6] as InlineArray<4, Word>
  let permitted = kernel(
    .faccessat2, directory, path, wanted[Int(flags & 3)], 0x200 | place)  // AT_EACCESS
  if permitted < 0 { return permitted }
  var file = ioasid_open_file()
  let result = withUnsafeMutablePointer(to: &file) {
    insideWithRoom(
      function(engine.pointee.open), Word(bitPattern: node.st_ino), Word(flags), word($0))
  }
  if result >= 0, Word(flags) & directAccess != 0 { return refuse(file, Errno.EINVAL) }
  return result < 0 ? result : settle(file)
}

let directAccess: Word = 0o40000  // O_DIRECT
let placeOnly: Word = 0o10000000  // O_PATH

/// What the kernel says of an open file that its driver had already opened.
private func refuse(_ file: ioasid_open_file, _ error: Int32) -> Word {
  kernel(.close, Word(file.descriptor))
  releaseToken(file.file)
  return Word(-error)
}

/// Enters a file that the engine opened; without room the descriptor goes again.
func settle(_ file: ioasid_open_file) -> Word {
  install(file) ? Word(file.descriptor) : refuse(file, Errno.ENFILE)
}

/// Whether an open file, of which stat(2) says `found`, is the engine's.
func isOurs(_ descriptor: Int32, _ found: stat) -> Bool {
  UInt64(found.st_dev) == machineDevice() && found.st_mode & 0o170000 == 0o100000
    || isKernelDevice(descriptor, found)
}

/// Whether a descriptor is for a place only: all that is asked of such a one is EBADF.
private func isPath(_ descriptor: Int32) -> Bool {
  kernel(.fcntl, Word(descriptor), 3) & placeOnly != 0  // F_GETFL
}

/// A descriptor that came from elsewhere (exec, a socket, a raw system call), pinned, if it is the
/// machine's.
@inline(never)
func adopt(_ descriptor: Int32) -> Int? {
  let seen = tableEntry(descriptor)
  guard seen == .none || seen == .marked,
    UInt32(bitPattern: descriptor) < UInt32(CPRELOAD_DESCRIPTORS)
  else { return nil }
  guard let found = status(of: descriptor), isOurs(descriptor, found), !isPath(descriptor),
    let engine = engine()
  else {
    if seen == .marked { _ = exchange(descriptor, seen, .none) }
    return nil
  }
  var file = ioasid_open_file()
  let result = withUnsafeMutablePointer(to: &file) {
    insideWithRoom(
      function(engine.pointee.adopt), Word(descriptor), Word(bitPattern: found.st_ino), word($0))
  }
  guard result >= 0 else { return nil }
  guard let index = claimSlot(file) else {
    releaseToken(file.file)
    return nil
  }
  // One reference for the table, one for the caller. Whoever entered the descriptor first wins.
  _ = retain(index)
  if !sharesTheParentsMemory(),
    exchange(descriptor, seen, Entry(bits: UInt32(index) + Entry.firstSlot))
  {
    return index
  }
  release(index)
  return index
}

/// Stands in front of libc's `open`.
@c(open)
public func interposedOpen(_ path: Word, _ flags: Word, _ mode: Word) -> Word {
  orNode(next(cpreload_next_open, Call3.self)(path, flags, mode), currentDirectory, path, flags)
}

/// Stands in front of libc's `open64`.
@c(open64)
public func interposedOpen64(_ path: Word, _ flags: Word, _ mode: Word) -> Word {
  orNode(next(cpreload_next_open64, Call3.self)(path, flags, mode), currentDirectory, path, flags)
}

/// Stands in front of libc's `openat`.
@c(openat)
public func interposedOpenat(
  _ directory: Word, _ path: Word, _ flags: Word, _ mode: Word
) -> Word {
  orNode(
    next(cpreload_next_openat, Call4.self)(directory, path, flags, mode), directory, path, flags)
}

/// Stands in front of libc's `openat64`.
@c(openat64)
public func interposedOpenat64(
  _ directory: Word, _ path: Word, _ flags: Word, _ mode: Word
) -> Word {
  orNode(
    next(cpreload_next_openat64, Call4.self)(directory, path, flags, mode), directory, path, flags)
}

// What _FORTIFY_SOURCE makes of a call without a mode; glibc aborts when there should have been
// one.
/// Stands in front of libc's `__open_2`.
@c(__open_2)
public func interposedCheckedOpen(_ path: Word, _ flags: Word) -> Word {
  orNode(next(cpreload_next___open_2, Call2.self)(path, flags), currentDirectory, path, flags)
}

/// Stands in front of libc's `__open64_2`.
@c(__open64_2)
public func interposedCheckedOpen64(_ path: Word, _ flags: Word) -> Word {
  orNode(next(cpreload_next___open64_2, Call2.self)(path, flags), currentDirectory, path, flags)
}

/// Stands in front of libc's `__openat_2`.
@c(__openat_2)
public func interposedCheckedOpenat(_ directory: Word, _ path: Word, _ flags: Word) -> Word {
  orNode(next(cpreload_next___openat_2, Call3.self)(directory, path, flags), directory, path, flags)
}

/// Stands in front of libc's `__openat64_2`.
@c(__openat64_2)
public func interposedCheckedOpenat64(_ directory: Word, _ path: Word, _ flags: Word) -> Word {
  orNode(
    next(cpreload_next___openat64_2, Call3.self)(directory, path, flags), directory, path, flags)
}

private let creating = Word(O_CREAT | O_WRONLY | O_TRUNC)

/// Stands in front of libc's `creat`.
@c(creat)
public func interposedCreat(_ path: Word, _ mode: Word) -> Word {
  orNode(next(cpreload_next_creat, Call2.self)(path, mode), currentDirectory, path, creating)
}

/// Stands in front of libc's `creat64`.
@c(creat64)
public func interposedCreat64(_ path: Word, _ mode: Word) -> Word {
  orNode(next(cpreload_next_creat64, Call2.self)(path, mode), currentDirectory, path, creating)
}
