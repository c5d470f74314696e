/// Reads one instruction: prefixes, opcode, ModRM, SIB, displacement, immediate.
///
/// Knows the instructions that have a memory operand and are worth performing on a register; any
/// other, and any without a memory operand, is nil. Reads nothing but its arguments, ends after at
/// most fifteen bytes, and never traps.
struct Decoder {
  let bytes: InstructionBytes
  var registers: RegisterFile
  var encoding: Encoding
  var position: Int

  /// The instruction, or nil when it is none of ours.
  static func decode(_ bytes: InstructionBytes, registers: RegisterFile) -> Instruction? {
    var position = 0
    guard let encoding = Encoding(bytes, registers: registers, position: &position) else {
      return nil
    }
    var decoder = Decoder(
      bytes: bytes, registers: registers, encoding: encoding, position: position)
    if encoding.form != .legacy { return decoder.decodeVector() }
    switch encoding.map {
    case .oneByte: return decoder.decodeOneByte()
    case .twoByte: return decoder.decodeTwoByte() ?? decoder.decodeVector()
    case .threeByte: return decoder.decodeThreeByte() ?? decoder.decodeVector()
    case .threeByteImmediate: return nil
    }
  }

  /// The ModRM byte, not consumed.
  var modRM: UInt8? { bytes[position] }

  /// ModRM.reg without its extension: the opcode's extension in groups.
  var group: UInt8? { modRM.map { $0 >> 3 & 7 } }

  /// The bytes of operand for opcodes whose lowest bit tells bytes from words.
  var sizedBytes: Int { encoding.opcode & 1 == 0 ? 1 : encoding.operandBytes }

  /// An immediate as long as the operand, at most four bytes.
  func immediateBytes(_ operandBytes: Int) -> Int { min(operandBytes, 4) }

  /// Consumes ModRM to immediate and makes the instruction; nil for register forms.
  mutating func memory(
    _ operation: Operation, _ operandBytes: Int, immediate immediateBytes: Int = 0,
    registerBytes: Int? = nil, isBitString: Bool = false
  ) -> Instruction? {
    guard let modRM = bytes[position], modRM < 0xc0 else { return nil }
    position &+= 1
    let number = Int(modRM >> 3 & 7) &+ encoding.registerHigh
    let effectiveBytes = registerBytes ?? operandBytes
    let register =
      effectiveBytes == 1 && !encoding.hasREX && 4..<8 ~= number
      ? Register(number: number &- 4, isHighByte: true) : Register(number: number)
    let past = isBitString ? bitStringOffset(register, operandBytes) : 0
    guard
      let address = effectiveAddress(
        modRM, immediateBytes: immediateBytes, displacementScale: 1, past: past),
      let immediate = readSigned(immediateBytes)
    else { return nil }
    return Instruction(
      operation: operation, address: address, operandBytes: operandBytes, register: register,
      registerBytes: effectiveBytes, immediate: immediate, length: position)
  }

  /// How far from the operand's address the word lies whose bit a register names.
  private func bitStringOffset(_ register: Register, _ operandBytes: Int) -> UInt64 {
    let index = Int64(
      bitPattern: signExtended(
        registers.value(register, byteCount: operandBytes), byteCount: operandBytes))
    let bits = Int64(operandBytes) &* 8
    return UInt64(bitPattern: (index & ~(bits &- 1)) >> 3)
  }

  /// The address of ModRM's memory operand; `position` ends after the displacement.
  mutating func effectiveAddress(
    _ modRM: UInt8, immediateBytes: Int, displacementScale: UInt64, past: UInt64 = 0
  ) -> UInt64? {
    let mode = modRM >> 6
    let low = Int(modRM & 7)
    var sum: UInt64 = past
    var hasWideDisplacement = mode == 2
    var isRelative = false
    if low == 4 {
      guard let sib = bytes[position] else { return nil }
      position &+= 1
      let index = Int(sib >> 3 & 7) &+ encoding.indexHigh
      if index != 4 { sum &+= registers[index] << UInt64(sib >> 6) }
      if sib & 7 == 5 && mode == 0 {
        hasWideDisplacement = true
      } else {
        sum &+= registers[Int(sib & 7) &+ encoding.baseHigh]
      }
    } else if low == 5 && mode == 0 {
      hasWideDisplacement = true
      isRelative = true
    } else {
      sum &+= registers[low &+ encoding.baseHigh]
    }
    guard let displacement = readSigned(mode == 1 ? 1 : hasWideDisplacement ? 4 : 0) else {
      return nil
    }
    sum &+= mode == 1 ? displacement &* displacementScale : displacement
    if isRelative {
      sum &+= registers.instructionPointer
      sum &+= UInt64(truncatingIfNeeded: position &+ immediateBytes)
    }
    return truncated(sum) &+ encoding.segmentBase
  }

  /// An offset as the address size has it.
  func truncated(_ offset: UInt64) -> UInt64 {
    encoding.hasAddressSize ? offset & 0xffff_ffff : offset
  }

  /// The next `count` bytes as a signed number; 0…8.
  mutating func readSigned(_ count: Int) -> UInt64? {
    guard count > 0 else { return 0 }
    var value: UInt64 = 0
    for index in 0..<count {
      guard let byte = bytes[position &+ index] else { return nil }
      value |= UInt64(byte) << UInt64(truncatingIfNeeded: index &* 8)
    }
    position &+= count
    return signExtended(value, byteCount: count)
  }
}
