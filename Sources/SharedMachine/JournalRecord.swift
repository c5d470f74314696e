internal import AddressSpaces
internal import DMATypes
internal import Shim

/// Sixteen bytes of a container's journal: the low four bits of `head` tell what happened.
///
/// | kind | rest of head | body |
/// |---|---|---|
/// | mapped | IOVA in bits 63…12, 4 KiB pages in bits 11…4; 0: a size record follows | `MappedMemory` |
/// | size (no kind: it follows a mapped) | bytes | 0 |
/// | unmapped | IOVA | 0 |
/// | readdressed | IOVA | `MappedMemory` |
/// | iommuSet | driver in bits 11…4 | mapping limit |
/// | joined, left | 0 | group number |
/// | pinned | address in bits 63…4 | pages in bits 39…0, times in 59…40, address bits 3…0 in 63…60 |
/// | unpinned | address in bits 63…4 | pages in bits 59…0, address bits 3…0 in 63…60 |
/// | unmapFailed | IOVA | 0 |
/// | limitedToPins | 0 | group number |
/// | trackingSet | 0 | 1 for on |
/// | dirtied, cleaned | first IOVA of the range | last |
/// | leftBehind | IOVA; two words follow | 0 |
/// | restored | words in bits 63…4, which follow two a record | 0 |
struct JournalRecord: Equatable, BitwiseCopyable {
  static let byteCount = 16

  var head: UInt64
  var body: UInt64

  enum Kind: UInt64 {
    case mapped = 1
    case unmapped, readdressed, iommuSet, joined, left, restored
    case pinned, unpinned, unmapFailed, limitedToPins
    case trackingSet, dirtied, cleaned, leftBehind
  }
}

extension JournalRecord {
  /// An address that need not be on a page boundary.
  fileprivate var oddStart: IOVA { IOVA(head & ~0xf | body >> 60) }
}

/// Puts events into records. `write` takes each record in turn.
@inline(__always)
func encode(_ event: ContainerEvent, _ write: (JournalRecord) -> Void) {
  func put(_ kind: JournalRecord.Kind, _ head: UInt64, _ body: UInt64) {
    write(JournalRecord(head: head | kind.rawValue, body: body))
  }
  switch event {
  case .mapped(let mapping):
    let start = mapping.range.start.rawValue
    let pages = mapping.range.size >> 12
    let memory = mapping.memory.rawValue
    if pages > 0, pages < 256, mapping.range.size & 0xfff == 0 {
      put(.mapped, start | pages << 4, memory)
    } else {
      put(.mapped, start, memory)
      write(JournalRecord(head: mapping.range.size, body: 0))
    }
  case .unmapped(let start): put(.unmapped, start.rawValue, 0)
  case .readdressed(let start, let memory): put(.readdressed, start.rawValue, memory.rawValue)
  case .iommuSet(let driver, let mappingLimit):
    put(.iommuSet, UInt64(driver.rawValue) << 4, UInt64(mappingLimit))
  case .joined(let facts): put(.joined, 0, UInt64(facts.number.rawValue))
  case .left(let group): put(.left, 0, UInt64(group.rawValue))
  case .pinned(let run, let times):
    let start = run.start.rawValue
    var left = UInt64(times)
    while left > 0 {
      let part = min(left, 0xf_ffff)
      put(.pinned, start & ~0xf, start << 60 | part << 40 | run.count)
      left -= part
    }
  case .unpinned(let run):
    let start = run.start.rawValue
    put(.unpinned, start & ~0xf, start << 60 | run.count)
  case .unmapFailed(let start): put(.unmapFailed, start.rawValue, 0)
  case .limitedToPins(let group): put(.limitedToPins, 0, UInt64(group.rawValue))
  case .trackingSet(let isOn): put(.trackingSet, 0, isOn ? 1 : 0)
  case .dirtied(let range): put(.dirtied, range.start.rawValue & ~0xfff, range.last.rawValue)
  case .cleaned(let range): put(.cleaned, range.start.rawValue & ~0xfff, range.last.rawValue)
  case .leftBehind(let start, let bits):
    put(.leftBehind, start.rawValue, 0)
    write(JournalRecord(head: bits.low, body: bits.high))
  case .restored(let snapshot):
    let words = snapshot.words
    put(.restored, UInt64(words.count) << 4, 0)
    for index in stride(from: 0, to: words.count, by: 2) {
      write(
        JournalRecord(
          head: words[index], body: index + 1 < words.count ? words[index + 1] : 0))
    }
  }
}

/// Reads one event from records; `next` gives each in turn. Nil for what no engine writes.
func decode(
  facts: (GroupNumber) -> GroupFacts?, _ next: () -> JournalRecord?
) -> ContainerEvent? {
  guard let record = next(), let kind = JournalRecord.Kind(rawValue: record.head & 0xf) else {
    return nil
  }
  let start = IOVA(record.head & ~0xfff)
  let group = GroupNumber(rawValue: UInt32(truncatingIfNeeded: record.body))
  switch kind {
  case .mapped:
    let pages = record.head >> 4 & 0xff
    guard let size = pages > 0 ? pages << 12 : next()?.head else { return nil }
    let range = IOVARange(start: start, last: IOVA(start.rawValue &+ (size &- 1)))
    return .mapped(Mapping(range: range, memory: MappedMemory(rawValue: record.body)))
  case .unmapped: return .unmapped(start: start)
  case .readdressed: return .readdressed(start: start, MappedMemory(rawValue: record.body))
  case .iommuSet:
    guard let driver = ContainerDriver(rawValue: UInt8(record.head >> 4 & 0xff)) else { return nil }
    return .iommuSet(driver, mappingLimit: UInt32(truncatingIfNeeded: record.body))
  case .joined: return facts(group).map { .joined($0) }
  case .left: return .left(group)
  case .pinned:
    let run = PageRun(start: record.oddStart, count: record.body & 0xff_ffff_ffff)
    let times = UInt32(record.body >> 40 & 0xf_ffff)
    return run.count == 0 || times == 0 ? nil : .pinned(run, times: times)
  case .unpinned:
    let run = PageRun(start: record.oddStart, count: record.body & 0xfff_ffff_ffff_ffff)
    return run.count == 0 ? nil : .unpinned(run)
  case .unmapFailed: return .unmapFailed(start: start)
  case .limitedToPins: return .limitedToPins(group)
  case .trackingSet: return .trackingSet(record.body & 1 == 1)
  case .dirtied, .cleaned:
    guard record.body >= start.rawValue else { return nil }
    let range = IOVARange(start: start, last: IOVA(record.body))
    return kind == .dirtied ? .dirtied(range) : .cleaned(range)
  case .leftBehind:
    return next().map { .leftBehind(start: start, StaleBits(low: $0.head, high: $0.body)) }
  case .restored:
    let count = Int(record.head >> 4)
    var words: [UInt64] = []
    while words.count < count, let pair = next() { words += [pair.head, pair.body] }
    return ContainerSnapshot(words: Array(words.prefix(count)), facts: facts).map { .restored($0) }
  }
}
