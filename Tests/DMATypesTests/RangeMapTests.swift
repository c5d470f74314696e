import SeededRandom
import Testing

@testable import DMATypes

private func range(_ start: UInt64, _ last: UInt64) -> IOVARange {
  IOVARange(start: IOVA(start), last: IOVA(last))
}

private let page: UInt64 = 4096

/// `count` one-page ranges side by side from 0.
private func dense(_ count: Int) -> RangeMap<UInt64> {
  var map = RangeMap<UInt64>()
  for n in 0..<UInt64(count) { map.insert(range(n * page, n * page + page - 1), n) }
  return map
}

@Suite("RangeMap")
struct RangeMapTests {
  @Test func anEmptyMapAnswersNothing() {
    var map = RangeMap<UInt64>()
    #expect(map.isEmpty && map.count == 0 && map.memoryFootprint == 0)
    #expect(map.firstOverlapping(.all) == nil)
    #expect(map.containing(IOVA(0)) == nil)
    #expect(map.firstStarting(atOrAfter: IOVA(0)) == nil)
    #expect(map.lastStarting(before: IOVA(.max)) == nil)
    #expect(map.remove(startingAt: IOVA(0)) == nil)
    #expect(map.update(startingAt: IOVA(0), 1) == false)
    #expect(Array(map).isEmpty)
    #expect(map.tree.isConsistent())
  }

  @Test(arguments: [
    range(0, 0), range(0, .max), range(.max, .max), range(.max - 4095, .max), range(0, 4095),
    range(1, .max - 1),
  ])
  func aRangeAtTheEdgeIsFoundByEachOfItsAddresses(_ only: IOVARange) {
    var map = RangeMap<UInt64>()
    map.insert(only, 7)
    let element = RangeMap.Element(range: only, value: UInt64(7))
    for address in [only.start, only.last] {
      #expect(map.containing(address) == element)
      #expect(map.firstOverlapping(IOVARange(start: address, last: address)) == element)
    }
    #expect(map.firstOverlapping(.all) == element)
    #expect(map.firstStarting(atOrAfter: only.start) == element)
    #expect(map.lastStarting(before: only.start) == nil)
    if only.start.rawValue > 0 {
      let below = IOVA(only.start.rawValue - 1)
      #expect(map.containing(below) == nil)
      #expect(map.firstOverlapping(IOVARange(start: IOVA(0), last: below)) == nil)
      #expect(map.firstStarting(atOrAfter: below) == element)
    }
    if only.last.rawValue < .max {
      let above = IOVA(only.last.rawValue + 1)
      #expect(map.containing(above) == nil)
      #expect(map.firstOverlapping(IOVARange(start: above, last: IOVA(.max))) == nil)
      #expect(map.firstStarting(atOrAfter: above) == nil)
      #expect(map.lastStarting(before: above) == element)
    }
    #expect(map.remove(startingAt: only.start) == element)
    #expect(map.isEmpty && map.memoryFootprint < 1_000)
  }

  @Test func aRangeIsRemovedAndUpdatedOnlyByItsExactStart() {
    var map = RangeMap<UInt64>()
    map.insert(range(100, 199), 1)
    #expect(map.remove(startingAt: IOVA(99)) == nil)
    #expect(map.remove(startingAt: IOVA(150)) == nil)
    #expect(map.update(startingAt: IOVA(150), 2) == false)
    #expect(map.update(startingAt: IOVA(100), 2) == true)
    #expect(map.remove(startingAt: IOVA(100))?.value == 2)
  }

  @Test(arguments: [1, 64, 65, 5_000, 300_000])
  func aCopyIsUntouchedByChangesToTheOther(_ count: Int) {
    let original = dense(count)
    var changed = original
    changed.update(startingAt: IOVA(0), 99)
    changed.insert(range(UInt64(count) * page, .max), 5)
    #expect(original.tree.isConsistent() && changed.tree.isConsistent())
    #expect(original.containing(IOVA(0))?.value == 0)
    #expect(original.count == count && changed.count == count + 1)
    #expect(original.map(\.value) == (0..<UInt64(count)).map { $0 })
    changed.removeAll()
    #expect(changed.isEmpty && original.count == count)
  }

  @Test func aWalkSeesTheMapAsItWasWhenItBegan() {
    var map = dense(1_000)
    var walk = map.elements(startingAtOrAfter: IOVA(500 * page))
    for n in 400..<UInt64(900) { map.remove(startingAt: IOVA(n * page)) }
    #expect(walk.next()?.value == 500)
    #expect(walk.map(\.value) == (501..<UInt64(1_000)).map { $0 })
    #expect(map.count == 500)
  }

  static let firstNotBelow: [(UInt64, UInt64)] = [
    (0, 0), (1, 1), (page - 1, 1), (page, 1), (page * 63 + 1, 64), (page * 999, 999),
  ]

  @Test(arguments: firstNotBelow)
  func aWalkBeginsAtTheFirstStartNotBelow(_ address: UInt64, _ first: UInt64) {
    let map = dense(1_000)
    #expect(
      map.elements(startingAtOrAfter: IOVA(address)).map(\.value)
        == (first..<UInt64(1_000)).map { $0 })
  }

  @Test func aWalkFromAboveEverythingIsEmpty() {
    #expect(dense(1_000).elements(startingAtOrAfter: IOVA(page * 1_000)).map(\.value).isEmpty)
  }
}

@Suite("RangeMap memory")
struct RangeMapMemoryTests {
  @Test func ascendingInsertsFillNodes() {
    let map = dense(100_000)
    #expect(map.tree.isConsistent())
    #expect(map.memoryFootprint < 26 * map.count)
  }

  @Test func descendingInsertsFillNodesWell() {
    var map = RangeMap<UInt64>()
    for n in (0..<UInt64(100_000)).reversed() { map.insert(range(n * page, n * page + 9), n) }
    #expect(map.tree.isConsistent())
    #expect(map.memoryFootprint < 36 * map.count)
  }

  @Test func randomInsertsFillNodesFourFifths() {
    var random = SplitMix64(seed: 11)
    var map = RangeMap<UInt64>()
    for n in (0..<UInt64(100_000)).shuffled(using: &random) {
      map.insert(range(n * page, n * page + page - 1), n)
    }
    #expect(map.tree.isConsistent())
    #expect(map.memoryFootprint < 33 * map.count)
  }

  @Test func memoryFollowsTheLiveRanges() {
    var random = SplitMix64(seed: 12)
    var map = dense(100_000)
    var live = (0..<UInt64(100_000)).shuffled(using: &random)
    while live.count > 1_000 {
      map.remove(startingAt: IOVA(live.removeLast() * page))
      if live.count % 10_000 == 0 {
        #expect(map.tree.isConsistent())
        #expect(map.memoryFootprint < 64 * map.count, "at \(map.count)")
      }
    }
    for n in live { #expect(map.remove(startingAt: IOVA(n * page))?.value == n) }
    #expect(map.isEmpty && map.memoryFootprint < 1_000)
    #expect(map.tree.isConsistent())
  }

  @Test(arguments: [true, false])
  func removingInOrderReturnsAllMemory(_ ascending: Bool) {
    var map = dense(50_000)
    for n in 0..<UInt64(50_000) {
      map.remove(startingAt: IOVA((ascending ? n : 49_999 - n) * page))
      if n % 5_000 == 0 { #expect(map.tree.isConsistent()) }
      #expect(map.memoryFootprint <= 26 * map.count + 8_000)
    }
    #expect(map.memoryFootprint < 1_000)
    map.removeAll()
    #expect(map.memoryFootprint == 0)
  }
}

struct RangeMapPlaceTests {
  private func page(_ number: UInt64) -> IOVARange {
    IOVARange(start: IOVA(number << 12), last: IOVA(number << 12 | 0xfff))
  }

  @Test func gapIsNilWhereSomethingLies() {
    var map = RangeMap<UInt64>()
    #expect(map.gap(for: page(5)) != nil)
    map.insert(page(5), 1)
    #expect(map.gap(for: page(5)) == nil)
    #expect(map.gap(for: IOVARange(start: IOVA(0), last: IOVA(5 << 12))) == nil)
    #expect(map.gap(for: page(4)) != nil && map.gap(for: page(6)) != nil)
  }

  /// Right behind the last change and far from it, within a leaf and at its ends.
  @Test(arguments: [1, 32, 33, 200] as [UInt64])
  func aPlaceIsOfExactlyItsRange(_ count: UInt64) {
    var map = RangeMap<UInt64>()
    for number in 0..<count { map.insert(page(number * 2), number) }
    for number in 0..<count {
      let range = page(number * 2)
      for round in 0..<2 {
        #expect(map.place(of: range) != nil, "\(number), round \(round)")
        // The next look-ups begin here.
        map.remove(startingAt: range.start)
        #expect(map.place(of: range) == nil)
        map.insert(range, number)
      }
      let (first, last) = (range.start.rawValue, range.last.rawValue)
      for (start, end) in [(first, last - 1), (first, last + 1), (first + 1, last)] {
        #expect(map.place(of: IOVARange(start: IOVA(start), last: IOVA(end))) == nil)
      }
      #expect(map.place(of: page(number * 2 + 1)) == nil)
    }
  }

  @Test func changesAtPlacesAreThoseBySearch() {
    var (placed, searched) = (RangeMap<UInt64>(), RangeMap<UInt64>())
    var random = SplitMix64(seed: 7)
    for step in 0..<20_000 {
      let range = page(random.next() % 3000)
      if let place = placed.place(of: range) {
        placed.remove(startingAt: range.start, at: place)
        #expect(searched.remove(startingAt: range.start) != nil)
      } else if let place = placed.gap(for: range) {
        placed.insert(range, UInt64(step), at: place)
        searched.insert(range, UInt64(step))
      }
    }
    #expect(placed.count == searched.count)
    #expect(Array(placed) == Array(searched))
    #expect(placed.tree.isConsistent())
  }

  @Test func stalePlacesCostASearchAndNothingElse() throws {
    var map = RangeMap<UInt64>()
    for number: UInt64 in 0..<200 { map.insert(page(number * 2), number) }
    let gap = try #require(map.gap(for: page(201)))
    let found = try #require(map.place(of: page(200)))
    let copy = map
    for number: UInt64 in 0..<90 { map.remove(startingAt: IOVA(number << 13)) }
    map.insert(page(201), 1, at: gap)
    map.remove(startingAt: IOVA(200 << 12), at: found)
    #expect(map.containing(IOVA(200 << 12)) == nil)
    #expect(map.containing(IOVA(201 << 12))?.value == 1)
    #expect(map.count == 110 && copy.count == 200)
    #expect(map.tree.isConsistent() && copy.tree.isConsistent())
    var other = copy
    other.remove(startingAt: IOVA(200 << 12), at: found)
    #expect(other.count == 199 && other.containing(IOVA(200 << 12)) == nil)
    #expect(copy.count == 200 && copy.containing(IOVA(200 << 12)) != nil)
  }
}
