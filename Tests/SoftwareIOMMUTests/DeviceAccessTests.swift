import AddressSpaces
import DMATypes
import Testing

@testable import SoftwareIOMMU

@Suite("Device accesses")
struct DeviceAccessTests {
  /// Pages at 0x1000 (read and write), 0x2000 (read only), 0x3000 (write only), a hole at 0x4000,
  /// and at 0x5000 memory that is not there.
  private func bench() throws -> Bench {
    let bench = try Bench()
    bench.memory.blocks = [
      .init(owner: .this, start: 0x10000, bytes: (0..<0x3000).map { UInt8($0 % 251) })
    ]
    try bench.map(mapping(0x1000, to: 0x12000))
    try bench.map(mapping(0x2000, to: 0x11000, .read))
    try bench.map(mapping(0x3000, to: 0x10000, .write))
    try bench.map(mapping(0x5000, to: 0x90000))
    return bench
  }

  @Test func anAccessSpansMappingsWhoseMemoryIsElsewhere() throws {
    let bench = try bench()
    let bytes = try bench.read(0x1ffe, count: 4)
    #expect(bytes == [0x2ffe, 0x2fff, 0x1000, 0x1001].map { UInt8($0 % 251) })
    #expect(bench.iommu.faultCount == 0 && bench.iommu.lastFault == nil)
  }

  @Test func aWriteReachesMemory() throws {
    let bench = try bench()
    try bench.write(0x1008, [1, 2, 3])
    #expect(bench.memory.blocks[0].bytes[0x2008..<0x200b] == [1, 2, 3])
  }

  @Test func anEmptyAccessReachesNothingAndNeverFaults() throws {
    let bench = try bench()
    #expect(try bench.read(0x4000, count: 0) == [])
    #expect(bench.iommu.faultCount == 0)
  }

  static let readFaults: [(UInt64, DMAFault.Reason, UInt64)] = [
    (0x3000, .denied, 0x3000), (0x4000, .unmapped, 0x4000), (0x5000, .memory, 0x5000),
    (0x2ffe, .denied, 0x3000), (0xfff, .unmapped, 0xfff), (.max, .unmapped, .max),
    (1 << 48, .unmapped, 1 << 48),
  ]

  @Test(arguments: readFaults)
  func aReadFaultsAtTheFirstByteRefused(
    _ address: UInt64, _ reason: DMAFault.Reason, _ at: UInt64
  ) throws {
    let bench = try bench()
    let fault = DMAFault(reason: reason, iova: IOVA(at), access: .read)
    #expect(throws: fault) { try bench.read(address, count: 4) }
    #expect(bench.iommu.faultCount == 1)
    #expect(bench.iommu.lastFault == fault)
  }

  @Test func aFaultLeavesTheBytesBeforeItDone() throws {
    let bench = try bench()
    var bytes = [UInt8](repeating: 0xee, count: 4)
    #expect(throws: DMAFault.self) { try bench.read(0x2ffe, into: &bytes) }
    #expect(bytes == [UInt8(0x1ffe % 251), UInt8(0x1fff % 251), 0xee, 0xee])
    let fault = DMAFault(reason: .denied, iova: IOVA(0x2000), access: .write)
    #expect(throws: fault) { try bench.write(0x1ffe, [1, 2, 3, 4]) }
    #expect(bench.memory.blocks[0].bytes[0x2ffe..<0x3000] == [1, 2])
    #expect(bench.iommu.faultCount == 2 && bench.iommu.lastFault == fault)
  }

  @Test func memoryThatRefusesTheWriteIsAFault() throws {
    let bench = try bench()
    bench.memory.blocks[0].isWritable = false
    #expect(throws: DMAFault(reason: .memory, iova: IOVA(0x1000), access: .write)) {
      try bench.write(0x1000, [1])
    }
  }

  @Test func eachMappingReachesItsOwnersMemory() throws {
    let bench = try Bench()
    let other = MemoryOwner(rawValue: 127)
    bench.memory.blocks = [
      .init(owner: .this, start: 0x10000, bytes: .init(repeating: 1, count: 4096)),
      .init(owner: other, start: 0x10000, bytes: .init(repeating: 2, count: 4096)),
    ]
    try bench.map(mapping(0x1000, to: 0x10000))
    try bench.map(mapping(0x2000, to: 0x10000, of: other))
    #expect(try bench.read(0x1fff, count: 2) == [1, 2])
  }

  @Test func whatWasUnmappedIsNoLongerReachable() throws {
    let bench = try bench()
    try bench.unmap(0x1000)
    #expect(throws: DMAFault(reason: .unmapped, iova: IOVA(0x1000), access: .read)) {
      try bench.read(0x1000, count: 1)
    }
  }

  @Test func aMappingWhoseAddressWasTakenAwayStaysReachable() throws {
    let bench = try Bench()
    var memory = mapping(0x1000, to: 0x12000)
    memory.memory.addressIsInvalid = true
    try bench.map(memory)
    #expect(bench.translate(0x1004)?.address == UserAddress(0x12004))
  }

  @Test func anAccessThatRunsPastTheEndGoesOnAtZero() throws {
    let bench = try Bench(.vtd(bits: 64))
    bench.memory.blocks = [
      .init(owner: .this, start: 0x10000, bytes: (0..<0x2000).map { UInt8($0 % 251) })
    ]
    try bench.map(mapping(0, to: 0x10000))
    try bench.map(mapping(.max - 4095, to: 0x11000))
    let bytes = try bench.read(.max - 1, count: 4)
    #expect(bytes == [0x1ffe, 0x1fff, 0, 1].map { UInt8($0 % 251) })
  }

  @Test func aGroupWithoutATableIsBlocked() throws {
    let bench = try bench()
    let fault = DMAFault(reason: .blocked, iova: IOVA(0x1000), access: .read)
    #expect(throws: fault) { try bench.read(0x1000, count: 1, by: 9) }
    try bench.iommu.claim(group(4))
    #expect(throws: fault) { try bench.read(0x1000, count: 1, by: 4) }
    bench.iommu.detach(bench.first)
    #expect(throws: fault) { try bench.read(0x1000, count: 1) }
    #expect(bench.translate(0x1000) == nil)
    #expect(bench.iommu.faultCount == 3)
  }

  @Test func aDeviceTableFollowsItsGroup() throws {
    let bench = try bench()
    let devices = try #require(bench.iommu.deviceTable(of: bench.first))
    #expect(devices.isAttached)
    #expect(devices.translate(IOVA(0x1000), access: .read, mappings: bench.truth) != nil)
    bench.iommu.release(bench.first)
    #expect(!devices.isAttached)
    #expect(devices.translate(IOVA(0x1000), access: .read, mappings: bench.truth) == nil)
  }

  @Test func aDeviceTableOutlivesItsIOMMU() throws {
    var bench: Bench? = try bench()
    let truth = bench?.truth ?? RangeMap()
    let devices = try #require(bench?.iommu.deviceTable(of: GroupNumber(rawValue: 3)))
    bench = nil
    #expect(!devices.isAttached)
    #expect(devices.translate(IOVA(0x1000), access: .read, mappings: truth) == nil)
  }
}
