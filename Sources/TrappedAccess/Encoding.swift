/// An instruction up to and including its opcode: prefixes in whatever form they came.
struct Encoding {
  enum Form { case legacy, vex, evex }
  /// The opcode maps: one-byte, 0F, 0F 38, 0F 3A.
  enum Map: UInt8 { case oneByte, twoByte, threeByte, threeByteImmediate }

  var form = Form.legacy
  var map = Map.oneByte
  var opcode: UInt8 = 0
  /// 66.
  var hasOperandSize = false
  /// 67.
  var hasAddressSize = false
  /// F2 or F3, the last of them; 0 without.
  var repetition: UInt8 = 0
  /// What FS or GS adds, the last of them.
  var segmentBase: UInt64 = 0
  /// Any REX prefix right before the opcode: byte registers 4…7 are then spl…dil.
  var hasREX = false
  var isWide = false
  /// What the prefixes add to ModRM.reg (0, 8, 16, 24), SIB.index and ModRM.rm or SIB.base (0, 8).
  var registerHigh = 0
  var indexHigh = 0
  var baseHigh = 0
  /// VEX and EVEX: the third operand, the length in bytes, the mask.
  var thirdRegister = 0
  var vectorBytes = 16
  var maskRegister = 0
  var isZeroing = false
  /// EVEX: the memory operand is one element, used for all.
  var isBroadcast = false

  /// The mandatory prefix of a vector instruction: 0 none, 1 66, 2 F3, 3 F2.
  var mandatoryPrefix: UInt8 {
    switch repetition {
    case 0xf3: 2
    case 0xf2: 3
    default: hasOperandSize ? 1 : 0
    }
  }

  /// The operand size of an instruction that is not a byte one.
  var operandBytes: Int { isWide ? 8 : hasOperandSize ? 2 : 4 }
}

extension Encoding {
  /// Reads prefixes and opcode; `position` ends after the opcode. Nil when they are no instruction.
  init?(_ bytes: InstructionBytes, registers: RegisterFile, position: inout Int) {
    var next: UInt8
    repeat {
      guard let byte = bytes[position] else { return nil }
      position &+= 1
      next = byte
    } while readLegacyPrefix(next, registers)
    if next & 0xf0 == 0x40 {
      guard let byte = bytes[position] else { return nil }
      position &+= 1
      readREX(next)
      next = byte
    }
    switch next {
    case 0x0f: guard readEscape(bytes, &position) else { return nil }
    case 0xc4 where !hasREX: guard readLongVEX(bytes, &position) else { return nil }
    case 0xc5 where !hasREX: guard readShortVEX(bytes, &position) else { return nil }
    case 0x62 where !hasREX: guard readEVEX(bytes, &position) else { return nil }
    default: opcode = next
    }
  }

  private mutating func readLegacyPrefix(_ byte: UInt8, _ registers: RegisterFile) -> Bool {
    switch byte {
    case 0x66: hasOperandSize = true
    case 0x67: hasAddressSize = true
    case 0xf2, 0xf3: repetition = byte
    case 0x64: segmentBase = registers.fsBase
    case 0x65: segmentBase = registers.gsBase
    // LOCK: the caller serialises accesses. The other segments have no base in 64-bit mode.
    case 0xf0, 0x26, 0x2e, 0x36, 0x3e: break
    default: return false
    }
    return true
  }

  private mutating func readREX(_ byte: UInt8) {
    hasREX = true
    isWide = byte & 8 != 0
    registerHigh = byte & 4 != 0 ? 8 : 0
    indexHigh = byte & 2 != 0 ? 8 : 0
    baseHigh = byte & 1 != 0 ? 8 : 0
  }

  private mutating func readEscape(_ bytes: InstructionBytes, _ position: inout Int) -> Bool {
    guard let second = bytes[position] else { return false }
    position &+= 1
    map = .twoByte
    opcode = second
    guard second == 0x38 || second == 0x3a else { return true }
    guard let third = bytes[position] else { return false }
    position &+= 1
    map = second == 0x38 ? .threeByte : .threeByteImmediate
    opcode = third
    return true
  }

  private mutating func readShortVEX(_ bytes: InstructionBytes, _ position: inout Int) -> Bool {
    guard let payload = bytes[position], let code = bytes[position &+ 1] else { return false }
    position &+= 2
    form = .vex
    map = .twoByte
    opcode = code
    registerHigh = payload & 0x80 == 0 ? 8 : 0
    return readVectorByte(payload)
  }

  private mutating func readLongVEX(_ bytes: InstructionBytes, _ position: inout Int) -> Bool {
    guard let first = bytes[position], let second = bytes[position &+ 1],
      let code = bytes[position &+ 2], let map = Map(rawValue: first & 0x1f), map != .oneByte
    else { return false }
    position &+= 3
    form = .vex
    self.map = map
    opcode = code
    readInvertedREX(first)
    isWide = second & 0x80 != 0
    return readVectorByte(second)
  }

  private mutating func readEVEX(_ bytes: InstructionBytes, _ position: inout Int) -> Bool {
    guard let first = bytes[position], let second = bytes[position &+ 1],
      let third = bytes[position &+ 2], let code = bytes[position &+ 3],
      let map = Map(rawValue: first & 0x0f), map != .oneByte,
      second & 4 != 0,
      third & 0x60 != 0x60,
      readVectorByte(second & ~4)
    else { return false }
    position &+= 4
    form = .evex
    self.map = map
    opcode = code
    readInvertedREX(first)
    if first & 0x10 == 0 { registerHigh |= 16 }
    if third & 8 == 0 { thirdRegister |= 16 }
    isWide = second & 0x80 != 0
    vectorBytes = 16 << Int(third >> 5 & 3)
    maskRegister = Int(third & 7)
    isZeroing = third & 0x80 != 0
    isBroadcast = third & 0x10 != 0
    return true
  }

  private mutating func readInvertedREX(_ byte: UInt8) {
    registerHigh = byte & 0x80 == 0 ? 8 : 0
    indexHigh = byte & 0x40 == 0 ? 8 : 0
    baseHigh = byte & 0x20 == 0 ? 8 : 0
  }

  /// The byte with vvvv, L and pp. Legacy 66, F2 and F3 before VEX or EVEX are no instruction.
  private mutating func readVectorByte(_ byte: UInt8) -> Bool {
    guard !hasOperandSize, repetition == 0 else { return false }
    thirdRegister = Int(~byte >> 3 & 15)
    vectorBytes = byte & 4 != 0 ? 32 : 16
    switch byte & 3 {
    case 1: hasOperandSize = true
    case 2: repetition = 0xf3
    case 3: repetition = 0xf2
    default: break
    }
    return true
  }
}
