import DMATypes
import SeededRandom

@testable import Traces

/// Random calls, a few of every kind that there is.
struct CallGenerator: RandomNumberGenerator, TraceNaming {
  private var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  mutating func next() -> UInt64 { random.next() }

  mutating func name(address: UInt64) -> TracedValue {
    address & 1 == 0
      ? .hex(address) : .memory(region: Int(address % 99) + 1, offset: address >> 32)
  }

  mutating func name(descriptor: Int32) -> TracedValue {
    if descriptor < 0 { return .decimal(Int64(descriptor)) }
    switch descriptor % 5 {
    case 0: return .mark(.closed)
    case 1: return .mark(.file)
    case 2: return .mark(.path)
    case 3: return .handle(.event(Int(descriptor % 7) + 1))
    default: return .handle(.group(UInt32(descriptor)))
    }
  }

  mutating func extend(address: UInt64, byteCount: UInt64) {}

  /// Numbers that are small, wild or have a few bits.
  mutating func number() -> UInt64 {
    switch next() % 4 {
    case 0: next()
    case 1: 1 << (next() % 64)
    default: next() % 64
    }
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    let isPlain = next() % 2 == 0
    return (0..<count).map { _ in isPlain ? 0 : UInt8(truncatingIfNeeded: next()) }
  }

  private mutating func result() -> TracedResult {
    next() % 2 == 0
      ? .failure(Errno(rawValue: Int32(next() % 200) + 1)) : .value(.decimal(Int64(next() % 5)))
  }

  private mutating func argument(_ layout: ArgumentLayout) -> [TracedField] {
    switch layout {
    case .none: return []
    case .value(let table): return [TracedField(nil, table.value(of: number()))]
    case .descriptor: return [TracedField(nil, name(descriptor: Int32(truncatingIfNeeded: next())))]
    case .text: return [TracedField(nil, .text(bytes(Int(next() % 20))))]
    case .structure(let layout):
      var content: [UInt8] = []
      while content.count < 64 { content.put(number(), at: content.count, width: 4) }
      // Flags that choose what follows come up often enough.
      if next() % 2 == 0 {
        content.put([1, 2, 4, 0x20003, 0x20004][Int(next() % 5)], at: 4, width: 4)
      }
      if next() % 2 == 0 { content.put(next() % 100, at: 0, width: 4) }
      let count = layout.inputByteCount(content)
      while content.count < count { content.append(UInt8(truncatingIfNeeded: next())) }
      if next() % 4 == 0 { content = Array(content.prefix(Int(next() % 64))) }
      let fields = layout.decode(Array(content.prefix(count)), &self)
      return [TracedField(nil, fields.first?.name == nil ? .mark(.unreadable) : .structure(fields))]
    }
  }

  /// At least one call of every request and of every other operation.
  mutating func callsOfEveryKind() -> [TracedCall] {
    let device = TracedHandle.device("0000:00:05.0", ordinal: Int(next() % 3) + 1)
    var calls: [TracedCall] = []
    for handle in [.container(next() % 9), .group(3), device] {
      for request in Vocabulary.requests(of: handle) {
        let fields = [
          TracedField(nil, .handle(handle)), TracedField(nil, .words([request.name], rest: 0)),
        ]
        calls.append(
          TracedCall(
            process: Int(next() % 3) + 1, .ioctl, fields + argument(request.argument),
            result: result()))
      }
      calls.append(
        TracedCall(
          .ioctl,
          [
            TracedField(nil, .handle(handle)), TracedField(nil, .hex(0x4000 + next() % 0x1000)),
            TracedField(nil, .mark(.pointer)),
          ], result: result()))
      calls.append(unnamed(handle))
      calls.append(TracedCall(.close, [TracedField(nil, .handle(handle))], result: result()))
    }
    for operation in TracedOperation.allCases where operation != .ioctl && operation != .close {
      calls.append(call(operation, device))
    }
    return calls
  }

  /// A request without a name whose number says that it takes bytes and gives some.
  private mutating func unnamed(_ handle: TracedHandle) -> TracedCall {
    let count = Int(next() % 300) + 1
    let directions = next() % 3 + 1
    let number = directions << 30 | UInt64(count) << 16 | 0x3b00 | 0xc8
    var given = TracedValue.mark(.pointer)
    if directions & 1 != 0 {
      given = next() % 4 == 0 ? .mark(.unreadable) : .bytes(TracedBytes(bytes(count)))
    }
    var call = TracedCall(
      .ioctl,
      [TracedField(nil, .handle(handle)), TracedField(nil, .hex(number)), TracedField(nil, given)],
      result: result())
    if directions & 2 != 0, case .value = call.result {
      call.output = .bytes(TracedBytes(bytes(count)))
    }
    return call
  }

  private mutating func access(isStore: Bool) -> TracedCall {
    let place = TracedValue.memory(region: Int(next() % 9) + 1, offset: next() >> 40)
    let content = bytes(1 << Int(next() % 4))
    var call = TracedCall(
      isStore ? .store : .load, [TracedField(nil, place)], result: .value(.decimal(0)))
    if isStore {
      call.arguments.append(TracedField(nil, .bytes(TracedBytes(content))))
    } else {
      call.arguments.append(TracedField("count", .hex(UInt64(content.count))))
      call.output = .bytes(TracedBytes(content))
    }
    return call
  }

  private mutating func call(_ operation: TracedOperation, _ device: TracedHandle) -> TracedCall {
    var arguments: [TracedField]
    switch operation {
    case .exit: return TracedCall(.exit, [], result: .value(.decimal(0)))
    case .load, .store: return access(isStore: operation == .store)
    case .open: arguments = [TracedField(nil, .text(bytes(9)))]
    case .munmap, .mprotect, .mremap: arguments = [TracedField(nil, name(address: next()))]
    default: arguments = [TracedField(nil, .handle(device))]
    }
    let content = TracedBytes(bytes(Int(next() % 80)), omitted: next() % 2)
    if operation == .write || operation == .pwrite {
      arguments.append(TracedField(nil, .bytes(content)))
    }
    for (name, format) in Vocabulary.named(operation) {
      arguments.append(TracedField(name, format.value(of: number(), width: 8, &self)))
    }
    var call = TracedCall(operation, arguments, result: result())
    if operation == .read || operation == .pread { call.output = .bytes(content) }
    return call
  }
}
