public import DMATypes
import UAPI

/// One read or write of a device's file while it is made.
public struct TransferRecording<Memory: TracedMemory> {
  private let memory: Memory
  private let operation: TracedOperation
  private let address: UserAddress
  private let count: UInt64
  private var arguments: [TracedField]

  /// Reads what is to be written. `offset` below 0: at the file's own position.
  public init(
    isWrite: Bool, of handle: TracedHandle, at address: UserAddress, count: UInt64, offset: Int64,
    in memory: Memory
  ) {
    self.memory = memory
    self.address = address
    self.count = count
    operation =
      isWrite ? (offset < 0 ? .write : .pwrite) : (offset < 0 ? .read : .pread)
    arguments = [TracedField(nil, .handle(handle))]
    let visible = Int(min(count, UInt64(TracedBytes.maximum)))
    let shown = isWrite ? memory.readable(at: address, count: visible) : []
    if isWrite {
      let omitted = shown.count < visible ? 0 : count - UInt64(visible)
      arguments.append(TracedField(nil, .bytes(TracedBytes(shown, omitted: omitted))))
    }
    arguments.append(TracedField("count", .hex(count)))
    if offset >= 0 { arguments.append(TracedField("offset", .hex(UInt64(offset)))) }
    if isWrite, shown.count < visible {
      arguments.append(TracedField(nil, .mark(address.rawValue == 0 ? .null : .unreadable)))
    }
  }

  /// The whole call; `result` is the call's own or −errno.
  public func call(result: Int64) -> TracedCall {
    var call = TracedCall(operation, arguments, result: TracedResult(result))
    let isRead = operation == .read || operation == .pread
    if isRead, result > 0 {
      let shown = memory.readable(
        at: address, count: Int(min(result, Int64(TracedBytes.maximum))))
      let omitted = UInt64(result) - UInt64(shown.count)
      call.output = .bytes(TracedBytes(shown, omitted: omitted))
    }
    if isRead, call.result == .failure(.badAddress) {
      let isThere = !memory.readable(at: address, count: 1).isEmpty
      let mark: TracedMark = address.rawValue == 0 ? .null : isThere ? .readonly : .unreadable
      call.arguments.append(TracedField(nil, .mark(mark)))
    }
    return call
  }
}

extension TracedResult {
  /// A system call's result: a number, or −errno.
  public init(_ result: Int64) {
    self =
      result < 0
      ? .failure(Errno(rawValue: Int32(clamping: -result))) : .value(.decimal(result))
  }
}

extension TracedCall {
  /// open(2) of a node; `opened` is what came of it.
  public static func open(
    _ path: String, flags: Int32, _ opened: Result<TracedHandle, Errno>
  ) -> TracedCall {
    let result: TracedResult =
      switch opened {
      case .success(let handle): .value(.handle(handle))
      case .failure(let errno): .failure(errno)
      }
    return TracedCall(
      .open,
      [
        TracedField(nil, .text(Array(path.utf8)))
      ] + Vocabulary.fields(.open, [UInt64(UInt32(bitPattern: flags))]), result: result)
  }

  /// A call on memory that registers are mapped in: munmap, mprotect or mremap, its numbers in the
  /// order of the C prototype. `result` is the call's own or −errno; mremap's is an address.
  public static func memory(
    _ operation: TracedOperation, _ address: UInt64, _ numbers: [UInt64], result: Int64,
    _ naming: inout some TraceNaming
  ) -> TracedCall {
    let start = TracedField(nil, naming.name(address: address))
    let rest = Vocabulary.fields(operation, numbers, &naming)
    var outcome = TracedResult(result)
    if operation == .mremap, result >= 0 {
      outcome = .value(
        naming.name(
          mapping: UInt64(result), byteCount: numbers[1],
          chosenByKernel: choseKernel(operation, address, numbers, result: result)))
    }
    return TracedCall(operation, [start] + rest, result: outcome)
  }

  /// Whether it was the kernel that chose the place of a mapping, which is what mmap or mremap
  /// answered; the numbers are in the order of the C prototype. A mapping that mremap left where it
  /// was, at `address`, had its place already.
  public static func choseKernel(
    _ operation: TracedOperation, _ address: UInt64, _ numbers: [UInt64], result: Int64
  ) -> Bool {
    let (mapFixed, mremapFixed): (UInt64, UInt64) = (0x10, 2)
    return operation == .mmap
      ? numbers[3] & mapFixed == 0
      : numbers[2] & mremapFixed == 0 && UInt64(bitPattern: result) != address
  }

  /// A load from a mapped register, or a store to one, of 1, 2, 4 or 8 bytes.
  public static func access(
    isStore: Bool, _ address: UInt64, _ value: UInt64, byteCount: Int,
    _ naming: inout some TraceNaming
  ) -> TracedCall {
    let place = TracedField(nil, naming.name(address: address))
    let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) }
    let content = TracedValue.bytes(TracedBytes(bytes))
    if isStore {
      return TracedCall(.store, [place, TracedField(nil, content)], result: .value(.decimal(0)))
    }
    return TracedCall(
      .load, [place, TracedField("count", .hex(UInt64(byteCount)))], result: .value(.decimal(0)),
      output: content)
  }

  /// mmap(2) of a file of the conversation, its numbers in the order of the C prototype without the
  /// descriptor.
  public static func map(
    _ handle: TracedHandle, _ numbers: [UInt64], result: Int64, _ naming: inout some TraceNaming
  ) -> TracedCall {
    var outcome = TracedResult(result)
    if result >= 0 {
      outcome = .value(
        naming.name(
          mapping: UInt64(result), byteCount: numbers[1],
          chosenByKernel: choseKernel(.mmap, numbers[0], numbers, result: result)))
    }
    return TracedCall(
      .mmap, [TracedField(nil, .handle(handle))] + Vocabulary.fields(.mmap, numbers, &naming),
      result: outcome)
  }
}

extension Vocabulary {
  fileprivate static func fields(
    _ operation: TracedOperation, _ numbers: [UInt64], _ naming: inout some TraceNaming
  ) -> [TracedField] {
    zip(named(operation), numbers).map { argument, number in
      TracedField(argument.name, argument.format.value(of: number, width: 8, &naming))
    }
  }

  fileprivate static func fields(
    _ operation: TracedOperation, _ numbers: [UInt64]
  ) -> [TracedField] {
    struct Nameless: TraceNaming {
      mutating func name(address: UInt64) -> TracedValue { .hex(address) }
      mutating func name(descriptor: Int32) -> TracedValue { .decimal(Int64(descriptor)) }
      mutating func extend(address: UInt64, byteCount: UInt64) {}
    }
    var nameless = Nameless()
    return fields(operation, numbers, &nameless)
  }
}
