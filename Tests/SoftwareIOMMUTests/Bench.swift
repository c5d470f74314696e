import AddressSpaces
import DMATypes

@testable import SoftwareIOMMU

/// Memory made of byte arrays, which remembers what was asked of it.
final class ByteMemory: DMAMemory {
  struct Block {
    let owner: MemoryOwner
    let start: UInt64
    var bytes: [UInt8]
    var isWritable = true
  }
  var blocks: [Block] = []
  var touches: [(address: UserAddress, byteCount: UInt64, access: DMAAccess)] = []
  /// With false every touch succeeds, whether or not there is a block.
  var checksTouches = false

  private func find(
    _ address: UserAddress, _ count: Int, of owner: MemoryOwner, writes: Bool
  ) throws(Errno) -> (block: Int, offset: Int) {
    for (index, block) in blocks.enumerated() where block.owner == owner {
      guard address.rawValue >= block.start else { continue }
      let offset = address.rawValue - block.start
      guard offset + UInt64(count) <= UInt64(block.bytes.count) else { continue }
      guard !writes || block.isWritable else { break }
      return (index, Int(offset))
    }
    throw .badAddress
  }

  func touch(_ address: UserAddress, byteCount: UInt64, access: DMAAccess) throws(Errno) {
    touches.append((address, byteCount, access))
    guard checksTouches else { return }
    _ = try find(
      address, Int(byteCount), of: .this, writes: access.contains(.write))
  }

  func read(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress, of owner: MemoryOwner
  ) throws(Errno) {
    let (block, offset) = try find(address, bytes.count, of: owner, writes: false)
    unsafe bytes.copyBytes(from: blocks[block].bytes[offset..<(offset + bytes.count)])
  }

  func write(
    _ bytes: UnsafeRawBufferPointer, to address: UserAddress, of owner: MemoryOwner
  ) throws(Errno) {
    let (block, offset) = try find(address, bytes.count, of: owner, writes: true)
    unsafe blocks[block].bytes.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
  }
}

extension MemoryOwner {
  static let this = MemoryOwner(rawValue: 0)
}

extension IOMMUFacts {
  static func vtd(
    driver: UInt32 = 1, bits: Int = 48, pageSizes: UInt64 = 0x4020_1000, isCoherent: Bool = true
  ) -> Self {
    IOMMUFacts(
      driver: driver,
      aperture: IOVARange(start: IOVA(0), last: IOVA(UInt64.max >> (64 - bits))),
      pageSizes: PageSizes(rawValue: pageSizes), enforcesCoherency: isCoherent)
  }
}

func group(
  _ number: UInt32, _ facts: IOMMUFacts? = .vtd(), isViable: Bool = true
) -> GroupFacts {
  GroupFacts(
    number: GroupNumber(rawValue: number), kind: .physical, devices: [], isViable: isViable,
    reservedRegions: [], interruptsAreSafe: true, iommu: facts)
}

func run(_ start: UInt64, pages: UInt64) -> IOVARange {
  IOVARange(start: IOVA(start), last: IOVA(start + (pages * 4096 - 1)))
}

func mapping(
  _ start: UInt64, pages: UInt64 = 1, to address: UInt64, _ access: DMAAccess = [.read, .write],
  of owner: MemoryOwner = .this
) -> Mapping {
  Mapping(
    range: run(start, pages: pages),
    memory: MappedMemory(address: UserAddress(address), access: access, owner: owner))
}

/// An IOMMU, one space of it and the owner's map of that space, kept in step as a shim does.
final class Bench {
  let memory = ByteMemory()
  let iommu: SoftwareIOMMU<ByteMemory>
  let space: IOASID
  var truth = RangeMap<MappedMemory>()
  let first: GroupNumber

  /// With a group, 3 unless said otherwise, claimed and attached to a table of its own.
  init(
    _ facts: IOMMUFacts = .vtd(), budget: PageBudget = PageBudget(),
    first: GroupNumber = GroupNumber(rawValue: 3)
  ) throws {
    self.first = first
    iommu = SoftwareIOMMU(memory: memory, budget: budget)
    space = try iommu.allocateSpace()
    try addGroup(first, facts)
  }

  @discardableResult
  func addGroup(_ number: GroupNumber, _ facts: IOMMUFacts) throws -> HardwareTableID {
    try iommu.claim(group(number.rawValue, facts))
    let table = try iommu.allocateTable(in: space, for: number)
    try iommu.attach(number, to: table)
    return table
  }

  func map(_ mapping: Mapping) throws {
    try iommu.map(mapping, in: space)
    truth.insert(mapping.range, mapping.memory)
  }

  func unmap(_ start: UInt64) throws {
    guard let removed = truth.remove(startingAt: IOVA(start)) else { throw Errno.notFound }
    try iommu.unmap(removed.range, in: space)
  }

  func translate(
    _ address: UInt64, _ access: DMAAccess = .read, by group: UInt32 = 3
  ) -> Translation? {
    iommu.translate(
      IOVA(address), access: access, by: GroupNumber(rawValue: group), mappings: truth)
  }

  func read(_ address: UInt64, count: Int, by group: UInt32 = 3) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xee, count: count)
    try read(address, into: &bytes, by: group)
    return bytes
  }

  func read(_ address: UInt64, into bytes: inout [UInt8], by group: UInt32 = 3) throws {
    try unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe try iommu.read(
        buffer, from: IOVA(address), by: GroupNumber(rawValue: group), mappings: truth)
    }
  }

  func write(_ address: UInt64, _ bytes: [UInt8], by group: UInt32 = 3) throws {
    try unsafe bytes.withUnsafeBytes { buffer in
      unsafe try iommu.write(
        buffer, to: IOVA(address), by: GroupNumber(rawValue: group), mappings: truth)
    }
  }
}
