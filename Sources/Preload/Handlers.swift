import CEngine
import CPreload

typealias Handler = @convention(c) (Int32, Word, Word) -> Void

/// The parts of the kernel's ucontext on x86-64 that are read or changed here, by their offsets.
struct Context {
  let address: Word
  private func load(_ offset: Int) -> UInt64 {
    UnsafePointer<UInt64>(bitPattern: address + offset).unsafelyUnwrapped.pointee
  }
  var alternateStack: UInt64 { load(16) }
  var alternateStackBytes: UInt64 { load(32) }
  var stackPointer: UInt64 { load(160) }
  var mask: UnsafeMutablePointer<UInt64> {
    UnsafeMutablePointer(bitPattern: address + 296).unsafelyUnwrapped
  }
  func isOnAlternateStack(_ pointer: UInt64) -> Bool {
    pointer &- alternateStack < alternateStackBytes
  }
}

/// siginfo_t: the number, then errno, then the code, and the address of a fault.
private func code(_ info: Word) -> Int32 {
  UnsafePointer<Int32>(bitPattern: info + 8).unsafelyUnwrapped.pointee
}

private func faultAddress(_ info: Word) -> UInt64 {
  UnsafePointer<UInt64>(bitPattern: info + 16).unsafelyUnwrapped.pointee
}

/// Stands in front of each of the program's handlers but those of faults.
func onSignal(_ signal: Int32, _ info: Word, _ context: Word) {
  let error = cpreload_errno().pointee
  if cpreload_depth() != 0 {
    deferSignal(signal, info, Context(address: context))
  } else {
    perform(signal, info, context)
  }
  cpreload_errno().pointee = error
}

/// The thread is inside the engine: the signal is sent to it again and stays blocked until it
/// leaves.
private func deferSignal(_ signal: Int32, _ info: Word, _ context: Context) {
  kernel(.rtTgsigqueueinfo, kernel(.getpid), kernel(.gettid), Word(signal), info)
  context.mask.pointee |= bit(signal)
  cpreload_set_deferred(cpreload_deferred() | bit(signal))
}

/// The thread has left the engine.
@inline(never)
func deliverDeferred() {
  let error = cpreload_errno().pointee
  let due = cpreload_deferred()
  cpreload_set_deferred(0)
  kernelMask(SIG_UNBLOCK, due)
  sendKept()
  cpreload_errno().pointee = error
}

/// Does what the program asked for: its handler with its flags, or the default action.
private func perform(_ signal: Int32, _ info: Word, _ context: Word, happensAgain: Bool = true) {
  let own = disposition(signal)
  // SIG_IGN; a fault is never ignored
  if own.handler == 1 && !(isFault(signal) && code(info) > 0) { return }
  if own.handler <= 1 {
    return die(signal, info, Context(address: context), happensAgain: happensAgain)
  }
  if own.flags & Flag.resetHandler != 0 { resetDisposition(signal) }
  var blocked: UInt64 = 0
  if isFault(signal) { blocked = own.mask & ~faultSignals }
  if blocked != 0 { kernelMask(SIG_BLOCK, blocked) }
  let released = bit(signal)
  if !isFault(signal) && own.flags & Flag.noDefer != 0 && own.mask & released == 0 {
    kernelMask(SIG_UNBLOCK, released)
  }
  unsafeBitCast(own.handler, to: Handler.self)(signal, info, context)
}

/// SA_RESETHAND.
private func resetDisposition(_ signal: Int32) {
  changingDispositions {
    cpreload_disposition_of(signal).pointee.handler = 0
    var action = kernelAction(signal, Action())
    _ = nextSigaction(signal, &action, nil)
  }
}

/// The default action with the true signal: a fault happens again when the handler returns; what
/// was sent is sent again, and so is a fault that the kernel knows as another.
private func die(_ signal: Int32, _ info: Word, _ context: Context, happensAgain: Bool) {
  var action = Action()
  _ = nextSigaction(signal, &action, nil)
  context.mask.pointee &= ~bit(signal)
  if code(info) <= 0 || !happensAgain {
    kernel(.rtTgsigqueueinfo, kernel(.getpid), kernel(.gettid), Word(signal), info)
  }
}

/// SIGSEGV and SIGBUS.
func onFault(_ signal: Int32, _ info: Word, _ context: Word) {
  let error = cpreload_errno().pointee
  let interrupted = Context(address: context)
  var delivered = signal
  if code(info) > 0 {
    // Only an access of the engine, or to a trapped page, is the engine's business: a program that
    // overflowed its stack has no stack to ask it on.
    if let engine = loadedEngine(),
      cpreload_depth() != 0 || engine.pointee.traps(faultAddress(info), 1) != 0
    {
      let verdict = Int32(truncatingIfNeeded: askEngine(info, interrupted))
      if verdict == 1 {
        cpreload_errno().pointee = error
        return
      }
      if verdict != 0 { delivered = become(verdict, info) }
    }
  }
  programFault(delivered, info, interrupted, happensAgain: delivered == signal)
  cpreload_errno().pointee = error
}

/// Makes a fault of another number of this one: with BUS_ADRERR, the code that fits all of them.
private func become(_ signal: Int32, _ info: Word) -> Int32 {
  let words = UnsafeMutablePointer<Int32>(bitPattern: info).unsafelyUnwrapped
  words[0] = signal
  words[2] = 2
  return signal
}

/// The engine runs on a stack of ours: the interrupted thread's, or its alternate stack, may have
/// room for little more than the frame on it. Off the alternate stack the kernel would lay the next
/// signal's frame over ours, so it is disarmed meanwhile; returning from this one arms it again.
private func askEngine(_ info: Word, _ context: Context) -> Word {
  let here = UInt64(cpreload_stack()), there = context.stackPointer
  let isOnAlternate = context.isOnAlternateStack(here)
  let plain: @convention(c) (Word, Word) -> Word = { askEngine($0, $1) }
  let disarming: @convention(c) (Word, Word) -> Word = { info, context in
    var none = [0, 2, 0] as InlineArray<3, UInt64>  // stack_t with SS_DISABLE
    _ = withUnsafePointer(to: &none) { kernel(.sigaltstack, word($0), 0) }
    return askEngine(info, context)
  }
  let ask = isOnAlternate ? disarming : plain
  let stack = cpreload_take_stack()
  if stack >= 0 {
    defer { cpreload_return_stack(stack) }
    return cpreload_call_on(cpreload_stack_top(stack), ask, info, context.address)
  }
  guard isOnAlternate, !context.isOnAlternateStack(there) else {
    return askEngine(info, context.address)
  }
  let redZone: UInt64 = 128
  return cpreload_call_on(UInt(there - redZone), ask, info, context.address)
}

private func askEngine(_ info: Word, _ context: Word) -> Word {
  guard let engine = loadedEngine(), let info = UnsafeMutableRawPointer(bitPattern: info),
    let context = UnsafeMutableRawPointer(bitPattern: context)
  else { return 0 }
  let signal = info.load(as: Int32.self)
  return inside { Word(engine.pointee.fault(signal, info, context)) }
}

/// A fault that is none of the engine's, or one of its signals sent by someone.
private func programFault(
  _ signal: Int32, _ info: Word, _ context: Context, happensAgain: Bool
) {
  let view = cpreload_faults()
  let wasSent = code(info) <= 0
  if wasSent && (view.pointee.blocked & bit(signal) != 0 || cpreload_depth() != 0) {
    view.pointee.pending |= bit(signal)
    if cpreload_depth() != 0 { cpreload_set_deferred(cpreload_deferred() | bit(signal)) }
    return
  }
  // A fault that its thread blocks kills, whatever the disposition.
  if !wasSent && (view.pointee.blocked & bit(signal) != 0 || faultedInHandler(signal, context)) {
    return die(signal, info, context, happensAgain: happensAgain)
  }
  let before = view.pointee
  var mark: UInt64 = before.serial &+ 1
  withUnsafeMutablePointer(to: &mark) {
    view.pointee.serial = before.serial &+ 1
    view.pointee.handling = UInt64(UInt(bitPattern: $0))
    perform(signal, info, context.address, happensAgain: happensAgain)
    view.pointee.handling = before.handling
  }
}

/// Whether the program's handler of a fault is still running and has faulted itself without
/// SA_NODEFER. It may have left by siglongjmp, unseen: then its frame, which lies above every later
/// one of the handler, is no longer marked.
private func faultedInHandler(_ signal: Int32, _ context: Context) -> Bool {
  let view = cpreload_faults().pointee
  let depth = view.handling &- context.stackPointer
  guard view.handling != 0, depth < 1 << 20, disposition(signal).flags & Flag.noDefer == 0,
    let mark = UnsafePointer<UInt64>(bitPattern: UInt(view.handling))
  else { return false }
  return mark.pointee == view.serial
}
