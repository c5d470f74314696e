internal import AddressSpaces
internal import CLinux
internal import DMATypes
internal import Traces

/// Writes this process's part of the conversation into the run's trace file.
///
/// One write(2) a line, so that the processes of a run interleave by whole lines. The mutex guards
/// the names and the order of this process's lines; it is the innermost lock but for the machine's,
/// which a process takes once, for its number.
final class Tracer: Sendable {
  /// What this process calls things, and where it writes.
  struct Names {
    var memory = MemoryNames()
    /// By the kernel's number for the eventfd.
    var events: [Int64: Int] = [:]
    /// Open devices, and which open of its device each is.
    var ordinals: [ObjectIdentifier: (device: Int, ordinal: Int)] = [:]
    var file: TraceFile?
    var process: Int?
  }

  private let names: Guarded<Names>
  /// Held for a call and its line, so that lines have the order in which this process's threads did
  /// what they say. Outside of every other lock.
  let turn = Guarded<Void>(())

  init() { names = Guarded(Names()) }

  /// A child knows what its parent knew, unless another thread was writing when it was forked.
  init(forkedFrom parent: Tracer) {
    var known = parent.names.withLockIfAvailable { $0 } ?? Names()
    known.process = nil
    names = Guarded(known)
  }

  /// Runs `body` with the names, and writes the call that it answers.
  func write(_ machine: Machine, _ body: (inout ProcessNames) -> TracedCall?) {
    names.withLock { names in
      var naming = ProcessNames(machine: machine, names: names)
      let call = body(&naming)
      names = naming.names
      if let call { append(call, machine, &names) }
    }
  }

  /// Runs `body` with the names.
  func withNames<Result>(_ machine: Machine, _ body: (inout ProcessNames) -> Result) -> Result {
    names.withLock { names in
      var naming = ProcessNames(machine: machine, names: names)
      defer { names = naming.names }
      return body(&naming)
    }
  }

  private func append(_ call: TracedCall, _ machine: Machine, _ names: inout Names) {
    let process = names.process ?? Int(machine.exclusively { _ in machine.nextTracedProcess() })
    names.process = process
    if names.file?.isOpen != true { names.file = TraceFile(machine) }
    var call = call
    call.process = process
    names.file?.append("\(call)\n")
  }
}

/// The trace file, open under a number that the program does not see.
struct TraceFile {
  // O_WRONLY | O_APPEND | O_CLOEXEC
  private static let flags: Int32 = 0o2002001

  private let descriptor: Int32
  private let identity: Identity

  private struct Identity: Equatable {
    var device: UInt64 = 0
    var inode: UInt64 = 0

    init?(of descriptor: Int32) {
      var size: UInt64 = 0
      guard unsafe clinux_identity(descriptor, &device, &inode, &size) == 0 else { return nil }
    }
  }

  /// Nil when the file cannot be opened: the program goes on without its trace.
  init?(_ machine: Machine) {
    guard let opened = try? Descriptor(opening: machine.files.trace(), flags: Self.flags),
      let identity = Identity(of: opened.number)
    else { return nil }
    self.identity = identity
    descriptor = machine.events.descriptors.hide(opened.relinquish())
  }

  /// False when a raw system call closed it and the number is another file's.
  var isOpen: Bool { Identity(of: descriptor) == identity }

  func append(_ line: String) {
    let bytes = Array(line.utf8)
    // SAFETY: the bytes live through the call.
    unsafe bytes.withUnsafeBytes { bytes in
      if let start = bytes.baseAddress { _ = unsafe clinux_write(descriptor, start, bytes.count) }
    }
  }
}

/// What one process calls its memory, its files and its eventfds.
struct ProcessNames: TraceNaming {
  let machine: Machine
  var names: Tracer.Names

  mutating func name(address: UInt64) -> TracedValue { names.memory.name(address) }

  mutating func extend(address: UInt64, byteCount: UInt64) {
    names.memory.extend(address, byteCount: byteCount)
  }

  mutating func name(
    mapping address: UInt64, byteCount: UInt64, chosenByKernel: Bool
  ) -> TracedValue {
    names.memory.name(mapping: address, byteCount: byteCount, chosenByKernel: chosenByKernel)
  }

  mutating func name(descriptor: Int32) -> TracedValue {
    guard descriptor >= 0 else { return .decimal(Int64(descriptor)) }
    if let file = machine.events.descriptors.file(descriptor) { return .handle(handle(of: file)) }
    let flags = clinux_status_flags(descriptor)
    if flags < 0 { return .mark(.closed) }
    // O_PATH
    if flags & 0o10000000 != 0 { return .mark(.path) }
    let event = clinux_eventfd_identity(descriptor)
    guard event >= 0 else { return .mark(.file) }
    let number = names.events[event] ?? names.events.count + 1
    names.events[event] = number
    return .handle(.event(number))
  }

  /// What an open file is called.
  func handle(of file: OpenFile) -> TracedHandle {
    switch file.kind {
    case .container(let number): .container(number)
    case .group(let index): .group(machine.groups[index].number.rawValue)
    case .device(let index):
      .device(
        machine.units[index].name.rawValue,
        ordinal: names.ordinals[ObjectIdentifier(file)]?.ordinal ?? 1)
    case .kernelDevice(let index):
      .device(
        machine.kernel?.devices[index].name.rawValue ?? "",
        ordinal: names.ordinals[ObjectIdentifier(file)]?.ordinal ?? 1)
    case .mediated(let index): .device(machine.mediated[index].name.rawValue, ordinal: 1)
    }
  }

  /// Names a file that was opened just now: a device has the lowest number that no other open of it
  /// has.
  mutating func handle(ofOpened file: OpenFile) -> TracedHandle {
    if let index = file.deviceIndex {
      let taken = Set(names.ordinals.values.filter { $0.device == index }.map(\.ordinal))
      var ordinal = 1
      while taken.contains(ordinal) { ordinal += 1 }
      names.ordinals[ObjectIdentifier(file)] = (index, ordinal)
    }
    return handle(of: file)
  }

  /// A file that no descriptor of the process has any more gives its number back.
  mutating func forget(_ file: OpenFile) {
    names.ordinals.removeValue(forKey: ObjectIdentifier(file))
  }
}
