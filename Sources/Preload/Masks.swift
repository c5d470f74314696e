import CPreload

// The kernel never blocks SIGSEGV or SIGBUS in a process of a run: a blocked fault kills, and a
// register access is a fault. The program sees the mask it asked for.

typealias Mask = UnsafeMutablePointer<UInt64>  // of a sigset_t; signals end with its first word

@inline(__always)
private func masked(_ how: Word, _ new: Word, _ old: Word, _ call: Call3) -> Word {
  if _fastPath(cpreload_in_run() == 0 || cpreload_depth() != 0) { return call(how, new, old) }
  return changeMask(int(how), UnsafePointer(bitPattern: new), Mask(bitPattern: old), call)
}

@inline(never)
func changeMask(
  _ how: Int32, _ new: UnsafePointer<UInt64>?, _ old: Mask?, _ call: Call3
) -> Word {
  let view = cpreload_faults()
  let before = view.pointee.blocked
  var given: InlineArray<16, UInt64> = InlineArray(repeating: 0)
  given[0] = (new?.pointee ?? 0) & ~faultSignals
  let asked = (new?.pointee ?? 0) & faultSignals
  let result = withUnsafePointer(to: &given) {
    call(Word(how), new == nil ? 0 : word($0), Word(bitPattern: old))
  }
  guard result == 0 else { return result }
  if let old { old.pointee |= before }
  if new != nil {
    switch how {
    case SIG_BLOCK: view.pointee.blocked = before | asked
    case SIG_UNBLOCK: view.pointee.blocked = before & ~asked
    default: view.pointee.blocked = asked
    }
    // From here on what is sent while blocked is ours to keep.
    if view.pointee.blocked != 0, cpreload_guarding() == 0, !sharesTheParentsMemory() {
      guardProcess()
    }
    sendKept()
  }
  return 0
}

/// Sends on what came while the program blocked it.
func sendKept() {
  let view = cpreload_faults()
  let due = view.pointee.pending & ~view.pointee.blocked
  if _fastPath(due == 0) { return }
  view.pointee.pending &= ~due
  if due & bit(SIGSEGV) != 0 { sendToThisThread(SIGSEGV) }
  if due & bit(SIGBUS) != 0 { sendToThisThread(SIGBUS) }
}

private func sendToThisThread(_ signal: Int32) {
  kernel(.tgkill, kernel(.getpid), kernel(.gettid), Word(signal))
}

/// Changes the thread's mask in the kernel and answers what it was.
@discardableResult
func kernelMask(_ how: Int32, _ signals: UInt64) -> UInt64 {
  var masks = [signals, 0] as InlineArray<2, UInt64>
  withUnsafeMutablePointer(to: &masks) {
    _ = kernel(.rtSigprocmask, Word(how), word($0), word($0) + 8, 8)
  }
  return masks[1]
}

/// Stands in front of libc's `sigprocmask`.
@c(sigprocmask)
public func interposedSigprocmask(_ how: Word, _ new: Word, _ old: Word) -> Word {
  masked(how, new, old, next(cpreload_next_sigprocmask, Call3.self))
}

/// Stands in front of libc's `pthread_sigmask`.
@c(pthread_sigmask)
public func interposedPthreadSigmask(_ how: Word, _ new: Word, _ old: Word) -> Word {
  masked(how, new, old, next(cpreload_next_pthread_sigmask, Call3.self))
}

/// A mask that came by exec.
func takeOverInheritedMask() {
  let faults = kernelMask(SIG_BLOCK, 0) & faultSignals
  if _fastPath(faults == 0) { return }
  cpreload_faults().pointee.blocked = faults
  guardProcess()
  kernelMask(SIG_UNBLOCK, faults)
}
