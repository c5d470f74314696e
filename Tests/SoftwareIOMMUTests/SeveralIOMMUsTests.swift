import AddressSpaces
import DMATypes
import Testing

@testable import SoftwareIOMMU

/// One space with a table for each of three IOMMUs that differ, made in some order.
private struct ThreeTables: CustomTestStringConvertible {
  static let units = [
    IOMMUFacts.vtd(),
    .vtd(bits: 39, pageSizes: 0x20_1000, isCoherent: false),
    IOMMUFacts(
      driver: 2, aperture: IOVARange(start: IOVA(0x10_0000), last: IOVA(0xff_ffff_ffff)),
      pageSizes: PageSizes(rawValue: 0x4001_1000), enforcesCoherency: true),
  ]

  let order: [Int]

  var testDescription: String { "made in the order \(order)" }

  static let all = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].map {
    Self(order: $0)
  }

  static func group(_ unit: Int) -> GroupNumber { GroupNumber(rawValue: UInt32(10 + unit)) }

  func bench() throws -> Bench {
    let bench = try Bench(Self.units[order[0]], first: Self.group(order[0]))
    for unit in order.dropFirst() { try bench.addGroup(Self.group(unit), Self.units[unit]) }
    return bench
  }
}

extension Bench {
  /// Where each unit's devices get at an address; nil where they fault.
  fileprivate func reach(_ iova: UInt64) -> [UserAddress?] {
    ThreeTables.units.indices.map { unit in
      iommu.translate(IOVA(iova), access: .read, by: ThreeTables.group(unit), mappings: truth)?
        .address
    }
  }
}

@Suite("Several IOMMUs behind one space")
struct SeveralIOMMUsTests {
  @Test(
    "What is mapped is reached through every one, and what is unmapped through none",
    arguments: ThreeTables.all)
  fileprivate func inAll(_ tables: ThreeTables) throws {
    let bench = try tables.bench()
    try bench.map(mapping(0x20_0000, pages: 600, to: 0x7000_0000))
    #expect(bench.reach(0x20_1000) == [UserAddress?](repeating: UserAddress(0x7000_1000), count: 3))
    try bench.unmap(0x20_0000)
    #expect(bench.reach(0x20_1000) == [nil, nil, nil])
  }

  /// Beyond the narrow one, below the high one, beyond both, and across the ends of each.
  static let outside: [(start: UInt64, pages: UInt64)] = [
    (0x80_0000_0000, 1), (0x1000, 1), (0xff_ffff_f000, 2), (0x7f_ffff_f000, 2), (0xf_f000, 2),
    (0xffff_ffff_f000, 2),
  ]

  @Test(
    "A mapping that one IOMMU cannot hold is in none, whichever was made first",
    arguments: ThreeTables.all)
  fileprivate func refusedByOne(_ tables: ThreeTables) throws {
    let bench = try tables.bench()
    try bench.map(mapping(0x20_0000, to: 0x7000_0000))
    let pages = bench.iommu.tablePageCount
    for (start, count) in Self.outside {
      #expect(throws: Errno.badAddress) {
        try bench.iommu.map(mapping(start, pages: count, to: 0x6000_0000), in: bench.space)
      }
      for page in 0..<count { #expect(bench.reach(start + page * 4096) == [nil, nil, nil]) }
    }
    #expect(bench.iommu.tablePageCount == pages)
    #expect(bench.memory.touches.count == 1, "nothing was asked of memory")
    #expect(bench.reach(0x20_0000).allSatisfy { $0 == UserAddress(0x7000_0000) })
  }

  @Test("Memory that is missing leaves nothing in any", arguments: ThreeTables.all)
  fileprivate func missingMemory(_ tables: ThreeTables) throws {
    let bench = try tables.bench()
    bench.memory.checksTouches = true
    #expect(throws: Errno.badAddress) {
      try bench.iommu.map(mapping(0x20_0000, pages: 4, to: 0x6000_0000), in: bench.space)
    }
    #expect(bench.iommu.tablePageCount == 0)
    for page in 0..<4 as Range<UInt64> {
      #expect(bench.reach(0x20_0000 + page * 4096) == [nil, nil, nil])
    }
  }

  /// What stands in two of the tables only, as it leaves the third one's reach, and what overlaps
  /// it within the reach of all.
  static let collisions: [(old: UInt64, new: UInt64)] = [
    (0xf_f000, 0x10_0000), (0x7f_ffff_f000, 0x7f_ffff_f000),
  ]

  @Test(
    "A table that refuses after others were written takes it back from all",
    arguments: ThreeTables.all, [0, 1])
  fileprivate func failsHalfWay(_ tables: ThreeTables, _ collision: Int) throws {
    let bench = try tables.bench()
    let (old, new) = Self.collisions[collision]
    let standing = mapping(old, pages: 2, to: 0x7000_0000)
    bench.iommu.adopt(standing, in: bench.space)
    bench.truth.insert(standing.range, standing.memory)
    #expect(throws: Errno.exists) {
      try bench.iommu.map(mapping(new, to: 0x6000_0000), in: bench.space)
    }
    // The third one has no page of what stands there, and asks the owner's map.
    let expected = UserAddress(0x7000_0000 + (new - old))
    #expect(bench.reach(new) == [expected, expected, expected])
  }
}
