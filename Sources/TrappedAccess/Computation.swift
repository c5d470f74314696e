/// A memory operand of at most 16 bytes.
struct Operand {
  var low: UInt64 = 0
  var high: UInt64 = 0
}

extension RegisterFile {
  /// Everything between the read and the write: registers, flags, and the value to write.
  ///
  /// Touches no memory. Nil for a divide error, which changes nothing.
  mutating func compute(_ instruction: Instruction, _ operand: Operand) -> Operand? {
    let bytes = instruction.operandBytes
    let value = operand.low
    switch instruction.operation {
    case .store(let source): return Operand(low: self.source(source, instruction))
    case .storeSwapped:
      return Operand(low: swapped(self.value(instruction.register, byteCount: bytes), bytes))
    case .load(let isSigned):
      let extended = isSigned ? signExtended(value, byteCount: bytes) : value
      set(instruction.register, extended, byteCount: instruction.registerBytes)
    case .loadSwapped: set(instruction.register, swapped(value, bytes), byteCount: bytes)
    case .arithmetic(let operation, let source):
      let other = self.source(source, instruction)
      return Operand(low: flags.perform(operation, value, other, byteCount: bytes))
    case .arithmeticFromMemory(let operation):
      let own = self.value(instruction.register, byteCount: bytes)
      let result = flags.perform(operation, own, value, byteCount: bytes)
      if operation != .compare { set(instruction.register, result, byteCount: bytes) }
    case .test(let source):
      _ = flags.logic(value & self.source(source, instruction), byteCount: bytes)
    case .moveCondition(let code):
      let kept = self.value(instruction.register, byteCount: bytes)
      set(
        instruction.register, flags.satisfies(condition: code) ? value : kept, byteCount: bytes)
    case .setCondition(let code):
      return Operand(low: flags.satisfies(condition: code) ? 1 : 0)
    case .multiply(let isSigned): multiply(by: value, isSigned: isSigned, byteCount: bytes)
    case .divide(let isSigned):
      guard divide(by: value, isSigned: isSigned, byteCount: bytes) else { return nil }
    case .multiplyInto(let hasImmediate):
      let other = source(hasImmediate ? .immediate : .register, instruction)
      set(
        instruction.register, truncatedProduct(value, other, byteCount: bytes), byteCount: bytes)
    case .push, .pop: return operand
    case .compareExchangePair: return compareExchangePair(operand, byteCount: bytes / 2)
    default: return modify(instruction, value)
    }
    return Operand()
  }

  /// The instructions that read, change and write one value.
  private mutating func modify(_ instruction: Instruction, _ value: UInt64) -> Operand {
    let bytes = instruction.operandBytes
    let mask = mask(byteCount: bytes)
    let own = self.value(instruction.register, byteCount: bytes)
    switch instruction.operation {
    case .not: return Operand(low: ~value & mask)
    case .negate: return Operand(low: flags.subtract(0, value, byteCount: bytes))
    case .increment, .decrement:
      let hadCarry = flags.contains(.carry)
      let result =
        if case .increment = instruction.operation {
          flags.add(value, 1, byteCount: bytes)
        } else {
          flags.subtract(value, 1, byteCount: bytes)
        }
      flags.assign(.carry, hadCarry)
      return Operand(low: result)
    case .shift(let shift, let source):
      let count = self.source(source, instruction)
      return Operand(low: flags.perform(shift, value, count: count, byteCount: bytes))
    case .doubleShift(let isLeft, let source):
      let count = source == .counter ? self[1] : instruction.immediate
      return Operand(
        low: flags.doubleShift(
          value, filler: own, count: count, isLeft: isLeft, byteCount: bytes))
    case .bit(let change, let index):
      let number = self.source(index, instruction) & UInt64(truncatingIfNeeded: bytes &* 8 &- 1)
      return Operand(low: changeBit(change, value, 1 << number))
    case .exchange:
      set(instruction.register, value, byteCount: bytes)
      return Operand(low: own)
    case .exchangeAdd:
      let sum = flags.add(value, own, byteCount: bytes)
      set(instruction.register, value, byteCount: bytes)
      return Operand(low: sum)
    case .compareExchange:
      let expected = self.value(.accumulator, byteCount: bytes)
      _ = flags.subtract(expected, value, byteCount: bytes)
      if expected == value { return Operand(low: own) }
      set(.accumulator, value, byteCount: bytes)
      return Operand(low: value)
    default: return Operand(low: value)
    }
  }

  private func source(_ source: Operation.Source, _ instruction: Instruction) -> UInt64 {
    let bytes = instruction.operandBytes
    switch source {
    case .register: return value(instruction.register, byteCount: bytes)
    case .immediate: return instruction.immediate & mask(byteCount: bytes)
    case .one: return 1
    case .counter: return value(.counter, byteCount: 1)
    }
  }

  private mutating func changeBit(
    _ change: Operation.BitChange, _ value: UInt64, _ bit: UInt64
  ) -> UInt64 {
    flags.assign(.carry, value & bit != 0)
    switch change {
    case .test: return value
    case .set: return value | bit
    case .reset: return value & ~bit
    case .complement: return value ^ bit
    }
  }

  /// CMPXCHG8B and CMPXCHG16B: `byteCount` is half the operand.
  private mutating func compareExchangePair(_ operand: Operand, byteCount: Int) -> Operand {
    let isPacked = byteCount == 4
    let low = isPacked ? operand.low & 0xffff_ffff : operand.low
    let high = isPacked ? operand.low >> 32 : operand.high
    let isEqual =
      low == value(.accumulator, byteCount: byteCount)
      && high == value(.data, byteCount: byteCount)
    flags.assign(.zero, isEqual)
    guard isEqual else {
      set(.accumulator, low, byteCount: byteCount)
      set(.data, high, byteCount: byteCount)
      return operand
    }
    let newLow = value(.base, byteCount: byteCount)
    let newHigh = value(.counter, byteCount: byteCount)
    return isPacked ? Operand(low: newLow | newHigh << 32) : Operand(low: newLow, high: newHigh)
  }

  private func swapped(_ value: UInt64, _ byteCount: Int) -> UInt64 {
    value.byteSwapped >> UInt64(truncatingIfNeeded: 64 &- byteCount &* 8)
  }
}
