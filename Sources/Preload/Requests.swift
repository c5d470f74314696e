import CEngine
import CPreload
import Synchronization

/// A number of <linux/vfio.h>: _IO(';', …).
@inline(__always)
func isVFIO(_ request: Word) -> Bool { request & 0xff00 == 0x3b00 }

/// Numbers that mean another thing on a device of a group than on the kernel's own device:
/// GET_PCI_HOT_RESET_INFO, PCI_HOT_RESET, BIND_IOMMUFD, ATTACH_IOMMUFD_PT, DETACH_IOMMUFD_PT. Every
/// other one the kernel's device answers itself.
@inline(__always)
private func isTranslated(_ request: Word) -> Bool {
  switch UInt32(truncatingIfNeeded: request) {
  case 0x3b70, 0x3b71, 0x3b76, 0x3b77, 0x3b78: true
  default: false
  }
}

/// The numbers of MAP_DMA and UNMAP_DMA, which other kinds of files have for calls of their own.
@inline(__always)
private func mapsOrUnmaps(_ request: Word) -> Bool {
  UInt32(truncatingIfNeeded: request) &- 0x3b71 <= 1
}

/// KVM_SET_DEVICE_ATTR, by which KVM is told of groups.
@inline(__always)
private func tellsKVM(_ request: Word) -> Bool {
  UInt32(truncatingIfNeeded: request) == 0x4018_aee1
}

/// Whether the kernel's device would do something else than the engine where it knows the number:
/// those but PCI_HOT_RESET, which it refuses with a group's descriptors.
@inline(__always)
private func isMisunderstood(_ request: Word) -> Bool {
  isTranslated(request) && UInt32(truncatingIfNeeded: request) != 0x3b71
}

/// Stands in front of libc's `ioctl`. Whatever it calls it calls last, and so needs no frame.
@c(ioctl)
public func interposedIoctl(_ descriptor: Word, _ request: Word, _ argument: Word) -> Word {
  let seen = tableEntry(int(descriptor))
  if _slowPath(seen != .none) { return ioctlOfEntered(descriptor, request, argument, seen) }
  if _slowPath(isVFIO(request)) { return ioctlOfUnknown(descriptor, request, argument) }
  if _slowPath(tellsKVM(request)) { return ioctlOfOurs(descriptor, request, argument) }
  let known = cpreload_next(cpreload_next_ioctl.rawValue)
  if _slowPath(known == 0) { return nextIoctl(descriptor, request, argument) }
  return unsafeBitCast(known, to: Call3.self)(descriptor, request, argument)
}

@inline(never)
private func nextIoctl(_ descriptor: Word, _ request: Word, _ argument: Word) -> Word {
  next(cpreload_next_ioctl, Call3.self)(descriptor, request, argument)
}

/// MAP_DMA and UNMAP_DMA, which programs make by the million, on the caller's stack. Whatever is
/// out of the ordinary goes to functions of its own.
@inline(never)
private func ioctlOfEntered(
  _ descriptor: Word, _ request: Word, _ argument: Word, _ seen: Entry
) -> Word {
  guard _fastPath(mapsOrUnmaps(request)), _fastPath(cpreload_depth() == 0),
    _fastPath(seen.bits >= Entry.firstSlot)
  else { return ioctlOfOurs(descriptor, request, argument) }
  let index = Int(seen.bits &- Entry.firstSlot)
  let place = cpreload_kept(slot(index)).assumingMemoryBound(to: Slot.self)
  let count = place.pointee.references.load(ordering: .relaxed)
  guard count > 0,
    place.pointee.references.weakCompareExchange(
      expected: count, desired: count &+ 1, ordering: .acquiring
    ).exchanged
  else { return ioctlOfOurs(descriptor, request, argument) }
  guard cell(int(descriptor)).pointee.load(ordering: .acquiring) == seen.bits,
    place.pointee.file.container != 0, let engine = loadedEngine()
  else { return ioctlOfOurs(descriptor, request, argument, insteadOf: seen) }
  cpreload_set_depth(1)
  let result = engine.pointee.container(
    place.pointee.file.container, UInt64(UInt32(truncatingIfNeeded: request)),
    UInt64(UInt(bitPattern: argument)))
  cpreload_set_depth(0)
  if _slowPath(result == Int64(IOASID_NOT_OURS)) { return again(place) }
  let held = place.pointee.references.load(ordering: .relaxed)
  guard cpreload_deferred() == 0, held > 1,
    place.pointee.references.weakCompareExchange(
      expected: held, desired: held &- 1, ordering: .acquiringAndReleasing
    ).exchanged
  else { return leave(place, Word(result)) }
  return answer(Word(result))
}

@inline(never)
private func ioctlOfOurs(
  _ descriptor: Word, _ request: Word, _ argument: Word, insteadOf seen: Entry
) -> Word {
  drop(seen)
  return ioctlOfOurs(descriptor, request, argument)
}

/// Makes a container's call for which the caller's stack may have too little room.
@inline(never)
private func again(_ place: UnsafeMutablePointer<Slot>) -> Word {
  let result = loadedEngine().map { insideWithRoom(function($0.pointee.again)) }
  return leave(place, result ?? Word(-Errno.EINVAL))
}

@inline(never)
private func leave(_ place: UnsafeMutablePointer<Slot>, _ result: Word) -> Word {
  if cpreload_deferred() != 0 { deliverDeferred() }
  release((UnsafeMutableRawPointer(place) - cpreload_slot_memory()) / Int(CPRELOAD_SLOT_BYTES))
  return answer(result)
}

/// A number of VFIO's, and a descriptor that is not entered: another iommufd, or a file of ours
/// that came where nobody looked. The kernel knows none of these calls on a file of ours, so who
/// it is matters only once a call has failed.
@inline(never)
private func ioctlOfUnknown(_ descriptor: Word, _ request: Word, _ argument: Word) -> Word {
  if !isMisunderstood(request) {
    let before = cpreload_errno().pointee
    let result = next(cpreload_next_ioctl, Call3.self)(descriptor, request, argument)
    if int(result) != -1 || cpreload_depth() != 0 { return result }
    let error = cpreload_errno().pointee
    guard let index = adopt(int(descriptor)) else {
      cpreload_errno().pointee = error
      return result
    }
    release(index)
    cpreload_errno().pointee = before
  }
  return ioctlOfOurs(descriptor, request, argument)
}

@inline(never)
func ioctlOfOurs(_ descriptor: Word, _ request: Word, _ argument: Word) -> Word {
  if entry(int(descriptor)) == .hidden { return fail(Errno.EBADF) }
  guard cpreload_depth() == 0 else {
    return next(cpreload_next_ioctl, Call3.self)(descriptor, request, argument)
  }
  if tellsKVM(request) { return tellKVM(descriptor, request, argument) }
  switch UInt32(truncatingIfNeeded: request) {
  // FIOCLEX, FIONCLEX, FIONBIO, FIOASYNC are every file's; FIGETBSZ, FIFREEZE, FITHAW and
  // FS_IOC_FIEMAP are its file system's, which is a tmpfs as a node's is: do_vfs_ioctl().
  case 0x5451, 0x5450, 0x5421, 0x5452, 0x2, 0xc004_5877, 0xc004_5878, 0xc020_660b: break
  default:
    if let index = pin(int(descriptor)) ?? adopt(int(descriptor)), let engine = loadedEngine() {
      defer { release(index) }
      if slot(index).pointee.file.kind == ioasid_kernel_device.rawValue, !isTranslated(request) {
        break
      }
      return answer(request_(engine, index, int(descriptor), request, argument))
    }
  }
  return next(cpreload_next_ioctl, Call3.self)(descriptor, request, argument)
}

/// A group that the kernel does not know is told to KVM as the devices that it does.
private func tellKVM(_ descriptor: Word, _ request: Word, _ argument: Word) -> Word {
  if let engine = loadedEngine() {
    let result = insideWithRoom(function(engine.pointee.attribute), descriptor, argument)
    if result != Word(IOASID_NOT_OURS) { return answer(result) }
  }
  return next(cpreload_next_ioctl, Call3.self)(descriptor, request, argument)
}

func request_(
  _ engine: Engine, _ index: Int, _ descriptor: Int32, _ request: Word, _ argument: Word
) -> Word {
  let file = slot(index).pointee.file, request = UInt64(UInt32(truncatingIfNeeded: request))
  var opened = ioasid_open_file()
  let result = withUnsafeMutablePointer(to: &opened) { opened in
    insideWithRoom(
      function(engine.pointee.ioctl), Word(bitPattern: UInt(file.file)), Word(descriptor),
      Word(request), argument, word(opened))
  }
  return result >= 0 && opened.kind != 0 ? settle(opened) : result
}
