internal import DMATypes
public import Traces

/// The oracle, asked in the words of a trace.
public struct OracleConversation {
  private var oracle: Oracle
  /// Which file of the oracle each name stands for.
  private var files: [TracedHandle: Int] = [:]
  private var newest = 0
  /// Mapped registers by their region, with the file that they keep open.
  private var mapped: [Int: Int] = [:]
  /// Files that only mapped registers keep open.
  private var closed: Set<Int> = []
  /// Another process has spoken: what it has open the oracle does not know.
  private var isOver = false

  /// A machine at rest.
  public init(world: World) { oracle = Oracle(world: world) }

  /// What the oracle answers; nil where it has no word for the call: devices' calls, mappings of
  /// registers, what a process may have, and all that follows when a second process speaks.
  public mutating func perform(_ call: TracedCall) -> TracedCall? {
    if call.process > 1 { isOver = true }
    if isOver || call.isRefusedByLimit { return nil }
    switch call.operation {
    case .open: return open(call)
    case .close: return close(call)
    case .ioctl: return ioctl(call)
    case .mmap:
      if let file = call.handle.flatMap({ files[$0] }),
        case .value(.memory(let region, _)) = call.result
      {
        mapped[region] = file
      }
      return nil
    case .munmap:
      guard case .memory(let region, _)? = call.arguments.first?.value,
        call.result == .value(.decimal(0)), let file = mapped.removeValue(forKey: region)
      else { return nil }
      if closed.contains(file), !mapped.values.contains(file) {
        closed.remove(file)
        _ = oracle.perform(Call(.close, on: file))
      }
      return nil
    default: return nil
    }
  }

  private mutating func close(_ call: TracedCall) -> TracedCall? {
    guard let handle = call.handle, let file = files.removeValue(forKey: handle) else { return nil }
    guard !mapped.values.contains(file) else {
      closed.insert(file)
      return answer(call, 0, nil)
    }
    return answer(call, oracle.perform(Call(.close, on: file)).result, nil)
  }

  private func answer(_ call: TracedCall, _ result: Int64, _ opened: TracedHandle?) -> TracedCall {
    var made = call
    made.result = opened.map { .value(.handle($0)) } ?? TracedResult(result)
    return made
  }

  /// Enters a file under the name that the trace has for it.
  private mutating func enter(_ call: TracedCall, _ otherwise: TracedHandle) -> TracedHandle {
    guard case .value(.handle(let handle)) = call.result else { return otherwise }
    files[handle] = newest
    return handle
  }

  private mutating func open(_ call: TracedCall) -> TracedCall? {
    guard case .text(let path)? = call.arguments.first?.value else { return nil }
    newest += 1
    let name = String(decoding: path, as: UTF8.self).split(separator: "/").last ?? ""
    let result: Int64
    let prefix = "noiommu-"
    if let number = UInt64(name.hasPrefix(prefix) ? name.dropFirst(prefix.count) : name) {
      result = oracle.perform(Call(.openGroup, into: newest, [Number(number)])).result
    } else {
      result = oracle.perform(Call(.openContainer, into: newest)).result
    }
    return answer(call, result, result < 0 ? nil : enter(call, .container(0)))
  }

  private mutating func ioctl(_ call: TracedCall) -> TracedCall? {
    guard let handle = call.handle, let file = files[handle] else { return nil }
    if handle.isDevice { return command(call, on: file) }
    if call.structure?["bitmap_data"] != nil {
      // Bitmaps lie in a script's own memory. What an UNMAP removed that asked for one is unknown.
      if call.isUnmap { isOver = true }
      return nil
    }
    var names = OracleNames(call)
    guard let encoded = call.encoded(resolve: { names.resolve($0) }),
      let line = line(call, encoded, file, names)
    else { return nil }
    let memory = ConversationMemory(encoded, presentForPin: call.present)
    let argument = memory.argument
    let recording = IoctlRecording(
      of: handle, request: encoded.request, argument: argument, in: memory, &names)
    let before = CallerStructure(line, base: oracle.memoryBase).bytes
    let outcome = oracle.perform(line)
    memory.change(from: before, to: outcome.bytes)
    var opened: TracedHandle?
    if line.verb == .getDeviceFD, outcome.result == 0 {
      opened = enter(call, .device("unnamed", ordinal: 1))
    }
    var made = recording.call(result: Int(outcome.result), opened: opened, &names)
    // How much was copied before a fault is nobody's promise.
    if made.result == .failure(.badAddress), call.result == made.result {
      made.arguments = call.arguments
      made.output = call.output
    }
    return made
  }

  /// What the driver of a mediated device does.
  private mutating func command(_ call: TracedCall, on file: Int) -> TracedCall? {
    guard call.arguments.count == 3, call.arguments[1].value == .hex(PinsCommand.request),
      case .bytes(let given) = call.arguments[2].value, var command = PinsCommand(given.shown),
      let line = command.line(on: file)
    else { return nil }
    command.store(oracle.perform(line), of: line)
    var made = call
    made.result = .value(.decimal(0))
    made.output = .bytes(TracedBytes(command.bytes))
    return made
  }

  /// The line of a script that makes the same call; nil where scripts have no word for it.
  private mutating func line(
    _ call: TracedCall, _ encoded: EncodedIoctl, _ file: Int, _ names: OracleNames
  ) -> Call? {
    let verb = Verb.allCases.first { $0.request == encoded.request && call.isKnown } ?? .ioctl
    newest += 1
    var line = Call(verb, on: file, into: newest)
    switch encoded.argument {
    case .number(let number):
      if verb.hasStructure { line.place = .absent(number) }
      if verb == .checkExtension || verb == .setIOMMU { line.numbers = [Number(number)] }
    case .nowhere: line.place = .absent(1 << 63)
    case .anywhere: break
    case .bytes(let bytes, _, let memory):
      line.numbers = verb.numbers(in: bytes)
      if memory == .readonly { line.place = .readOnly }
      if memory == .cut { line.place = .edge(bytes.count) }
      if verb == .getDeviceFD {
        line.name = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
    }
    switch verb {
    case .ioctl: line.numbers = [Number(UInt64(encoded.request))]
    case .setContainer:
      switch call.arguments.last?.value {
      case .handle(.event), .mark(.file): line.other = .foreign
      case .handle(let handle):
        guard let other = files[handle] else { return nil }
        line.other = .descriptor(other)
      default: line.other = .closed
      }
    default:
      while line.numbers.count < verb.fields.count { line.numbers.append(0) }
    }
    return line
  }
}

extension TracedCall {
  /// Whether the process had no descriptor or no lockable memory left: nothing of VFIO's.
  fileprivate var isRefusedByLimit: Bool {
    result == .failure(.tooManyDescriptors) || result == .failure(.noMemory)
  }

  fileprivate var isUnmap: Bool {
    arguments.count > 1 && arguments[1].value == .words(["VFIO_IOMMU_UNMAP_DMA"], rest: 0)
  }

  /// Whether its request has a name.
  fileprivate var isKnown: Bool {
    if arguments.count > 1, case .words = arguments[1].value { true } else { false }
  }
}

extension TracedHandle {
  fileprivate var isDevice: Bool {
    if case .device = self { true } else { false }
  }
}

extension Verb {
  /// The numbers of a structure, as far as they are there.
  fileprivate func numbers(in bytes: [UInt8]) -> [Number] {
    layout.map { offset, count in
      let part = bytes.dropFirst(offset).prefix(count)
      return Number(part.reversed().reduce(0) { $0 << 8 | UInt64($1) })
    }
  }
}

/// Where the memory of a conversation lies: what a call was told to be there is in memory without
/// an end, and what was not lies behind that end.
private struct OracleNames: TraceNaming {
  private let present: UInt64?
  private let named: [UInt64: TracedValue]

  init(_ call: TracedCall) {
    present = call.structure?["vaddr"] == nil ? nil : call.present
    var named: [UInt64: TracedValue] = [:]
    for field in call.structure ?? [] {
      if case .memory = field.value { named[Self.place(field.value, present)] = field.value }
    }
    if case .handle = call.arguments.last?.value { named[0] = call.arguments.last?.value }
    if case .mark = call.arguments.last?.value { named[0] = call.arguments.last?.value }
    self.named = named
  }

  private static func place(_ value: TracedValue, _ present: UInt64?) -> UInt64 {
    guard case .memory(let region, let offset) = value else { return 0 }
    let memory = Oracle.endlessMemory
    guard let present else { return memory.lowerBound + UInt64(region) << 32 + offset }
    return (memory.upperBound - present) & ~4095 + offset & 4095
  }

  func resolve(_ value: TracedValue) -> UInt64 { Self.place(value, present) }

  func name(address: UInt64) -> TracedValue { named[address] ?? .hex(address) }
  func name(descriptor: Int32) -> TracedValue {
    descriptor < 0 ? .decimal(Int64(descriptor)) : named[0] ?? .mark(.closed)
  }
  func extend(address: UInt64, byteCount: UInt64) {}
}

/// The structure of one call, before it and after it.
private final class ConversationMemory: TracedMemory {
  private static let base: UInt64 = 0x7fff_0000_0000
  let argument: UInt64
  private var bytes: [UInt8] = []
  private let isWritable: Bool
  private let presentForPin: UInt64?

  init(_ encoded: EncodedIoctl, presentForPin: UInt64?) {
    self.presentForPin = presentForPin
    var isWritable = true
    switch encoded.argument {
    case .number(let number): argument = number
    case .nowhere, .anywhere: argument = Self.base
    case .bytes(let content, let room, let memory):
      argument = Self.base
      bytes = content + [UInt8](repeating: 0, count: max(0, room - content.count))
      isWritable = memory != .readonly
    }
    self.isWritable = isWritable
  }

  /// Puts in what the oracle wrote: it begins with a pattern where the trace says nothing.
  func change(from before: [UInt8], to after: [UInt8]) {
    for index in 0..<min(bytes.count, before.count, after.count)
    where before[index] != after[index] {
      bytes[index] = after[index]
    }
  }

  func readable(at address: UserAddress, count: Int) -> [UInt8] {
    guard address.rawValue >= Self.base else { return [] }
    return Array(bytes.dropFirst(Int(clamping: address.rawValue - Self.base)).prefix(count))
  }

  func present(at address: UserAddress, count: UInt64, for access: DMAAccess) -> UInt64 {
    guard address.rawValue >= Self.base else { return presentForPin ?? count }
    return isWritable ? min(UInt64(bytes.count), count) : 0
  }
}
