/// How many iterations one call performs; more are left to the next, so that signals get a turn.
private let iterationsMaximum = 4096

/// A string instruction: as many iterations as stay in the trapped range.
///
/// Iterations that do not touch it are the processor's: the instruction runs again from there.
func performString(
  _ operation: StringOperation, _ instruction: Instruction, registers: inout RegisterFile,
  range: TrappedRange, bus: inout some RegisterBus, memory: inout some OrdinaryMemory
) -> Outcome {
  let repeats = operation.repetition != .once
  var iterations = 0
  while true {
    let counter = registers.value(.counter, byteCount: operation.addressBytes)
    if repeats && counter == 0 {
      return iterations == 0 ? .unknownInstruction : registers.finish(instruction)
    }
    guard iterations < iterationsMaximum,
      isTrapped(operation, instruction, registers: registers, range: range)
    else {
      return iterations == 0 ? .unknownInstruction : .performed(advance: 0)
    }
    if let fault = iterate(
      operation, instruction, registers: &registers, range: range, bus: &bus, memory: &memory)
    {
      return .memoryFault(fault)
    }
    iterations &+= 1
    guard repeats else { return registers.finish(instruction) }
    registers.set(.counter, counter &- 1, byteCount: operation.addressBytes)
    let compares = operation.kind == .compare || operation.kind == .scan
    if compares, registers.flags.contains(.zero) != (operation.repetition == .whileEqual) {
      return registers.finish(instruction)
    }
  }
}

private func sourceAddress(_ operation: StringOperation, _ registers: RegisterFile) -> UInt64 {
  registers.value(.source, byteCount: operation.addressBytes) &+ operation.sourceBase
}

private func targetAddress(_ operation: StringOperation, _ registers: RegisterFile) -> UInt64 {
  registers.value(.destination, byteCount: operation.addressBytes)
}

private func isTrapped(
  _ operation: StringOperation, _ instruction: Instruction, registers: RegisterFile,
  range: TrappedRange
) -> Bool {
  let bytes = instruction.operandBytes
  return operation.readsSource
    && range.overlaps(sourceAddress(operation, registers), byteCount: bytes)
    || operation.usesDestination
      && range.overlaps(targetAddress(operation, registers), byteCount: bytes)
}

/// One iteration, all but the counter.
private func iterate(
  _ operation: StringOperation, _ instruction: Instruction, registers: inout RegisterFile,
  range: TrappedRange, bus: inout some RegisterBus, memory: inout some OrdinaryMemory
) -> MemoryFault? {
  let bytes = instruction.operandBytes
  let source = sourceAddress(operation, registers)
  let target = targetAddress(operation, registers)
  let writesTarget = operation.kind == .move || operation.kind == .store
  if writesTarget, let fault = range.ordinaryFault(target, byteCount: bytes, memory: &memory) {
    return fault
  }
  var first = Words()
  if operation.readsSource {
    // CMPS with one ordinary side asks that side first, so that its fault costs no device read.
    if operation.kind == .compare, range.overlaps(source, byteCount: bytes) {
      var probe = Words()
      if !range.overlaps(target, byteCount: bytes),
        let fault = range.read(target, byteCount: bytes, into: &probe, bus: &bus, memory: &memory)
      {
        return fault
      }
    }
    if let fault = range.read(
      source, byteCount: bytes, into: &first, bus: &bus, memory: &memory)
    {
      return fault
    }
  } else {
    first[0] = registers.value(.accumulator, byteCount: bytes)
  }
  switch operation.kind {
  case .move, .store:
    if let fault = range.write(target, byteCount: bytes, from: first, bus: &bus, memory: &memory) {
      return fault
    }
  case .load: registers.set(.accumulator, first[0], byteCount: bytes)
  case .compare, .scan:
    var second = Words()
    if let fault = range.read(
      target, byteCount: bytes, into: &second, bus: &bus, memory: &memory)
    {
      return fault
    }
    _ = registers.flags.subtract(first[0], second[0], byteCount: bytes)
  }
  advance(operation, byteCount: bytes, registers: &registers)
  return nil
}

/// Moves the index registers one element up or, with DF, down.
private func advance(
  _ operation: StringOperation, byteCount: Int, registers: inout RegisterFile
) {
  let up = UInt64(truncatingIfNeeded: byteCount)
  let step = registers.flags.contains(.direction) ? 0 &- up : up
  let width = operation.addressBytes
  if operation.readsSource {
    let next = registers.value(.source, byteCount: width) &+ step
    registers.set(.source, next, byteCount: width)
  }
  if operation.usesDestination {
    let next = registers.value(.destination, byteCount: width) &+ step
    registers.set(.destination, next, byteCount: width)
  }
}
