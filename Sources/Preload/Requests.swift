import CEngine
import CPreload

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

/// KVM_SET_DEVICE_ATTR, by which KVM is told of groups.
@inline(__always)
private func tellsKVM(_ request: Word) -> Bool {
  UInt32(truncatingIfNeeded: request) == 0x4018_aee1
}

/// Stands in front of libc's `ioctl`.
@c(ioctl)
public func interposedIoctl(_ descriptor: Word, _ request: Word, _ argument: Word) -> Word {
  if _slowPath(entry(int(descriptor)) != .none || isVFIO(request) || tellsKVM(request)) {
    return ioctlOfOurs(descriptor, request, argument)
  }
  return next(cpreload_next_ioctl, Call3.self)(descriptor, request, argument)
}

@inline(never)
func ioctlOfOurs(_ descriptor: Word, _ request: Word, _ argument: Word) -> Word {
  if entry(int(descriptor)) == .hidden { return fail(Errno.EBADF) }
  guard cpreload_depth() == 0 else {
    return next(cpreload_next_ioctl, Call3.self)(descriptor, request, argument)
  }
  if tellsKVM(request) { return tellKVM(descriptor, request, argument) }
  switch UInt32(truncatingIfNeeded: request) {
  // FIOCLEX, FIONCLEX, FIONBIO, FIOASYNC are every file's
  case 0x5451, 0x5450, 0x5421, 0x5452: break
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
    // MAP_DMA and UNMAP_DMA
    if file.kind == ioasid_container.rawValue, request &- 0x3b71 <= 1,
      engine.pointee.needs_room == 0
    {
      return inside {
        Word(engine.pointee.ioctl(file.file, descriptor, request, bytes(argument), opened))
      }
    }
    return insideWithRoom(
      function(engine.pointee.ioctl), Word(bitPattern: UInt(file.file)), Word(descriptor),
      Word(request), argument, word(opened))
  }
  return result >= 0 && opened.kind != 0 ? settle(opened) : result
}
