internal import DMATypes

/// Performs an instruction of which only the memory operand is known: with a copy of the operand in
/// the trapped one's place, on the processor itself.
public protocol SubstituteProcessor {
  /// Runs `code`, whose only memory operand lies `Substitute.dataOffset` bytes behind the code's
  /// start and holds `data`, with the stopped thread's registers. False, and nothing changed, when
  /// it cannot.
  mutating func run(
    _ code: Substitute, data: inout InlineArray<8, UInt64>, registers: inout RegisterFile
  ) -> Bool
}

/// An instruction whose memory operand was moved.
public struct Substitute: Sendable {
  /// Where the operand is, in bytes from the first byte of code.
  public static var dataOffset: Int { 64 }
  /// The instruction; `count` bytes count.
  public private(set) var bytes = InlineArray<32, UInt8>(repeating: 0)
  /// At most 20.
  public private(set) var count = 0

  fileprivate mutating func append(_ byte: UInt8) {
    guard count < 32 else { return }
    bytes[count] = byte
    count &+= 1
  }
}

/// Performs an instruction that `perform` does not know, when its memory operand is known: vector
/// arithmetic, bit scans, conversions, x87.
///
/// The operand is read whole, also where the instruction would look at a part of it, then the
/// instruction runs, then the operand is written. Everything else is as with `perform`.
public func performSubstituted(
  _ instruction: InstructionBytes, registers: inout RegisterFile, range: TrappedRange,
  bus: inout some RegisterBus, memory: inout some OrdinaryMemory,
  processor: inout some SubstituteProcessor
) -> Outcome {
  guard
    let found = Decoder.substitute(instruction, registers: registers),
    range.overlaps(found.address, byteCount: found.operand.byteCount)
  else { return .unknownInstruction }
  let bytes = found.operand.byteCount
  var words = Words()
  if found.operand.access != .read,
    let fault = range.ordinaryFault(found.address, byteCount: bytes, memory: &memory)
  {
    return .memoryFault(fault)
  }
  if found.operand.access != .write,
    let fault = range.read(
      found.address, byteCount: bytes, into: &words, bus: &bus, memory: &memory)
  {
    return .memoryFault(fault)
  }
  var data = InlineArray<8, UInt64>(repeating: 0)
  for word in 0..<8 { data[word] = words[word] }
  guard processor.run(found.code, data: &data, registers: &registers) else {
    return .unknownInstruction
  }
  if found.operand.access != .read {
    for word in 0..<8 { words[word] = data[word] }
    if let fault = range.write(
      found.address, byteCount: bytes, from: words, bus: &bus, memory: &memory)
    {
      return .memoryFault(fault)
    }
  }
  registers.instructionPointer &+= UInt64(truncatingIfNeeded: found.length)
  return .performed(advance: found.length)
}

extension Decoder {
  struct Substituted {
    var code: Substitute
    var operand: MemoryOperand
    var address: UInt64
    var length: Int
  }

  /// The instruction with its memory operand moved; nil when that is not known.
  static func substitute(_ bytes: InstructionBytes, registers: RegisterFile) -> Substituted? {
    var position = 0
    guard let encoding = Encoding(bytes, registers: registers, position: &position),
      let modRM = bytes[position], modRM < 0xc0,
      let operand = encoding.memoryOperand(group: modRM >> 3 & 7)
    else { return nil }
    let opcodeEnd = position
    var decoder = Decoder(
      bytes: bytes, registers: registers, encoding: encoding, position: position &+ 1)
    let scale = encoding.form == .evex ? UInt64(operand.byteCount) : 1
    guard
      let address = decoder.effectiveAddress(
        modRM, immediateBytes: operand.immediateBytes, displacementScale: scale),
      let code = decoder.code(upTo: opcodeEnd, modRM: modRM, operand)
    else { return nil }
    return Substituted(
      code: code, operand: operand, address: address,
      length: decoder.position &+ operand.immediateBytes)
  }

  /// Prefixes and opcode, an operand relative to rip, the immediate. `position` is after the
  /// displacement.
  private func code(upTo opcodeEnd: Int, modRM: UInt8, _ operand: MemoryOperand) -> Substitute? {
    var code = Substitute()
    var inPrefixes = true
    for index in 0..<opcodeEnd {
      guard let byte = bytes[index] else { return nil }
      switch byte {
      // The address is computed already: no segment, no other address size, no LOCK.
      case 0x64, 0x65, 0x67, 0xf0, 0x26, 0x2e, 0x36, 0x3e:
        if inPrefixes { continue }
      case 0x66, 0xf2, 0xf3: break
      default: inPrefixes = false
      }
      code.append(byte)
    }
    code.append(modRM & 0x38 | 5)
    let length = code.count &+ 4 &+ operand.immediateBytes
    let displacement = Substitute.dataOffset &- length
    for index in 0..<4 {
      code.append(UInt8(truncatingIfNeeded: displacement >> (index &* 8)))
    }
    for index in 0..<operand.immediateBytes {
      guard let byte = bytes[position &+ index] else { return nil }
      code.append(byte)
    }
    return code
  }
}
