import CLinux
import DMATypes
import Traces

/// What one replaying process calls its memory and its descriptors: the trace's own names.
struct ReplayNames: TraceNaming {
  var memory: ReplayMemory
  /// What each descriptor that the trace speaks of is called.
  var descriptors: [Int32: TracedValue] = [:]

  mutating func name(address: UInt64) -> TracedValue { memory.name(address) }

  mutating func name(descriptor: Int32) -> TracedValue {
    guard descriptor >= 0 else { return .decimal(Int64(descriptor)) }
    return descriptors[descriptor] ?? .mark(.closed)
  }

  mutating func extend(address: UInt64, byteCount: UInt64) {}
}

/// One process of a trace: makes its calls with plain calls of the C library.
struct ReplayProcess {
  /// A number that no process has a descriptor for.
  private static let closed: Int32 = 0x7fff_fff0

  var names: ReplayNames
  /// The descriptors of what the trace names.
  private var numbers: [TracedValue: Int32] = [:]

  init(_ plan: RegionPlan) throws(Errno) { names = ReplayNames(memory: try ReplayMemory(plan)) }

  /// Makes a call again. What came of it, or why it cannot be made here.
  mutating func perform(_ call: TracedCall) -> Result<TracedCall, Obstacle> {
    do throws(Obstacle) {
      var made = try make(call)
      made.process = call.process
      return .success(made)
    } catch { return .failure(error) }
  }

  private mutating func make(_ call: TracedCall) throws(Obstacle) -> TracedCall {
    // Before anything else borrows the names: eventfds are made when they are first spoken of.
    for value in call.values { provide(value) }
    forbid(call, true)
    defer { forbid(call, false) }
    switch call.operation {
    case .open: return try open(call)
    case .close: return try close(call)
    case .ioctl: return try ioctl(call)
    case .read, .pread, .write, .pwrite: return try transfer(call)
    case .mmap: return try map(call)
    case .munmap, .mprotect, .mremap: return try changeMemory(call)
    case .load, .store: return try access(call)
    case .exit: return call
    }
  }

  /// What a process may have is no part of a trace. Where a call was refused for that, it is made
  /// with nothing allowed.
  private func forbid(_ call: TracedCall, _ isForbidden: Bool) {
    switch call.result {
    case .failure(.tooManyDescriptors): clinux_libc_forbid_opening(isForbidden ? 1 : 0)
    case .failure(.noMemory) where call.structure?["vaddr"] != nil:
      clinux_libc_forbid_locking(isForbidden ? 1 : 0)
    default: break
    }
  }

  // MARK: - Names

  private mutating func provide(_ value: TracedValue) {
    guard numbers[value] == nil else { return }
    let made: Int64
    switch value {
    case .handle(.event): made = clinux_libc_eventfd()
    case .mark(.file): made = unsafe clinux_libc_open("/dev/null", 0o2000002)
    case .mark(.path): made = unsafe clinux_libc_open("/", 0o12000000)
    default: return
    }
    if made >= 0 { enter(Int32(made), value) }
  }

  private mutating func enter(_ descriptor: Int32, _ value: TracedValue) {
    numbers[value] = descriptor
    names.descriptors[descriptor] = value
  }

  /// The descriptor of a file that the trace names; nil when it is not open here.
  func number(of handle: TracedHandle) -> Int32? { numbers[.handle(handle)] }

  /// Enters a file that another process handed over.
  mutating func take(_ handle: TracedHandle, _ descriptor: Int32) {
    enter(descriptor, .handle(handle))
  }

  /// Closes every file, as the end of a process does.
  mutating func end() {
    names.memory.end()
    for number in numbers.values { _ = clinux_libc_close(number) }
    numbers = [:]
    names.descriptors = [:]
  }

  private func resolve(_ value: TracedValue) -> UInt64 {
    switch value {
    case .memory(let region, let offset): names.memory.address(region, offset)
    default: UInt64(UInt32(bitPattern: numbers[value] ?? Self.closed))
    }
  }

  private func descriptor(of call: TracedCall) throws(Obstacle) -> Int32 {
    guard let handle = call.handle else { throw Obstacle("the call names no file") }
    guard let number = numbers[.handle(handle)] else {
      throw Obstacle("\(handle) is not open here")
    }
    return number
  }

  // MARK: - Files

  private mutating func open(_ call: TracedCall) throws(Obstacle) -> TracedCall {
    guard case .text(let path)? = call.arguments.first?.value,
      let flags = call.numbers(resolve: resolve)?.first
    else { throw Obstacle("no path") }
    let text = String(decoding: path, as: UTF8.self)
    let number = Int32(truncatingIfNeeded: flags)
    let result = unsafe clinux_libc_open(text, number)
    guard result >= 0 else {
      return .open(text, flags: number, .failure(Errno(rawValue: Int32(-result))))
    }
    return .open(text, flags: number, .success(took(Int32(result), call, .container(0))))
  }

  /// Enters a descriptor that a call opened under the name that the trace has for it; one that the
  /// trace was refused is closed again.
  private mutating func took(
    _ descriptor: Int32, _ call: TracedCall, _ unnamed: TracedHandle
  ) -> TracedHandle {
    guard case .value(.handle(let handle)) = call.result else {
      _ = clinux_libc_close(descriptor)
      return unnamed
    }
    enter(descriptor, .handle(handle))
    return handle
  }

  private mutating func close(_ call: TracedCall) throws(Obstacle) -> TracedCall {
    let number = try descriptor(of: call)
    names.descriptors[number] = nil
    numbers[call.arguments[0].value] = nil
    return TracedCall(
      .close, call.arguments, result: TracedResult(clinux_libc_close(number)))
  }

  // MARK: - ioctl

  private mutating func ioctl(_ call: TracedCall) throws(Obstacle) -> TracedCall {
    let number = try descriptor(of: call)
    guard let handle = call.handle, let encoded = call.encoded(resolve: resolve) else {
      throw Obstacle("no request")
    }
    arrange(call)
    let memory = try memory(for: encoded.argument)
    let argument = place(encoded.argument, in: memory)
    let recording = IoctlRecording(
      of: handle, request: encoded.request, argument: argument, in: OwnMemory(), &names)
    let result = clinux_libc_ioctl(number, UInt64(encoded.request), argument)
    var opened: TracedHandle?
    if encoded.request == Self.getDevice, case .group = handle, result >= 0 {
      opened = took(Int32(result), call, .device("unnamed", ordinal: 1))
    }
    return recording.call(result: Int(result), opened: opened, &names)
  }

  /// VFIO_GROUP_GET_DEVICE_FD.
  private static let getDevice: UInt32 = 0x3b6a

  /// The program's memory, as far as the call is about it.
  private func arrange(_ call: TracedCall) {
    guard let fields = call.structure else { return }
    for (address, size) in [("vaddr", "size"), ("bitmap_data", "bitmap_size")] {
      guard case .hex(let byteCount)? = fields[size] else { continue }
      switch call.result {
      case .value, .failure(.noMemory):
        names.memory.arrange(fields[address], byteCount, present: byteCount)
      case .failure(.badAddress):
        guard let present = call.present ?? (address == "bitmap_data" ? 0 : nil) else { continue }
        names.memory.arrange(fields[address], byteCount, present: present)
      case .failure: break
      }
    }
    if case .value = call.result, case .hex(let byteCount)? = fields["bitmap_size"] {
      var content: [UInt8] = []
      if case .bytes(let bytes)? = fields["bitmap"] { content = bytes.shown }
      names.memory.fill(fields["bitmap_data"], content, byteCount)
    }
  }

  private func memory(for argument: EncodedIoctl.Argument) throws(Obstacle) -> CallMemory {
    let byteCount: Int
    if case .bytes(let bytes, let room, _) = argument {
      byteCount = max(bytes.count, room)
    } else {
      byteCount = 1
    }
    return try Self.memory(byteCount)
  }

  private static func memory(_ byteCount: Int) throws(Obstacle) -> CallMemory {
    do throws(Errno) {
      return try CallMemory(byteCount: byteCount)
    } catch { throw Obstacle("no memory: \(ErrnoNames.name(of: error))") }
  }

  private func place(_ argument: EncodedIoctl.Argument, in memory: borrowing CallMemory) -> UInt64 {
    switch argument {
    case .number(let number): return number
    case .anywhere: return memory.address
    case .nowhere: return memory.nowhere
    case .bytes(let bytes, _, let kind):
      let address = memory.put(bytes, atEnd: kind == .cut)
      if kind == .readonly { memory.close() }
      return address
    }
  }

  // MARK: - read and write

  private mutating func transfer(_ call: TracedCall) throws(Obstacle) -> TracedCall {
    let number = try descriptor(of: call)
    guard let handle = call.handle, let sizes = call.numbers(resolve: resolve),
      let count = sizes.first, count <= Self.transferMaximum
    else { throw Obstacle("a transfer of more than \(Self.transferMaximum) bytes") }
    let isWrite = call.operation == .write || call.operation == .pwrite
    let offset = sizes.count > 1 ? Int64(bitPattern: sizes[1]) : -1
    let memory = try Self.memory(Int(count))
    var address = memory.address
    if isWrite, case .bytes(let bytes) = call.arguments[1].value { _ = memory.put(bytes.shown) }
    switch call.arguments.last?.value {
    case .mark(.null): address = 0
    case .mark(.readonly): memory.close()
    case .mark(.unreadable):
      // What could be read before memory ends is there.
      guard isWrite, case .bytes(let bytes) = call.arguments[1].value else {
        address = memory.nowhere
        break
      }
      address = memory.put(bytes.shown, atEnd: true)
    default: break
    }
    let recording = TransferRecording(
      isWrite: isWrite, of: handle, at: UserAddress(address), count: count, offset: offset,
      in: OwnMemory())
    let result =
      isWrite
      ? clinux_libc_write(number, address, count, offset)
      : clinux_libc_read(number, address, count, offset)
    return recording.call(result: result)
  }

  private static let transferMaximum: UInt64 = 1 << 30

  // MARK: - Mappings

  private mutating func map(_ call: TracedCall) throws(Obstacle) -> TracedCall {
    let number = try descriptor(of: call)
    guard let handle = call.handle, let words = call.numbers(resolve: resolve) else {
      throw Obstacle("no numbers")
    }
    let result = clinux_libc_mmap(
      words[0], words[1], Int32(truncatingIfNeeded: words[2]),
      Int32(truncatingIfNeeded: words[3]), number, Int64(bitPattern: words[4]))
    bind(call, words[0], words, result)
    return .map(handle, words, result: result, &names)
  }

  /// A mapping that the trace names is where it was made here.
  private mutating func bind(
    _ call: TracedCall, _ address: UInt64, _ words: [UInt64], _ result: Int64
  ) {
    guard result >= 0, case .value(.memory(let region, let offset)) = call.result else { return }
    names.memory.bind(
      region, at: offset, to: UInt64(result), byteCount: words[1],
      isPart: !TracedCall.choseKernel(call.operation, address, words, result: result))
  }

  private mutating func access(_ call: TracedCall) throws(Obstacle) -> TracedCall {
    guard let place = call.arguments.first?.value else { throw Obstacle("no place") }
    let address = resolve(place)
    let isStore = call.operation == .store
    var bytes: [UInt8] = []
    if isStore, case .bytes(let given) = call.arguments[1].value { bytes = given.shown }
    var value = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let width = isStore ? bytes.count : Int(call.numbers(resolve: resolve)?.first ?? 0)
    let failure =
      isStore
      ? clinux_store(address, Int32(width), value)
      : unsafe clinux_load(address, Int32(width), &value)
    guard failure == 0 else { throw Obstacle("nothing is mapped there") }
    return .access(isStore: isStore, address, value, byteCount: width, &names)
  }

  private mutating func changeMemory(_ call: TracedCall) throws(Obstacle) -> TracedCall {
    guard let first = call.arguments.first?.value, let words = call.numbers(resolve: resolve)
    else { throw Obstacle("no numbers") }
    let address: UInt64
    if case .hex(let number) = first { address = number } else { address = resolve(first) }
    let result: Int64
    switch call.operation {
    case .munmap:
      result = clinux_libc_munmap(address, words[0])
      if result == 0 { names.memory.unbind(address, byteCount: words[0]) }
    case .mprotect:
      result = clinux_libc_mprotect(address, words[0], Int32(truncatingIfNeeded: words[1]))
    default:
      result = clinux_libc_mremap(
        address, words[0], words[1], Int32(truncatingIfNeeded: words[2]), words[3])
      if result >= 0 { names.memory.unbind(address, byteCount: words[0]) }
      bind(call, address, words, result)
    }
    return .memory(call.operation, address, words, result: result, &names)
  }
}

extension TracedCall {
  /// Every value that a call speaks of, those in structures and lists included.
  var values: [TracedValue] { arguments.flatMap { $0.value.all } }
}

extension TracedValue {
  fileprivate var all: [TracedValue] {
    switch self {
    case .list(let values): values.flatMap(\.all)
    case .structure(let fields): fields.flatMap { $0.value.all }
    default: [self]
    }
  }
}
