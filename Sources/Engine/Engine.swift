public import CEngine
internal import CHeap
internal import DMATypes
internal import MachineFile
internal import SharedMachine
internal import Synchronization

/// The descriptor table that the preload keeps.
@safe struct HostDescriptors: DescriptorTable, @unchecked Sendable {
  let host: UnsafePointer<ioasid_host>

  func file(_ descriptor: Int32) -> OpenFile? {
    var open = ioasid_open_file()
    let pinned = unsafe host.pointee.pin(descriptor, &open)
    guard pinned != 0 else { return nil }
    defer { unsafe host.pointee.unpin(pinned) }
    return Token.file(open.file)
  }

  func hide(_ descriptor: Int32) -> Int32 { unsafe host.pointee.hide(descriptor) }
  func reveal(_ descriptor: Int32) { unsafe host.pointee.reveal(descriptor) }
  var hidesReading: Bool { unsafe host.pointee.hides_reading() != 0 }
}

/// The numbers that stand for open files at the seam: each is one retained reference.
enum Token {
  static func make(_ file: OpenFile) -> UInt64 {
    UInt64(UInt(bitPattern: unsafe Unmanaged.passRetained(file).toOpaque()))
  }

  /// SAFETY: the preload keeps a token from being released while a call with it is under way.
  @inline(__always)
  static func unmanaged(_ token: UInt64) -> Unmanaged<OpenFile> {
    unsafe Unmanaged.fromOpaque(UnsafeRawPointer(bitPattern: UInt(token)).unsafelyUnwrapped)
  }

  static func file(_ token: UInt64) -> OpenFile { unsafe unmanaged(token).takeUnretainedValue() }
}

/// The process's view of its run, kept for ever, so that to look at it counts no reference.
/// Replaced in a child that fork made, by the first call it makes there.
nonisolated(unsafe) private var machine: Unmanaged<Machine>?
nonisolated(unsafe) private var descriptors: HostDescriptors?

@inline(__always)
func currentMachine() -> Machine { withMachine { $0 } }

@inline(__always)
private func withMachine<Result>(_ body: (Machine) -> Result) -> Result {
  // SAFETY: set before the functions that read it are handed out.
  unsafe machine.unsafelyUnwrapped._withUnsafeGuaranteedRef {
    // Two calls, because to choose between two machines would count a reference.
    if _fastPath($0.isCurrent) { return body($0) }
    return body(machineAfterFork($0))
  }
}

/// The newest child whose view is being made, or is made.
private let newestChild = Atomic<UInt64>(0)

/// The child has one thread here, or several of which one comes first: the others wait, because the
/// view is who this process is to others. It holds nothing of the parent's that may be locked for
/// ever.
@inline(never)
private func machineAfterFork(_ parent: Machine) -> Machine {
  let key = parent.keyOfChild
  let before = newestChild.load(ordering: .relaxed)
  let isFirst =
    before != key
    && newestChild.compareExchange(
      expected: before, desired: key, ordering: .acquiringAndReleasing
    ).exchanged
  if isFirst {
    let child = Machine(forkedFrom: parent)
    unsafe machine = .passRetained(child)
    return child
  }
  while true {
    // SAFETY: set before the functions that read it are handed out, and never freed.
    let known = unsafe machine.unsafelyUnwrapped.takeUnretainedValue()
    if known.isCurrent { return known }
    parent.yield()
  }
}

@inline(__always)
func result(_ body: () throws(Errno) -> Int64) -> Int64 {
  do throws(Errno) { return try body() } catch { return -Int64(error.rawValue) }
}

extension ioasid_open_file {
  init(_ opened: OpenedFile) {
    // An engine that is not optimised wants more stack, and with a trace `ioctl` writes the line.
    let isPlain = !_isDebugAssertConfiguration() && !currentMachine().isTraced
    let container = isPlain ? opened.file.replica : nil
    self.init(
      file: Token.make(opened.file), kind: opened.kind.rawValue, major: opened.major,
      minor: opened.minor, descriptor: opened.descriptor, group: opened.group,
      container: container?.token ?? 0)
  }
}

private func open(_ inode: UInt64, _ flags: Int32, _ out: UnsafeMutablePointer<ioasid_open_file>)
  -> Int64
{
  result { () throws(Errno) in
    let opened = try currentMachine().open(inode: inode, flags: flags)
    unsafe out.pointee = ioasid_open_file(opened)
    return Int64(opened.descriptor)
  }
}

private func adopt(
  _ descriptor: Int32, _ inode: UInt64, _ out: UnsafeMutablePointer<ioasid_open_file>
) -> Int64 {
  result { () throws(Errno) in
    let opened = try currentMachine().adopt(descriptor: descriptor, inode: inode)
    unsafe out.pointee = ioasid_open_file(opened)
    return 0
  }
}

private func ioctl(
  _ token: UInt64, _ descriptor: Int32, _ request: UInt64, _ argument: UInt64,
  _ out: UnsafeMutablePointer<ioasid_open_file>
) -> Int64 {
  var opened: OpenedFile?
  let result = unsafe Token.unmanaged(token)._withUnsafeGuaranteedRef {
    file in
    withMachine {
      file.ioctl($0, request, argument, descriptor: descriptor, opened: &opened)
    }
  }
  if let opened { unsafe out.pointee = ioasid_open_file(opened) }
  return Int64(result)
}

private func container(_ container: UInt64, _ request: UInt64, _ argument: UInt64) -> Int64 {
  // SAFETY: of an open file, whose token the preload keeps while a call is under way.
  Int64(serveContainer(container, request, argument, in: currentMachine))
}

private func release(_ token: UInt64) {
  let file = unsafe Token.unmanaged(token).takeRetainedValue()
  currentMachine().release(file)
}

private let functions = unsafe ioasid_engine(
  open: open, adopt: adopt, container: container,
  again: { Int64(currentMachine().servePostponed()) }, ioctl: ioctl,
  attribute: { descriptor, argument in
    currentMachine().setAttribute(descriptor, UserAddress(argument)).map { Int64($0) }
      ?? Int64(IOASID_NOT_OURS)
  },
  read: { token, descriptor, address, count, offset in
    Token.file(token).read(
      currentMachine(), descriptor, UserAddress(address), count: count, offset: offset)
  },
  write: { token, descriptor, address, count, offset in
    Token.file(token).write(
      currentMachine(), descriptor, UserAddress(address), count: count, offset: offset)
  },
  map: { token, descriptor, address, length, protection, flags, offset in
    Token.file(token).map(
      currentMachine(), descriptor, UserAddress(address), length: length, protection: protection,
      flags: flags, offset: offset)
  },
  unmap: { currentMachine().unmapTrapped(UserAddress($0), length: $1) },
  protect: { currentMachine().protectTrapped(UserAddress($0), length: $1, protection: $2) },
  remap: {
    currentMachine().remapTrapped(
      UserAddress($0), length: $1, newLength: $2, flags: $3, newAddress: UserAddress($4))
  },
  traps: { currentMachine().traps(UserAddress($0), length: $1) ? 1 : 0 },
  covered: { currentMachine().coverTrapped(UserAddress($0), length: $1) },
  keep: { currentMachine().keepIfMapped(Token.file($0), $1) ? 1 : 0 },
  unmapped: { Int32(clamping: currentMachine().letGoOfUnmapped()) }, release: release,
  limits: { currentMachine().limitsMayHaveChanged() },
  fault: { _, info, context in
    let address = UserAddress(unsafe info.load(fromByteOffset: faultAddressOffset, as: UInt64.self))
    return switch unsafe currentMachine().fault(at: address, context: context) {
    case .notOurs: 0
    case .handled: 1
    case .busError: busErrorSignal
    case .refused(let address): unsafe tell(info, address)
    }
  },
  load: { registers, to, count in
    guard let to = unsafe to else {
      return currentMachine().allowed(UserAddress(registers), count, .read)
    }
    let bytes = unsafe UnsafeMutableRawBufferPointer(start: to, count: Int(clamping: count))
    return unsafe currentMachine().load(bytes, from: UserAddress(registers))
  },
  store: { registers, from, count in
    guard let from = unsafe from else {
      return currentMachine().allowed(UserAddress(registers), count, .write)
    }
    let bytes = unsafe UnsafeRawBufferPointer(start: from, count: Int(clamping: count))
    return unsafe currentMachine().store(bytes, to: UserAddress(registers))
  })

/// The same functions with a line of the trace for each call.
private func traced(_ functions: ioasid_engine) -> ioasid_engine {
  var traced = functions
  unsafe traced.open = { inode, flags, out in
    result { () throws(Errno) in
      let opened = try currentMachine().tracedOpen(inode: inode, flags: flags)
      unsafe out.pointee = ioasid_open_file(opened)
      return Int64(opened.descriptor)
    }
  }
  unsafe traced.ioctl = { token, descriptor, request, argument, out in
    var opened: OpenedFile?
    let result = Token.file(token).tracedIoctl(
      currentMachine(), request, argument, descriptor: descriptor, opened: &opened)
    if let opened { unsafe out.pointee = ioasid_open_file(opened) }
    return Int64(result)
  }
  traced.read = { token, descriptor, address, count, offset in
    Token.file(token).tracedRead(
      currentMachine(), descriptor, UserAddress(address), count: count, offset: offset)
  }
  traced.write = { token, descriptor, address, count, offset in
    Token.file(token).tracedWrite(
      currentMachine(), descriptor, UserAddress(address), count: count, offset: offset)
  }
  traced.map = { token, descriptor, address, length, protection, flags, offset in
    Token.file(token).tracedMap(
      currentMachine(), descriptor, UserAddress(address), length: length, protection: protection,
      flags: flags, offset: offset)
  }
  traced.unmap = { currentMachine().tracedUnmap(UserAddress($0), length: $1) }
  traced.protect = {
    currentMachine().tracedProtect(UserAddress($0), length: $1, protection: $2)
  }
  traced.remap = {
    currentMachine().tracedRemap(
      UserAddress($0), length: $1, newLength: $2, flags: $3, newAddress: UserAddress($4))
  }
  traced.release = { token in
    currentMachine().tracedRelease(unsafe Token.unmanaged(token).takeRetainedValue())
  }
  return traced
}

/// Makes a fault one at another address; 0, because it stays the program's own affair.
private func tell(_ info: UnsafeMutableRawPointer, _ address: UserAddress) -> Int32 {
  unsafe info.storeBytes(of: address.rawValue, toByteOffset: faultAddressOffset, as: UInt64.self)
  let isMapped = currentMachine().isReadable(address)
  unsafe info.storeBytes(of: isMapped ? 2 : 1, toByteOffset: faultCodeOffset, as: Int32.self)
  return 0
}

/// `siginfo_t.si_code`: SEGV_MAPERR is 1, SEGV_ACCERR 2.
private let faultCodeOffset = 8
/// `siginfo_t.si_addr`.
private let faultAddressOffset = 16
/// SIGBUS.
private let busErrorSignal: Int32 = 7

/// The one symbol that the engine shows.
///
/// Null when the process is in no run.
@c(ioasid_engine_start)
public func start(_ host: UnsafePointer<ioasid_host>) -> UnsafePointer<ioasid_engine>? {
  let table = unsafe HostDescriptors(host: host)
  unsafe descriptors = table
  useThreadWords(unsafe host.pointee.thread_words)
  guard let joined = Machine(directory: RunPaths.run, descriptors: table) else { return nil }
  Machine.keepPlaces(of: RunPaths.run, in: table)
  unsafe machine = .passRetained(joined)
  // Made now: a child must not find it half made.
  newestChild.store(0, ordering: .relaxed)
  let copy = UnsafeMutablePointer<ioasid_engine>.allocate(capacity: 1)
  unsafe copy.initialize(to: joined.isTraced ? traced(functions) : functions)
  return unsafe UnsafePointer(copy)
}
