import AddressSpaces
import DMATypes
import SeededRandom
import Testing

@testable import SoftwareIOMMU

/// A machine that a script of maps and unmaps runs on.
struct Machine: CustomTestStringConvertible {
  var bits = 48
  var pageSizes: UInt64 = 0x4020_1000
  var budget = PageBudget()

  var testDescription: String { "\(bits) bits, \(pageSizes) pages, \(budget)" }

  static let all = [
    Machine(), Machine(bits: 39), Machine(bits: 57), Machine(bits: 64),
    Machine(pageSizes: 0x1000), Machine(pageSizes: 0x20_1000), Machine(pageSizes: 0x4000_1000),
    Machine(budget: PageBudget(base: 0, mappingsPerPage: 1 << 40)),
    Machine(budget: PageBudget(base: 5, mappingsPerPage: 1 << 40)),
    Machine(budget: PageBudget(base: 3, mappingsPerPage: 10)),
  ]
}

/// What translation must equal: one entry for each page.
private struct PageDictionary {
  var pages: [UInt64: MappedMemory] = [:]

  mutating func enter(_ mapping: Mapping) {
    let first = mapping.range.start.rawValue
    for offset in stride(from: 0, through: mapping.range.last.rawValue - first, by: 4096) {
      pages[(first + offset) >> 12] = MappedMemory(
        address: mapping.memory.address.advanced(by: offset), access: mapping.memory.access,
        owner: mapping.memory.owner)
    }
  }
  mutating func remove(_ range: IOVARange) {
    for page in (range.start.rawValue >> 12)...(range.last.rawValue >> 12) { pages[page] = nil }
  }
  func lookUp(_ address: UInt64, _ access: DMAAccess) -> (UserAddress, MemoryOwner)? {
    guard let page = pages[address >> 12], page.access.contains(access) else { return nil }
    return (page.address.advanced(by: address & 0xfff), page.owner)
  }
}

@Suite("Translation laws")
struct TranslationLawTests {
  @Test(arguments: Machine.all, [1, 2, 3] as [UInt64])
  func everyTableAnswersLikeADictionaryOfPages(_ machine: Machine, _ seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let facts = IOMMUFacts.vtd(bits: machine.bits, pageSizes: machine.pageSizes)
    let bench = try Bench(facts, budget: machine.budget)
    var pages = PageDictionary()
    var live: [IOVARange] = []
    for step in 0..<400 {
      if step == 200 { try bench.addGroup(GroupNumber(rawValue: 4), facts) }
      if step / 100 % 2 == 0 || live.isEmpty {
        let new = draw(machine.bits, &random)
        guard bench.truth.firstOverlapping(new.range) == nil else { continue }
        try bench.map(new)
        pages.enter(new)
        live.append(new.range)
      } else {
        let old = live.remove(at: Int.random(in: live.indices, using: &random))
        try bench.unmap(old.start.rawValue)
        pages.remove(old)
      }
      for _ in 0..<6 {
        let probe = probe(live, machine.bits, &random)
        let access = DMAAccess(rawValue: UInt8.random(in: 1...3, using: &random))
        for group in step < 200 ? [3] : [3, 4] as [UInt32] {
          let found = bench.translate(probe, access, by: group)
          let expected = pages.lookUp(probe, access)
          #expect(found?.address == expected?.0, "seed \(seed) step \(step) at \(probe)")
          #expect(found?.owner == expected?.1, "seed \(seed) step \(step) at \(probe)")
          try check(found, at: probe, access, pages)
        }
      }
    }
    for range in live { try bench.unmap(range.start.rawValue) }
    #expect(bench.iommu.tablePageCount == 0, "seed \(seed)")
  }

  /// The last byte that a translation promises is where it says.
  private func check(
    _ translation: Translation?, at probe: UInt64, _ access: DMAAccess, _ pages: PageDictionary
  ) throws {
    guard let translation else { return }
    try #require(translation.byteCount > 0)
    let further = translation.byteCount - 1
    let end = pages.lookUp(probe &+ further, access)
    #expect(end?.0 == translation.address.advanced(by: further))
    #expect(end?.1 == translation.owner)
  }

  /// Sizes and alignments that make leaves of every kind, close together, at either end.
  private func draw(_ bits: Int, _ random: inout SplitMix64) -> Mapping {
    let large: UInt64 = 1 << 21
    let count: UInt64 =
      switch random.next() % 4 {
      case 0: 1
      case 1: 1 + random.next() % 16
      case 2: 512
      default: 500 + random.next() % 1_200
      }
    var start = random.next() % 40 * large
    if random.next() % 2 == 0 { start += random.next() % 512 * 4096 }
    let size = count * 4096
    if random.next() % 4 == 0 {
      let top = UInt64.max >> (64 - bits)
      start = random.next() % 3 == 0 ? top - (size - 1) : (top - 41 * large + 1) + start
      if top - start < size - 1 { start = top - (size - 1) }
    }
    return mapping(
      start, pages: count, to: (1 + random.next() % (1 << 34)) * 4096,
      DMAAccess(rawValue: UInt8.random(in: 1...3, using: &random)),
      of: MemoryOwner(rawValue: UInt8.random(in: 0..<128, using: &random)))
  }

  private func probe(_ live: [IOVARange], _ bits: Int, _ random: inout SplitMix64) -> UInt64 {
    guard let range = live.randomElement(using: &random) else { return random.next() }
    switch random.next() % 6 {
    case 0: return range.start.rawValue
    case 1: return range.last.rawValue
    case 2: return range.start.rawValue &- 1
    case 3: return range.last.rawValue &+ 1
    case 4: return random.next() >> (64 - bits)
    default: return range.start.rawValue + random.next() % range.size
    }
  }
}
