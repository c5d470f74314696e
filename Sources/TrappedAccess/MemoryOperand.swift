/// The memory operand of an instruction that the processor itself shall perform on a copy.
struct MemoryOperand {
  enum Access { case read, write, both }
  var byteCount: Int
  var access = Access.read
  /// The bytes of immediate behind it.
  var immediateBytes = 0

  static func read(_ byteCount: Int, immediate: Int = 0) -> Self {
    Self(byteCount: byteCount, immediateBytes: immediate)
  }
  static func write(_ byteCount: Int, immediate: Int = 0) -> Self {
    Self(byteCount: byteCount, access: .write, immediateBytes: immediate)
  }
}

// What the manuals' opcode maps say of the operand's size. Not here: instructions that scatter or
// gather, store under a mask, save processor state, move the stack pointer or jump.
extension Encoding {
  /// The memory operand, given ModRM.reg; nil for an instruction that is none of these.
  func memoryOperand(group: UInt8) -> MemoryOperand? {
    switch map {
    case .oneByte: form == .legacy ? floatingOperand(group) : nil
    case .twoByte: form == .legacy ? scalarOperand(group) ?? vectorOperand() : vectorOperand()
    case .threeByte: extendedOperand()
    case .threeByteImmediate: immediateOperand()
    }
  }

  private var generalBytes: Int { isWide ? 8 : 4 }

  /// A whole vector, an MMX register, or the one element of a broadcast.
  private var fullBytes: Int {
    if isBroadcast { return generalBytes }
    return form == .legacy && mandatoryPrefix == 0 && isMMX ? 8 : vectorBytes
  }

  /// Whether the opcode without a prefix is an MMX instruction.
  private var isMMX: Bool {
    switch (map, opcode) {
    case (.twoByte, 0x60...0x7f), (.twoByte, 0xd0...0xff): true
    case (.threeByte, 0x00...0x0b), (.threeByte, 0x1c...0x1e): true
    case (.threeByteImmediate, 0x0f): true
    default: false
    }
  }

  /// x87 arithmetic, loads and stores.
  private func floatingOperand(_ group: UInt8) -> MemoryOperand? {
    switch (opcode, group) {
    case (0xd8, _), (0xda, _), (0xd9, 0), (0xdb, 0): .read(4)
    case (0xdc, _), (0xdd, 0), (0xdf, 5): .read(8)
    case (0xde, _), (0xdf, 0), (0xd9, 5): .read(2)
    case (0xdb, 5), (0xdf, 4): .read(10)
    case (0xd9, 2), (0xd9, 3), (0xdb, 1...3): .write(4)
    case (0xdd, 1...3), (0xdf, 7): .write(8)
    case (0xd9, 7), (0xdd, 7), (0xdf, 1...3): .write(2)
    case (0xdb, 7), (0xdf, 6): .write(10)
    default: nil
    }
  }

  /// Integer instructions of the 0F map, conversions among them.
  private func scalarOperand(_ group: UInt8) -> MemoryOperand? {
    switch (opcode, mandatoryPrefix) {
    case (0xb8, 2), (0xbc, _), (0xbd, _): .read(operandBytes)
    case (0x2a, 2), (0x2a, 3): .read(generalBytes)
    case (0x2a, _): .read(8)
    case (0xae, 0) where group == 2: .read(4)
    case (0xae, 0) where group == 3: .write(4)
    case (0x6e, 0): .read(generalBytes)
    case (0x7e, 0): .write(generalBytes)
    case (0x6f, 0): .read(8)
    case (0x7f, 0), (0xe7, 0): .write(8)
    default: nil
    }
  }

  /// SSE and MMX, with their VEX and EVEX forms.
  private func vectorOperand() -> MemoryOperand? {
    let scalar: Int? = mandatoryPrefix == 2 ? 4 : mandatoryPrefix == 3 ? 8 : nil
    switch (opcode, mandatoryPrefix) {
    case (0x12, 2), (0x16, 2): return .read(vectorBytes)
    case (0x12, 3): return .read(vectorBytes == 16 ? 8 : vectorBytes)
    case (0x2a, 2), (0x2a, 3): return .read(generalBytes)
    case (0x2c, 0), (0x2d, 0): return .read(8)
    case (0x2c, _), (0x2d, _): return .read(scalar ?? vectorBytes)
    case (0x2e, _), (0x2f, _): return .read(mandatoryPrefix == 0 ? 4 : 8)
    case (0x5a, 0), (0xe6, 2): return .read(isBroadcast ? generalBytes : vectorBytes / 2)
    case (0xc2, _): return .read(scalar ?? fullBytes, immediate: 1)
    case (0x51...0x5f, _): return .read(scalar ?? fullBytes)
    case (0x7b, 2), (0x7b, 3): return .read(generalBytes)
    case (0x7a, 1), (0x7b, 1), (0x7a, 2), (0x78, 1), (0x79, 1):
      // Conversions from elements half as wide, where W does not say that they are as wide.
      return isWide && opcode < 0x7a
        ? .read(fullBytes) : .read(isBroadcast ? generalBytes : vectorBytes / 2)
    case (0x78, _), (0x79, _): return .read(scalar ?? fullBytes)
    case (0x70, _), (0xc6, _): return .read(fullBytes, immediate: 1)
    case (0x71...0x73, 1) where form == .evex: return .read(fullBytes, immediate: 1)
    case (0xc4, _): return .read(2, immediate: 1)
    case (0xd1...0xd3, _), (0xe1, _), (0xe2, _), (0xf1...0xf3, _):
      return .read(fullBytes == 8 ? 8 : 16)
    case (0x14, _), (0x15, _), (0x5b, _), (0x60...0x6d, _), (0x74...0x76, _), (0x78...0x7d, _),
      (0xd0, _), (0xd4...0xd5, _), (0xd8...0xdf, _), (0xe0...0xe6, _), (0xe8...0xef, _),
      (0xf4...0xf6, _), (0xf8...0xfe, _):
      return .read(fullBytes)
    default: return nil
    }
  }

  /// The 0F 38 map.
  private func extendedOperand() -> MemoryOperand? {
    let prefix = mandatoryPrefix
    let isVEX = form != .legacy
    switch opcode {
    case 0xf0 where !isVEX && repetition == 0xf2: return .read(1)
    case 0xf1 where !isVEX && repetition == 0xf2: return .read(operandBytes)
    case 0xf6 where !isVEX && prefix != 0 && prefix != 3: return .read(generalBytes)
    case 0xf9 where !isVEX && prefix == 0: return .write(generalBytes)
    case 0xf2, 0xf3, 0xf5, 0xf6, 0xf7: return form == .vex ? .read(generalBytes) : nil
    case 0xc8...0xcd where !isVEX: return .read(16)
    default: break
    }
    guard prefix == 1 || (prefix == 0 && isMMX && !isVEX) else { return nil }
    switch opcode {
    case 0x20, 0x23, 0x25, 0x30, 0x33, 0x35, 0x13: return .read(vectorBytes / 2)
    case 0x21, 0x24, 0x31, 0x34: return .read(vectorBytes / 4)
    case 0x22, 0x32: return .read(vectorBytes / 8)
    case 0x41 where isVEX: return .read(16)
    case 0x18, 0x58: return .read(4)
    case 0x19, 0x59: return .read(8)
    case 0x1a, 0x5a: return .read(16)
    case 0x1b, 0x5b: return .read(32)
    case 0x78: return .read(1)
    case 0x79: return .read(2)
    case 0x2e, 0x2f, 0x8a...0x8b, 0x8e, 0x90...0x93, 0xa0...0xa3, 0xc4...0xc7: return nil
    case 0x62, 0x63, 0x88, 0x89: return nil
    case 0x96...0xbf where opcode & 15 >= 9 && opcode & 1 == 1: return .read(generalBytes)
    case 0x4d, 0x4f, 0x43: return .read(generalBytes)
    default: return .read(fullBytes)
    }
  }

  /// VEXTRACTF128 and its like, VCVTPS2PH.
  private func extraction() -> MemoryOperand? {
    guard maskRegister == 0 else { return nil }
    switch opcode {
    case 0x1d: return .write(vectorBytes / 2, immediate: 1)
    default: return .write(opcode & 2 == 0 ? 16 : 32, immediate: 1)
    }
  }

  /// The 0F 3A map, whose instructions end in a byte of immediate.
  private func immediateOperand() -> MemoryOperand? {
    switch opcode {
    case 0xf0 where form == .vex && mandatoryPrefix == 3: return .read(generalBytes, immediate: 1)
    case 0xcc where form == .legacy: return .read(16, immediate: 1)
    default: break
    }
    guard mandatoryPrefix == 1 || (mandatoryPrefix == 0 && isMMX && form == .legacy) else {
      return nil
    }
    switch opcode {
    case 0x0a, 0x21: return .read(4, immediate: 1)
    case 0x0b: return .read(8, immediate: 1)
    case 0x14: return .write(1, immediate: 1)
    case 0x15: return .write(2, immediate: 1)
    case 0x16: return .write(generalBytes, immediate: 1)
    case 0x17: return .write(4, immediate: 1)
    case 0x18, 0x38: return .read(16, immediate: 1)
    case 0x1a, 0x3a: return .read(32, immediate: 1)
    case 0x19, 0x1b, 0x1d, 0x39, 0x3b: return extraction()
    case 0x20: return .read(1, immediate: 1)
    case 0x22: return .read(generalBytes, immediate: 1)
    case 0x27, 0x51, 0x55, 0x57, 0x67: return .read(generalBytes, immediate: 1)
    case 0x60...0x63 where form != .evex: return .read(16, immediate: 1)
    default: return .read(fullBytes, immediate: 1)
    }
  }
}
