public import DMATypes

/// What became of an instruction.
public enum Outcome: Sendable {
  /// Done. `rip` has moved by this many bytes: the instruction's length, or 0 for a repeated string
  /// instruction that has iterations left; running it again goes on where it stopped.
  case performed(advance: Int)
  /// Not an instruction we know, or none that touches the trapped range. Nothing was done.
  case unknownInstruction
  /// Memory beside the trapped range refused; deliver SIGSEGV there. A repeated string instruction
  /// has finished the iterations before; otherwise no register changed and nothing was written.
  case memoryFault(MemoryFault)
  /// DIV or IDIV by 0 or with a quotient that does not fit; deliver SIGFPE. The divisor was read.
  case divideError
}

/// An access to ordinary memory that was refused.
public struct MemoryFault: Hashable, Sendable {
  /// The first byte of the part that was refused.
  public var address: UserAddress
  /// Whether it was to be written.
  public var isWrite: Bool
}

/// Performs the instruction at `registers.instructionPointer` once, on a device in place of memory.
///
/// Every operand byte in `range` is read and written through `bus`, each at most once and each read
/// before any write; other bytes go through `memory`. Up to 8 bytes are one access, aligned or not,
/// as a processor's load or store is; more are split into pieces of 8, 4, 2 and 1, in ascending
/// order. Neither allocates, locks nor traps, whatever the bytes and registers are, as long as bus
/// and memory do not. LOCK has no effect of its own: to make read-modify-write atomic among
/// threads, hold the device's lock around the call.
///
/// - Parameters:
///   - instruction: the bytes at the instruction pointer.
///   - vectors: nil when the frame has no vector registers; vector moves are then unknown.
public func perform(
  _ instruction: InstructionBytes, registers: inout RegisterFile, vectors: VectorState?,
  range: TrappedRange, bus: inout some RegisterBus, memory: inout some OrdinaryMemory
) -> Outcome {
  guard let decoded = Decoder.decode(instruction, registers: registers) else {
    return .unknownInstruction
  }
  switch decoded.operation {
  case .string(let operation):
    return performString(
      operation, decoded, registers: &registers, range: range, bus: &bus, memory: &memory)
  case .vector(let move):
    guard let vectors = unsafe vectors else { return .unknownInstruction }
    return unsafe performVector(
      move, decoded, registers: &registers, vectors: vectors, range: range, bus: &bus,
      memory: &memory)
  case .push, .pop:
    return performStack(decoded, registers: &registers, range: range, bus: &bus, memory: &memory)
  default:
    return performInteger(decoded, registers: &registers, range: range, bus: &bus, memory: &memory)
  }
}

extension RegisterFile {
  /// Steps over a finished instruction.
  mutating func finish(_ instruction: Instruction) -> Outcome {
    instructionPointer &+= UInt64(truncatingIfNeeded: instruction.length)
    return .performed(advance: instruction.length)
  }
}

/// Read once, compute, write once.
private func performInteger(
  _ instruction: Instruction, registers: inout RegisterFile, range: TrappedRange,
  bus: inout some RegisterBus, memory: inout some OrdinaryMemory
) -> Outcome {
  let bytes = instruction.operandBytes
  guard range.overlaps(instruction.address, byteCount: bytes) else { return .unknownInstruction }
  if case .cacheHint = instruction.operation { return registers.finish(instruction) }
  let writes = instruction.operation.writes
  if writes,
    let fault = range.ordinaryFault(instruction.address, byteCount: bytes, memory: &memory)
  {
    return .memoryFault(fault)
  }
  var words = Words()
  if instruction.operation.reads,
    let fault = range.read(
      instruction.address, byteCount: bytes, into: &words, bus: &bus, memory: &memory)
  {
    return .memoryFault(fault)
  }
  var changed = registers
  guard let result = changed.compute(instruction, Operand(low: words[0], high: words[1])) else {
    return .divideError
  }
  if writes,
    let fault = range.write(
      instruction.address, byteCount: bytes, from: Words(result), bus: &bus, memory: &memory)
  {
    return .memoryFault(fault)
  }
  registers = changed
  return registers.finish(instruction)
}

/// PUSH from memory and POP to memory: two memory operands, either may be trapped.
private func performStack(
  _ instruction: Instruction, registers: inout RegisterFile, range: TrappedRange,
  bus: inout some RegisterBus, memory: inout some OrdinaryMemory
) -> Outcome {
  let bytes = instruction.operandBytes
  let step = UInt64(truncatingIfNeeded: bytes)
  let stack = registers[Register.stack.number]
  let isPush = if case .push = instruction.operation { true } else { false }
  let source = isPush ? instruction.address : stack
  let target = isPush ? stack &- step : instruction.address
  guard range.overlaps(source, byteCount: bytes) || range.overlaps(target, byteCount: bytes) else {
    return .unknownInstruction
  }
  var words = Words()
  if let fault = range.ordinaryFault(target, byteCount: bytes, memory: &memory)
    ?? range.read(source, byteCount: bytes, into: &words, bus: &bus, memory: &memory)
    ?? range.write(target, byteCount: bytes, from: words, bus: &bus, memory: &memory)
  {
    return .memoryFault(fault)
  }
  registers[Register.stack.number] = isPush ? stack &- step : stack &+ step
  return registers.finish(instruction)
}
