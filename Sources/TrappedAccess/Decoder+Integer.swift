extension Decoder {
  /// Opcodes without an escape byte.
  mutating func decodeOneByte() -> Instruction? {
    let opcode = encoding.opcode
    let wide = encoding.operandBytes
    switch opcode {
    case 0x00...0x3f where opcode & 7 < 4:
      guard let operation = Operation.Arithmetic(rawValue: opcode >> 3) else { return nil }
      return opcode & 2 == 0
        ? memory(.arithmetic(operation, .register), sizedBytes)
        : memory(.arithmeticFromMemory(operation), sizedBytes)
    case 0x63: return memory(.load(isSigned: true), min(wide, 4), registerBytes: wide)
    case 0x69:
      return memory(
        .multiplyInto(hasImmediate: true), wide, immediate: immediateBytes(wide))
    case 0x6b: return memory(.multiplyInto(hasImmediate: true), wide, immediate: 1)
    case 0x80, 0x81, 0x83:
      guard let group, let operation = Operation.Arithmetic(rawValue: group) else { return nil }
      let immediate = opcode == 0x81 ? immediateBytes(wide) : 1
      return memory(.arithmetic(operation, .immediate), sizedBytes, immediate: immediate)
    case 0x84, 0x85: return memory(.test(.register), sizedBytes)
    case 0x86, 0x87: return memory(.exchange, sizedBytes)
    case 0x88, 0x89: return memory(.store(.register), sizedBytes)
    case 0x8a, 0x8b: return memory(.load(isSigned: false), sizedBytes)
    case 0x8f: return decodePop()
    case 0xa0...0xa3: return decodeAbsoluteMove()
    case 0xa4...0xa7, 0xaa...0xaf: return decodeString()
    case 0xc0, 0xc1: return decodeShift(.immediate)
    case 0xd0, 0xd1: return decodeShift(.one)
    case 0xd2, 0xd3: return decodeShift(.counter)
    case 0xc6, 0xc7:
      guard group == 0 else { return nil }
      return memory(
        .store(.immediate), sizedBytes, immediate: immediateBytes(sizedBytes))
    case 0xf6, 0xf7: return decodeUnary()
    case 0xfe, 0xff: return decodeIncrement()
    default: return nil
    }
  }

  private mutating func decodeShift(_ count: Operation.Source) -> Instruction? {
    guard let group, let shift = Operation.Shift(rawValue: group) else { return nil }
    return memory(.shift(shift, count), sizedBytes, immediate: count == .immediate ? 1 : 0)
  }

  private mutating func decodeUnary() -> Instruction? {
    switch group {
    case 0, 1: memory(.test(.immediate), sizedBytes, immediate: immediateBytes(sizedBytes))
    case 2: memory(.not, sizedBytes)
    case 3: memory(.negate, sizedBytes)
    case 4: memory(.multiply(isSigned: false), sizedBytes)
    case 5: memory(.multiply(isSigned: true), sizedBytes)
    case 6: memory(.divide(isSigned: false), sizedBytes)
    case 7: memory(.divide(isSigned: true), sizedBytes)
    default: nil
    }
  }

  private mutating func decodeIncrement() -> Instruction? {
    switch group {
    case 0: memory(.increment, sizedBytes)
    case 1: memory(.decrement, sizedBytes)
    case 6 where encoding.opcode == 0xff: memory(.push, encoding.hasOperandSize ? 2 : 8)
    default: nil
    }
  }

  private mutating func decodePop() -> Instruction? {
    guard group == 0 else { return nil }
    let operandBytes = encoding.hasOperandSize ? 2 : 8
    // POP computes its operand's address after it has moved rsp.
    registers[Register.stack.number] &+= UInt64(truncatingIfNeeded: operandBytes)
    return memory(.pop, operandBytes)
  }

  /// MOV between the accumulator and an address in the instruction.
  private mutating func decodeAbsoluteMove() -> Instruction? {
    let count = encoding.hasAddressSize ? 4 : 8
    guard let offset = readSigned(count) else { return nil }
    let isStore = encoding.opcode & 2 != 0
    return Instruction(
      operation: isStore ? .store(.register) : .load(isSigned: false),
      address: truncated(offset) &+ encoding.segmentBase, operandBytes: sizedBytes,
      registerBytes: sizedBytes, length: position)
  }

  private mutating func decodeString() -> Instruction? {
    let kind: StringOperation.Kind
    switch encoding.opcode & 0xfe {
    case 0xa4: kind = .move
    case 0xa6: kind = .compare
    case 0xaa: kind = .store
    case 0xac: kind = .load
    default: kind = .scan
    }
    let operation = StringOperation(
      kind: kind,
      repetition: encoding.repetition == 0
        ? .once : encoding.repetition == 0xf3 ? .whileEqual : .whileNotEqual,
      addressBytes: encoding.hasAddressSize ? 4 : 8, sourceBase: encoding.segmentBase)
    return Instruction(
      operation: .string(operation), address: 0, operandBytes: sizedBytes,
      registerBytes: sizedBytes, length: position)
  }

  /// Opcodes after 0F.
  mutating func decodeTwoByte() -> Instruction? {
    let opcode = encoding.opcode
    let wide = encoding.operandBytes
    switch opcode {
    case 0x0d, 0x18: return memory(.cacheHint, 1)
    case 0x40...0x4f: return memory(.moveCondition(opcode & 15), wide)
    case 0x90...0x9f: return memory(.setCondition(opcode & 15), 1)
    case 0xa3, 0xab, 0xb3, 0xbb:
      guard let change = Operation.BitChange(rawValue: opcode >> 3 & 3) else { return nil }
      return memory(.bit(change, index: .register), wide, isBitString: true)
    case 0xba:
      guard let group, group >= 4, let change = Operation.BitChange(rawValue: group & 3) else {
        return nil
      }
      return memory(.bit(change, index: .immediate), wide, immediate: 1)
    case 0xa4: return memory(.doubleShift(isLeft: true, .immediate), wide, immediate: 1)
    case 0xa5: return memory(.doubleShift(isLeft: true, .counter), wide)
    case 0xac: return memory(.doubleShift(isLeft: false, .immediate), wide, immediate: 1)
    case 0xad: return memory(.doubleShift(isLeft: false, .counter), wide)
    case 0xae: return decodeFlush()
    case 0xaf: return memory(.multiplyInto(hasImmediate: false), wide)
    case 0xb0, 0xb1: return memory(.compareExchange, sizedBytes)
    case 0xb6, 0xb7: return memory(.load(isSigned: false), extendedBytes, registerBytes: wide)
    case 0xbe, 0xbf: return memory(.load(isSigned: true), extendedBytes, registerBytes: wide)
    case 0xc0, 0xc1: return memory(.exchangeAdd, sizedBytes)
    case 0xc3:
      guard encoding.mandatoryPrefix == 0 else { return nil }
      return memory(.store(.register), wide)
    case 0xc7:
      guard group == 1 else { return nil }
      return memory(.compareExchangePair, encoding.isWide ? 16 : 8)
    default: return nil
    }
  }

  /// The operand of MOVZX and MOVSX: a byte or a word.
  private var extendedBytes: Int { encoding.opcode & 1 == 0 ? 1 : 2 }

  /// CLFLUSH, CLFLUSHOPT and CLWB fault on a closed page, and a register has no cache line.
  private mutating func decodeFlush() -> Instruction? {
    switch (group, encoding.mandatoryPrefix) {
    case (7, 0), (7, 1), (6, 1): memory(.cacheHint, 1)
    default: nil
    }
  }

  /// Opcodes after 0F 38: MOVBE; with F2 or F3 they are something else.
  mutating func decodeThreeByte() -> Instruction? {
    guard encoding.repetition == 0 else { return nil }
    switch encoding.opcode {
    case 0xf0: return memory(.loadSwapped, encoding.operandBytes)
    case 0xf1: return memory(.storeSwapped, encoding.operandBytes)
    default: return nil
    }
  }
}
