extension Decoder {
  /// A plain vector move in its legacy, VEX or EVEX form.
  mutating func decodeVector() -> Instruction? {
    guard !encoding.isBroadcast, var move = classifyVector(), let modRM = bytes[position],
      modRM < 0xc0
    else {
      return nil
    }
    position &+= 1
    move.clearsUpper = encoding.form != .legacy
    move.register = Int(modRM >> 3 & 7) &+ encoding.registerHigh
    move.merged = encoding.form == .legacy ? move.register : encoding.thirdRegister
    move.maskRegister = encoding.maskRegister
    move.isZeroing = encoding.isZeroing
    guard isAllowed(move) else { return nil }
    // EVEX counts a one-byte displacement in units of the memory operand.
    let scale = encoding.form == .evex ? UInt64(move.byteCount) : 1
    guard
      let address = effectiveAddress(modRM, immediateBytes: 0, displacementScale: scale)
    else { return nil }
    return Instruction(
      operation: .vector(move), address: address, operandBytes: move.byteCount,
      registerBytes: move.byteCount, length: position)
  }

  /// What VEX and EVEX reserve: lengths, third operands and masks where a move has none.
  private func isAllowed(_ move: VectorMove) -> Bool {
    guard encoding.form != .legacy else { return true }
    switch move.kind {
    case .loadLow, .loadHigh, .storeHigh:
      guard encoding.vectorBytes == 16, move.maskRegister == 0 else { return false }
    default: break
    }
    let usesThird = move.kind == .loadLow || move.kind == .loadHigh
    guard usesThird || encoding.thirdRegister == 0 else { return false }
    guard !move.isZeroing || (move.isLoad && move.maskRegister != 0) else { return false }
    let canMask = encoding.form == .evex && move.elementBytes != 0
    return move.maskRegister == 0 || canMask
  }

  /// The kind and size of the move; `elementBytes` 0 where EVEX allows no mask.
  private func classifyVector() -> VectorMove? {
    let prefix = encoding.mandatoryPrefix
    let full = encoding.vectorBytes
    let isEVEX = encoding.form == .evex
    if encoding.map == .threeByte {
      guard encoding.opcode == 0x2a, prefix == 1 else { return nil }
      return VectorMove(kind: .load, byteCount: full, elementBytes: 0)
    }
    guard encoding.map == .twoByte else { return nil }
    switch (encoding.opcode, prefix) {
    case (0x10, 0), (0x10, 1), (0x28, 0), (0x28, 1):
      return VectorMove(kind: .load, byteCount: full, elementBytes: prefix == 0 ? 4 : 8)
    case (0x11, 0), (0x11, 1), (0x29, 0), (0x29, 1):
      return VectorMove(kind: .store, byteCount: full, elementBytes: prefix == 0 ? 4 : 8)
    case (0x10, _): return element(.loadElement, prefix == 2 ? 4 : 8)
    case (0x11, _): return element(.store, prefix == 2 ? 4 : 8)
    case (0x12, 0), (0x12, 1): return VectorMove(kind: .loadLow, byteCount: 8, elementBytes: 0)
    case (0x13, 0), (0x13, 1): return half(.store)
    case (0x16, 0), (0x16, 1): return VectorMove(kind: .loadHigh, byteCount: 8, elementBytes: 0)
    case (0x17, 0), (0x17, 1): return half(.storeHigh)
    case (0x2b, 0), (0x2b, 1), (0xe7, 1):
      return VectorMove(kind: .store, byteCount: full, elementBytes: 0)
    case (0x6e, 1): return half(.loadElement, encoding.isWide ? 8 : 4)
    case (0x7e, 1): return half(.store, encoding.isWide ? 8 : 4)
    case (0x7e, 2): return half(.loadElement)
    case (0xd6, 1): return half(.store)
    case (0x6f, 1), (0x6f, 2), (0x6f, 3):
      guard prefix != 3 || isEVEX else { return nil }
      return VectorMove(kind: .load, byteCount: full, elementBytes: integerElement(prefix))
    case (0x7f, 1), (0x7f, 2), (0x7f, 3):
      guard prefix != 3 || isEVEX else { return nil }
      return VectorMove(kind: .store, byteCount: full, elementBytes: integerElement(prefix))
    case (0xf0, 3):
      guard !isEVEX else { return nil }
      return VectorMove(kind: .load, byteCount: full, elementBytes: 0)
    default: return nil
    }
  }

  private func integerElement(_ prefix: UInt8) -> Int {
    prefix == 3 ? (encoding.isWide ? 2 : 1) : (encoding.isWide ? 8 : 4)
  }

  /// MOVSS and MOVSD ignore the vector length and may be masked.
  private func element(_ kind: VectorMove.Kind, _ byteCount: Int) -> VectorMove {
    VectorMove(kind: kind, byteCount: byteCount, elementBytes: byteCount)
  }

  /// A move of part of 16 bytes: no other length, no mask.
  private func half(_ kind: VectorMove.Kind, _ byteCount: Int = 8) -> VectorMove? {
    guard encoding.vectorBytes == 16 else { return nil }
    return VectorMove(kind: kind, byteCount: byteCount, elementBytes: 0)
  }
}
