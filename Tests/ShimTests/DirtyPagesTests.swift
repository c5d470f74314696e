import AddressSpaces
import DMATypes
import LegacyVFIO
import Testing

@testable import Shim

/// The set that is walked by words, held to one that is walked page by page.
@Suite struct DirtyPagesTests {
  private struct Numbers {
    var state: UInt64
    mutating func next(_ bound: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % bound
    }
  }

  private func pages(_ first: UInt64, _ count: UInt64) -> IOVARange {
    range(first << 12, (first + count) << 12 - 1)
  }

  @Test("It holds what was put in and not taken out", arguments: 0..<30 as Range<UInt64>)
  func model(seed: UInt64) {
    var numbers = Numbers(state: seed)
    var (set, model) = (DirtyPages(), Set<UInt64>())
    // Around the end of a block, 32,768 pages.
    let base: UInt64 = 0x7f80
    for _ in 0..<120 {
      let (first, count) = (base + numbers.next(250), numbers.next(80) + 1)
      if numbers.next(2) == 0 {
        set.insert(pages(first, count))
        model.formUnion(first..<first + count)
      } else {
        set.remove(pages(first, count))
        model.subtract(first..<first + count)
      }
      let (from, length) = (base + numbers.next(250), numbers.next(70) + 1)
      let asked = Set(from..<from + length)
      #expect(set.contains(pages(from, length)) == asked.isSubset(of: model))
      #expect(set.intersects(pages(from, length)) == !asked.isDisjoint(with: model))
      let held = set.runs.flatMap { $0.start.rawValue >> 12...$0.last.rawValue >> 12 }
      #expect(held == model.sorted())
      let few = set.runs(atMost: 3)
      #expect(few.count <= 3)
      #expect(model.isSubset(of: few.flatMap { $0.start.rawValue >> 12...$0.last.rawValue >> 12 }))
      #expect(set.isEmpty == model.isEmpty)
    }
  }

  @Test("Taking out more blocks than there are leaves what lies around them")
  func removal() {
    let block: UInt64 = 0x8000
    var set = DirtyPages()
    set.insert(pages(block - 3, 6))
    set.insert(pages(9 * block, block))
    set.insert(pages(20 * block - 3, 6))
    set.remove(pages(block - 1, 19 * block))
    #expect(set.runs == [pages(block - 3, 2), pages(20 * block - 1, 4)])
    set.remove(range(0, .max))
    #expect(set == DirtyPages())
  }

  @Test("A report says of each page what the set does", arguments: 0..<60 as Range<UInt64>)
  func report(seed: UInt64) throws {
    var numbers = Numbers(state: seed)
    var set = DirtyPages()
    // Three blocks, of which whole ones, runs and single pages are in the set.
    let base: UInt64 = 0x7f80
    for _ in 0..<numbers.next(6) {
      let lengths = [1, 64, 70, 0x8000, 0x9000]
      set.insert(pages(base + numbers.next(0x10000), UInt64(lengths[Int(numbers.next(5))])))
    }
    let start = base + numbers.next(0x9000)
    let count = [1, 63, 64, 65, 0x8000, 0x8001][Int(numbers.next(6))] + numbers.next(3)
    let before = [0, 1, 63, 64, 0x1000][Int(numbers.next(5))] as UInt64
    let report = DirtyReport(
      of: pages(start, count), pageBytes: 4096, from: IOVA((start - before) << 12),
      to: UserAddress(0))
    let first = Int(before / 64)
    let kept = (0..<first + report.wordCount + 1).map { _ in numbers.next(.max) }
    let memory = BitmapPages(kept)
    try report.write(set, pageBytes: 4096, to: memory)
    for (index, word) in memory.words.enumerated() {
      guard (first..<first + report.wordCount).contains(index) else {
        #expect(word == kept[index], "word \(index) is not the report's")
        continue
      }
      // What shares the mapping's first word stays, bits of its own included.
      var expected = index == first && before % 64 != 0 ? kept[index] : 0
      for bit in 0..<64 as Range<UInt64> {
        let page = UInt64(index) * 64 + bit
        guard before <= page, page < before + count else { continue }
        if set.contains(pages(start - before + page, 1)) { expected |= 1 << bit }
      }
      #expect(word == expected, "word \(index)")
    }
  }

  @Test("A set is equal to one that came about otherwise, and ends at 2⁶⁴")
  func canonical() {
    var (one, other) = (DirtyPages(), DirtyPages())
    one.insert(pages(0, 0x8000))
    for half in [0, 0x4000] as [UInt64] { other.insert(pages(half, 0x4000)) }
    #expect(one == other)
    one.remove(pages(5, 0x7ffb))
    one.remove(pages(0, 5))
    #expect(one == DirtyPages())
    one.insert(range(0 &- 0x2000, .max))
    #expect(one.runs == [range(0 &- 0x2000, .max)])
  }

  @Test("A fault after the first mapping leaves the others dirty, and the first clean")
  func fault() throws {
    var container = try Container([group(1), group(9, .emulated)])
    try container.map(pages(0, 64))
    try container.map(pages(64, 64))
    _ = try container.perform(.dirtyPages(.start))
    container.leave(GroupNumber(rawValue: 1))
    let get = ContainerRequest.dirtyPages(
      .getBitmap(
        iova: IOVA(0), size: 128 << 12,
        bitmap: BitmapArgument(pageBytes: 4096, size: 16, data: UserAddress(0))))
    container.bitmaps.end = 1
    #expect(errno { () throws(Errno) in try container.perform(get) } == .badAddress)
    container.bitmaps.end = 2
    _ = try container.perform(get)
    #expect(Array(container.bitmaps.words[0..<2]) == [0, .max])
    _ = try container.perform(get)
    #expect(Array(container.bitmaps.words[0..<2]) == [0, 0])
  }
}
