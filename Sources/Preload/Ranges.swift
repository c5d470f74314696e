import CPreload
import Synchronization

/// Closes a range as close_range(2) does, around the engine's own descriptors.
@inline(never)
private func closeRange(_ first: UInt32, _ last: UInt32, _ flags: Word, _ call: Call3) -> Word {
  let isForeign = sharesTheParentsMemory()
  let end = UInt32(bitPattern: highest.pointee.load(ordering: .relaxed))
  var start = first
  var number = first
  while number <= last && number < end {
    let descriptor = Int32(bitPattern: number)
    if tableEntry(descriptor) == .hidden {
      if number > start {
        let result = call(Word(start), Word(number - 1), flags)
        if int(result) != 0 { return result }
      }
      start = number + 1
      // not CLOSE_RANGE_CLOEXEC
    } else if !isForeign && flags & 4 == 0 && tableEntry(descriptor) != .none {
      keepIfMapped(Word(descriptor))
      drop(replace(descriptor, .none))
    }
    number += 1
  }
  return start > last ? 0 : call(Word(start), Word(last), flags)
}

/// Stands in front of libc's `close_range`.
@c(close_range)
public func interposedCloseRange(_ first: Word, _ last: Word, _ flags: Word) -> Word {
  let call = next(cpreload_next_close_range, Call3.self)
  let from = UInt32(truncatingIfNeeded: first), to = UInt32(truncatingIfNeeded: last)
  let end = UInt32(bitPattern: highest.pointee.load(ordering: .relaxed))
  if _fastPath(from >= end || from > to || cpreload_depth() != 0) {
    return call(first, last, flags)
  }
  return closeRange(from, to, flags, call)
}

/// Stands in front of libc's `closefrom`.
@c(closefrom)
public func interposedClosefrom(_ first: Word) {
  let from = max(int(first), 0)
  if from < highest.pointee.load(ordering: .relaxed), cpreload_depth() == 0 {
    var number = highest.pointee.load(ordering: .relaxed) - 1
    var floor = from
    // Below the highest of the engine's own the range is walked; above, libc may do as it likes.
    while number >= from {
      if tableEntry(number) == .hidden {
        floor = number + 1
        break
      }
      number -= 1
    }
    let close: Call3 = { first, last, flags in
      kernel(SystemCall(rawValue: 436), first, last, flags)
    }
    if floor > from { _ = closeRange(UInt32(from), UInt32(floor) - 1, 0, close) }
    _ = closeRangeEntries(floor)
    return next(cpreload_next_closefrom, VoidCall1.self)(Word(floor))
  }
  next(cpreload_next_closefrom, VoidCall1.self)(first)
}

typealias VoidCall1 = @convention(c) (Word) -> Void

private func closeRangeEntries(_ from: Int32) -> Bool {
  guard !sharesTheParentsMemory() else { return false }
  var number = from
  while number < highest.pointee.load(ordering: .relaxed) {
    if tableEntry(number) != .none {
      keepIfMapped(Word(number))
      drop(replace(number, .none))
    }
    number += 1
  }
  return true
}
