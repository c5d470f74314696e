public import DMATypes

/// The device behind a trapped mapping.
public protocol RegisterBus {
  /// Reads `byteCount` bytes, 1, 2, 4 or 8, aligned or not; the upper bytes do not count.
  mutating func read(_ address: UserAddress, byteCount: Int) -> UInt64
  /// Writes the low `byteCount` bytes, 1, 2, 4 or 8, aligned or not.
  mutating func write(_ address: UserAddress, _ value: UInt64, byteCount: Int)
}

/// The thread's memory beside the trapped mapping. A refusal becomes `Outcome.memoryFault`.
public protocol OrdinaryMemory {
  /// Reads `byteCount` bytes, 1, 2, 4 or 8, at any address; nil when they are not there.
  mutating func load(_ address: UserAddress, byteCount: Int) -> UInt64?
  /// Writes the low `byteCount` bytes, 1, 2, 4 or 8; false when they cannot be written.
  mutating func store(_ address: UserAddress, _ value: UInt64, byteCount: Int) -> Bool
  /// Whether a store would succeed, asked before a device is read for a value that goes there.
  mutating func canStore(_ address: UserAddress, byteCount: Int) -> Bool
}

/// The trapped addresses; both ends inclusive.
public struct TrappedRange: Sendable {
  /// The first address.
  public var start: UserAddress
  /// The last address, inclusive. Below `start` the range is empty.
  public var last: UserAddress

  /// A range from its two inclusive ends.
  public init(start: UserAddress, last: UserAddress) {
    self.start = start
    self.last = last
  }

  @inline(__always)
  func contains(_ address: UInt64) -> Bool {
    start.rawValue <= address && address <= last.rawValue
  }

  /// Whether any of `byteCount` bytes at `address`, wrapping at 2⁶⁴, is trapped.
  func overlaps(_ address: UInt64, byteCount: Int) -> Bool {
    guard start <= last else { return false }
    return contains(address) || start.rawValue &- address < UInt64(truncatingIfNeeded: byteCount)
  }

  /// The bytes of the next access: a power of two up to 8, no more than `remaining`, and wholly
  /// trapped or wholly not.
  func pieceBytes(_ address: UInt64, remaining: Int) -> Int {
    var bytes = 8
    while bytes > 1 {
      let last = address &+ UInt64(truncatingIfNeeded: bytes &- 1)
      if bytes <= remaining, contains(address) == contains(last) {
        return bytes
      }
      bytes >>= 1
    }
    return 1
  }
}

/// At most 64 bytes on their way between memory and registers, in words of eight.
struct Words {
  private var words = InlineArray<8, UInt64>(repeating: 0)

  init() {}
  init(_ operand: Operand) {
    words[0] = operand.low
    words[1] = operand.high
  }

  subscript(word: Int) -> UInt64 {
    get { words[word & 7] }
    set { words[word & 7] = newValue }
  }

  /// `byteCount` bytes, 1…8, from byte `offset` on.
  func piece(at offset: Int, byteCount: Int) -> UInt64 {
    let shift = UInt64(truncatingIfNeeded: (offset & 7) &* 8)
    var value = self[offset >> 3] >> shift
    if shift != 0 { value |= self[offset >> 3 &+ 1] << (64 &- shift) }
    return value & mask(byteCount: byteCount)
  }

  /// Puts the low `byteCount` bytes, 1…8, at byte `offset`, where all is 0.
  mutating func insert(_ value: UInt64, at offset: Int, byteCount: Int) {
    let value = value & mask(byteCount: byteCount)
    let shift = UInt64(truncatingIfNeeded: (offset & 7) &* 8)
    self[offset >> 3] |= value << shift
    if (offset & 7) &+ byteCount > 8 { self[offset >> 3 &+ 1] |= value >> (64 &- shift) }
  }
}

extension TrappedRange {
  /// Reads `byteCount` bytes; ordinary bytes first, so that a fault leaves the device untouched.
  ///
  /// Returns the fault, if any.
  func read(
    _ address: UInt64, byteCount: Int, into words: inout Words,
    bus: inout some RegisterBus, memory: inout some OrdinaryMemory, at base: Int = 0
  ) -> MemoryFault? {
    if byteCount <= 8, pieceBytes(address, remaining: byteCount) == byteCount, contains(address) {
      let value = bus.read(UserAddress(address), byteCount: byteCount)
      words.insert(value, at: base, byteCount: byteCount)
      return nil
    }
    for pass in 0..<2 {
      let isTrapped = pass == 1
      var offset = 0
      while offset < byteCount {
        let place = address &+ UInt64(truncatingIfNeeded: offset)
        let bytes = pieceBytes(place, remaining: byteCount &- offset)
        if contains(place) == isTrapped {
          let piece =
            isTrapped
            ? bus.read(UserAddress(place), byteCount: bytes)
            : memory.load(UserAddress(place), byteCount: bytes)
          guard let piece else {
            return MemoryFault(address: UserAddress(place), isWrite: false)
          }
          words.insert(piece, at: base &+ offset, byteCount: bytes)
        }
        offset &+= bytes
      }
    }
    return nil
  }

  /// Writes `byteCount` bytes; ordinary bytes first, so that a fault leaves the device untouched.
  func write(
    _ address: UInt64, byteCount: Int, from words: borrowing Words,
    bus: inout some RegisterBus, memory: inout some OrdinaryMemory, at base: Int = 0
  ) -> MemoryFault? {
    if let fault = ordinaryFault(address, byteCount: byteCount, memory: &memory) { return fault }
    for pass in 0..<2 {
      let isTrapped = pass == 1
      var offset = 0
      while offset < byteCount {
        let place = address &+ UInt64(truncatingIfNeeded: offset)
        let bytes = pieceBytes(place, remaining: byteCount &- offset)
        let value = words.piece(at: base &+ offset, byteCount: bytes)
        switch (contains(place), isTrapped) {
        case (true, true): bus.write(UserAddress(place), value, byteCount: bytes)
        case (false, false):
          guard memory.store(UserAddress(place), value, byteCount: bytes) else {
            return MemoryFault(address: UserAddress(place), isWrite: true)
          }
        default: break
        }
        offset &+= bytes
      }
    }
    return nil
  }

  /// The first ordinary piece of a destination that cannot be written.
  func ordinaryFault(
    _ address: UInt64, byteCount: Int, memory: inout some OrdinaryMemory
  ) -> MemoryFault? {
    var offset = 0
    while offset < byteCount {
      let place = address &+ UInt64(truncatingIfNeeded: offset)
      let bytes = pieceBytes(place, remaining: byteCount &- offset)
      if !contains(place), !memory.canStore(UserAddress(place), byteCount: bytes) {
        return MemoryFault(address: UserAddress(place), isWrite: true)
      }
      offset &+= bytes
    }
    return nil
  }
}
