import CEngine
import CPreload

// What the engine asks of the preload (CEngine).

func hostPin(_ descriptor: Int32, _ file: UnsafeMutablePointer<ioasid_open_file>) -> Int32 {
  guard let index = pin(descriptor) else { return 0 }
  file.pointee = slot(index).pointee.file
  file.pointee.descriptor = descriptor
  return Int32(truncatingIfNeeded: index + 1)
}

func hostUnpin(_ pinned: Int32) { release(Int(pinned) - 1) }

func hostHide(_ descriptor: Int32) -> Int32 {
  // High, so that the program keeps getting the lowest numbers and never duplicates onto this one
  // by chance.
  var number = descriptor
  let moved = kernel(.fcntl, Word(descriptor), 1030, hiddenFloor())  // F_DUPFD_CLOEXEC
  if moved >= 0 {
    kernel(.close, Word(descriptor))
    number = int(moved)
  }
  if UInt32(bitPattern: number) < UInt32(CPRELOAD_DESCRIPTORS), !sharesTheParentsMemory() {
    drop(replace(number, .hidden))
  }
  return number
}

func hostReveal(_ descriptor: Int32) {
  guard tableEntry(descriptor) == .hidden, !sharesTheParentsMemory() else { return }
  _ = replace(descriptor, .none)
}

/// Where hidden descriptors begin: below the limit, and below 1024 so that the kernel's table stays
/// small.
private func hiddenFloor() -> Word {
  var limits = [0, 0] as InlineArray<2, UInt>  // rlim_cur, rlim_max
  // RLIMIT_NOFILE
  let result = withUnsafeMutablePointer(to: &limits) { kernel(.getrlimit, 7, word($0)) }
  let limit = result == 0 ? Word(clamping: limits[0]) : 1024
  return min(limit, 1024) * 15 / 16
}
