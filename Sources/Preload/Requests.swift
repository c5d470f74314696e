import CEngine
import CPreload

/// A number of <linux/vfio.h>: _IO(';', …).
@inline(__always)
func isVFIO(_ request: Word) -> Bool { request & 0xff00 == 0x3b00 }

/// Stands in front of libc's `ioctl`.
@c(ioctl)
public func interposedIoctl(_ descriptor: Word, _ request: Word, _ argument: Word) -> Word {
  if _slowPath(entry(int(descriptor)) != .none || isVFIO(request)) {
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
  switch UInt32(truncatingIfNeeded: request) {
  // FIOCLEX, FIONCLEX, FIONBIO, FIOASYNC are every file's
  case 0x5451, 0x5450, 0x5421, 0x5452: break
  default:
    if let index = pin(int(descriptor)) ?? adopt(int(descriptor)), let engine = loadedEngine() {
      let result = request_(engine, index, int(descriptor), request, argument)
      release(index)
      return answer(result)
    }
  }
  return next(cpreload_next_ioctl, Call3.self)(descriptor, request, argument)
}

func request_(
  _ engine: Engine, _ index: Int, _ descriptor: Int32, _ request: Word, _ argument: Word
) -> Word {
  var opened = ioasid_open_file()
  let result = inside {
    withUnsafeMutablePointer(to: &opened) {
      engine.pointee.ioctl(
        slot(index).pointee.file.file, descriptor, UInt64(UInt32(truncatingIfNeeded: request)),
        UInt64(UInt(bitPattern: argument)), $0)
    }
  }
  return result >= 0 && opened.kind != 0 ? settle(opened) : Word(result)
}
