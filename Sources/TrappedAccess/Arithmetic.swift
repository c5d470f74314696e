extension Flags {
  /// Sum of two values of `byteCount` bytes and a carry, with every status flag.
  mutating func add(_ a: UInt64, _ b: UInt64, carry: UInt64 = 0, byteCount: Int) -> UInt64 {
    let sum = (a &+ b &+ carry) & mask(byteCount: byteCount)
    let top = signBit(byteCount: byteCount)
    assign(.carry, (a & b | (a | b) & ~sum) & top != 0)
    assign(.overflow, ~(a ^ b) & (a ^ sum) & top != 0)
    assign(.adjust, (a ^ b ^ sum) & 16 != 0)
    assignResult(sum, byteCount: byteCount)
    return sum
  }

  /// Difference of two values of `byteCount` bytes and a borrow, with every status flag.
  mutating func subtract(_ a: UInt64, _ b: UInt64, borrow: UInt64 = 0, byteCount: Int) -> UInt64 {
    let difference = (a &- b &- borrow) & mask(byteCount: byteCount)
    let top = signBit(byteCount: byteCount)
    assign(.carry, (~a & b | (~a | b) & difference) & top != 0)
    assign(.overflow, (a ^ b) & (a ^ difference) & top != 0)
    assign(.adjust, (a ^ b ^ difference) & 16 != 0)
    assignResult(difference, byteCount: byteCount)
    return difference
  }

  /// The flags of AND, OR, XOR and TEST; AF, which is undefined, becomes 0.
  mutating func logic(_ result: UInt64, byteCount: Int) -> UInt64 {
    assign(.carry, false)
    assign(.overflow, false)
    assign(.adjust, false)
    assignResult(result, byteCount: byteCount)
    return result
  }

  /// One of the eight operations that share an encoding.
  mutating func perform(
    _ operation: Operation.Arithmetic, _ a: UInt64, _ b: UInt64, byteCount: Int
  ) -> UInt64 {
    let carry: UInt64 = contains(.carry) ? 1 : 0
    switch operation {
    case .add: return add(a, b, byteCount: byteCount)
    case .addCarry: return add(a, b, carry: carry, byteCount: byteCount)
    case .subtract, .compare: return subtract(a, b, byteCount: byteCount)
    case .subtractBorrow: return subtract(a, b, borrow: carry, byteCount: byteCount)
    case .or: return logic(a | b, byteCount: byteCount)
    case .and: return logic(a & b, byteCount: byteCount)
    case .xor: return logic(a ^ b, byteCount: byteCount)
    }
  }

  /// A shift or rotate by the low five bits of `count` (six for eight bytes).
  ///
  /// By 0 no flag changes. AF of shifts and OF of counts above 1 are undefined.
  mutating func perform(
    _ shift: Operation.Shift, _ value: UInt64, count: UInt64, byteCount: Int
  ) -> UInt64 {
    let steps = count & (byteCount == 8 ? 63 : 31)
    guard steps != 0 else { return value }
    let bits = UInt64(truncatingIfNeeded: byteCount &* 8)
    let top = signBit(byteCount: byteCount)
    let result: UInt64
    switch shift {
    case .rotateLeft, .rotateRight:
      let left = (shift == .rotateLeft ? steps : bits &- steps % bits) % bits
      result = (value << left | value >> (bits &- left)) & mask(byteCount: byteCount)
      assign(.carry, result & (shift == .rotateLeft ? 1 : top) != 0)
    case .rotateCarryLeft, .rotateCarryRight:
      return rotateThroughCarry(
        value, steps: steps % (bits &+ 1), isLeft: shift == .rotateCarryLeft, byteCount: byteCount)
    case .left, .leftAlias:
      result = value << steps & mask(byteCount: byteCount)
      assign(.carry, steps <= bits && value >> (bits &- steps) & 1 != 0)
    case .right:
      result = value >> steps
      assign(.carry, value >> (steps &- 1) & 1 != 0)
    case .arithmeticRight:
      let wide = Int64(bitPattern: signExtended(value, byteCount: byteCount))
      result = UInt64(bitPattern: wide >> Int64(steps)) & mask(byteCount: byteCount)
      assign(.carry, wide >> Int64(steps &- 1) & 1 != 0)
    }
    switch shift {
    case .rotateRight: assign(.overflow, (result ^ result << 1) & top != 0)
    case .right: assign(.overflow, value & top != 0)
    case .arithmeticRight: assign(.overflow, false)
    default: assign(.overflow, (result & top != 0) != contains(.carry))
    }
    if shift.rawValue >= Operation.Shift.left.rawValue {
      assign(.adjust, false)
      assignResult(result, byteCount: byteCount)
    }
    return result
  }

  private mutating func rotateThroughCarry(
    _ value: UInt64, steps: UInt64, isLeft: Bool, byteCount: Int
  ) -> UInt64 {
    let top = signBit(byteCount: byteCount)
    var value = value
    for _ in 0..<steps {
      let carry: UInt64 = contains(.carry) ? 1 : 0
      if isLeft {
        assign(.carry, value & top != 0)
        value = (value << 1 | carry) & mask(byteCount: byteCount)
      } else {
        assign(.carry, value & 1 != 0)
        value = value >> 1 | carry * top
      }
    }
    if steps != 0 {
      let second = isLeft ? contains(.carry) : value & (top >> 1) != 0
      assign(.overflow, (value & top != 0) != second)
    }
    return value
  }

  /// SHLD or SHRD: shifts `value` and fills with bits of `filler`. Nothing happens by 0; two-byte
  /// operands shifted by more than 16 are undefined.
  mutating func doubleShift(
    _ value: UInt64, filler: UInt64, count: UInt64, isLeft: Bool, byteCount: Int
  ) -> UInt64 {
    let steps = count & (byteCount == 8 ? 63 : 31)
    let bits = UInt64(truncatingIfNeeded: byteCount &* 8)
    guard steps != 0 else { return value }
    guard steps <= bits else { return value }
    let top = signBit(byteCount: byteCount)
    let result: UInt64
    if isLeft {
      result = (value << steps | filler >> (bits &- steps)) & mask(byteCount: byteCount)
      assign(.carry, value >> (bits &- steps) & 1 != 0)
    } else {
      result = (value >> steps | filler << (bits &- steps)) & mask(byteCount: byteCount)
      assign(.carry, value >> (steps &- 1) & 1 != 0)
    }
    assign(.overflow, (value ^ result) & top != 0)
    assign(.adjust, false)
    assignResult(result, byteCount: byteCount)
    return result
  }
}

extension RegisterFile {
  /// MUL or IMUL of the accumulator; the product goes to ax or rdx:rax.
  mutating func multiply(by factor: UInt64, isSigned: Bool, byteCount: Int) {
    let a = value(.accumulator, byteCount: byteCount)
    let (high, low) = product(a, factor, isSigned: isSigned, byteCount: byteCount)
    if byteCount == 1 {
      set(.accumulator, high << 8 | low, byteCount: 2)
    } else {
      set(.accumulator, low, byteCount: byteCount)
      set(.data, high, byteCount: byteCount)
    }
  }

  /// The low half of a signed product, for the two- and three-operand forms.
  mutating func truncatedProduct(_ a: UInt64, _ b: UInt64, byteCount: Int) -> UInt64 {
    product(a, b, isSigned: true, byteCount: byteCount).low
  }

  /// Both halves; CF and OF tell whether the upper one matters. ZF, SF, PF and AF are undefined.
  private mutating func product(
    _ a: UInt64, _ b: UInt64, isSigned: Bool, byteCount: Int
  ) -> (high: UInt64, low: UInt64) {
    let mask = mask(byteCount: byteCount)
    var high: UInt64
    var low: UInt64
    let extended = { isSigned ? signExtended($0, byteCount: byteCount) : $0 }
    if byteCount == 8 {
      let full = a.multipliedFullWidth(by: b)
      low = full.low
      high = full.high
      if isSigned {
        if a >> 63 != 0 { high &-= b }
        if b >> 63 != 0 { high &-= a }
      }
    } else {
      let full = extended(a) &* extended(b)
      low = full & mask
      high = full >> UInt64(truncatingIfNeeded: byteCount &* 8) & mask
    }
    let implied = isSigned && low & signBit(byteCount: byteCount) != 0 ? mask : 0
    flags.assign(.carry, high != implied)
    flags.assign(.overflow, high != implied)
    return (high, low)
  }

  /// DIV or IDIV of ax or rdx:rax. False for a divide error: by 0, or a quotient that does not fit.
  mutating func divide(by divisor: UInt64, isSigned: Bool, byteCount: Int) -> Bool {
    let isByte = byteCount == 1
    var low = value(.accumulator, byteCount: byteCount)
    var high =
      isByte ? self[0] >> 8 & 0xff : value(.data, byteCount: byteCount)
    let top = signBit(byteCount: byteCount)
    let mask = mask(byteCount: byteCount)
    let isNegative = isSigned && high & top != 0
    let divisorIsNegative = isSigned && divisor & top != 0
    if isNegative {
      low = (0 &- low) & mask
      high = (~high &+ (low == 0 ? 1 : 0)) & mask
    }
    let magnitude = divisorIsNegative ? (0 &- divisor) & mask : divisor
    // The quotient fits in one operand exactly when the upper half is below the divisor.
    guard high < magnitude else { return false }
    var quotient: UInt64
    var remainder: UInt64
    if byteCount == 8 {
      (quotient, remainder) = magnitude.dividingFullWidth((high, low))
    } else {
      let dividend = high << UInt64(truncatingIfNeeded: byteCount &* 8) | low
      (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: magnitude)
    }
    if isSigned {
      let quotientIsNegative = isNegative != divisorIsNegative
      guard quotientIsNegative ? quotient <= top : quotient < top else { return false }
      if quotientIsNegative { quotient = (0 &- quotient) & mask }
      if isNegative { remainder = (0 &- remainder) & mask }
    }
    if isByte {
      set(.accumulator, remainder << 8 | quotient, byteCount: 2)
    } else {
      set(.accumulator, quotient, byteCount: byteCount)
      set(.data, remainder, byteCount: byteCount)
    }
    return true
  }
}
