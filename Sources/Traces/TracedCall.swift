public import DMATypes

/// One call of a legacy program, as a line of a trace has it.
///
/// A trace is the conversation between a run's processes and their VFIO files: one line a call, in
/// the order in which the calls returned. What a line says is what the program said and was told,
/// never where it said it: no addresses, process ids, descriptor numbers or times. So the same
/// program, run twice, writes the same lines, and another implementation can be asked the same
/// questions.
///
/// - Files are handles: `container1` (containers count up through the run), `group3`,
///   `device-0000:00:05.0` (`#2` when a process opens a device that it has open).
/// - Memory that the program maps is `m1+0x1000`: places in regions that are named when they first
///   appear, by each process for itself. Numbers that cannot be memory (below 64 KiB, above user
///   space) stay numbers. IOVAs are the program's own choice and stay numbers, too.
/// - Eventfds are `event1`; any duplicate has the name of its original.
/// - The first process of a run that makes a call writes plain lines; the lines of the second,
///   third… begin with `[2] `, `[3] `…. A process that executes another program counts anew.
/// - dup is invisible, `close` stands for the last close in its process. A process that ends with
///   files open closes them by `exit()`, in recordings of the kernel's own nodes; our own backends
///   learn of it later, and write no line.
/// - A request without a name is a number; where that number says how many bytes it takes and gives
///   (`_IOWR` and its kin), they are there as they stood, addresses in them included.
/// - `bitmap` among the arguments is what stood in a bitmap before, unless that was all zeros.
/// - `load` and `store` are accesses to mapped registers. Our own backends see each; a recording of
///   the kernel's nodes has none, because there they are no calls.
/// - `present` in the answer of a call that was EFAULT is how many bytes were there: of the memory
///   that MAP_DMA was to pin, of the bitmap, or of the structure's `argsz`.
public struct TracedCall: Hashable, Sendable {
  /// Which process of the run calls, from 1.
  public var process: Int
  /// What is called.
  public var operation: TracedOperation
  /// The arguments in the order of the C prototype, those with a name after those without.
  public var arguments: [TracedField]
  /// What it answered.
  public var result: TracedResult
  /// What it wrote into the program's memory: a structure or bytes.
  public var output: TracedValue?

  /// States a call.
  public init(
    process: Int = 1, _ operation: TracedOperation, _ arguments: [TracedField],
    result: TracedResult, output: TracedValue? = nil
  ) {
    self.process = process
    self.operation = operation
    self.arguments = arguments
    self.result = result
    self.output = output
  }
}

/// The system calls that reach legacy files, and the rest of the conversation.
public enum TracedOperation: String, Hashable, Sendable, CaseIterable {
  case open, close, ioctl, read, write, pread, pwrite, mmap, munmap, mprotect, mremap
  /// An access to a mapped register: no call, but an instruction.
  case load, store
  /// The end of a process that had files open.
  case exit
}

/// What a call answered.
public enum TracedResult: Hashable, Sendable {
  /// Granted: a number, a new handle, a place in memory.
  case value(TracedValue)
  /// Refused.
  case failure(Errno)
}

/// A value with its name; arguments may go without.
public struct TracedField: Hashable, Sendable {
  /// The name as the C structure or prototype has it.
  public var name: String?
  /// The value.
  public var value: TracedValue

  /// States a field.
  public init(_ name: String? = nil, _ value: TracedValue) {
    self.name = name
    self.value = value
  }
}

/// A value as it is written.
public indirect enum TracedValue: Hashable, Sendable {
  /// A count or an index: `32`, `-1`.
  case decimal(Int64)
  /// An address, a size or bits without names: `0x1000`.
  case hex(UInt64)
  /// Bits and choices by name, and the bits that have none: `READ|WRITE|0x80`.
  case words([String], rest: UInt64)
  /// A place in a region of the program's memory: `m1+0x1000`.
  case memory(region: Int, offset: UInt64)
  /// A file or an eventfd: `group3`.
  case handle(TracedHandle)
  /// What has no value: `closed`.
  case mark(TracedMark)
  /// Bytes: `<3412e811 00*240>`.
  case bytes(TracedBytes)
  /// Text, as bytes: `"0000:00:05.0"`.
  case text([UInt8])
  /// `[event1, -1]`.
  case list([TracedValue])
  /// `{argsz=8, flags=VIABLE}`; a mark may stand last.
  case structure([TracedField])
}

/// A file of the conversation.
public enum TracedHandle: Hashable, Sendable {
  /// The run's `n`-th container.
  case container(UInt64)
  /// A group by its number.
  case group(UInt32)
  /// A device by its sysfs name; `ordinal` is 1 unless its process has the device open more than
  /// once.
  case device(String, ordinal: Int)
  /// The process's `n`-th eventfd.
  case event(Int)
}

/// What a descriptor or a pointer is when there is no more to say of it.
public enum TracedMark: String, Hashable, Sendable, CaseIterable {
  /// A descriptor that is not open.
  case closed
  /// A descriptor of some file that has no part in the conversation.
  case file
  /// A descriptor opened with O_PATH.
  case path
  /// A null pointer.
  case null
  /// A pointer that nobody followed.
  case pointer
  /// Memory that is not there; at the end of a structure, all that would follow.
  case unreadable
  /// Memory that can be read and not written.
  case readonly
}

/// Bytes, all of them or the first few.
public struct TracedBytes: Hashable, Sendable {
  /// Bytes that a line shows at most.
  public static let maximum = 4096

  /// The bytes shown.
  public var shown: [UInt8]
  /// How many more there are.
  public var omitted: UInt64

  /// States bytes.
  public init(_ shown: [UInt8], omitted: UInt64 = 0) {
    self.shown = shown
    self.omitted = omitted
  }
}

/// A line of a trace: a call, or what people note beside.
public enum TraceLine: Hashable, Sendable {
  /// A call.
  case call(TracedCall)
  /// An empty line, or one that begins with `#`, as it stands.
  case comment(String)
}

extension TracedCall {
  /// The file that the call is made on; nil for open and for memory.
  public var handle: TracedHandle? {
    guard let first = arguments.first, case .handle(let handle) = first.value else { return nil }
    return handle
  }

  /// The structure that an ioctl points at.
  public var structure: [TracedField]? {
    guard operation == .ioctl, arguments.count == 3,
      case .structure(let fields) = arguments[2].value
    else { return nil }
    return fields
  }
}

extension [TracedField] {
  /// The value of a name.
  public subscript(name: String) -> TracedValue? { first { $0.name == name }?.value }
}
