import AddressSpaces
import DMATypes
import LegacyVFIO
import SeededRandom
import Shim
import Testing

/// Pins page by page, as a reader of the kernel would write them down: shares nothing with the
/// shim.
private struct NaivePins {
  struct Map { var start, last, address: UInt64, protection: UInt32 }
  var maps: [Map] = []
  /// Mapping's start, then the page's address as it was given.
  var counts: [UInt64: [UInt64: Int]] = [:]

  func map(of iova: UInt64) -> Map? { maps.first { $0.start <= iova && iova <= $0.last } }

  mutating func pin(_ iova: UInt64, _ count: Int, _ protection: UInt32) -> (Int32, [UInt64]) {
    if count == 0 { return (22, []) }
    if count < 0 || count > 512 { return (7, []) }
    var pages: [UInt64] = []
    var next = counts
    for index in 0..<UInt64(count) {
      let (here, wraps) = iova.addingReportingOverflow(index * 4096)
      guard !wraps, let map = map(of: here) else { return (22, []) }
      if map.protection & protection != protection { return (1, []) }
      pages.append((map.address + (here - map.start)) & ~0xfff)
      next[map.start, default: [:]][here, default: 0] += 1
    }
    counts = next
    return (0, pages)
  }

  mutating func unpin(_ iova: UInt64, _ count: Int) -> Bool {
    if count <= 0 || count > 512 { return true }
    for index in 0..<UInt64(count) {
      let (here, wraps) = iova.addingReportingOverflow(index * 4096)
      guard !wraps, let map = map(of: here) else { return true }
      guard let held = counts[map.start]?[here] else { continue }
      counts[map.start]?[here] = held == 1 ? nil : held - 1
    }
    return false
  }
}

@Suite struct PinLawTests {
  /// One container that is driven, one that follows its journal, and the naive pins.
  private struct Trio {
    var container: Container
    var follower = ContainerSession(backend: RecordingBackend())
    var naive = NaivePins()
    var random: SplitMix64
    var followed = 0

    mutating func address() -> UInt64 {
      let page = random.next() % 96 << 12
      return page + (random.next() % 4 == 0 ? random.next() % 4096 : 0)
    }

    mutating func step() throws {
      switch random.next() % 8 {
      case 0: map()
      case 1: try unmap()
      case 2, 3, 4: pin()
      default: unpin()
      }
      for event in container.journal.events[followed...] { follower.adopt(event) }
      followed = container.journal.events.count
    }

    private mutating func map() {
      let start = random.next() % 80 << 12
      let size = (random.next() % 16 + 1) << 12
      let access = DMAAccess(rawValue: UInt8(random.next() % 3 + 1))
      let address = 0x10_0000_0000 + random.next() % 4096 << 12
      let request = MapRequest(
        access: access, replacesAddress: false, address: UserAddress(address),
        iova: IOVA(start), size: size)
      guard (try? container.perform(.map(request))) != nil else { return }
      naive.maps.append(
        .init(
          start: start, last: start + size - 1, address: address,
          protection: UInt32(access.rawValue)))
    }

    /// Everything in a range that no driver holds; what is held is given back first.
    private mutating func unmap() throws {
      guard let map = naive.maps.randomElement(using: &random) else { return }
      var driver = Stubborn()
      for (iova, times) in naive.counts[map.start] ?? [:] {
        for _ in 0..<times { driver.held.append(UnpinRequest(iova: IOVA(iova), count: 1)) }
      }
      let size = map.last - map.start + 1
      let isHeld = !driver.held.isEmpty
      try container.letGo(map.start, size, &driver)
      #expect(driver.told == (isHeld ? [range(map.start, map.last)] : []))
      #expect(try container.unmap(map.start, size) == size)
      naive.counts[map.start] = nil
      naive.maps.removeAll { $0.start == map.start }
    }

    private mutating func pin() {
      let iova = random.next() % 40 == 0 ? ~0xfff : address()
      let counts = [1, 1, 2, 3, 8, 20, 0, -1, 512, 513]
      let count = counts[Int(random.next() % 10)]
      let protection = UInt32(random.next() % 5)
      let before = container.state
      let (failure, pages) = naive.pin(iova, count, protection)
      do throws(Errno) {
        let answer = try container.pin(iova, count, protection: protection)
        #expect(failure == 0)
        #expect(
          answer.flatMap { pages in (0..<pages.run.count).map { pages[$0].address.rawValue } }
            == pages)
      } catch {
        #expect(error.rawValue == failure, "\(iova) \(count) \(protection)")
        #expect(container.state == before)
      }
    }

    private mutating func unpin() {
      let iova = address()
      let count = [1, 1, 2, 3, 8, 20, 0, -1, 513][Int(random.next() % 9)]
      #expect(container.unpin(iova, count) == naive.unpin(iova, count))
    }

    func check() {
      var counted: UInt64 = 0
      for (_, pages) in naive.counts {
        for (iova, times) in pages {
          #expect(container.state.pins.count(at: IOVA(iova)) == UInt32(times))
          counted += 1
        }
      }
      #expect(container.state.pins.pageCount == counted)
      // What the backend keeps is what is held at least once, and nothing else.
      var kept: Set<UInt64> = []
      var keptCount = 0
      for (part, times) in container.session.backend.content.pinned {
        keptCount += Int(part.range.size >> 12) * times
        for page in stride(
          from: part.range.start.rawValue, through: part.range.last.rawValue, by: 4096)
        {
          kept.insert(page)
        }
      }
      #expect(kept == Set(naive.counts.values.flatMap { $0.keys.map { $0 & ~0xfff } }))
      #expect(keptCount == Int(counted))
      #expect(follower.state == container.state)
      var restored = ContainerSession(backend: RecordingBackend())
      restored.adopt(.restored(container.state.snapshot))
      for mapping in container.state.mappings {
        restored.adopt(.mapped(Mapping(range: mapping.range, memory: mapping.value)))
      }
      for event in container.state.pinEvents { restored.adopt(event) }
      #expect(restored.state == container.state)
    }
  }

  @Test(
    "Pins are what a naive count says, for the driver, the backend, a follower and a snapshot",
    arguments: 1...30 as ClosedRange<UInt64>)
  func naive(seed: UInt64) throws {
    var trio = Trio(
      container: try Container([group(7, .emulated)]), random: SplitMix64(seed: seed))
    for event in trio.container.journal.events { trio.follower.adopt(event) }
    trio.followed = trio.container.journal.events.count
    for _ in 0..<120 { try trio.step() }
    trio.check()
  }
}
