import AddressSpaces
import DMATypes
import SoftwareIOMMU
import Testing

/// Memory that is an array: addresses are places in it.
private final class Bytes: DMAMemory {
  var bytes: [UInt8]
  /// Bytes from here on are missing.
  var end: UInt64
  var asked: [Range<UInt64>] = []

  init(count: Int) {
    bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 >> 12) }
    end = UInt64(count)
  }

  func touch(_ address: UserAddress, byteCount: UInt64, access: DMAAccess) throws(Errno) {
    guard address.rawValue + byteCount <= end else { throw .badAddress }
    asked.append(address.rawValue..<address.rawValue + byteCount)
  }

  func read(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress, of owner: MemoryOwner
  ) throws(Errno) {
    guard address.rawValue + UInt64(bytes.count) <= end else { throw .badAddress }
    for index in bytes.indices { unsafe bytes[index] = self.bytes[Int(address.rawValue) + index] }
  }

  func write(
    _ bytes: UnsafeRawBufferPointer, to address: UserAddress, of owner: MemoryOwner
  ) throws(Errno) {
    guard address.rawValue + UInt64(bytes.count) <= end else { throw .badAddress }
    for index in bytes.indices { unsafe self.bytes[Int(address.rawValue) + index] = bytes[index] }
  }
}

@Suite struct AccessObjectTests {
  private struct World {
    let memory = Bytes(count: 1024 << 12)
    var iommu: SoftwareIOMMU<Bytes>
    var access: AccessObject
    var mappings = RangeMap<MappedMemory>()

    init() throws {
      iommu = SoftwareIOMMU(memory: memory)
      access = AccessObject(to: try iommu.allocateSpace())
      map(0x10000, 0x2f_ffff, at: 0)
      map(0x30_0000, 0x30_1fff, at: 0x30_0000, .read)
      map(0x30_2000, 0x30_3fff, at: 0x30_4000, .write)
    }

    mutating func map(
      _ start: UInt64, _ last: UInt64, at address: UInt64, _ access: DMAAccess = [.read, .write]
    ) {
      mappings.insert(
        range(start, last),
        MappedMemory(
          address: UserAddress(address), access: access, owner: MemoryOwner(rawValue: 3)))
    }

    mutating func pin(
      _ start: UInt64, _ last: UInt64, _ access: DMAAccess = .write
    ) throws(Errno) -> [PinnedPages] {
      try self.access.pin(range(start, last), access: access, mappings: mappings, on: &iommu)
    }

    mutating func unpin(_ start: UInt64, _ last: UInt64) -> Bool {
      access.unpin(range(start, last), mappings: mappings, on: &iommu)
    }
  }

  private static func range(_ start: UInt64, _ last: UInt64) -> IOVARange {
    IOVARange(start: IOVA(start), last: IOVA(last))
  }

  @Test("Six hundred pages at once, and odd bytes rounded out to pages")
  func batches() throws {
    var world = try World()
    let pages = try world.pin(0x10000, 0x10000 + 600 << 12 - 1)
    #expect(pages.map(\.run.count) == [600] && world.access.pageCount == 600)
    #expect(world.memory.asked == [0..<600 << 12])
    let odd = try world.pin(0x2f_fabc, 0x30_0001, .read)
    #expect(odd.map(\.run.start.rawValue) == [0x2f_f000, 0x30_0000])
    #expect(world.access.pageCount == 602)
    let given1 = world.unpin(0x2f_f000, 0x30_0fff)
    #expect(given1)
    #expect(world.access.pageCount == 600)
  }

  @Test("A driver says what it accepts")
  func attachments() throws {
    let (space, device) = (IOASID(rawValue: 1), DeviceID(rawValue: 2))
    let all: [AccessAttachment] = [
      .software, .pasid(0, of: device), .pasid(0xf_ffff, of: device), .requester(device),
    ]
    for kinds in [[], .software, .pasid, [.requester, .software]] as [AcceptedAttachments] {
      for attachment in all {
        let made = try? AccessObject(to: space, as: attachment, accepting: kinds)
        #expect((made != nil) == kinds.contains(attachment.kind))
      }
    }
    #expect(throws: Errno.invalidArgument) {
      try AccessObject(to: space, as: .pasid(1 << 20, of: device), accepting: .pasid)
    }
  }

  @Test("Refusals are iommufd's, and leave nothing pinned")
  func refusals() throws {
    var world = try World()
    func failure(_ start: UInt64, _ last: UInt64, _ access: DMAAccess) -> Errno? {
      do throws(Errno) {
        _ = try world.pin(start, last, access)
        return nil
      } catch {
        return error
      }
    }
    #expect(failure(0, 0xfff, .read) == .notFound)
    #expect(failure(0x30_3000, 0x30_4000, .write) == .notFound)
    #expect(failure(0x30_0000, 0x30_0fff, .write) == .notPermitted)
    #expect(failure(0x30_2000, 0x30_2fff, .read) == .notPermitted)
    #expect(failure(0x30_2000, 0x30_2fff, []) == .notPermitted)
    world.memory.end = 0x30_1000
    #expect(failure(0x2f_f000, 0x30_1fff, .read) == .badAddress)
    #expect(world.access.pageCount == 0)
  }

  @Test("What is given back must have been pinned exactly so, as often")
  func exact() throws {
    var world = try World()
    _ = try world.pin(0x10000, 0x13fff)
    _ = try world.pin(0x10000, 0x13fff)
    let given2 = world.unpin(0x10000, 0x10fff)
    #expect(!given2)
    let given3 = world.unpin(0x11000, 0x13fff)
    #expect(!given3)
    let given4 = world.unpin(0x10000, 0x13fff)
    #expect(given4 && world.access.pageCount == 4)
    let given5 = world.unpin(0x10000, 0x13fff)
    #expect(given5 && world.access.pageCount == 0)
    let given6 = world.unpin(0x10000, 0x13fff)
    #expect(!given6)
  }

  @Test("Copies need only what they do, over mappings that follow one another")
  func copies() throws {
    var world = try World()
    var bytes = [UInt8](repeating: 0, count: 0x2000)
    func copy(_ iova: UInt64, isWrite: Bool) -> Errno? {
      let (access, mappings, iommu) = (world.access, world.mappings, world.iommu)
      return unsafe bytes.withUnsafeMutableBytes { buffer in
        do throws(Errno) {
          if isWrite {
            try unsafe access.write(
              UnsafeRawBufferPointer(buffer), to: IOVA(iova), mappings: mappings, on: iommu)
          } else {
            try unsafe access.read(buffer, from: IOVA(iova), mappings: mappings, on: iommu)
          }
          return nil
        } catch {
          return error
        }
      }
    }
    #expect(copy(0x2f_f800, isWrite: false) == nil)
    #expect(bytes[0] == 0xef && bytes[0x7ff] == 0xef && bytes[0x800] == 0x00 && bytes[0x1800] == 1)
    bytes = [UInt8](repeating: 0xee, count: 0x2000)
    #expect(copy(0x30_1000, isWrite: false) == .notPermitted)
    #expect(bytes[0xfff] == 0x01 && bytes[0x1000] == 0xee)
    #expect(copy(.max - 0x1fff, isWrite: false) == .notFound)
    #expect(copy(.max - 0x1ffe, isWrite: false) == .overflow)
    bytes = [UInt8](repeating: 0x5a, count: 0x2000)
    #expect(copy(0x30_2000, isWrite: true) == nil)
    #expect(world.memory.bytes[0x30_4000] == 0x5a && world.memory.bytes[0x30_5fff] == 0x5a)
    #expect(copy(0x30_1000, isWrite: true) == .notPermitted)
    #expect(copy(0x30_3000, isWrite: true) == .notFound)
    world.access = AccessObject(to: world.access.space)
  }

  @Test("A mapping that is about to go takes no pin, and 101 rounds are enough")
  func closing() throws {
    var world = try World()
    let mapping = Self.range(0x10000, 0x2f_ffff)
    _ = try world.pin(0x20000, 0x20fff)
    var rounds = 0
    #expect(throws: Errno.deadlock) {
      try world.access.close(mapping, mappings: world.mappings, on: &world.iommu) { _ in
        rounds += 1
        return []
      }
    }
    #expect(rounds == 101)
    #expect(throws: Errno.invalidArgument) { _ = try world.pin(0x10000, 0x10fff) }
    try world.access.close(mapping, mappings: world.mappings, on: &world.iommu) { asked in
      #expect(asked == mapping)
      return [Self.range(0x20000, 0x20fff)]
    }
    #expect(!world.access.holds(mapping))
    world.access.forget(mapping)
    _ = try world.pin(0x10000, 0x10fff)
  }
}

private func range(_ start: UInt64, _ last: UInt64) -> IOVARange {
  IOVARange(start: IOVA(start), last: IOVA(last))
}
