import CEngine
import CPreload
import Synchronization

/// Errors that the preload itself answers.
enum Errno {
  static var EPERM: Int32 { 1 }
  static var ENOENT: Int32 { 2 }
  static var ENXIO: Int32 { 6 }
  static var EBADF: Int32 { 9 }
  static var EACCES: Int32 { 13 }
  static var EFAULT: Int32 { 14 }
  static var ENOMEM: Int32 { 12 }
  static var EBUSY: Int32 { 16 }
  static var ENODEV: Int32 { 19 }
  static var EINVAL: Int32 { 22 }
  static var ENFILE: Int32 { 23 }
  static var EOVERFLOW: Int32 { 75 }
  static var EOPNOTSUPP: Int32 { 95 }
  static var ESPIPE: Int32 { 29 }
}

let currentDirectory: Word = -100  // AT_FDCWD

/// A String would need the heap on its way to C.
@inline(__always)
func characters(_ text: StaticString) -> UnsafePointer<CChar> {
  UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

@inline(__always)
func path(_ text: StaticString) -> Word { word(text.utf8Start) }

/// stat of a name or, with AT_EMPTY_PATH, of the descriptor itself; nil when the kernel refuses.
func status(_ directory: Word, _ path: Word, _ flags: Word) -> stat? {
  var status = stat()
  let result = withUnsafeMutablePointer(to: &status) {
    kernel(.newfstatat, directory, path, word($0), flags)
  }
  return result == 0 ? status : nil
}

func status(of descriptor: Int32) -> stat? {
  var status = stat()
  let result = withUnsafeMutablePointer(to: &status) { kernel(.fstat, Word(descriptor), word($0)) }
  return result == 0 ? status : nil
}

/// The device number of the file system that this process's run shares; 0 outside a run.
/// Only a find is remembered: a process may enter a run.
func machineDevice() -> UInt64 {
  let known = cpreload_machine_device().assumingMemoryBound(to: Atomic<UInt64>.self)
  let device = known.pointee.load(ordering: .relaxed)
  if device != 0 { return device }
  guard let found = status(currentDirectory, path("/sys/module/ioasid/machine"), 0) else {
    return 0
  }
  known.pointee.store(UInt64(found.st_dev), ordering: .relaxed)
  return UInt64(found.st_dev)
}

/// Runs engine code: a signal handler of the program that arrives meanwhile waits until the thread
/// has left.
@inline(__always)
func inside<Result>(_ body: () -> Result) -> Result {
  let depth = cpreload_depth()
  cpreload_set_depth(depth + 1)
  let result = body()
  cpreload_set_depth(depth)
  if _slowPath(depth == 0 && cpreload_deferred() != 0) { deliverDeferred() }
  if _slowPath(depth == 0 && cpreload_left() != 0) { releaseLeft() }
  return result
}

/// Runs a function of the engine, of at most seven words, on a stack of ours. All calls go this way
/// but the two that programs make by the million: a thread may have as little as 16 KiB, and to
/// load the engine takes more than that.
@inline(never)
func insideWithRoom(
  _ function: UInt, _ a: Word = 0, _ b: Word = 0, _ c: Word = 0, _ d: Word = 0, _ e: Word = 0,
  _ f: Word = 0, _ g: Word = 0
) -> Word {
  inside { cpreload_call_with_room(function, a, b, c, d, e, f, g) }
}

@inline(__always)
func function<Function>(_ function: Function) -> UInt {
  unsafeBitCast(function, to: UInt.self)
}

typealias Engine = UnsafePointer<ioasid_engine>

@inline(__always)
var engineWord: UnsafeMutablePointer<Atomic<UInt>> {
  cpreload_engine().assumingMemoryBound(to: Atomic<UInt>.self)
}

/// The engine, if this process has needed it.
@inline(__always)
func loadedEngine() -> Engine? { Engine(bitPattern: engineWord.pointee.load(ordering: .acquiring)) }

/// The engine, loaded on the first call; nil when it cannot be.
@inline(__always)
func engine() -> Engine? {
  if let engine = loadedEngine() { return engine }
  let load: @convention(c) () -> Void = { _ = loadEngine() }
  _ = insideWithRoom(function(load))
  return loadedEngine()
}

/// Lets the thread run that holds what the caller waits for. In a forked copy there is none, and
/// the first look at who owns this memory sets everything free.
@inline(never)
func yieldToHolder() {
  if !sharesTheParentsMemory() { kernel(.schedYield) }
}

@inline(never)
func loadEngine() -> Engine? {
  let loading = cpreload_loading().assumingMemoryBound(to: Atomic<UInt32>.self)
  while !loading.pointee.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged {
    yieldToHolder()
  }
  defer { loading.pointee.store(0, ordering: .releasing) }
  if let engine = loadedEngine() { return engine }
  guard let engine = startEngine() else { return nil }
  guardProcess()
  engineWord.pointee.store(UInt(bitPattern: engine), ordering: .releasing)
  return engine
}

private func startEngine() -> Engine? {
  typealias Start = @convention(c) (UnsafePointer<ioasid_host>) -> Engine?
  guard let library = cpreload_open_beside(characters("libioasid-engine.so")),
    let start = dlsym(library, characters("ioasid_engine_start"))
  else { return nil }
  let host = cpreload_host().assumingMemoryBound(to: ioasid_host.self)
  host.pointee = ioasid_host(
    pin: { descriptor, file in hostPin(descriptor, file) }, unpin: { hostUnpin($0) },
    hide: { hostHide($0) }, reveal: { hostReveal($0) },
    hides_reading: { Int32(cpreload_hides_reading()) }, thread_words: cpreload_lent())
  return unsafeBitCast(start, to: Start.self)(host)
}
