/// Pages that follow one another, 4 KiB apart. The first may begin at an odd address: the others
/// are then as odd.
public struct PageRun: Hashable, Sendable, BitwiseCopyable {
  /// Where the first page is said to begin.
  public var start: IOVA
  /// How many pages; never negative.
  public var count: UInt64

  /// States a run.
  @inlinable public init(start: IOVA, count: UInt64) {
    self.start = start
    self.count = count
  }

  /// How far the addresses are from page boundaries, in bytes.
  @inlinable var oddness: UInt64 { start.rawValue & (PageSizes.processorPageBytes - 1) }

  /// The pages as if they began on boundaries; nil for none, and where they pass 2⁶⁴.
  @inlinable public var evenRange: IOVARange? {
    let (size, wraps) = count.multipliedReportingOverflow(by: PageSizes.processorPageBytes)
    return wraps ? nil : IOVARange(start: IOVA(start.rawValue - oddness), size: size)
  }
}

/// How often each page is held, pages named by the address they were asked for at.
///
/// A value. Neighbours that are held equally often are one entry, so that its size and the time of
/// a call follow how varied the counts are, not how many pages there are. Total: what no page can
/// be changes nothing.
public struct PageCounts: Sendable {
  /// How often, by pages that begin on a boundary.
  @usableFromInline var even = RangeMap<UInt32>()
  /// The same for pages that were asked for at odd addresses, by how odd they are.
  @usableFromInline var odd: [UInt64: RangeMap<UInt32>] = [:]
  /// How many pages are held at least once.
  public private(set) var pageCount: UInt64 = 0

  /// No page is held.
  public init() {}

  /// Whether no page is held.
  public var isEmpty: Bool { pageCount == 0 }

  /// How many runs there are, held equally often.
  public var runCount: Int { odd.values.reduce(even.count) { $0 + $1.count } }

  /// Holds every page of a run `times` times more.
  public mutating func add(_ run: PageRun, times: UInt32 = 1) {
    guard let range = run.evenRange, times > 0 else { return }
    let fresh =
      if run.oddness == 0 {
        even.raise(range, by: times)
      } else {
        odd[run.oddness, default: RangeMap()].raise(range, by: times)
      }
    pageCount += fresh
  }

  /// Holds every page of a run once less, where it is held; how many are not held any more.
  @discardableResult
  public mutating func drop(_ run: PageRun) -> UInt64 {
    guard let range = run.evenRange else { return 0 }
    let gone =
      if run.oddness == 0 {
        even.lower(range, by: 1)
      } else {
        odd[run.oddness]?.lower(range, by: 1) ?? 0
      }
    pageCount -= gone
    if odd[run.oddness]?.isEmpty == true { odd[run.oddness] = nil }
    return gone
  }

  /// Forgets every page that is named by an address of the range, which begins and ends on
  /// boundaries.
  public mutating func removeAll(in range: IOVARange) {
    var gone = even.lower(range, by: .max)
    for oddness in Array(odd.keys) {
      gone += odd[oddness]?.lower(range, by: .max) ?? 0
      if odd[oddness]?.isEmpty == true { odd[oddness] = nil }
    }
    pageCount -= gone
  }

  /// How many pages are named by addresses of the range, which begins and ends on boundaries.
  public func count(in range: IOVARange) -> UInt64 {
    var pages: UInt64 = 0
    forEach(in: range) { run, _ in pages += run.count }
    return pages
  }

  /// Whether any page is named by an address of the range, which begins and ends on boundaries.
  public func overlaps(_ range: IOVARange) -> Bool {
    even.firstOverlapping(range) != nil || odd.values.contains { $0.firstOverlapping(range) != nil }
  }

  /// The lowest page that is held in a range that begins and ends on boundaries, by its boundary.
  public func first(in range: IOVARange) -> IOVA? {
    var first = even.firstOverlapping(range)?.range.start
    for map in odd.values {
      if let start = map.firstOverlapping(range)?.range.start { first = min(first ?? start, start) }
    }
    return first.map { max($0, range.start) }
  }

  /// How often a page is held that was asked for at an address.
  public func count(at address: IOVA) -> UInt32 {
    let oddness = PageRun(start: address, count: 1).oddness
    let map = oddness == 0 ? even : odd[oddness]
    return map?.containing(IOVA(address.rawValue - oddness))?.value ?? 0
  }

  /// The parts of a run that are held not at all, ascending.
  public func unheld(in run: PageRun) -> [PageRun] {
    let oddness = run.oddness
    guard var rest = run.evenRange else { return [] }
    guard let map = oddness == 0 ? even : odd[oddness] else { return [run] }
    var parts: [PageRun] = []
    func take(_ part: IOVARange) {
      parts.append(
        PageRun(start: IOVA(part.start.rawValue + oddness), count: part.evenPageCount))
    }
    while let held = map.firstOverlapping(rest)?.range {
      if rest.start < held.start {
        take(IOVARange(start: rest.start, last: IOVA(held.start.rawValue - 1)))
      }
      guard held.last < rest.last else { return parts }
      rest.start = IOVA(held.last.rawValue + 1)
    }
    take(rest)
    return parts
  }

  /// The parts of a run that are held exactly once, ascending.
  public func heldOnce(in run: PageRun) -> [PageRun] {
    let oddness = run.oddness
    guard var rest = run.evenRange, let map = oddness == 0 ? even : odd[oddness] else { return [] }
    var parts: [PageRun] = []
    while let held = map.firstOverlapping(rest), let part = held.range.intersection(rest) {
      if held.value == 1 {
        parts.append(
          PageRun(start: IOVA(part.start.rawValue + oddness), count: part.evenPageCount))
      }
      guard part.last < rest.last else { break }
      rest.start = IOVA(part.last.rawValue + 1)
    }
    return parts
  }

  /// Every run that is named by addresses of the range, which begins and ends on boundaries, with
  /// how often its pages are held.
  public func forEach(in range: IOVARange = .all, _ body: (PageRun, UInt32) -> Void) {
    Self.forEach(of: even, oddness: 0, in: range, body)
    for (oddness, map) in odd { Self.forEach(of: map, oddness: oddness, in: range, body) }
  }

  private static func forEach(
    of map: RangeMap<UInt32>, oddness: UInt64, in range: IOVARange,
    _ body: (PageRun, UInt32) -> Void
  ) {
    var rest = range
    while let element = map.firstOverlapping(rest) {
      guard let part = element.range.intersection(rest) else { return }
      body(
        PageRun(start: IOVA(part.start.rawValue + oddness), count: part.evenPageCount),
        element.value)
      guard part.last < rest.last else { return }
      rest.start = IOVA(part.last.rawValue + 1)
    }
  }
}

extension PageCounts: Equatable {
  /// Whether every page is held equally often.
  public static func == (a: Self, b: Self) -> Bool {
    func runs(_ counts: Self) -> Set<[UInt64]> {
      var runs: Set<[UInt64]> = []
      counts.forEach { runs.insert([$0.start.rawValue, $0.count, UInt64($1)]) }
      return runs
    }
    return a.pageCount == b.pageCount && runs(a) == runs(b)
  }
}

extension IOVARange {
  /// How many pages a range of whole pages has.
  fileprivate var evenPageCount: UInt64 {
    (last.rawValue - start.rawValue) / PageSizes.processorPageBytes + 1
  }
}

extension RangeMap<UInt32> {
  /// Adds to every page of the range; how many were at zero.
  fileprivate mutating func raise(_ range: IOVARange, by times: UInt32) -> UInt64 {
    var fresh: UInt64 = 0
    var rest = range
    while let old = firstOverlapping(rest) {
      let last = replace(old, in: rest) { $0 + Swift.min(times, .max - $0) }
      if rest.start < old.range.start {
        let gap = IOVARange(start: rest.start, last: IOVA(old.range.start.rawValue - 1))
        fresh += gap.evenPageCount
        join(gap, times)
      }
      guard last < rest.last else { return fresh }
      rest.start = IOVA(last.rawValue + 1)
    }
    join(rest, times)
    return fresh + rest.evenPageCount
  }

  /// Takes from every page of the range what it has, at most `times`; how many came to zero.
  fileprivate mutating func lower(_ range: IOVARange, by times: UInt32) -> UInt64 {
    var gone: UInt64 = 0
    var rest = range
    while let old = firstOverlapping(rest) {
      if old.value <= times, let part = old.range.intersection(rest) { gone += part.evenPageCount }
      let last = replace(old, in: rest) { $0 - Swift.min($0, times) }
      guard last < rest.last else { break }
      rest.start = IOVA(last.rawValue + 1)
    }
    return gone
  }

  /// Changes the part of an element that lies in a range; where that part ends.
  private mutating func replace(
    _ old: Element, in range: IOVARange, _ change: (UInt32) -> UInt32
  ) -> IOVA {
    guard let middle = old.range.intersection(range) else { return range.last }
    remove(startingAt: old.range.start)
    if old.range.start < middle.start {
      insert(
        IOVARange(start: old.range.start, last: IOVA(middle.start.rawValue - 1)), old.value)
    }
    if middle.last < old.range.last {
      insert(IOVARange(start: IOVA(middle.last.rawValue + 1), last: old.range.last), old.value)
    }
    let value = change(old.value)
    if value > 0 { join(middle, value) }
    return middle.last
  }

  /// Inserts a range, one with the neighbours that have its value.
  private mutating func join(_ range: IOVARange, _ value: UInt32) {
    var range = range
    if range.start.rawValue > 0, let before = containing(IOVA(range.start.rawValue - 1)),
      before.value == value
    {
      remove(startingAt: before.range.start)
      range.start = before.range.start
    }
    if range.last.rawValue < .max, let after = containing(IOVA(range.last.rawValue + 1)),
      after.value == value
    {
      remove(startingAt: after.range.start)
      range.last = after.range.last
    }
    insert(range, value)
  }
}
