import SeededRandom
import Testing

@testable import DMATypes

/// What RangeMap must equal: a sorted array searched from its beginning.
private struct Model {
  var elements: [RangeMap<UInt64>.Element] = []

  func firstOverlapping(_ range: IOVARange) -> RangeMap<UInt64>.Element? {
    elements.first { $0.range.overlaps(range) }
  }
  func containing(_ address: IOVA) -> RangeMap<UInt64>.Element? {
    elements.first { $0.range.contains(address) }
  }
  func firstStarting(atOrAfter address: IOVA) -> RangeMap<UInt64>.Element? {
    elements.first { $0.range.start >= address }
  }
  func lastStarting(before address: IOVA) -> RangeMap<UInt64>.Element? {
    elements.last { $0.range.start < address }
  }
  mutating func insert(_ range: IOVARange, _ value: UInt64) {
    let index = elements.firstIndex { $0.range.start > range.start } ?? elements.count
    elements.insert(.init(range: range, value: value), at: index)
  }
  mutating func remove(startingAt start: IOVA) -> RangeMap<UInt64>.Element? {
    guard let index = elements.firstIndex(where: { $0.range.start == start }) else { return nil }
    return elements.remove(at: index)
  }
  mutating func update(startingAt start: IOVA, _ value: UInt64) -> Bool {
    guard let index = elements.firstIndex(where: { $0.range.start == start }) else { return false }
    elements[index].value = value
    return true
  }
}

/// How a script draws its addresses.
enum Terrain: CaseIterable {
  /// Ranges of a few bytes in a space of a few thousand: collisions everywhere.
  case crowded
  /// The whole 64-bit space.
  case vast
  /// The last few thousand bytes below 2⁶⁴.
  case top

  func address(_ random: inout SplitMix64) -> UInt64 {
    switch self {
    case .crowded: random.next() % 6_000
    case .vast: random.next()
    case .top: .max - random.next() % 6_000
    }
  }

  func range(_ random: inout SplitMix64) -> IOVARange {
    let start = address(&random)
    let room = UInt64.max - start
    let longest: UInt64 = self == .vast ? .max >> UInt64.random(in: 6...60, using: &random) : 6
    return IOVARange(
      start: IOVA(start), last: IOVA(start + min(room, random.next() % longest)))
  }
}

@Suite("RangeMap laws")
struct RangeMapLawTests {
  @Test(arguments: Terrain.allCases, [1, 2, 3] as [UInt64])
  func everyAnswerIsTheSortedArrays(_ terrain: Terrain, _ seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var map = RangeMap<UInt64>()
    var model = Model()
    let replay: Comment = "terrain \(terrain) seed \(seed)"
    for step in 0..<6_000 {
      // The map grows for a while, then shrinks, so that nodes split and join.
      let isGrowing = step / 1_500 % 2 == 0
      let probe = terrain.range(&random)
      let isFree = map.firstOverlapping(probe) == nil
      #expect((model.firstOverlapping(probe) == nil) == isFree, replay)
      if isFree, isGrowing || step % 4 == 0 {
        map.insert(probe, UInt64(step))
        model.insert(probe, UInt64(step))
      } else if !isGrowing, let victim = model.elements.randomElement(using: &random) {
        #expect(map.remove(startingAt: victim.range.start) == victim, replay)
        _ = model.remove(startingAt: victim.range.start)
      } else if step % 3 == 0 {
        let start = model.elements.randomElement(using: &random)?.range.start ?? probe.start
        let found = map.update(startingAt: start, UInt64(step))
        #expect(model.update(startingAt: start, UInt64(step)) == found, replay)
      }
      agree(map, model, at: terrain.range(&random), replay)
      if step % 250 == 0 { #expect(map.tree.isConsistent(), replay) }
    }
    #expect(Array(map) == model.elements, replay)
  }

  private func agree(
    _ map: RangeMap<UInt64>, _ model: Model, at probe: IOVARange, _ replay: Comment
  ) {
    #expect(map.count == model.elements.count, replay)
    #expect(map.firstOverlapping(probe) == model.firstOverlapping(probe), replay)
    #expect(map.containing(probe.start) == model.containing(probe.start), replay)
    #expect(
      map.firstStarting(atOrAfter: probe.start) == model.firstStarting(atOrAfter: probe.start),
      replay)
    #expect(map.lastStarting(before: probe.last) == model.lastStarting(before: probe.last), replay)
  }

  /// Runs of changes side by side, up and down, with jumps between them and changes by search among
  /// them: whatever the tree remembers of the last change must be true at the next.
  @Test(arguments: Terrain.allCases, [6, 7, 8] as [UInt64])
  func changesAtPlacesAreTheSortedArrays(_ terrain: Terrain, _ seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var map = RangeMap<UInt64>()
    var model = Model()
    let replay: Comment = "terrain \(terrain) seed \(seed)"
    var at = terrain.address(&random)
    for step in 0..<12_000 {
      if random.next() % 32 == 0 { at = terrain.address(&random) }
      let isUpward = step / 100 % 2 == 0
      at = isUpward ? at &+ random.next() % 3 : at &- random.next() % 3
      let range = IOVARange(start: IOVA(at), last: IOVA(at))
      let isBySearch = random.next() % 8 == 0
      let isGrowing = step / 3_000 % 2 == 0 || random.next() % 4 == 0
      if let place = map.place(of: range) {
        let start = range.start
        #expect(map.tree.cursor(at: place)?.range == range, replay)
        #expect(model.containing(start)?.range == range, replay)
        guard !isGrowing else { continue }
        if isBySearch {
          map.remove(startingAt: start)
        } else {
          map.remove(startingAt: start, at: place)
        }
        #expect(map.containing(start) == nil && map.tree.cursor(at: place) == nil, replay)
        #expect(model.remove(startingAt: start) != nil, replay)
      } else {
        #expect(model.containing(range.start) == nil, replay)
        guard isGrowing, let gap = map.gap(for: range) else { continue }
        if isBySearch { map.insert(range, at) } else { map.insert(range, at, at: gap) }
        model.insert(range, at)
      }
      if step % 100 == 0 { #expect(map.tree.isConsistent(), replay) }
    }
    #expect(Array(map) == model.elements, replay)
    for element in model.elements {
      let place = map.place(of: element.range)
      if let place { map.remove(startingAt: element.range.start, at: place) }
      #expect(place != nil && map.containing(element.range.start) == nil, replay)
    }
    #expect(map.isEmpty && map.tree.isConsistent(), replay)
  }

  /// What comes above and goes below, as rings do it: leaves lose their first ranges, get some of
  /// them back, and are copied while places at their front are free.
  @Test(arguments: [1, 5, 31, 32, 33, 100, 700], [9, 10] as [UInt64])
  func aWindowThatMovesUpIsTheSortedArray(_ width: Int, _ seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var map = RangeMap<UInt64>()
    var model = Model()
    let replay: Comment = "width \(width) seed \(seed)"
    var top: UInt64 = 0
    func add(_ start: UInt64) {
      let range = IOVARange(start: IOVA(start), last: IOVA(start))
      guard let gap = map.gap(for: range) else { return }
      map.insert(range, start, at: gap)
      model.insert(range, start)
    }
    for step in 0..<4_000 {
      if random.next() % 2 == 0 || model.elements.isEmpty {
        add(top)
        top += random.next() % 3 + 1
      }
      let lowest = model.elements[0].range.start
      if model.elements.count > width, let place = map.place(of: model.elements[0].range) {
        map.remove(startingAt: lowest, at: place)
        #expect(model.remove(startingAt: lowest) != nil, replay)
        #expect(map.firstStarting(atOrAfter: IOVA(0)) == model.elements.first, replay)
        if random.next() % 4 == 0 { add(lowest.rawValue) }
        if random.next() % 4 == 0 { add(lowest.rawValue &+ random.next() % 4) }
      }
      let probe = IOVARange(start: IOVA(random.next() % (top + 1)), last: IOVA(top))
      agree(map, model, at: probe, replay)
      guard step % 50 == 0 else { continue }
      #expect(map.tree.isConsistent(), replay)
      let copy = map
      // Above what was put back, too.
      top += 4
      add(top)
      top += 1
      #expect(copy.count == map.count - 1 && copy.tree.isConsistent(), replay)
      #expect(Array(map) == model.elements, replay)
    }
  }

  @Test(arguments: [4, 5] as [UInt64])
  func deepTreesKeepTheirShape(_ seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var map = RangeMap<UInt64>()
    var live: [UInt64] = []
    for round in 0..<6 {
      for _ in 0..<30_000 {
        let start = random.next() & ~0xfff
        let page = IOVARange(start: IOVA(start), last: IOVA(start | 0xfff))
        guard map.firstOverlapping(page) == nil else { continue }
        map.insert(page, start)
        live.append(start)
      }
      live.shuffle(using: &random)
      for _ in 0..<(live.count * round / 6) {
        let start = live.removeLast()
        #expect(map.remove(startingAt: IOVA(start))?.value == start, "seed \(seed)")
      }
      #expect(map.tree.isConsistent(), "seed \(seed) round \(round)")
      #expect(map.map(\.value) == live.sorted(), "seed \(seed) round \(round)")
    }
  }
}
