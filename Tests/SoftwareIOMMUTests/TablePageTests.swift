import AddressSpaces
import DMATypes
import Testing

@testable import SoftwareIOMMU

private let giga: UInt64 = 1 << 30
private let mega2: UInt64 = 1 << 21

/// A mapping of 1 GiB and the pages of entries that it takes.
struct LargeCase: Sendable {
  var start: UInt64
  var bits = 48
  var sizes: UInt64 = 0x4020_1000
  var pages: Int

  static let all = [
    LargeCase(start: giga, pages: 2),
    LargeCase(start: giga, bits: 39, pages: 1),
    LargeCase(start: giga, bits: 57, pages: 3),
    LargeCase(start: giga, sizes: 0x20_1000, pages: 3),
    // Two runs of 2 M leaves, in two gigabytes.
    LargeCase(start: giga + mega2, pages: 4),
    // The same, with 4 K leaves before the first and after the last.
    LargeCase(start: giga + 4096, pages: 6),
  ]
}

@Suite("Table pages")
struct TablePageTests {
  @Test(arguments: LargeCase.all)
  func oneGigabyteTakesTheLargestLeavesThatFit(_ large: LargeCase) throws {
    let bench = try Bench(.vtd(bits: large.bits, pageSizes: large.sizes))
    let base: UInt64 = 0x7f00_0000_3000
    try bench.map(mapping(large.start, pages: giga >> 12, to: base))
    #expect(bench.iommu.tablePageCount == large.pages)
    for offset in [0, 4095, 4096, mega2 - 1, mega2, mega2 + 5, giga / 2 + 7, giga - 1] {
      #expect(
        bench.translate(large.start + offset)?.address == UserAddress(base + offset), "\(offset)")
    }
    #expect(bench.translate(large.start - 1) == nil)
    #expect(bench.translate(large.start + giga) == nil)
    try bench.unmap(large.start)
    #expect(bench.iommu.tablePageCount == 0)
  }

  @Test func denseMappingsAllStandInTheTable() throws {
    let bench = try Bench()
    for n in 0..<UInt64(20_000) { try bench.map(mapping(n << 12, to: (n + 7) << 12)) }
    // 40 pages of leaves, and one page for each of the three levels above them.
    #expect(bench.iommu.tablePageCount == 43)
    let empty = RangeMap<MappedMemory>()
    for n in 0..<UInt64(20_000) {
      let found = bench.iommu.translate(
        IOVA(n << 12), access: .read, by: bench.first, mappings: empty)
      #expect(found?.address == UserAddress((n + 7) << 12))
    }
  }

  @Test func scatteredMappingsStayWithinTheBudgetAndAreAllFound() throws {
    let bench = try Bench()
    for n in 0..<UInt64(20_000) { try bench.map(mapping(n << 24, to: (n + 7) << 12)) }
    #expect(bench.iommu.tablePageCount <= 64 + 20_000 / 400)
    for n in 0..<UInt64(20_000) {
      #expect(bench.translate(n << 24)?.address == UserAddress((n + 7) << 12))
    }
    #expect(bench.iommu.tablePageCount <= 64 + 20_000 / 400)
  }

  @Test func whatWasSpilledIsPromotedWhenThereIsRoom() throws {
    let bench = try Bench(budget: PageBudget(base: 4, mappingsPerPage: 1 << 40))
    try bench.map(mapping(0, to: 0x1000))
    #expect(bench.iommu.tablePageCount == 4)
    try bench.map(mapping(giga, to: 0x2000))
    let empty = RangeMap<MappedMemory>()
    #expect(
      bench.iommu.translate(IOVA(giga), access: .read, by: bench.first, mappings: empty) == nil)
    #expect(bench.translate(giga)?.address == UserAddress(0x2000))
    #expect(bench.iommu.tablePageCount == 4)

    try bench.unmap(0)
    #expect(bench.iommu.tablePageCount == 0)
    #expect(bench.translate(giga)?.address == UserAddress(0x2000))
    #expect(bench.iommu.tablePageCount == 4)
    let promoted = bench.iommu.translate(
      IOVA(giga), access: .read, by: bench.first, mappings: empty)
    #expect(promoted?.address == UserAddress(0x2000))

    try bench.unmap(giga)
    #expect(bench.translate(giga) == nil)
    #expect(bench.iommu.tablePageCount == 0)
  }

  @Test func pagesFollowTheLiveMappings() throws {
    let bench = try Bench(budget: PageBudget(base: 8))
    let count: UInt64 = 60_000
    for n in 0..<count { try bench.map(mapping(n << 12, to: 0x1000)) }
    // One mapping stays in each page of leaves.
    for n in 0..<count where n % 512 != 0 { try bench.unmap(n << 12) }
    #expect(bench.truth.count == 118)
    #expect(bench.iommu.tablePageCount <= 2 * 8)
    for n in 0..<count {
      #expect((bench.translate(n << 12) != nil) == (n % 512 == 0))
    }
    for n in 0..<count where n % 512 == 0 { try bench.unmap(n << 12) }
    #expect(bench.iommu.tablePageCount == 0)
  }

  @Test func destroyedTablesGiveTheirPagesBack() throws {
    let bench = try Bench()
    let group = GroupNumber(rawValue: 4)
    let table = try bench.addGroup(group, .vtd())
    try bench.map(mapping(0, to: 0x1000))
    #expect(bench.iommu.tablePageCount == 8)
    bench.iommu.destroy(table: table)
    #expect(bench.iommu.tablePageCount == 8, "a table in use stays")
    bench.iommu.detach(group)
    bench.iommu.destroy(table: table)
    #expect(bench.iommu.tablePageCount == 4)
    #expect(bench.translate(0) != nil)
  }
}
