internal import CLinux
internal import DMATypes

/// A container's file: its lock, the processes that map in it, and the journal in one of two
/// halves.
///
/// | offset | bytes | what |
/// |---|---|---|
/// | 0 | 8 | the container's number |
/// | 8 | 8 | records in each half |
/// | 16 | 8 | published: generation in bits 63…40, records in bits 39…0; one store |
/// | 64 | 64 | the lock that guards everything else |
/// | 128 | 3072 | `OwnerTable` |
/// | 3200 | 896 | `KernelWords`, of a container in the kernel |
/// | 4096 | | the halves; even generations stand in the first |
///
/// A record counts once `published` counts it: a process may die between any two instructions.
final class JournalFile: Sendable {
  static let numberOffset = 0
  private static let capacityOffset = 8
  private static let lockOffset = 64
  private static let ownersOffset = 128
  private static let kernelOffset = 3200
  private static let recordsOffset = 4096

  private let memory: SharedMemory
  /// The lock of the container.
  let lock: SharedLock
  /// The processes that map in it.
  let owners: OwnerTable
  /// What processes share of a container in the kernel.
  let kernel: KernelWords
  /// Records in each half.
  let capacity: Int

  /// The size of a file whose halves hold `capacity` records.
  static func byteCount(capacity: Int) -> Int {
    recordsOffset + 2 * capacity * JournalRecord.byteCount
  }

  /// The history that even a journal of few live mappings may hold.
  static let spareRecords = 16384

  /// Of halves that hold no more than so many, both keep their memory: 768 KiB each.
  private static let keptRecords = 3 * spareRecords

  /// How many runs of pages, held equally often, mediated drivers may hold in one container: a pin
  /// that would make it more is `ENOMEM`.
  static let mostPinRuns = 1 << 18
  private static let pinRecords = 2 * mostPinRuns

  /// Enough records for `mappingLimit` mappings of any size, their removal, and history to rewrite.
  static func capacity(mappingLimit: UInt32) -> Int {
    // Beyond this many the file would not fit an address space; MAP then answers ENOMEM.
    let mappings = min(Int(mappingLimit), mostMappings)
    return (mappings * 4 + pinRecords + 2 * spareRecords + 255) & ~255
  }

  /// How many runs of dirty pages a rewriting may keep apart.
  var dirtyRoom: Int { capacity / 10 }

  private static let mostMappings = 1 << 26

  /// The limit that the capacity was chosen for, or a little more.
  var mappingRoom: UInt32 {
    let mappings = (capacity - Self.pinRecords - 2 * Self.spareRecords) / 4
    return mappings >= Self.mostMappings ? .max : UInt32(mappings)
  }

  /// Makes the content of a new, empty file that `descriptor` names.
  init(making number: UInt64, descriptor: Int32, mappingLimit: UInt32) throws(Errno) {
    capacity = Self.capacity(mappingLimit: mappingLimit)
    let byteCount = Self.byteCount(capacity: capacity)
    let failure = clinux_resize(descriptor, UInt64(byteCount))
    guard failure == 0 else { throw Errno(rawValue: -failure) }
    memory = try SharedMemory(descriptor: descriptor, byteCount: byteCount)
    lock = memory.lock(at: Self.lockOffset)
    owners = OwnerTable(memory: memory, offset: Self.ownersOffset)
    kernel = KernelWords(memory: memory, offset: Self.kernelOffset)
    memory.words[Self.capacityOffset] = UInt64(capacity)
    memory.words.storeReleasing(Self.numberOffset, number)
  }

  /// Maps the file of an existing container.
  init(descriptor: Int32) throws(Errno) {
    let head = try SharedMemory(descriptor: descriptor, byteCount: Self.recordsOffset)
    capacity = Int(head.words[Self.capacityOffset])
    memory = try SharedMemory(
      descriptor: descriptor, byteCount: Self.byteCount(capacity: capacity))
    lock = memory.lock(at: Self.lockOffset)
    owners = OwnerTable(memory: memory, offset: Self.ownersOffset)
    kernel = KernelWords(memory: memory, offset: Self.kernelOffset)
  }

  /// The journal's records, for as long as this file is kept.
  var records: JournalRecords { JournalRecords(words: memory.words, capacity: capacity) }

  fileprivate static func half(of generation: UInt64, capacity: Int) -> Int {
    recordsOffset + (generation & 1 == 0 ? 0 : capacity * JournalRecord.byteCount)
  }

  /// Says how many records a generation's half will hold, so that its memory can come in large
  /// pieces: page by page it costs more than everything else about a record.
  func expect(_ count: Int, inHalfOf generation: UInt64) {
    let start = Self.half(of: generation, capacity: capacity)
    memory.allowHugePages(
      in: start..<start + min(count, capacity) * JournalRecord.byteCount,
      of: start..<start + capacity * JournalRecord.byteCount)
  }

  /// Gives back the memory of the half that a generation does not use, unless the next one will
  /// need little: to give pages back and have them again costs more than all else about records.
  func forgetHalf(notOf generation: UInt64, expecting count: Int) {
    if count <= Self.keptRecords { return }
    memory.forget(
      Self.half(of: generation + 1, capacity: capacity),
      byteCount: capacity * JournalRecord.byteCount)
  }
}

/// The journal in a container's file, looked at without keeping the file.
struct JournalRecords {
  private static let publishedOffset = 16

  fileprivate let words: SharedMemory.Words
  fileprivate let capacity: Int

  /// A place in the journal: which rewriting of it, and how many records.
  struct Position: Equatable {
    var word: UInt64
    static let start = Position(word: 0)
    init(word: UInt64) { self.word = word }
    init(generation: UInt64, count: Int) { word = generation << 40 | UInt64(count) }
    var generation: UInt64 { word >> 40 }
    var count: Int { Int(word & (1 << 40 - 1)) }
  }

  /// Where a record goes: bytes from the start of the file.
  struct Place {
    fileprivate var offset: Int
    fileprivate let end: Int
  }

  /// Where the record after a position goes.
  func place(of position: Position) -> Place {
    let start = JournalFile.half(of: position.generation, capacity: capacity)
    return Place(
      offset: start + position.count * JournalRecord.byteCount,
      end: start + capacity * JournalRecord.byteCount)
  }

  /// Writes the next record of a half.
  @inline(__always)
  func write(_ record: JournalRecord, at place: inout Place) {
    precondition(place.offset < place.end)
    words[place.offset] = record.head
    words[place.offset &+ 8] = record.body
    place.offset &+= JournalRecord.byteCount
  }

  /// All that has happened so far.
  @inline(__always)
  var published: Position {
    get { Position(word: words.loadAcquiring(Self.publishedOffset)) }
    nonmutating set { words.storeReleasing(Self.publishedOffset, newValue.word) }
  }

  /// The record at an index of a generation's half.
  @inline(__always)
  subscript(generation: UInt64, index: Int) -> JournalRecord {
    get {
      let at = offset(generation, index)
      return JournalRecord(head: words[at], body: words[at + 8])
    }
    nonmutating set {
      let at = offset(generation, index)
      words[at] = newValue.head
      words[at + 8] = newValue.body
    }
  }

  @inline(__always)
  private func offset(_ generation: UInt64, _ index: Int) -> Int {
    precondition(index < capacity)
    return JournalFile.half(of: generation, capacity: capacity) + index * JournalRecord.byteCount
  }
}

extension UInt32 {
  /// The product, or the largest number.
  func multipliedSaturating(by factor: UInt32) -> UInt32 {
    let (product, overflows) = multipliedReportingOverflow(by: factor)
    return overflows ? .max : product
  }
}
