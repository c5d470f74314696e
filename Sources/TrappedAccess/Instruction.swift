/// The bytes at an instruction pointer: at most the 15 that an instruction may have.
public struct InstructionBytes: Sendable {
  /// The first eight bytes, the first in the lowest bits.
  public var first: UInt64
  /// The bytes after them.
  public var second: UInt64
  /// How many are known, 0…16. Fewer than 15 when the next page is not there.
  public var count: Int

  /// Bytes in two words, the first byte lowest; `count` is cut to 0…16.
  public init(first: UInt64, second: UInt64, count: Int) {
    self.first = first
    self.second = second
    self.count = min(max(count, 0), 16)
  }

  /// The byte at `index`, or nil beyond the last known or the fifteenth.
  @inline(__always)
  subscript(index: Int) -> UInt8? {
    guard index >= 0, index < count, index < 15 else { return nil }
    let word = index < 8 ? first : second
    return UInt8(truncatingIfNeeded: word >> UInt64(truncatingIfNeeded: (index & 7) &* 8))
  }
}

/// One decoded instruction with a memory operand, its addresses computed.
struct Instruction {
  var operation: Operation
  /// Where the memory operand starts, segment base included.
  var address: UInt64
  /// The bytes of the memory operand: 1, 2, 4, 8 or 16.
  var operandBytes: Int
  /// The register operand.
  var register = Register(number: 0)
  /// The bytes of a destination register where they differ: MOVZX, MOVSX, MOVSXD.
  var registerBytes: Int
  /// The immediate, sign-extended, where there is one.
  var immediate: UInt64 = 0
  /// From the first prefix to the last immediate byte.
  var length: Int
}

/// What an instruction does with its memory operand.
enum Operation {
  case store(Source)
  case load(isSigned: Bool)
  case storeSwapped, loadSwapped
  /// Memory is the destination; CMP only reads it.
  case arithmetic(Arithmetic, Source)
  /// A register is the destination, memory the source.
  case arithmeticFromMemory(Arithmetic)
  case test(Source)
  case not, negate, increment, decrement
  case shift(Shift, Source)
  case doubleShift(isLeft: Bool, Source)
  case bit(BitChange, index: Source)
  case setCondition(UInt8), moveCondition(UInt8)
  case multiply(isSigned: Bool), divide(isSigned: Bool)
  case multiplyInto(hasImmediate: Bool)
  case exchange, exchangeAdd, compareExchange, compareExchangePair
  case push, pop
  case string(StringOperation)
  case vector(VectorMove)
  case cacheHint

  /// The operand beside memory.
  enum Source { case register, immediate, one, counter }
  /// The eight arithmetic operations, as opcodes number them.
  enum Arithmetic: UInt8 { case add, or, addCarry, subtractBorrow, and, subtract, xor, compare }
  /// The shifts and rotates, as ModRM numbers them.
  enum Shift: UInt8 {
    case rotateLeft, rotateRight, rotateCarryLeft, rotateCarryRight
    case left, right, leftAlias, arithmeticRight
  }
  /// What BT, BTS, BTR and BTC do to the bit, as ModRM numbers them less four.
  enum BitChange: UInt8 { case test, set, reset, complement }

  /// Whether the operand is read before anything is computed.
  var reads: Bool {
    switch self {
    case .store, .storeSwapped, .setCondition, .pop, .cacheHint, .string, .vector: false
    default: true
    }
  }

  /// Whether a result goes back; always then, as the processor does even where nothing changed.
  var writes: Bool {
    switch self {
    case .store, .storeSwapped, .not, .negate, .increment, .decrement, .shift, .doubleShift,
      .setCondition, .exchange, .exchangeAdd, .compareExchange, .compareExchangePair, .pop:
      true
    case .arithmetic(let operation, _): operation != .compare
    case .bit(let change, _): change != .test
    default: false
    }
  }
}

/// MOVS, CMPS, STOS, LODS or SCAS with what repeats it.
struct StringOperation {
  enum Kind { case move, compare, store, load, scan }
  enum Repetition { case once, whileEqual, whileNotEqual }
  var kind: Kind
  var repetition: Repetition
  /// 4 with an address-size prefix, else 8.
  var addressBytes: Int
  /// What a segment prefix adds to the source's address.
  var sourceBase: UInt64

  var readsSource: Bool { kind == .move || kind == .compare || kind == .load }
  var usesDestination: Bool { kind != .load }
}

/// A vector move between a register and memory.
struct VectorMove {
  enum Kind {
    /// Loads from the lowest byte up; what the vector length leaves over becomes 0 (VEX) or stays.
    case load
    /// Loads the lowest element and clears the rest of the first 16 bytes: MOVD, MOVQ, MOVSS,
    /// MOVSD.
    case loadElement
    /// Loads eight bytes into the lower or upper half of the first 16.
    case loadLow, loadHigh
    case store, storeHigh
  }
  var kind: Kind
  /// The bytes in memory: 4, 8, 16, 32 or 64.
  var byteCount: Int
  /// What one bit of a mask stands for, in bytes.
  var elementBytes: Int
  /// Legacy SSE leaves the register above its first 16 bytes alone; VEX and EVEX clear it.
  var clearsUpper = false
  /// 0…31.
  var register = 0
  /// Where the other half comes from in the three-operand forms of MOVLPS and MOVHPS.
  var merged = 0
  /// 1…7 with a mask; 0 without.
  var maskRegister = 0
  /// Whether elements without a mask bit become 0 rather than stay.
  var isZeroing = false

  var isLoad: Bool { kind != .store && kind != .storeHigh }
}
