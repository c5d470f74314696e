import CEngine
import CPreload

// Where the kernel names the file that stands for a legacy file, the program sees the legacy file's
// own name.

/// A path of the view, or what /proc calls an anonymous inode. Zero at the end.
struct NodeName {
  private var bytes: InlineArray<40, UInt8> = InlineArray(repeating: 0)
  private(set) var count = 0

  /// The node that a container or group was opened by, or a device's inode.
  init(_ file: ioasid_open_file) {
    switch file.kind {
    case ioasid_container.rawValue: append("/dev/vfio/vfio")
    case ioasid_group.rawValue:
      append("/dev/vfio/")
      if file.group >> 31 != 0 { append("noiommu-") }
      append(number: file.group & 0x7fff_ffff)
    default: append("anon_inode:[vfio-device]")
    }
  }

  /// The same from the name of the file that stands for it; nil for any other file.
  init?(standIn name: UnsafeBufferPointer<UInt8>) {
    let run: StaticString = "/sys/module/ioasid/", groups: StaticString = "groups/"
    if starts(name, run, from: 0) == false { return nil }
    let at = run.utf8CodeUnitCount
    if starts(name, "containers/", from: at) {
      append("/dev/vfio/vfio")
    } else if starts(name, "devices/", from: at)
      || starts(name, "machine-nodes/devices/", from: at)
    {
      append("anon_inode:[vfio-device]")
    } else if starts(name, groups, from: at) {
      append("/dev/vfio/")
      var place = at + groups.utf8CodeUnitCount
      while place < name.count, count < 39 {
        append(byte: name[place])
        place += 1
      }
    } else {
      return nil
    }
  }

  /// Whether a device was opened: it has no node.
  var isAnonymous: Bool { bytes[0] == 0x61 }

  mutating func withPath<Result>(_ body: (Word) -> Result) -> Result {
    withUnsafePointer(to: &bytes) { body(word($0)) }
  }

  fileprivate mutating func append(byte: UInt8) {
    bytes[count] = byte
    count += 1
  }

  fileprivate mutating func append(_ text: StaticString) {
    var place = 0
    while place < text.utf8CodeUnitCount {
      append(byte: text.utf8Start[place])
      place += 1
    }
  }

  fileprivate mutating func append(number: UInt32) {
    var scale: UInt32 = 1
    while number / scale >= 10 { scale *= 10 }
    while scale > 0 {
      append(byte: 0x30 + UInt8(number / scale % 10))
      scale /= 10
    }
  }
}

private func starts(
  _ name: UnsafeBufferPointer<UInt8>, _ text: StaticString, from: Int
) -> Bool {
  let count = text.utf8CodeUnitCount
  guard name.count >= from + count else { return false }
  var place = 0
  while place < count {
    if name[from + place] != text.utf8Start[place] { return false }
    place += 1
  }
  return true
}

/// Whether a descriptor is of the kernel's device, opened by the engine: there is no other way to
/// its name.
func isKernelDevice(_ descriptor: Int32, _ found: stat) -> Bool {
  // A device without a major number of its own (10: /dev/iommu, /dev/kvm) is none: no look.
  guard found.st_mode & 0o170000 == 0o020000, (found.st_rdev >> 8) & 0xfff != 10,
    cpreload_in_run() != 0
  else { return false }
  return nameOf(descriptor)?.isAnonymous ?? false
}

/// The name of the legacy file that a descriptor stands for; nil for any other.
func nameOf(_ descriptor: Int32) -> NodeName? {
  var link = NodeName(linkOf: descriptor)
  return link.withPath { shown(currentDirectory, $0) }
}

/// The name that the program is shown in place of what a link holds; nil when that is not ours.
private func shown(_ directory: Word, _ path: Word) -> NodeName? {
  var bytes: InlineArray<128, UInt8> = InlineArray(repeating: 0)
  return withUnsafeMutablePointer(to: &bytes) { bytes in
    let count = kernel(.readlinkat, directory, path, word(bytes), 128)
    guard count > 0, count < 128 else { return nil }
    let start = UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self)
    return NodeName(standIn: UnsafeBufferPointer(start: start, count: count))
  }
}

/// readlink(2)'s answer with our names in place of the run's.
@inline(__always)
private func linked(
  _ result: Word, _ directory: Word, _ path: Word, _ buffer: Word, _ room: Word
) -> Word {
  // "/sys" is how every name of the run begins; less of it may be all that the buffer holds.
  guard _slowPath(result > 0 && cpreload_in_run() != 0), cpreload_depth() == 0,
    let bytes = UnsafeMutablePointer<UInt8>(bitPattern: buffer), bytes[0] == 0x2f,
    result < 4 || (bytes[1] == 0x73 && bytes[2] == 0x79)
  else { return result }
  return relinked(result, directory, path, bytes, room)
}

@inline(never)
private func relinked(
  _ result: Word, _ directory: Word, _ path: Word, _ buffer: UnsafeMutablePointer<UInt8>,
  _ room: Word
) -> Word {
  guard var name = shown(directory, path) else { return result }
  let count = min(name.count, room)
  name.withPath { text in
    let text = UnsafePointer<UInt8>(bitPattern: text).unsafelyUnwrapped
    var place = 0
    while place < max(count, result) {
      // What the kernel wrote beyond our answer goes again.
      buffer[place] = place < count ? text[place] : 0
      place += 1
    }
  }
  return count
}

/// Stands in front of libc's `readlink`.
@c(readlink)
public func interposedReadlink(_ path: Word, _ buffer: Word, _ room: Word) -> Word {
  linked(
    next(cpreload_next_readlink, Call3.self)(path, buffer, room), currentDirectory, path, buffer,
    room)
}

/// Stands in front of libc's `readlinkat`.
@c(readlinkat)
public func interposedReadlinkat(
  _ directory: Word, _ path: Word, _ buffer: Word, _ room: Word
) -> Word {
  linked(
    next(cpreload_next_readlinkat, Call4.self)(directory, path, buffer, room), directory, path,
    buffer, room)
}

/// Stands in front of libc's `__readlink_chk`.
@c(__readlink_chk)
public func interposedCheckedReadlink(
  _ path: Word, _ buffer: Word, _ room: Word, _ size: Word
) -> Word {
  linked(
    next(cpreload_next___readlink_chk, Call4.self)(path, buffer, room, size), currentDirectory,
    path, buffer, room)
}

/// Stands in front of libc's `__readlinkat_chk`.
@c(__readlinkat_chk)
public func interposedCheckedReadlinkat(
  _ directory: Word, _ path: Word, _ buffer: Word, _ room: Word, _ size: Word
) -> Word {
  linked(
    next(cpreload_next___readlinkat_chk, Call5.self)(directory, path, buffer, room, size),
    directory, path, buffer, room)
}

/// Whether a path may lead through /proc to an open file.
@inline(__always)
func mayReopen(_ path: Word) -> Bool {
  guard let text = UnsafePointer<UInt8>(bitPattern: path), text[0] == 0x2f else { return false }
  // "/proc", "/dev/fd"
  return (text[1] == 0x70 && text[2] == 0x72)
    || (text[1] == 0x64 && text[2] == 0x65 && text[3] == 0x76 && text[4] == 0x2f
      && text[5] == 0x66)
}

/// open(2) of /proc/self/fd/N: the kernel opens the node again, which a device does not have. It
/// has opened what stands for the file; nil when that is not ours.
@inline(never)
func reopen(_ descriptor: Int32, _ flags: Int32) -> Word? {
  guard Word(flags) & placeOnly == 0, let found = status(of: descriptor),
    isOurs(descriptor, found)
  else { return nil }
  guard var name = nameOf(descriptor) else { return nil }
  kernel(.close, Word(descriptor))
  if name.isAnonymous { return Word(-Errno.ENXIO) }
  let opened = name.withPath { openNode(currentDirectory, $0, flags) }
  return opened == notANode ? Word(-Errno.ENXIO) : opened
}

extension NodeName {
  /// Where /proc links a descriptor.
  init(linkOf descriptor: Int32) {
    append("/proc/self/fd/")
    append(number: UInt32(bitPattern: descriptor))
  }
}
