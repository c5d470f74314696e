import CPreload
import Synchronization

// The program's dispositions stand in a table of ours; the kernel's hold our handlers once the
// engine is loaded, because a register access is a fault that we must see first, and because a
// handler that enters the engine while its own thread is inside would wait for itself.

let faultSignals: UInt64 = 1 << 10 | 1 << 6  // SIGSEGV (11), SIGBUS (7)

@inline(__always)
func bit(_ signal: Int32) -> UInt64 { 1 << UInt64(signal - 1) }

@inline(__always)
func isFault(_ signal: Int32) -> Bool { signal == SIGSEGV || signal == SIGBUS }

enum Flag {
  static var siginfo: Int32 { 4 }
  static var onStack: Int32 { 0x0800_0000 }
  static var restart: Int32 { 0x1000_0000 }
  static var noDefer: Int32 { 0x4000_0000 }
  static var resetHandler: Int32 { .min }
}

/// glibc's struct sigaction.
struct Action {
  var handler: UInt = 0
  var mask: InlineArray<16, UInt64> = InlineArray(repeating: 0)
  var flags: Int32 = 0
  var restorer: UInt = 0

  var isFunction: Bool { handler > 1 }  // SIG_DFL is 0, SIG_IGN is 1
}

@inline(__always)
private var sequence: UnsafeMutablePointer<Atomic<UInt64>> {
  cpreload_sequence().assumingMemoryBound(to: Atomic<UInt64>.self)
}

/// Changes dispositions: one thread at a time and with every signal blocked, so that no handler
/// ever meets its own thread halfway.
func changingDispositions<Result>(_ body: () -> Result) -> Result {
  let before = kernelMask(SIG_SETMASK, .max)
  var seen = sequence.pointee.load(ordering: .relaxed)
  while true {
    if seen & 1 == 0,
      sequence.pointee.compareExchange(
        expected: seen, desired: seen + 1, ordering: .acquiringAndReleasing
      ).exchanged
    {
      break
    }
    yieldToHolder()
    seen = sequence.pointee.load(ordering: .relaxed)
  }
  let result = body()
  sequence.pointee.store(seen + 2, ordering: .releasing)
  kernelMask(SIG_SETMASK, before)
  return result
}

/// A disposition as it stood at one moment, read without a lock.
func disposition(_ signal: Int32) -> cpreload_disposition {
  while true {
    let before = sequence.pointee.load(ordering: .acquiring)
    let read = cpreload_disposition_of(signal).pointee
    atomicMemoryFence(ordering: .acquiring)
    if before & 1 == 0, sequence.pointee.load(ordering: .relaxed) == before { return read }
    yieldToHolder()
  }
}

@inline(__always)
func nextSigaction(
  _ signal: Int32, _ new: UnsafePointer<Action>?, _ old: UnsafeMutablePointer<Action>?
) -> Word {
  next(cpreload_next_sigaction, Call3.self)(
    Word(signal), Word(bitPattern: new), Word(bitPattern: old))
}

/// What the kernel is given for a disposition of the program.
func kernelAction(_ signal: Int32, _ given: Action) -> Action {
  var action = given
  action.mask[0] &= ~faultSignals
  guard cpreload_guarding() != 0 else { return action }
  if isFault(signal) {
    let handler: @convention(c) (Int32, Word, Word) -> Void = { onFault($0, $1, $2) }
    action.handler = unsafeBitCast(handler, to: UInt.self)
    action.mask = InlineArray(repeating: 0)
    action.flags = Flag.siginfo | Flag.noDefer | (given.flags & (Flag.restart | Flag.onStack))
  } else if given.isFunction {
    let handler: @convention(c) (Int32, Word, Word) -> Void = { onSignal($0, $1, $2) }
    action.handler = unsafeBitCast(handler, to: UInt.self)
    action.flags = (given.flags | Flag.siginfo) & ~(Flag.noDefer | Flag.resetHandler)
  }
  return action
}

/// Puts our handlers in front of the program's.
func guardProcess() {
  guard cpreload_guarding() == 0 else { return }
  changingDispositions {
    cpreload_set_guarding()
    var signal: Int32 = 1
    while signal < Int32(CPRELOAD_SIGNALS) {
      var held = Action()
      if nextSigaction(signal, nil, &held) == 0, isFault(signal) || held.isFunction {
        remember(signal, held)
        var action = kernelAction(signal, program(signal))
        _ = nextSigaction(signal, &action, nil)
      }
      signal += 1
    }
  }
}

/// What the kernel holds is the program's, unless the program set it where we saw it: then only its
/// mask differs.
private func remember(_ signal: Int32, _ held: Action) {
  let own = cpreload_disposition_of(signal)
  if own.pointee.known != 0 && own.pointee.handler == held.handler { return }
  own.pointee = cpreload_disposition(
    handler: held.handler, mask: held.mask[0], flags: held.flags, known: 1)
}

private func program(_ signal: Int32) -> Action {
  let own = cpreload_disposition_of(signal).pointee
  var action = Action()
  action.handler = own.handler
  action.mask[0] = own.mask
  action.flags = own.flags
  return action
}

/// sigaction(2) as the program sees it.
func setDisposition(
  _ signal: Int32, _ new: UnsafePointer<Action>?, _ old: UnsafeMutablePointer<Action>?
) -> Word {
  guard cpreload_in_run() != 0, cpreload_depth() == 0, signal > 0,
    signal < Int32(CPRELOAD_SIGNALS)
  else { return nextSigaction(signal, new, old) }
  let given = new?.pointee  // a bad pointer is glibc's to trip over in any case
  return changingDispositions {
    let own = cpreload_disposition_of(signal)
    let before = own.pointee
    var held = Action()
    let shared = sharesTheParentsMemory()
    let result: Word
    if let given {
      var action = shared ? given : kernelAction(signal, given)
      result = nextSigaction(signal, &action, &held)
    } else {
      result = nextSigaction(signal, nil, &held)
    }
    guard result == 0 else { return result }
    let ours = before.known != 0 && (cpreload_guarding() != 0 || before.handler == held.handler)
    if let old {
      if ours {
        held.handler = before.handler
        held.mask[0] = before.mask
        held.flags = before.flags
      }
      old.pointee = held
    }
    if let given, !shared {
      own.pointee = cpreload_disposition(
        handler: given.handler, mask: given.mask[0], flags: given.flags, known: 1)
    }
    return 0
  }
}

/// Stands in front of libc's `sigaction`.
@c(sigaction)
public func interposedSigaction(_ signal: Word, _ new: Word, _ old: Word) -> Word {
  setDisposition(int(signal), UnsafePointer(bitPattern: new), UnsafeMutablePointer(bitPattern: old))
}

private func simple(_ signal: Word, _ handler: Word, _ flags: Int32, holdsItself: Bool) -> Word {
  var action = Action(), before = Action()
  action.handler = UInt(bitPattern: handler)
  action.flags = flags
  if holdsItself, int(signal) > 0, int(signal) < 65 { action.mask[0] = bit(int(signal)) }
  if handler == -1 { return fail(Errno.EINVAL) }  // SIG_ERR
  return setDisposition(int(signal), &action, &before) == 0 ? Word(bitPattern: before.handler) : -1
}

/// Stands in front of libc's `signal`.
@c(signal)
public func interposedSignal(_ signal: Word, _ handler: Word) -> Word {
  simple(signal, handler, Flag.restart, holdsItself: true)
}

/// Stands in front of libc's `bsd_signal`.
@c(bsd_signal)
public func interposedBSDSignal(_ signal: Word, _ handler: Word) -> Word {
  simple(signal, handler, Flag.restart, holdsItself: true)
}

/// Stands in front of libc's `ssignal`.
@c(ssignal)
public func interposedSsignal(_ signal: Word, _ handler: Word) -> Word {
  simple(signal, handler, Flag.restart, holdsItself: true)
}

/// Stands in front of libc's `sysv_signal`.
@c(sysv_signal)
public func interposedSysVSignal(_ signal: Word, _ handler: Word) -> Word {
  simple(signal, handler, Flag.noDefer | Flag.resetHandler, holdsItself: false)
}

/// Stands in front of libc's `__sysv_signal`.
@c(__sysv_signal)
public func interposedSysVSignalOfGlibc(_ signal: Word, _ handler: Word) -> Word {
  simple(signal, handler, Flag.noDefer | Flag.resetHandler, holdsItself: false)
}

/// Stands in front of libc's `sigignore`.
@c(sigignore)
public func interposedSigignore(_ signal: Word) -> Word {
  simple(signal, 1, 0, holdsItself: false) == -1 ? -1 : 0
}

/// Stands in front of libc's `siginterrupt`.
@c(siginterrupt)
public func interposedSiginterrupt(_ signal: Word, _ interrupts: Word) -> Word {
  var action = Action()
  guard setDisposition(int(signal), nil, &action) == 0 else { return -1 }
  if int(interrupts) != 0 {
    action.flags &= ~Flag.restart
  } else {
    action.flags |= Flag.restart
  }
  return setDisposition(int(signal), &action, nil)
}

/// Stands in front of libc's `sigset`, which changes the mask as well: SIG_HOLD is 2.
@c(sigset)
public func interposedSigset(_ signal: Word, _ handler: Word) -> Word {
  guard int(signal) > 0, int(signal) < Int32(CPRELOAD_SIGNALS) else { return fail(Errno.EINVAL) }
  var before = Action()
  let wasHeld = changeHeld(int(signal), handler == 2)
  let result =
    handler == 2
    ? setDisposition(int(signal), nil, &before) : simple(signal, handler, 0, holdsItself: false)
  if result == -1 || wasHeld { return result == -1 ? -1 : 2 }
  return handler == 2 ? Word(bitPattern: before.handler) : result
}

/// Stands in front of libc's `sighold`.
@c(sighold)
public func interposedSighold(_ signal: Word) -> Word {
  guard int(signal) > 0, int(signal) < Int32(CPRELOAD_SIGNALS) else { return fail(Errno.EINVAL) }
  _ = changeHeld(int(signal), true)
  return 0
}

/// Stands in front of libc's `sigrelse`.
@c(sigrelse)
public func interposedSigrelse(_ signal: Word) -> Word {
  guard int(signal) > 0, int(signal) < Int32(CPRELOAD_SIGNALS) else { return fail(Errno.EINVAL) }
  _ = changeHeld(int(signal), false)
  return 0
}

/// Blocks or unblocks one signal and answers whether it was blocked.
private func changeHeld(_ signal: Int32, _ holds: Bool) -> Bool {
  var new: InlineArray<16, UInt64> = InlineArray(repeating: 0)
  var old: InlineArray<16, UInt64> = InlineArray(repeating: 0)
  new[0] = bit(signal)
  withUnsafePointer(to: &new) { new in
    withUnsafeMutablePointer(to: &old) { old in
      _ = interposedSigprocmask(Word(holds ? SIG_BLOCK : SIG_UNBLOCK), word(new), word(old))
    }
  }
  return old[0] & bit(signal) != 0
}
