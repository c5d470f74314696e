/// How an oracle's containers report dirty pages.
public enum DirtyManner: Hashable, Sendable {
  /// As type1 means to: what a report shows beyond a mapping's pages is not there.
  case clean
  /// As Linux 6.12 does, stale bits and all.
  case stale
  /// As an IOMMU with dirty bits would: pages that devices wrote, and no others.
  case precise
}

/// The oracle's DIRTY_PAGES (2.10), bit by bit.
extension OracleContainer {
  mutating func dirtyPages(_ structure: CallerStructure, _ memory: inout OracleMemory) -> Int64 {
    if version == 1 { return errnoACCES }
    guard let argsz = structure.load32(0), let flags = structure.load32(4) else {
      return errnoFAULT
    }
    if argsz < 8 { return errnoINVAL }
    switch flags {
    case 1: return startTracking()
    case 2:
      tracking = false
      for index in mappings.indices { mappings[index].bits = [] }
      return 0
    case 4:
      if argsz < 48 { return errnoINVAL }
      return getBitmap(structure, &memory)
    default: return errnoINVAL
    }
  }

  private mutating func startTracking() -> Int64 {
    if tracking { return 0 }
    if mappings.contains(where: { $0.size / pageSize > 0x7fff_ffff }) { return errnoINVAL }
    tracking = true
    for index in mappings.indices {
      allocateBits(index)
      markPinned(index)
    }
    return 0
  }

  /// What is pinned may be written at any time.
  private mutating func markPinned(_ index: Int) {
    for page in mappings[index].pins.keys {
      mappings[index].bits[Int((page - mappings[index].iova.start) / pageSize)] = true
    }
  }

  /// The kernel's bitmap: whole words, and one more to shift into.
  mutating func allocateBits(_ index: Int) {
    let words = (mappings[index].size / pageSize + 63) / 64 + 1
    mappings[index].bits = Array(repeating: false, count: Int(words * 64))
  }

  /// Once no group that says nothing of its writes is left, everything is reported once more.
  mutating func fillBits() {
    if !tracking || manner == .precise { return }
    for index in mappings.indices {
      for bit in 0..<Int(mappings[index].size / pageSize) { mappings[index].bits[bit] = true }
    }
  }

  /// What the bitmap's own numbers allow, before anything else is looked at.
  func isBitmap(size: UInt64, _ pgsize: UInt64, _ bytes: UInt64, _ data: UInt64) -> Bool {
    if data &+ bytes < data || data &+ bytes > 0x7fff_ffff_f000 || pgsize == 0 { return false }
    let pages = size >> UInt64(pgsize.trailingZeroBitCount)
    let words = pages / 64 + (pages % 64 == 0 ? 0 : 1)
    return pages > 0 && bytes <= 0x1000_0000 && bytes >= words * 8
  }

  private mutating func getBitmap(
    _ structure: CallerStructure, _ memory: inout OracleMemory
  ) -> Int64 {
    guard let iova = structure.load64(8), let size = structure.load64(16),
      let pgsize = structure.load64(24), let bytes = structure.load64(32),
      let data = structure.load64(40)
    else { return errnoFAULT }
    if iova &+ size < iova { return errnoINVAL }
    if !isBitmap(size: size, pgsize, bytes, data) { return errnoINVAL }
    if pgsize != pageSize || iova % pageSize != 0 || size % pageSize != 0 { return errnoINVAL }
    if !tracking { return errnoINVAL }
    let run = World.Run(iova, iova + size - 1)
    for mapping in mappings where mapping.iova.overlaps(run) && !run.contains(mapping.iova) {
      return errnoINVAL
    }
    let inside = mappings.indices.filter { run.contains(mappings[$0].iova) }
    for index in inside.sorted(by: { mappings[$0].iova.start < mappings[$1].iova.start }) {
      if !report(index, from: iova, to: data, &memory) { return errnoFAULT }
      for bit in 0..<Int(mappings[index].size / pageSize) { mappings[index].bits[bit] = false }
      markPinned(index)
    }
    return 0
  }

  /// Reports one mapping and clears nothing; false when memory ends before the bitmap does.
  mutating func report(
    _ index: Int, from base: UInt64, to data: UInt64, _ memory: inout OracleMemory
  ) -> Bool {
    let pages = Int(mappings[index].size / pageSize)
    let offset = (mappings[index].iova.start - base) / pageSize
    let (address, shift) = (data &+ offset / 64 * 8, Int(offset % 64))
    if !domains.isEmpty && manner != .precise {
      for bit in 0..<pages { mappings[index].bits[bit] = true }
    }
    let before = mappings[index].bits
    var bits = before
    let count = (pages + shift + 63) / 64 * 64
    for bit in 0..<count { bits[bit] = bit >= shift && before[bit - shift] }
    if manner == .stale { mappings[index].bits = bits }
    if shift > 0 {
      guard let kept = memory.word(at: address) else { return false }
      for bit in 0..<64 where kept >> UInt64(bit) & 1 == 1 { bits[bit] = true }
    }
    if manner == .stale { mappings[index].bits = bits }
    for word in 0..<count / 64 {
      var value: UInt64 = 0
      for bit in 0..<64 where bits[64 * word + bit] { value |= 1 << UInt64(bit) }
      if !memory.store(value, at: address &+ UInt64(8 * word)) { return false }
    }
    return true
  }

  /// A device wrote a word.
  mutating func noteWrite(_ iova: UInt64) {
    if !tracking || manner != .precise { return }
    for index in mappings.indices where mappings[index].iova.contains(World.Run(iova, iova)) {
      mappings[index].bits[Int((iova - mappings[index].iova.start) / pageSize)] = true
    }
  }
}

/// The script's memory as the oracle remembers it.
struct OracleMemory {
  let base: UInt64
  /// Words that were written, by offset into the script's memory.
  var written: [UInt64: UInt64] = [:]

  private func page(at address: UInt64) -> ScriptMemory.Page {
    if Oracle.endlessMemory.contains(address) { return .writable }
    let offset = address &- base
    return offset < ScriptMemory.byteCount ? ScriptMemory.page(at: offset) : .missing
  }

  /// A word as it is at the start: endless memory holds zeros.
  private func first(at offset: UInt64) -> UInt64 {
    offset < ScriptMemory.byteCount ? ScriptMemory.word(at: offset & ~7) : 0
  }

  private func byte(at address: UInt64) -> UInt8? {
    let offset = address &- base
    guard page(at: address) != .missing else { return nil }
    let word = written[offset & ~7] ?? first(at: offset)
    return UInt8(truncatingIfNeeded: word >> (8 * (offset & 7)))
  }

  /// Eight bytes at any address, or nil where one is missing.
  func word(at address: UInt64) -> UInt64? {
    var word: UInt64 = 0
    for index in (0..<8 as Range<UInt64>).reversed() {
      guard let byte = byte(at: address &+ index) else { return nil }
      word = word << 8 | UInt64(byte)
    }
    return word
  }

  /// Writes eight bytes at any address, as many of them as can be written.
  mutating func store(_ word: UInt64, at address: UInt64) -> Bool {
    store(PinsDriver.bytes(of: [word]), at: address)
  }

  /// Writes bytes up to the first that cannot be written.
  mutating func store(_ bytes: [UInt8], at address: UInt64) -> Bool {
    for (index, byte) in bytes.enumerated() {
      let offset = address &+ UInt64(index) &- base
      guard page(at: address &+ UInt64(index)) == .writable else { return false }
      let shift = 8 * (offset & 7)
      let old = written[offset & ~7] ?? first(at: offset)
      written[offset & ~7] = old & ~(0xff << shift) | UInt64(byte) << shift
    }
    return true
  }

  /// The bytes at an address up to the first that is missing.
  func bytes(_ count: Int, at address: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count, let byte = byte(at: address &+ UInt64(bytes.count)) {
      bytes.append(byte)
    }
    return bytes
  }
}
