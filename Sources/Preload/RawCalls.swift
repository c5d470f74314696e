import CPreload

/// libc's syscall(): a program that goes past the named functions meets us here. Calls written in
/// assembly do not.
@c(syscall)
public func interposedSyscall(
  _ number: Word, _ a: Word, _ b: Word, _ c: Word, _ d: Word, _ e: Word, _ f: Word
) -> Word {
  if let result = raw(number, a, b, c, d, e, f) { return result }
  return next(cpreload_next_syscall, Call7.self)(number, a, b, c, d, e, f)
}

/// The answer of an interposed function, or nil where the call passes. Calls that make descriptors
/// or change what we keep for the program go through their function; the rest only when the
/// descriptor is ours.
@inline(__always)
private func raw(
  _ number: Word, _ a: Word, _ b: Word, _ c: Word, _ d: Word, _ e: Word, _ f: Word
) -> Word? {
  switch number {
  case 2: orNode(kernelCall(number, a, b, c), currentDirectory, a, b)
  case 4: followed(kernelCall(number, a, b, 0), currentDirectory, a, b)
  case 9: mapped(a, b, c, d, e, f) { kernelCall(9, $0, $1, $2, $3, $4, $5) }
  case 10: interposedMprotect(a, b, c)
  case 11: trapping(a, b) == nil && cpreload_keeping() == 0 ? nil : interposedMunmap(a, b)
  case 13: rawDisposition(a, b, c, d)
  case 14: rawMask(a, b, c, d)
  case 16: interposedIoctl(a, b, c)
  case 25: d & 2 == 0 && trapping(a, max(b, 1)) == nil ? nil : interposedMremap(a, b, c, d, e)
  case 26: interposedMsync(a, b, c)
  case 28: interposedMadvise(a, b, c)
  case 32: interposedDup(a)
  case 33: interposedDup2(a, b)
  case 40: interposedSendfile(a, b, c, d)
  case 47: interposedRecvmsg(a, b, c)
  case 72: interposedFcntl(a, b, c)
  case 85: interposedCreat(a, b)
  case 89: interposedReadlink(a, b, c)
  case 105, 113, 117, 126, 160, 302: rawLimits(number, a, b, c, d)
  case 149: interposedMlock(a, b)
  case 257: orNode(kernelCall(number, a, b, c, d), a, b, c)
  case 262: statusAt(kernelCall(number, a, b, c, d), a, b, c, d)
  case 267: interposedReadlinkat(a, b, c, d)
  case 275: interposedSplice(a, b, c, d, e, f)
  case 292: interposedDup3(a, b, c)
  case 299: interposedRecvmmsg(a, b, c, d, e)
  case 325: interposedMlock2(a, b, c)
  case 326: interposedCopyFileRange(a, b, c, d, e, f)
  case 332: interposedStatx(a, b, c, d, e)
  case 436: interposedCloseRange(a, b, c)
  case 437: rawOpenat2(a, b, c, d)
  default: entry(int(a)) == .none ? nil : rawOfOurs(number, a, b, c, d, f)
  }
}

/// What passes goes to the kernel and not to the function of its name: a library between us and
/// libc, as allocators are, may come from that function.
@inline(__always)
private func kernelCall(
  _ number: Word, _ a: Word, _ b: Word, _ c: Word, _ d: Word = 0, _ e: Word = 0, _ f: Word = 0
) -> Word {
  next(cpreload_next_syscall, Call7.self)(number, a, b, c, d, e, f)
}

@inline(never)
private func rawOfOurs(
  _ number: Word, _ a: Word, _ b: Word, _ c: Word, _ d: Word, _ f: Word
) -> Word? {
  switch number {
  case 0: interposedRead(a, b, c)
  case 1: interposedWrite(a, b, c)
  case 3: interposedClose(a)
  case 5: interposedFstat(a, b)
  case 8: interposedLseek(a, b, c)
  case 17: interposedPread(a, b, c, d)
  case 18: interposedPwrite(a, b, c, d)
  case 19: interposedReadv(a, b, c)
  case 20: interposedWritev(a, b, c)
  case 74: interposedFsync(a)
  case 75: interposedFdatasync(a)
  case 77: interposedFtruncate(a, b)
  case 91: interposedFchmod(a, b)
  case 93: interposedFchown(a, b, c)
  case 187: interposedReadahead(a, b, c)
  case 277: interposedSyncFileRange(a, b, c, d)
  case 285: interposedFallocate(a, b, c, d)
  case 295: interposedPreadv(a, b, c, d)
  case 296: interposedPwritev(a, b, c, d)
  case 327: interposedPreadv2(a, b, c, d, f)
  case 328: interposedPwritev2(a, b, c, d, f)
  default: nil
  }
}

/// setuid(2), setreuid(2), setresuid(2), capset(2), setrlimit(2), prlimit64(2).
@inline(never)
private func rawLimits(_ number: Word, _ a: Word, _ b: Word, _ c: Word, _ d: Word) -> Word {
  let result = next(cpreload_next_syscall, Call5.self)(number, a, b, c, d)
  limitsMayHaveChanged()
  return result
}

/// openat2(2). struct open_how: flags, mode, resolve.
private func rawOpenat2(_ directory: Word, _ path: Word, _ how: Word, _ size: Word) -> Word {
  let kept = cpreload_errno().pointee
  let call = next(cpreload_next_syscall, Call5.self)
  let result = call(437, directory, path, how, size)
  let refused = int(result) < 0 && cpreload_errno().pointee != Errno.EFAULT
  let asked = refused ? UnsafePointer<InlineArray<3, Word>>(bitPattern: how)?.pointee : nil
  let flags = asked?[0] ?? 0
  // A path that means something else than for open(2) is looked up as it was asked.
  let found = asked.map { $0[2] == 0 ? -1 : lookUp(directory, path, flags, $0[2]) } ?? -1
  defer { if found >= 0 { kernel(.close, found) } }
  let opened =
    found >= 0
    ? openNode(result, found, word(characters("")), flags, kept)
    : orNode(result, directory, path, flags)
  if int(opened) >= 0 { cpreload_errno().pointee = kept }
  return opened
}

/// A descriptor for nothing but the place that openat2(2) finds.
private func lookUp(_ directory: Word, _ path: Word, _ flags: Word, _ resolve: Word) -> Word {
  let lookOnly = placeOnly | Word(O_CLOEXEC) | flags & Word(O_NOFOLLOW)
  var how = [lookOnly, 0, resolve] as InlineArray<3, Word>
  return withUnsafeMutablePointer(to: &how) { kernel(.openat2, directory, path, word($0), 24) }
}

/// rt_sigprocmask(2) with the kernel's eight bytes of mask.
private func rawMask(_ how: Word, _ new: Word, _ old: Word, _ bytes: Word) -> Word? {
  guard cpreload_in_run() != 0, cpreload_depth() == 0, bytes == 8 else { return nil }
  return answer(
    changeMask(int(how), UnsafePointer(bitPattern: new), Mask(bitPattern: old)) { how, new, old in
      kernel(.rtSigprocmask, how, new, old, 8)
    })
}

/// The kernel's struct sigaction: handler, flags, restorer, eight bytes of mask.
private typealias RawAction = InlineArray<4, UInt64>

/// rt_sigaction(2). The restorer that libc uses does what every restorer must.
private func rawDisposition(_ signal: Word, _ new: Word, _ old: Word, _ bytes: Word) -> Word? {
  guard cpreload_in_run() != 0, cpreload_depth() == 0, bytes == 8 else { return nil }
  var given = Action(), before = Action()
  if let new = UnsafePointer<RawAction>(bitPattern: new) {
    given.handler = UInt(new.pointee[0])
    given.flags = Int32(truncatingIfNeeded: new.pointee[1])
    given.mask[0] = new.pointee[3]
  }
  let result =
    new == 0
    ? setDisposition(int(signal), nil, &before) : setDisposition(int(signal), &given, &before)
  if result == 0, let old = UnsafeMutablePointer<RawAction>(bitPattern: old) {
    old.pointee[0] = UInt64(before.handler)
    old.pointee[1] = UInt64(UInt32(bitPattern: before.flags))
    old.pointee[2] = UInt64(before.restorer)
    old.pointee[3] = before.mask[0]
  }
  return result
}
