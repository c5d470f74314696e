import AddressSpaces
import DMATypes
import LegacyVFIO
import Shim
import Testing

@testable import LinuxIOMMUFD

/// Nothing here is an open file, so that any call to the kernel fails.
@Suite("A process that follows another makes no call")
struct FollowingTests {
  typealias Session = ContainerSession<LinuxIOMMUFD>

  static let closed = IOMMUFDescriptor(rawValue: -1)
  static let memory = MappedMemory(
    address: UserAddress(0x10_0000), access: [.read, .write], owner: MemoryOwner(rawValue: 3))

  static func group(_ number: UInt32, driver: UInt32 = 1) -> GroupFacts {
    GroupFacts(
      number: GroupNumber(rawValue: number), kind: .physical, devices: [], isViable: true,
      reservedRegions: [], interruptsAreSafe: true,
      iommu: IOMMUFacts(
        driver: driver, aperture: .all, pageSizes: .all, enforcesCoherency: false))
  }

  static func mapping(_ start: UInt64) -> Mapping {
    Mapping(range: IOVARange(start: IOVA(start), last: IOVA(start + 0xfff)), memory: memory)
  }

  static func session(_ objects: some KernelObjects) -> Session {
    Session(backend: LinuxIOMMUFD(iommufd: closed, objects: objects))
  }

  static let history: [ContainerEvent] = [
    .joined(group(3)), .joined(group(4)), .iommuSet(.version2, mappingLimit: 10),
    .mapped(mapping(0x1000)), .mapped(mapping(0x2000)), .unmapped(start: IOVA(0x1000)),
    .joined(group(5, driver: 2)), .left(GroupNumber(rawValue: 4)), .joined(group(4)),
    .left(GroupNumber(rawValue: 3)), .mapped(mapping(0x5000)),
  ]

  @Test("It has the same state after it, and no object was made or forgotten")
  func state() throws {
    let objects = WatchedObjects()
    var session = Self.session(objects)
    var state = ContainerState()
    for event in Self.history {
      session.adopt(event)
      state.commit(event)
    }
    #expect(session.state == state)
    #expect(session.mappingCount == 2)
    #expect(objects.calls == 0)
    session.adopt(.restored(state.snapshot))
    #expect(objects.calls == 0)
  }

  @Test("What it does itself afterwards means the tables that the others made")
  func tables() throws {
    let objects = WatchedObjects()
    var session = Self.session(objects)
    for event in Self.history { session.adopt(event) }
    var backend = session.backend
    #expect(!backend.follows)
    objects.numbers.space = IOASID(rawValue: 70)
    for (id, isFurther) in [(71, false), (72, true), (73, false)] as [(UInt32, Bool)] {
      objects.numbers.tables.append(
        .init(id: HardwareTableID(rawValue: id), isFurther: isFurther))
    }
    // The names are this process's: the first table has the first, whatever came between.
    backend.destroy(table: HardwareTableID(rawValue: 1))
    #expect(objects.numbers.tables.map { $0.id?.rawValue } == [73])
    backend.destroy(table: HardwareTableID(rawValue: 2))
    #expect(objects.numbers.tables.isEmpty)
  }

  @Test("Acting without the kernel fails, and changes nothing")
  func failures() throws {
    let objects = PrivateObjects(iommufd: Self.closed, nodes: [:])
    var backend = LinuxIOMMUFD(iommufd: Self.closed, objects: objects)
    #expect(throws: Errno.badDescriptor) { try backend.allocateSpace() }
    #expect(throws: Errno.noDevice) { try backend.claim(Self.group(3)) }
    let table = HardwareTableID(rawValue: 1)
    #expect(throws: Errno.notFound) { try backend.attach(GroupNumber(rawValue: 3), to: table) }
    let space = IOASID(rawValue: 1)
    #expect(throws: Errno.badDescriptor) { try backend.map(Self.mapping(0), in: space) }
    #expect(throws: Errno.badDescriptor) { try backend.unmap(Self.mapping(0).range, in: space) }
    #expect(objects.numbers == ContainerNumbers())
  }
}

/// Counts what is asked of it beyond the numbers.
private final class WatchedObjects: KernelObjects {
  var numbers = ContainerNumbers() {
    didSet { calls += 1 }
  }
  var calls = 0

  func openDevice(of group: GroupNumber) throws(Errno) -> DeviceDescriptor {
    calls += 1
    throw .noDevice
  }
  func claimed(_ group: GroupNumber) throws(Errno) -> ClaimedDevice? {
    calls += 1
    return nil
  }
  func keep(_ device: ClaimedDevice, of group: GroupNumber) { calls += 1 }
  func drop(_ group: GroupNumber) { calls += 1 }
  func probed(_ group: GroupNumber) -> ProbedIOMMU? { nil }
  func remember(_ iommu: ProbedIOMMU, of group: GroupNumber) { calls += 1 }
  func table(of group: GroupNumber) -> HardwareTableID? { nil }
  func setTable(_ table: HardwareTableID?, of group: GroupNumber) { calls += 1 }
}
