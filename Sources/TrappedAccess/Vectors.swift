/// A plain vector move: read whole, then written to the register; or gathered, then written out.
func performVector(
  _ move: VectorMove, _ instruction: Instruction, registers: inout RegisterFile,
  vectors: VectorState, range: TrappedRange, bus: inout some RegisterBus,
  memory: inout some OrdinaryMemory
) -> Outcome {
  guard range.overlaps(instruction.address, byteCount: move.byteCount) else {
    return .unknownInstruction
  }
  var words = Words()
  if !move.isLoad {
    let first = move.kind == .storeHigh ? 1 : 0
    for word in 0..<(move.byteCount &+ 7) >> 3 {
      words[word] = unsafe vectors.read(move.register, word: first &+ word)
    }
  }
  let selected = unsafe move.maskRegister == 0 ? UInt64.max : vectors.mask(move.maskRegister)
  if let fault = transfer(
    move, selected, instruction.address, &words, range: range, bus: &bus, memory: &memory)
  {
    return .memoryFault(fault)
  }
  if move.isLoad { unsafe fill(move, selected, from: words, vectors: vectors) }
  return registers.finish(instruction)
}

/// Moves the bytes: in one run without a mask, in runs of neighbouring selected elements with one,
/// as a processor makes one transaction of them and libc's functions for small sizes rely on.
private func transfer(
  _ move: VectorMove, _ selected: UInt64, _ address: UInt64, _ words: inout Words,
  range: TrappedRange, bus: inout some RegisterBus, memory: inout some OrdinaryMemory
) -> MemoryFault? {
  guard move.maskRegister != 0 else {
    return move.isLoad
      ? range.read(address, byteCount: move.byteCount, into: &words, bus: &bus, memory: &memory)
      : range.write(address, byteCount: move.byteCount, from: words, bus: &bus, memory: &memory)
  }
  // Two passes, ordinary elements first, so that a fault leaves the device untouched.
  for pass in 0..<2 {
    let isTrapped = pass == 1
    var offset = 0
    while offset < move.byteCount {
      let run = runBytes(move, selected, from: offset)
      let place = address &+ UInt64(truncatingIfNeeded: offset)
      if run > 0, range.overlaps(place, byteCount: run) == isTrapped {
        let fault =
          move.isLoad
          ? range.read(
            place, byteCount: run, into: &words, bus: &bus, memory: &memory, at: offset)
          : range.write(
            place, byteCount: run, from: words, bus: &bus, memory: &memory, at: offset)
        if let fault { return fault }
      }
      offset &+= max(run, move.elementBytes, 1)
    }
  }
  return nil
}

/// The bytes of neighbouring elements that the mask selects, from one at `offset` on.
private func runBytes(_ move: VectorMove, _ selected: UInt64, from offset: Int) -> Int {
  var end = offset
  while end < move.byteCount,
    selected >> UInt64(truncatingIfNeeded: end / max(move.elementBytes, 1)) & 1 != 0
  {
    end &+= max(move.elementBytes, 1)
  }
  return end &- offset
}

/// Writes what was loaded into the register, and what the encoding says about its other bytes.
private func fill(
  _ move: VectorMove, _ selected: UInt64, from words: Words, vectors: VectorState
) {
  var result = Words()
  for word in 0..<8 { result[word] = unsafe vectors.read(move.register, word: word) }
  var finished = move.byteCount >> 3
  switch move.kind {
  case .loadLow, .loadHigh:
    let lower = move.kind == .loadLow
    result[0] = lower ? words[0] : unsafe vectors.read(move.merged, word: 0)
    result[1] = lower ? unsafe vectors.read(move.merged, word: 1) : words[0]
    finished = 2
  case .loadElement:
    let kept = move.isZeroing || selected & 1 != 0 ? 0 : result[0] & mask(byteCount: move.byteCount)
    result[0] = words[0] | kept
    result[1] = 0
    finished = 2
  default:
    for word in 0..<finished {
      let chosen = selectedBytes(move, selected, word: word)
      result[word] = words[word] & chosen | (move.isZeroing ? 0 : result[word] & ~chosen)
    }
  }
  let count = move.clearsUpper ? 8 : finished
  for word in 0..<count {
    unsafe vectors.write(move.register, word: word, word < finished ? result[word] : 0)
  }
}

/// Ones in the bytes of a word whose elements the mask selects.
private func selectedBytes(_ move: VectorMove, _ selected: UInt64, word: Int) -> UInt64 {
  guard move.maskRegister != 0, move.elementBytes > 0 else { return ~0 }
  let elements = 8 / move.elementBytes
  var bytes: UInt64 = 0
  for element in 0..<elements {
    let index = UInt64(truncatingIfNeeded: word &* elements &+ element)
    if selected >> index & 1 != 0 {
      bytes |=
        mask(byteCount: move.elementBytes)
        << UInt64(truncatingIfNeeded: element &* move.elementBytes &* 8)
    }
  }
  return bytes
}
