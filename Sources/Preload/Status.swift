import CEngine
import CPreload

// fstat and its kin show what the kernel shows for a legacy file: a character device for containers
// and groups, an anonymous inode for devices.

/// What the program's descriptor stands for; nil when it is not ours.
private func identity(_ descriptor: Int32) -> ioasid_open_file? {
  guard let index = pin(descriptor) else { return nil }
  defer { release(index) }
  return slot(index).pointee.file
}

/// The mode of the node that was opened; an anonymous inode has no type: anon_inode_mkinode().
private func mode(_ file: ioasid_open_file) -> UInt32 {
  switch file.kind {
  case ioasid_container.rawValue: 0o020666
  case ioasid_group.rawValue: 0o020600
  default: 0o600
  }
}

/// The node that a container or group was opened by, while the program can reach it.
private func node(_ file: ioasid_open_file) -> stat? {
  guard !isDevice(file) else { return nil }
  var name = NodeName(file)
  guard let node = name.withPath({ status(currentDirectory, $0, 0) }),
    node.st_mode & 0o170000 == 0o020000, UInt64(node.st_dev) == machineDevice()
  else { return nil }
  return node
}

@inline(never)
private func dress(_ descriptor: Int32, _ result: Word, _ buffer: Word) -> Word {
  if entry(descriptor) == .hidden { return fail(Errno.EBADF) }
  guard int(result) == 0, let status = UnsafeMutablePointer<stat>(bitPattern: buffer),
    let file = identity(descriptor)
  else { return result }
  if let node = node(file) {
    status.pointee = node
  } else {
    status.pointee.st_mode = mode(file)
  }
  status.pointee.st_rdev = UInt(cpreload_device_number(file.major, file.minor))
  status.pointee.st_nlink = 1
  status.pointee.st_size = 0
  status.pointee.st_blocks = 0
  return result
}

@inline(never)
private func dressExtended(_ descriptor: Int32, _ result: Word, _ buffer: Word) -> Word {
  if entry(descriptor) == .hidden { return fail(Errno.EBADF) }
  guard int(result) == 0, let status = UnsafeMutableRawPointer(bitPattern: buffer),
    let file = identity(descriptor)
  else { return result }
  // struct statx: stx_nlink, stx_uid, stx_gid, stx_mode, stx_ino, stx_size, stx_blocks,
  // stx_rdev_major, stx_rdev_minor.
  status.storeBytes(of: 1, toByteOffset: 16, as: UInt32.self)
  if let node = node(file) {
    status.storeBytes(of: node.st_uid, toByteOffset: 20, as: UInt32.self)
    status.storeBytes(of: node.st_gid, toByteOffset: 24, as: UInt32.self)
    status.storeBytes(of: UInt16(node.st_mode), toByteOffset: 28, as: UInt16.self)
    status.storeBytes(of: UInt64(node.st_ino), toByteOffset: 32, as: UInt64.self)
  } else {
    status.storeBytes(of: UInt16(mode(file)), toByteOffset: 28, as: UInt16.self)
  }
  status.storeBytes(of: 0, toByteOffset: 40, as: UInt64.self)
  status.storeBytes(of: 0, toByteOffset: 48, as: UInt64.self)
  status.storeBytes(of: file.major, toByteOffset: 128, as: UInt32.self)
  status.storeBytes(of: file.minor, toByteOffset: 132, as: UInt32.self)
  return result
}

@inline(__always)
private func dressed(_ descriptor: Word, _ result: Word, _ buffer: Word) -> Word {
  _slowPath(entry(int(descriptor)) != .none) ? dress(int(descriptor), result, buffer) : result
}

/// What a path through /proc leads to, which the kernel found to be what `found` says: the name of
/// the legacy file that it stands for, or nil.
@inline(never)
private func reached(
  _ directory: Word, _ path: Word, _ mode: UInt32, _ device: UInt64
) -> NodeName? {
  // A stand-in is a plain file of the run; the kernel's device, a node.
  let isStandIn = mode & 0o170000 == 0o100000 && device == machineDevice()
  guard isStandIn || mode & 0o170000 == 0o020000 else { return nil }
  let found = kernel(.openat, directory, path, placeOnly | Word(O_CLOEXEC))
  guard found >= 0 else { return nil }
  defer { kernel(.close, found) }
  return nameOf(int(found))
}

/// Whether a path that the kernel has looked up may lead to an open legacy file.
@inline(__always)
private func mayLead(_ result: Word, _ path: Word, _ flags: Word = 0) -> Bool {
  int(result) == 0 && cpreload_in_run() != 0 && cpreload_depth() == 0 && flags & 0x100 == 0
    && (mayReopen(path) || isRelative(path))  // not AT_SYMLINK_NOFOLLOW
}

/// Whether a path begins at a directory, which may be one of /proc's.
@inline(__always)
private func isRelative(_ path: Word) -> Bool {
  UnsafePointer<UInt8>(bitPattern: path).map { $0.pointee != 0x2f } ?? false
}

/// stat(2)'s answer of a path, which may lead to an open legacy file.
@inline(__always)
func followed(
  _ result: Word, _ directory: Word, _ path: Word, _ buffer: Word, _ flags: Word = 0
) -> Word {
  if _slowPath(mayLead(result, path, flags)) { dress(directory, path, buffer) }
  return result
}

@inline(never)
private func dress(_ directory: Word, _ path: Word, _ buffer: Word) {
  guard let found = UnsafeMutablePointer<stat>(bitPattern: buffer),
    var name = reached(directory, path, found.pointee.st_mode, UInt64(found.pointee.st_dev))
  else { return }
  if !name.isAnonymous, let node = name.withPath({ status(currentDirectory, $0, 0) }) {
    found.pointee = node
  } else {
    found.pointee.st_mode = 0o600
    found.pointee.st_rdev = 0
    found.pointee.st_size = 0
    found.pointee.st_blocks = 0
  }
}

@inline(never)
private func dressExtended(_ directory: Word, _ path: Word, _ mask: Word, _ buffer: Word) {
  guard let found = UnsafeMutableRawPointer(bitPattern: buffer) else { return }
  let mode = UInt32(found.loadUnaligned(fromByteOffset: 28, as: UInt16.self))
  let device = cpreload_device_number(
    found.loadUnaligned(fromByteOffset: 136, as: UInt32.self),
    found.loadUnaligned(fromByteOffset: 140, as: UInt32.self))
  guard var name = reached(directory, path, mode, device) else { return }
  if !name.isAnonymous {
    _ = name.withPath { kernel(.statx, currentDirectory, $0, 0, mask, buffer) }
    return
  }
  found.storeBytes(of: 0o600, toByteOffset: 28, as: UInt16.self)
  found.storeBytes(of: 0, toByteOffset: 40, as: UInt64.self)
  found.storeBytes(of: 0, toByteOffset: 48, as: UInt64.self)
  found.storeBytes(of: 0, toByteOffset: 128, as: UInt64.self)
}

/// AT_EMPTY_PATH with an empty path names the descriptor itself.
@inline(__always)
private func isItself(_ descriptor: Word, _ path: Word, _ flags: Word) -> Bool {
  guard flags & 0x1000 != 0, entry(int(descriptor)) != .none else { return false }
  return UnsafePointer<UInt8>(bitPattern: path).map { $0.pointee == 0 } ?? true
}

/// Stands in front of libc's `fstat`.
@c(fstat)
public func interposedFstat(_ descriptor: Word, _ buffer: Word) -> Word {
  dressed(descriptor, next(cpreload_next_fstat, Call2.self)(descriptor, buffer), buffer)
}

/// Stands in front of libc's `fstat64`.
@c(fstat64)
public func interposedFstat64(_ descriptor: Word, _ buffer: Word) -> Word {
  dressed(descriptor, next(cpreload_next_fstat64, Call2.self)(descriptor, buffer), buffer)
}

// The names that programs linked before glibc 2.33 call.
/// Stands in front of libc's `__fxstat`.
@c(__fxstat)
public func interposedOldFstat(_ version: Word, _ d: Word, _ buffer: Word) -> Word {
  dressed(d, next(cpreload_next___fxstat, Call3.self)(version, d, buffer), buffer)
}

/// Stands in front of libc's `__fxstat64`.
@c(__fxstat64)
public func interposedOldFstat64(_ version: Word, _ d: Word, _ buffer: Word) -> Word {
  dressed(d, next(cpreload_next___fxstat64, Call3.self)(version, d, buffer), buffer)
}

/// fstatat(2)'s answer, of a path or of the descriptor itself.
@inline(__always)
func statusAt(
  _ result: Word, _ d: Word, _ path: Word, _ buffer: Word, _ flags: Word
) -> Word {
  isItself(d, path, flags)
    ? dress(int(d), result, buffer) : followed(result, d, path, buffer, flags)
}

/// Stands in front of libc's `fstatat`.
@c(fstatat)
public func interposedFstatat(_ d: Word, _ path: Word, _ buffer: Word, _ flags: Word) -> Word {
  statusAt(
    next(cpreload_next_fstatat, Call4.self)(d, path, buffer, flags), d, path, buffer, flags)
}

/// Stands in front of libc's `fstatat64`.
@c(fstatat64)
public func interposedFstatat64(_ d: Word, _ path: Word, _ buffer: Word, _ flags: Word) -> Word {
  statusAt(
    next(cpreload_next_fstatat64, Call4.self)(d, path, buffer, flags), d, path, buffer, flags)
}

/// Stands in front of libc's `__fxstatat`.
@c(__fxstatat)
public func interposedOldFstatat(
  _ version: Word, _ d: Word, _ path: Word, _ buffer: Word, _ flags: Word
) -> Word {
  statusAt(
    next(cpreload_next___fxstatat, Call5.self)(version, d, path, buffer, flags), d, path, buffer,
    flags)
}

/// Stands in front of libc's `__fxstatat64`.
@c(__fxstatat64)
public func interposedOldFstatat64(
  _ version: Word, _ d: Word, _ path: Word, _ buffer: Word, _ flags: Word
) -> Word {
  statusAt(
    next(cpreload_next___fxstatat64, Call5.self)(version, d, path, buffer, flags), d, path, buffer,
    flags)
}

/// Stands in front of libc's `statx`.
@c(statx)
public func interposedStatx(
  _ d: Word, _ path: Word, _ flags: Word, _ mask: Word, _ buffer: Word
) -> Word {
  let result = next(cpreload_next_statx, Call5.self)(d, path, flags, mask, buffer)
  if isItself(d, path, flags) { return dressExtended(int(d), result, buffer) }
  if _slowPath(mayLead(result, path, flags)) { dressExtended(d, path, mask, buffer) }
  return result
}

/// Stands in front of libc's `stat`.
@c(stat)
public func interposedStat(_ path: Word, _ buffer: Word) -> Word {
  followed(next(cpreload_next_stat, Call2.self)(path, buffer), currentDirectory, path, buffer)
}

/// Stands in front of libc's `stat64`.
@c(stat64)
public func interposedStat64(_ path: Word, _ buffer: Word) -> Word {
  followed(next(cpreload_next_stat64, Call2.self)(path, buffer), currentDirectory, path, buffer)
}

/// Stands in front of libc's `__xstat`.
@c(__xstat)
public func interposedOldStat(_ version: Word, _ path: Word, _ buffer: Word) -> Word {
  followed(
    next(cpreload_next___xstat, Call3.self)(version, path, buffer), currentDirectory, path, buffer)
}

/// Stands in front of libc's `__xstat64`.
@c(__xstat64)
public func interposedOldStat64(_ version: Word, _ path: Word, _ buffer: Word) -> Word {
  followed(
    next(cpreload_next___xstat64, Call3.self)(version, path, buffer), currentDirectory, path,
    buffer)
}
