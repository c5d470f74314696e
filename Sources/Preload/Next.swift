import CPreload

/// Every parameter is one machine word. On x86-64 a variadic callee receives its integer arguments
/// exactly as a callee with fixed parameters would, so `open`, `fcntl`, `ioctl` and `syscall` need
/// no va_list.
public typealias Word = Int

typealias Call1 = @convention(c) (Word) -> Word
typealias Call2 = @convention(c) (Word, Word) -> Word
typealias Call3 = @convention(c) (Word, Word, Word) -> Word
typealias Call4 = @convention(c) (Word, Word, Word, Word) -> Word
typealias Call5 = @convention(c) (Word, Word, Word, Word, Word) -> Word
typealias Call6 = @convention(c) (Word, Word, Word, Word, Word, Word) -> Word
typealias Call7 = @convention(c) (Word, Word, Word, Word, Word, Word, Word) -> Word

/// The definition after ours in the search order, found once. Inside an interposer the libc symbol
/// of the same name is the interposer itself, and the compiler says nothing about that endless
/// loop.
@inline(__always)
func next<Function>(_ name: cpreload_next_name, _: Function.Type) -> Function {
  var address = cpreload_next(name.rawValue)
  if _slowPath(address == 0) { address = findNext(name) }
  return unsafeBitCast(address, to: Function.self)
}

@inline(never)
func findNext(_ name: cpreload_next_name) -> UInt {
  let nextInOrder = UnsafeMutableRawPointer(bitPattern: -1)  // RTLD_NEXT
  let address = UInt(bitPattern: dlsym(nextInOrder, cpreload_name(name.rawValue)))
  // Whoever calls a function that this libc lacks found it nowhere but here.
  if address == 0 { _ = kernel(.exitGroup, 127) }
  cpreload_set_next(name.rawValue, address)
  return address
}

/// Numbers of the system calls that the preload makes or recognises.
struct SystemCall: RawRepresentable {
  let rawValue: Int
  static var exitGroup: SystemCall { SystemCall(rawValue: 231) }
  static var fstat: SystemCall { SystemCall(rawValue: 5) }
  static var newfstatat: SystemCall { SystemCall(rawValue: 262) }
  static var fcntl: SystemCall { SystemCall(rawValue: 72) }
  static var getpid: SystemCall { SystemCall(rawValue: 39) }
  static var madvise: SystemCall { SystemCall(rawValue: 28) }
  static var open: SystemCall { SystemCall(rawValue: 2) }
  static var openat: SystemCall { SystemCall(rawValue: 257) }
  static var openat2: SystemCall { SystemCall(rawValue: 437) }
  static var statx: SystemCall { SystemCall(rawValue: 332) }
  static var getdents: SystemCall { SystemCall(rawValue: 217) }
  static var gettid: SystemCall { SystemCall(rawValue: 186) }
  static var rtSigprocmask: SystemCall { SystemCall(rawValue: 14) }
  static var rtTgsigqueueinfo: SystemCall { SystemCall(rawValue: 297) }
  static var sigaltstack: SystemCall { SystemCall(rawValue: 131) }
  static var processVMReadv: SystemCall { SystemCall(rawValue: 310) }
  static var processVMWritev: SystemCall { SystemCall(rawValue: 311) }
  static var pread64: SystemCall { SystemCall(rawValue: 17) }
  static var pwrite64: SystemCall { SystemCall(rawValue: 18) }
  static var tgkill: SystemCall { SystemCall(rawValue: 234) }
  static var getrlimit: SystemCall { SystemCall(rawValue: 97) }
  static var setrlimit: SystemCall { SystemCall(rawValue: 160) }
  static var close: SystemCall { SystemCall(rawValue: 3) }
  static var schedYield: SystemCall { SystemCall(rawValue: 24) }
  static var readlinkat: SystemCall { SystemCall(rawValue: 267) }
  static var fchmodat: SystemCall { SystemCall(rawValue: 268) }
  static var fchownat: SystemCall { SystemCall(rawValue: 260) }
  static var faccessat2: SystemCall { SystemCall(rawValue: 439) }
}

/// Copies between memory of ours and the program's by the kernel, so that a bad pointer is an
/// answer: whether all of it was copied.
@inline(never)
func copyGuarded(_ own: Word, _ program: Word, _ count: Word, toProgram: Bool) -> Bool {
  var here = [own, count] as InlineArray<2, Word>
  var there = [program, count] as InlineArray<2, Word>
  let result = withUnsafePointer(to: &here) { here in
    withUnsafePointer(to: &there) { there in
      let call: SystemCall = toProgram ? .processVMWritev : .processVMReadv
      return kernel(call, kernel(.getpid), word(here), 1, word(there), 1)
    }
  }
  // ENOSYS, EPERM: a kernel without the calls, or a container that forbids them.
  guard result == -38 || result == -1 else { return result == count }
  let memory = kernel(.open, path("/proc/self/mem"), Word(O_RDWR | O_CLOEXEC))
  guard memory >= 0 else { return false }
  let done = kernel(toProgram ? .pwrite64 : .pread64, memory, own, count, program)
  kernel(.close, memory)
  return done == count
}

@inline(__always)
@discardableResult
func kernel(
  _ call: SystemCall, _ a: Word = 0, _ b: Word = 0, _ c: Word = 0, _ d: Word = 0, _ e: Word = 0,
  _ f: Word = 0
) -> Word {
  cpreload_syscall(call.rawValue, a, b, c, d, e, f)
}

/// A negative errno as libc says it.
@inline(__always)
func answer(_ result: Word) -> Word {
  if result < 0 && result > -4096 { return fail(Int32(truncatingIfNeeded: -result)) }
  return result
}

@inline(__always)
func fail(_ error: Int32) -> Word {
  cpreload_errno().pointee = error
  return -1
}

/// The C int that a register holds: its upper half is whatever the caller left there.
@inline(__always)
func int(_ word: Word) -> Int32 { Int32(truncatingIfNeeded: word) }

@inline(__always)
func word(_ pointer: UnsafeRawPointer) -> Word { Word(bitPattern: pointer) }
