import AddressSpaces
import DMATypes
import Testing

@testable import SoftwareIOMMU

@Suite("The backend's calls")
struct BackendTests {
  private let three = GroupNumber(rawValue: 3)
  private let four = GroupNumber(rawValue: 4)

  @Test func aGroupIsClaimedOnceAndOnlyWhenViable() throws {
    let bench = try Bench()
    #expect(throws: Errno.notPermitted) { try bench.iommu.claim(group(3)) }
    #expect(throws: Errno.notPermitted) { try bench.iommu.claim(group(4, isViable: false)) }
    bench.iommu.release(three)
    try bench.iommu.claim(group(3))
  }

  static let strangers: [IOMMUFacts] = [
    .vtd(driver: 2), .vtd(isCoherent: false), .vtd(bits: 39), .vtd(pageSizes: 0x1000),
  ]

  @Test(arguments: strangers)
  func aTableRefusesAGroupWhoseIOMMUDiffers(_ facts: IOMMUFacts) throws {
    let bench = try Bench()
    let table = try bench.iommu.allocateTable(in: bench.space, for: three)
    try bench.iommu.claim(group(4, facts))
    #expect(throws: Errno.invalidArgument) { try bench.iommu.attach(four, to: table) }
    #expect(bench.iommu.deviceTable(of: four)?.isAttached == false)
  }

  @Test func attachRefusesWhatIsNotThere() throws {
    let bench = try Bench()
    let table = try bench.iommu.allocateTable(in: bench.space, for: three)
    #expect(throws: Errno.noDevice) { try bench.iommu.attach(four, to: table) }
    #expect(throws: Errno.busy) { try bench.iommu.attach(three, to: table) }
    try bench.iommu.claim(group(4))
    #expect(throws: Errno.notFound) {
      try bench.iommu.attach(four, to: HardwareTableID(rawValue: 99))
    }
    try bench.iommu.claim(group(5, nil))
    let five = GroupNumber(rawValue: 5)
    #expect(throws: Errno.noDevice) { try bench.iommu.attach(five, to: table) }
    #expect(throws: Errno.noDevice) { try bench.iommu.allocateTable(in: bench.space, for: five) }
  }

  @Test(arguments: [0, 2, .max] as [UInt32])
  func anUnknownSpaceIsRefused(_ number: UInt32) throws {
    let bench = try Bench()
    let nowhere = IOASID(rawValue: number)
    #expect(throws: Errno.notFound) { try bench.iommu.map(mapping(0, to: 0x1000), in: nowhere) }
    #expect(throws: Errno.notFound) { try bench.iommu.unmap(run(0, pages: 1), in: nowhere) }
    #expect(throws: Errno.notFound) { try bench.iommu.allocateTable(in: nowhere, for: three) }
    bench.iommu.adopt(mapping(0, to: 0x1000), in: nowhere)
    bench.iommu.destroy(space: nowhere)
  }

  @Test func onlyASpaceWithoutTablesIsDestroyed() throws {
    let bench = try Bench()
    bench.iommu.destroy(space: bench.space)
    try bench.map(mapping(0, to: 0x1000))
    let empty = try bench.iommu.allocateSpace()
    bench.iommu.destroy(space: empty)
    #expect(throws: Errno.notFound) { try bench.iommu.allocateTable(in: empty, for: three) }
  }

  @Test func withoutATableNothingIsTouched() throws {
    let memory = ByteMemory()
    memory.checksTouches = true
    let iommu = SoftwareIOMMU(memory: memory)
    let space = try iommu.allocateSpace()
    try iommu.map(mapping(0, to: 0xdead_0000), in: space)
    try iommu.map(Mapping(range: .all, memory: mapping(0, to: 0).memory), in: space)
    #expect(memory.touches.isEmpty)
  }

  @Test func withATableEveryPageIsAskedForOnce() throws {
    let bench = try Bench()
    try bench.addGroup(four, .vtd())
    try bench.map(mapping(0x1000, pages: 3, to: 0x7000, .read))
    let touch = try #require(bench.memory.touches.first)
    #expect(bench.memory.touches.count == 1)
    #expect(touch == (UserAddress(0x7000), 3 * 4096, .read))
  }

  @Test func aMapWhoseMemoryIsMissingHasNoEffect() throws {
    let bench = try Bench()
    bench.memory.checksTouches = true
    #expect(throws: Errno.badAddress) { try bench.map(mapping(0x1000, to: 0xdead_0000)) }
    #expect(bench.iommu.tablePageCount == 0)
    #expect(bench.translate(0x1000) == nil)
  }

  @Test func aMapThatOneTableRefusesHasNoEffectInTheOthers() throws {
    let bench = try Bench()
    try bench.addGroup(four, .vtd(bits: 39))
    #expect(throws: Errno.badAddress) { try bench.map(mapping(1 << 40, to: 0x1000)) }
    #expect(bench.iommu.tablePageCount == 0 && bench.memory.touches.isEmpty)
    #expect(throws: Errno.invalidArgument) {
      try bench.map(
        Mapping(
          range: IOVARange(start: IOVA(0), last: IOVA(10)), memory: mapping(0, to: 0).memory))
    }
    #expect(throws: Errno.badAddress) {
      try bench.map(Mapping(range: .all, memory: mapping(0, to: 0).memory))
    }
    #expect(bench.iommu.tablePageCount == 0)
  }

  @Test(arguments: [
    mapping(0x1f_f000, pages: 2, to: 0x9000), mapping(0x20_0000, pages: 512, to: 0x9000),
    mapping(0, pages: 1 << 18, to: 0x9000), mapping(0x20_1000, to: 0x9000),
  ])
  func aMapOverAnotherIsRefusedAndTheOtherStays(_ second: Mapping) throws {
    let bench = try Bench()
    try bench.map(mapping(0x20_0000, pages: 3, to: 0x5000))
    #expect(throws: Errno.exists) { try bench.iommu.map(second, in: bench.space) }
    for offset in [0, 0x1000, 0x2fff] as [UInt64] {
      #expect(bench.translate(0x20_0000 + offset)?.address == UserAddress(0x5000 + offset))
    }
    #expect(bench.translate(0x1f_f000) == nil)
    #expect(bench.translate(0x20_3000) == nil)
    try bench.unmap(0x20_0000)
    #expect(bench.iommu.tablePageCount == 0)
  }

  @Test func adoptAsksForNothing() throws {
    let bench = try Bench()
    bench.memory.checksTouches = true
    let other = mapping(0x1000, to: 0xdead_0000, of: MemoryOwner(rawValue: 1))
    bench.iommu.adopt(other, in: bench.space)
    bench.truth.insert(other.range, other.memory)
    #expect(bench.memory.touches.isEmpty)
    #expect(
      bench.translate(0x1008)
        == Translation(
          address: UserAddress(0xdead_0008), owner: MemoryOwner(rawValue: 1), byteCount: 4088))
    try bench.unmap(0x1000)
    #expect(bench.translate(0x1008) == nil)
  }

  @Test func aNewTableReachesWhatTheSpaceHadAlready() throws {
    let bench = try Bench()
    try bench.map(mapping(0x1000, pages: 2, to: 0x7000))
    try bench.addGroup(four, .vtd(isCoherent: false))
    #expect(bench.translate(0x2004, by: 4)?.address == UserAddress(0x8004))
    try bench.unmap(0x1000)
    #expect(bench.translate(0x2004, by: 4) == nil)
    #expect(bench.iommu.tablePageCount == 0)
  }

  @Test func spacesAreSeparate() throws {
    let bench = try Bench()
    try bench.map(mapping(0x1000, to: 0x7000))
    let space = try bench.iommu.allocateSpace()
    try bench.iommu.claim(group(4))
    try bench.iommu.attach(four, to: try bench.iommu.allocateTable(in: space, for: four))
    var other = RangeMap<MappedMemory>()
    let theirs = mapping(0x1000, to: 0x9000)
    try bench.iommu.map(theirs, in: space)
    other.insert(theirs.range, theirs.memory)
    #expect(bench.translate(0x1000)?.address == UserAddress(0x7000))
    let found = bench.iommu.translate(IOVA(0x1000), access: .read, by: four, mappings: other)
    #expect(found?.address == UserAddress(0x9000))
  }
}
