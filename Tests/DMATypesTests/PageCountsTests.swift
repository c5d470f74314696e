import DMATypes
import SeededRandom
import Testing

@Suite struct PageCountsTests {
  private static func run(_ start: UInt64, _ count: UInt64) -> PageRun {
    PageRun(start: IOVA(start), count: count)
  }

  @Test("Neighbours held equally often are one run, however they came")
  func runs() {
    var counts = PageCounts()
    for page in [0, 2, 1, 3] as [UInt64] { counts.add(Self.run(page << 12, 1)) }
    #expect(counts.runCount == 1 && counts.pageCount == 4)
    counts.add(Self.run(0x1000, 2))
    #expect(counts.runCount == 3 && counts.count(at: IOVA(0x2000)) == 2)
    counts.drop(Self.run(0, 4))
    #expect(counts.runCount == 1 && counts.pageCount == 2)
    counts.add(Self.run(0, 1))
    #expect(counts.runCount == 1)
  }

  @Test("Nothing traps: runs past the end, of no page, dropped twice")
  func total() {
    var counts = PageCounts()
    counts.add(Self.run(~0xfff, 2))
    counts.add(Self.run(0, 0))
    counts.add(Self.run(0, .max))
    counts.drop(Self.run(0x1000, 5))
    #expect(counts.isEmpty && counts == PageCounts())
    counts.add(Self.run(~0xfff, 1), times: .max)
    counts.add(Self.run(~0xfff, 1))
    #expect(counts.count(at: IOVA(~0xfff)) == .max)
  }

  @Test("Every page's count is a dictionary's", arguments: 1...40 as ClosedRange<UInt64>)
  func law(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var counts = PageCounts()
    var naive: [UInt64: UInt32] = [:]
    func within(_ range: IOVARange, _ key: UInt64) -> Bool { range.contains(IOVA(key & ~0xfff)) }
    for _ in 0..<200 {
      let odd = random.next() % 5 == 0 ? random.next() % 3 : 0
      let run = Self.run(random.next() % 64 << 12 + odd, random.next() % 12 + 1)
      let keys = (0..<run.count).map { run.start.rawValue + $0 << 12 }
      #expect(
        counts.unheld(in: run).flatMap { part in
          (0..<part.count).map { part.start.rawValue + $0 << 12 }
        } == keys.filter { naive[$0] == nil })
      #expect(
        counts.heldOnce(in: run).flatMap { part in
          (0..<part.count).map { part.start.rawValue + $0 << 12 }
        } == keys.filter { naive[$0] == 1 })
      switch random.next() % 7 {
      case 0:
        let start = random.next() % 64
        let range = IOVARange(
          start: IOVA(start << 12), last: IOVA((start + random.next() % 9) << 12 | 0xfff))
        let inside = naive.keys.filter { within(range, $0) }
        #expect(counts.overlaps(range) == !inside.isEmpty)
        #expect(counts.count(in: range) == UInt64(inside.count))
        #expect(counts.first(in: range)?.rawValue == inside.map { $0 & ~0xfff }.min())
        counts.removeAll(in: range)
        for key in inside { naive[key] = nil }
      case 1, 2, 3:
        let times = UInt32(random.next() % 3 + 1)
        counts.add(run, times: times)
        for key in keys { naive[key, default: 0] += times }
      default:
        let gone = keys.filter { naive[$0] == 1 }
        #expect(counts.drop(run) == UInt64(gone.count))
        for key in keys { naive[key] = naive[key].flatMap { $0 == 1 ? nil : $0 - 1 } }
      }
      #expect(counts.pageCount == UInt64(naive.count))
    }
    for (key, times) in naive { #expect(counts.count(at: IOVA(key)) == times) }
    #expect(counts.isEmpty == naive.isEmpty)
  }
}
