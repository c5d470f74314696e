import CPreload

// A call that waits with another mask runs handlers under it, and a handler may reach a register:
// the kernel is not given SIGSEGV and SIGBUS here either.

/// The mask with the two signals taken out, in memory of the caller's for the length of the call.
@inline(__always)
private func waiting(_ mask: Word, _ call: (Word) -> Word) -> Word {
  guard cpreload_in_run() != 0, let given = UnsafePointer<UInt64>(bitPattern: mask),
    given.pointee & faultSignals != 0
  else { return call(mask) }
  var stripped: InlineArray<16, UInt64> = InlineArray(repeating: 0)
  stripped[0] = given.pointee & ~faultSignals
  return withUnsafePointer(to: &stripped) { call(word($0)) }
}

/// Stands in front of libc's `sigsuspend`.
@c(sigsuspend)
public func interposedSigsuspend(_ mask: Word) -> Word {
  waiting(mask) { next(cpreload_next_sigsuspend, Call1.self)($0) }
}

/// Stands in front of libc's `pselect`.
@c(pselect)
public func interposedPselect(
  _ count: Word, _ read: Word, _ write: Word, _ except: Word, _ timeout: Word, _ mask: Word
) -> Word {
  waiting(mask) { next(cpreload_next_pselect, Call6.self)(count, read, write, except, timeout, $0) }
}

/// Stands in front of libc's `ppoll`.
@c(ppoll)
public func interposedPpoll(
  _ descriptors: Word, _ count: Word, _ timeout: Word, _ mask: Word
) -> Word {
  waiting(mask) { next(cpreload_next_ppoll, Call4.self)(descriptors, count, timeout, $0) }
}

/// Stands in front of libc's `__ppoll_chk`.
@c(__ppoll_chk)
public func interposedCheckedPpoll(
  _ descriptors: Word, _ count: Word, _ timeout: Word, _ mask: Word, _ room: Word
) -> Word {
  waiting(mask) {
    next(cpreload_next___ppoll_chk, Call5.self)(descriptors, count, timeout, $0, room)
  }
}

/// Stands in front of libc's `epoll_pwait`.
@c(epoll_pwait)
public func interposedEpollPwait(
  _ descriptor: Word, _ events: Word, _ count: Word, _ timeout: Word, _ mask: Word
) -> Word {
  waiting(mask) {
    next(cpreload_next_epoll_pwait, Call5.self)(descriptor, events, count, timeout, $0)
  }
}

/// Stands in front of libc's `epoll_pwait2`.
@c(epoll_pwait2)
public func interposedEpollPwait2(
  _ descriptor: Word, _ events: Word, _ count: Word, _ timeout: Word, _ mask: Word
) -> Word {
  waiting(mask) {
    next(cpreload_next_epoll_pwait2, Call5.self)(descriptor, events, count, timeout, $0)
  }
}
