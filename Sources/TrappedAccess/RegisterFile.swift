/// The integer state of a stopped thread, as one instruction sees and changes it.
public struct RegisterFile: Sendable {
  /// Numbered as instructions encode them: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8…r15.
  public var general: InlineArray<16, UInt64>
  /// `rip`: the address of the instruction that faulted.
  public var instructionPointer: UInt64
  /// `rflags`.
  public var flags: Flags
  /// What an `fs` prefix adds to an address.
  public var fsBase: UInt64
  /// What a `gs` prefix adds to an address.
  public var gsBase: UInt64

  /// A thread whose every register is 0.
  public init() {
    general = InlineArray(repeating: 0)
    instructionPointer = 0
    flags = Flags(rawValue: 0)
    fsBase = 0
    gsBase = 0
  }

  /// A whole register; only the low four bits of `number` count.
  @inline(__always)
  public subscript(number: Int) -> UInt64 {
    get { general[number & 15] }
    set { general[number & 15] = newValue }
  }

  /// The low `byteCount` bytes of a register, zero-extended.
  @inline(__always)
  func value(_ register: Register, byteCount: Int) -> UInt64 {
    self[register.number] >> (register.isHighByte ? 8 : 0) & mask(byteCount: byteCount)
  }

  /// Writes the low `byteCount` bytes: four clear the upper half, one and two leave the rest alone.
  @inline(__always)
  mutating func set(_ register: Register, _ value: UInt64, byteCount: Int) {
    let kept: UInt64 = byteCount >= 4 ? 0 : ~mask(byteCount: byteCount)
    if register.isHighByte {
      self[register.number] = self[register.number] & ~0xff00 | (value & 0xff) << 8
    } else {
      self[register.number] =
        self[register.number] & kept | value & mask(byteCount: byteCount)
    }
  }
}

/// A register operand: `ah`, `ch`, `dh` and `bh` are the second bytes of the first four.
struct Register {
  var number: Int
  var isHighByte = false

  static var accumulator: Register { Register(number: 0) }
  static var counter: Register { Register(number: 1) }
  static var data: Register { Register(number: 2) }
  static var base: Register { Register(number: 3) }
  static var stack: Register { Register(number: 4) }
  static var source: Register { Register(number: 6) }
  static var destination: Register { Register(number: 7) }
}

/// The processor's status word, `rflags`.
public struct Flags: OptionSet, Sendable {
  /// The bits as the processor numbers them.
  public var rawValue: UInt64
  /// Wraps the bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// CF, bit 0.
  public static var carry: Flags { Flags(rawValue: 1 << 0) }
  /// PF, bit 2: the low byte of the result has an even number of ones.
  public static var parity: Flags { Flags(rawValue: 1 << 2) }
  /// AF, bit 4: a carry out of the low four bits.
  public static var adjust: Flags { Flags(rawValue: 1 << 4) }
  /// ZF, bit 6.
  public static var zero: Flags { Flags(rawValue: 1 << 6) }
  /// SF, bit 7.
  public static var sign: Flags { Flags(rawValue: 1 << 7) }
  /// DF, bit 10: string instructions walk down.
  public static var direction: Flags { Flags(rawValue: 1 << 10) }
  /// OF, bit 11.
  public static var overflow: Flags { Flags(rawValue: 1 << 11) }

  /// Sets or clears one flag.
  @inline(__always)
  mutating func assign(_ flag: Flags, _ isSet: Bool) {
    rawValue = isSet ? rawValue | flag.rawValue : rawValue & ~flag.rawValue
  }

  /// ZF, SF and PF of a result.
  @inline(__always)
  mutating func assignResult(_ result: UInt64, byteCount: Int) {
    assign(.zero, result == 0)
    assign(.sign, result & signBit(byteCount: byteCount) != 0)
    assign(.parity, (result & 0xff).nonzeroBitCount & 1 == 0)
  }

  /// Whether condition `code` (the low four bits of Jcc, SETcc, CMOVcc) holds.
  func satisfies(condition code: UInt8) -> Bool {
    let signsDiffer = contains(.sign) != contains(.overflow)
    let holds: Bool
    switch code >> 1 & 7 {
    case 0: holds = contains(.overflow)
    case 1: holds = contains(.carry)
    case 2: holds = contains(.zero)
    case 3: holds = contains(.carry) || contains(.zero)
    case 4: holds = contains(.sign)
    case 5: holds = contains(.parity)
    case 6: holds = signsDiffer
    default: holds = contains(.zero) || signsDiffer
    }
    return holds != (code & 1 != 0)
  }
}

/// Ones in the low `byteCount` bytes, 1…8.
@inline(__always)
func mask(byteCount: Int) -> UInt64 { ~0 >> UInt64(truncatingIfNeeded: 64 &- byteCount &* 8) }

/// The top bit of a value of `byteCount` bytes, 1…8.
@inline(__always)
func signBit(byteCount: Int) -> UInt64 { 1 << UInt64(truncatingIfNeeded: byteCount &* 8 &- 1) }

/// The low `byteCount` bytes as a signed number.
@inline(__always)
func signExtended(_ value: UInt64, byteCount: Int) -> UInt64 {
  let shift = UInt64(truncatingIfNeeded: 64 &- byteCount &* 8)
  return UInt64(bitPattern: Int64(bitPattern: value << shift) >> shift)
}
