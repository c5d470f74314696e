internal import CLinux
internal import DMATypes
internal import Synchronization

/// The program's mappings of device registers in this process: closed to the processor, so that
/// every access faults and is performed by the device's model.
///
/// Looked up by the fault handler, so reading takes no lock: an entry's first word counts its
/// changes and is even while it is none. What takes an entry's place is entered before the entry
/// goes, and every departure is counted: a reader that finds nothing, and saw none go, has missed
/// nothing. Written under `lock`, which guards nothing else and is taken last.
final class TrappedMappings: Sendable {
  /// One mapping. `last` is inclusive; `offset` is the device file's at `start`.
  struct Entry: Sendable, Equatable, BitwiseCopyable {
    var start: UInt64
    var last: UInt64
    var offset: UInt64
    var device: Int
    /// mmap's PROT bits, as the program set them.
    var protection: Int32
  }

  private static let places = 1024
  private static let wordsPerPlace = 6
  private let words: AtomicWords
  private let used = Atomic<Int>(0)
  private let departures = Atomic<Int>(0)
  private let lock = Guarded<Void>(())

  init() { words = AtomicWords(count: Self.places * Self.wordsPerPlace) }

  /// The entries of another table, for the child that fork made: its parent's lock may be taken.
  convenience init(copying other: TrappedMappings) {
    self.init()
    for place in 0..<other.used.load(ordering: .acquiring) {
      if let entry = other.entry(at: place) { _ = insert(entry) }
    }
  }

  private func entry(at place: Int) -> Entry? {
    let base = place * Self.wordsPerPlace
    let stamp = words[base].load(ordering: .acquiring)
    guard stamp & 1 != 0 else { return nil }
    let entry = Entry(
      start: words[base + 1].load(ordering: .relaxed),
      last: words[base + 2].load(ordering: .relaxed),
      offset: words[base + 3].load(ordering: .relaxed),
      device: Int(truncatingIfNeeded: words[base + 4].load(ordering: .relaxed)),
      protection: Int32(truncatingIfNeeded: words[base + 5].load(ordering: .relaxed)))
    atomicMemoryFence(ordering: .acquiring)
    return words[base].load(ordering: .relaxed) == stamp ? entry : nil
  }

  private func set(_ entry: Entry?, at place: Int) {
    let base = place * Self.wordsPerPlace
    // Under the lock: only this thread changes stamps.
    let stamp = (words[base].load(ordering: .relaxed) | 1) &+ 1
    words[base].store(stamp, ordering: .relaxed)
    atomicMemoryFence(ordering: .acquiringAndReleasing)
    guard let entry else {
      departures.add(1, ordering: .releasing)
      return
    }
    words[base + 1].store(entry.start, ordering: .relaxed)
    words[base + 2].store(entry.last, ordering: .relaxed)
    words[base + 3].store(entry.offset, ordering: .relaxed)
    words[base + 4].store(UInt64(entry.device), ordering: .relaxed)
    words[base + 5].store(UInt64(UInt32(bitPattern: entry.protection)), ordering: .relaxed)
    words[base].store(stamp | 1, ordering: .releasing)
  }

  /// The mapping that holds an address.
  func containing(_ address: UInt64) -> Entry? {
    first { $0.start <= address && address <= $0.last }
  }

  @inline(__always)
  private func first(where matches: (Entry) -> Bool) -> Entry? {
    while true {
      let before = departures.load(ordering: .acquiring)
      for place in 0..<used.load(ordering: .acquiring) {
        if let entry = entry(at: place), matches(entry) { return entry }
      }
      atomicMemoryFence(ordering: .acquiring)
      if departures.load(ordering: .relaxed) == before { return nil }
    }
  }

  /// The lowest start of a mapping above an address.
  func next(after address: UInt64) -> UInt64? {
    (0..<used.load(ordering: .acquiring)).compactMap { entry(at: $0)?.start }
      .filter { $0 > address }.min()
  }

  /// Whether any mapping shares an address with the inclusive range.
  func overlaps(_ start: UInt64, _ last: UInt64) -> Bool {
    first { $0.start <= last && start <= $0.last } != nil
  }

  /// The bytes of the inclusive range that are registers.
  func byteCount(_ start: UInt64, _ last: UInt64) -> UInt64 {
    (0..<used.load(ordering: .acquiring)).reduce(0) { bytes, place in
      guard let entry = entry(at: place), entry.start <= last, start <= entry.last else {
        return bytes
      }
      return bytes + (min(last, entry.last) - max(start, entry.start) + 1)
    }
  }

  /// Whether an address is one of registers.
  func contains(_ address: UserAddress) -> Bool { containing(address.rawValue) != nil }

  /// The bytes of registers from an address on that allow an access; nil when there are none.
  func bytes(at address: UserAddress, access: DMAAccess) -> UInt64? {
    guard let entry = containing(address.rawValue) else { return nil }
    let needed: Int32 = access.contains(.write) ? 2 : 3
    return entry.protection & needed != 0 ? entry.last - address.rawValue + 1 : nil
  }

  /// Enters a mapping; false when there is no place.
  func insert(_ entry: Entry) -> Bool { lock.withLock { _ in place(entry) } }

  private func place(_ entry: Entry) -> Bool {
    let count = used.load(ordering: .relaxed)
    if let free = (0..<count).first(where: { self.entry(at: $0) == nil }) {
      set(entry, at: free)
    } else if count < Self.places {
      set(entry, at: count)
      used.store(count + 1, ordering: .releasing)
    } else {
      return false
    }
    return true
  }

  /// Forgets what lies in the inclusive range; the parts outside stay.
  func remove(_ start: UInt64, _ last: UInt64) {
    rewrite(start, last) { _ in nil }
  }

  /// Gives what lies in the inclusive range another protection.
  func protect(_ start: UInt64, _ last: UInt64, _ protection: Int32) {
    rewrite(start, last) { part in
      var part = part
      part.protection = protection
      return part
    }
  }

  private func rewrite(_ start: UInt64, _ last: UInt64, _ change: (Entry) -> Entry?) {
    lock.withLock { _ in
      for place in 0..<used.load(ordering: .relaxed) {
        guard let entry = entry(at: place), entry.start <= last, start <= entry.last else {
          continue
        }
        var pieces: [Entry] = []
        if entry.start < start { pieces.append(entry.part(entry.start, start - 1)) }
        let middle = entry.part(max(start, entry.start), min(last, entry.last))
        if let changed = change(middle) { pieces.append(changed) }
        if entry.last > last { pieces.append(entry.part(last + 1, entry.last)) }
        for piece in pieces { _ = self.place(piece) }
        set(nil, at: place)
      }
    }
  }
}

extension TrappedMappings.Entry {
  fileprivate func part(_ start: UInt64, _ last: UInt64) -> Self {
    var part = self
    part.start = start
    part.last = last
    part.offset = offset + (start - self.start)
    return part
  }
}

/// A fixed run of atomic words, zero at first.
@safe private final class AtomicWords: @unchecked Sendable {
  private let words: UnsafeMutablePointer<Atomic<UInt64>>

  init(count: Int) {
    unsafe words = .allocate(capacity: count)
    for index in 0..<count { unsafe (words + index).initialize(to: Atomic(0)) }
  }

  deinit { unsafe words.deallocate() }

  subscript(index: Int) -> Atomic<UInt64> {
    // SAFETY: places are below the count that the table was made with.
    unsafeAddress { unsafe UnsafePointer(words + index) }
  }
}
