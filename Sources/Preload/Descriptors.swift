import CEngine
import CPreload

/// Removes an entry whose descriptor is gone.
@inline(never)
func forget(_ descriptor: Int32) {
  guard tableEntry(descriptor) != .hidden, !sharesTheParentsMemory() else { return }
  drop(replace(descriptor, .none))
}

/// Stands in front of libc's `close`.
@c(close)
public func interposedClose(_ descriptor: Word) -> Word {
  if _slowPath(entry(int(descriptor)) != .none) { return closeOurs(descriptor) }
  return next(cpreload_next_close, Call1.self)(descriptor)
}

@inline(never)
func closeOurs(_ descriptor: Word) -> Word {
  if entry(int(descriptor)) == .hidden { return fail(Errno.EBADF) }
  let close = next(cpreload_next_close, Call1.self)
  if sharesTheParentsMemory() { return close(descriptor) }
  keepIfMapped(descriptor)
  // Out of the table before the number is free for another thread; the engine hears of it when the
  // kernel has let go.
  let gone = replace(int(descriptor), .none)
  let result = close(descriptor)
  let error = cpreload_errno().pointee
  drop(gone)
  cpreload_errno().pointee = error
  return result
}

/// A device whose registers are mapped stays open, and can be had again.
func keepIfMapped(_ descriptor: Word) {
  guard let index = pin(int(descriptor)) else { return }
  defer { release(index) }
  let file = slot(index).pointee.file
  guard isDevice(file), let engine = loadedEngine() else { return }
  let kept = insideWithRoom(
    function(engine.pointee.keep), Word(bitPattern: UInt(file.file)), descriptor)
  if int(kept) == 1 { cpreload_set_keeping(1) }
}

/// `copy` is the number that the kernel gave to a duplicate of `original`, or −1.
@inline(__always)
func duplicated(_ original: Word, _ copy: Word) -> Word {
  if entry(int(original)) != .none || (int(copy) >= 0 && entry(int(copy)) != .none) {
    enterDuplicate(int(original), int(copy))
  }
  return copy
}

@inline(never)
func enterDuplicate(_ original: Int32, _ copy: Int32) {
  guard copy >= 0, copy != original, UInt32(bitPattern: copy) < UInt32(CPRELOAD_DESCRIPTORS),
    !sharesTheParentsMemory()
  else { return }
  let error = cpreload_errno().pointee
  if entry(original) == .marked {
    drop(replace(copy, .marked))
  } else if let index = pin(original) {  // the pin becomes the copy's reference
    drop(replace(copy, Entry(bits: UInt32(index) + Entry.firstSlot)))
  } else {
    drop(replace(copy, .none))
  }
  cpreload_errno().pointee = error
}

/// Stands in front of libc's `dup`.
@c(dup)
public func interposedDup(_ original: Word) -> Word {
  if _slowPath(entry(int(original)) == .hidden) { return fail(Errno.EBADF) }
  return duplicated(original, next(cpreload_next_dup, Call1.self)(original))
}

/// What duplicating over a number answers before the kernel is asked: the engine's own descriptors
/// are not there to be copied, and one of them that stands in the way is the race between open and
/// dup that dup2(2) knows.
@inline(__always)
func refusal(_ original: Word, _ copy: Word) -> Int32 {
  if _slowPath(entry(int(original)) == .hidden) { return Errno.EBADF }
  return _slowPath(entry(int(copy)) == .hidden) ? Errno.EBUSY : 0
}

/// A number that is about to be another's.
@inline(__always)
private func makeWay(_ original: Word, _ copy: Word) {
  if _slowPath(entry(int(copy)) != .none), int(copy) != int(original), !sharesTheParentsMemory() {
    keepIfMapped(copy)
  }
}

/// Stands in front of libc's `dup2`.
@c(dup2)
public func interposedDup2(_ original: Word, _ copy: Word) -> Word {
  let refused = refusal(original, copy)
  if _slowPath(refused != 0) { return fail(refused) }
  makeWay(original, copy)
  return duplicated(original, next(cpreload_next_dup2, Call2.self)(original, copy))
}

/// Stands in front of libc's `dup3`.
@c(dup3)
public func interposedDup3(_ original: Word, _ copy: Word, _ flags: Word) -> Word {
  let refused = refusal(original, copy)
  if _slowPath(refused != 0) { return fail(refused) }
  makeWay(original, copy)
  return duplicated(original, next(cpreload_next_dup3, Call3.self)(original, copy, flags))
}

@inline(__always)
func controlled(_ descriptor: Word, _ command: Word, _ argument: Word, _ call: Call3) -> Word {
  let mine = entry(int(descriptor))
  if _slowPath(mine != .none) {
    if mine == .hidden { return fail(Errno.EBADF) }
    if let result = controlOurs(descriptor, int(command), argument, call) { return result }
  }
  let result = call(descriptor, command, argument)
  let isDuplicate = int(command) == 0 || int(command) == 1030  // F_DUPFD, F_DUPFD_CLOEXEC
  return isDuplicate ? duplicated(descriptor, result) : result
}

/// Stands in front of libc's `fcntl`.
@c(fcntl)
public func interposedFcntl(_ descriptor: Word, _ command: Word, _ argument: Word) -> Word {
  controlled(descriptor, command, argument, next(cpreload_next_fcntl, Call3.self))
}

/// Stands in front of libc's `fcntl64`.
@c(fcntl64)
public func interposedFcntl64(_ descriptor: Word, _ command: Word, _ argument: Word) -> Word {
  controlled(descriptor, command, argument, next(cpreload_next_fcntl64, Call3.self))
}
