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
  let limit = descriptorLimit()
  // Below 1024, so that the kernel's table stays small. A program with room for a few descriptors
  // keeps them all.
  var moved = limit.current < 256 ? duplicate(descriptor, beyond: limit) : -1
  if moved < 0 {
    moved = duplicate(descriptor, from: Word(clamping: min(limit.current, 1024)) * 15 / 16)
  }
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

private func duplicate(_ descriptor: Int32, from lowest: Word) -> Word {
  kernel(.fcntl, Word(descriptor), 1030, lowest)  // F_DUPFD_CLOEXEC
}

/// RLIMIT_NOFILE as the kernel lays it out.
private struct DescriptorLimit {
  var current: UInt = 1024
  var most: UInt = 1024
}

private func descriptorLimit() -> DescriptorLimit {
  var limit = DescriptorLimit()
  let result = withUnsafeMutablePointer(to: &limit) { kernel(.getrlimit, 7, word($0)) }
  return result == 0 ? limit : DescriptorLimit()
}

/// A duplicate above the program's limit, which is raised for the moment that this takes.
private func duplicate(_ descriptor: Int32, beyond limit: DescriptorLimit) -> Word {
  let room: UInt = 64
  let raised = DescriptorLimit(
    current: limit.current + room, most: max(limit.most, limit.current + room))
  let isRaised = withUnsafePointer(to: raised) { kernel(.setrlimit, 7, word($0)) } == 0
  guard isRaised else { return -1 }
  defer { withUnsafePointer(to: limit) { _ = kernel(.setrlimit, 7, word($0)) } }
  return duplicate(descriptor, from: Word(clamping: limit.current))
}
