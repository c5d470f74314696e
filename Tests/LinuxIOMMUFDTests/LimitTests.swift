import AddressSpaces
import Conformance
import DMATypes
import Glibc
import LinuxIOMMUFD
import Testing

/// A process without CAP_IPC_LOCK, and with a limit of 16 pages, on the lab's machine:
/// `prlimit --memlock=65536 setpriv --bounding-set -ipc_lock …`.
@Suite("Under a limit of locked memory", .enabled(if: Lab.isLimited, Lab.needsLimit), .serialized)
struct LimitTests {
  let memory: UInt64
  let group: GroupFacts
  let nodes: [GroupNumber: String]

  init() throws {
    _ = try #require(ScriptArena(), "no memory")
    let lab = try #require(Lab.here)
    nodes = lab.nodes
    let first = lab.world.groups[0]
    group = GroupFacts(
      number: GroupNumber(rawValue: first.number), kind: .physical, devices: [], isViable: true,
      reservedRegions: [], interruptsAreSafe: true, iommu: nil)
    // 32 pages, and none behind them.
    let start = try #require(
      mmap(nil, 64 << 12, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))
    #expect(mprotect(start, 32 << 12, PROT_READ | PROT_WRITE) == 0)
    memory = UInt64(UInt(bitPattern: start))
  }

  /// A backend with the group on a table.
  private func backend(_ space: inout IOASID) throws -> LinuxIOMMUFD {
    let iommufd = try IOMMUFDescriptor(containerNode: "/dev/vfio/vfio")
    var backend = LinuxIOMMUFD(
      iommufd: iommufd, objects: PrivateObjects(iommufd: iommufd, nodes: nodes))
    try backend.claim(backend.prepare(group))
    space = try backend.allocateSpace()
    let table = try backend.allocateTable(in: space, for: group.number)
    try backend.attach(group.number, to: table)
    return backend
  }

  private func mapping(_ iova: UInt64, page: UInt64, pages: UInt64) -> Mapping {
    Mapping(
      range: IOVARange(start: IOVA(iova), last: IOVA(iova + pages << 12 - 1)),
      memory: MappedMemory(
        address: UserAddress(memory + page << 12), access: .read,
        owner: MemoryOwner(rawValue: 0)))
  }

  @Test("Pages are charged to the process, mapping by mapping, and given back")
  func charges() throws {
    var space = IOASID(rawValue: 0)
    var backend = try backend(&space)
    #expect(try backend.iommufd.accounting() == .perProcess)
    // The same pages twice are charged twice.
    try backend.map(mapping(0x10_0000, page: 0, pages: 8), in: space)
    try backend.map(mapping(0x20_0000, page: 0, pages: 8), in: space)
    let more = mapping(0x30_0000, page: 0, pages: 1)
    #expect(throws: Errno.noMemory) { try backend.map(more, in: space) }
    try backend.unmap(mapping(0x20_0000, page: 0, pages: 8).range, in: space)
    try backend.map(more, in: space)
  }

  @Test("The limit is met before a bad page behind it, and a bad page before the limit")
  func order() throws {
    var space = IOASID(rawValue: 0)
    var backend = try backend(&space)
    let beyondBoth = mapping(0, page: 0, pages: 40)
    #expect(throws: Errno.noMemory) { try backend.map(beyondBoth, in: space) }
    let badFirst = mapping(0, page: 20, pages: 40)
    #expect(throws: Errno.badAddress) { try backend.map(badFirst, in: space) }
    // The seventeenth page is one too many, and is there: the one after it is not.
    let exactly = mapping(0, page: 15, pages: 18)
    #expect(throws: Errno.noMemory) { try backend.map(exactly, in: space) }
    let oneLess = mapping(0, page: 16, pages: 18)
    #expect(throws: Errno.badAddress) { try backend.map(oneLess, in: space) }
    try backend.map(mapping(0, page: 0, pages: 16), in: space)
  }

  @Test("What the kernel counts for the user is counted for the process besides")
  func allowance() throws {
    var space = IOASID(rawValue: 0)
    var backend = try backend(&space)
    backend.allowedPages = 4
    try backend.map(mapping(0, page: 0, pages: 3), in: space)
    #expect(backend.allowedPages == 1)
    let more = mapping(0x10_0000, page: 0, pages: 2)
    #expect(throws: Errno.noMemory) { try backend.map(more, in: space) }
    try backend.map(mapping(0x20_0000, page: 0, pages: 1), in: space)
    #expect(backend.allowedPages == 0)
  }
}

extension Lab {
  static let needsLimit: Comment = "not in the lab without CAP_IPC_LOCK and with 16 lockable pages"

  /// Whether the limit is the one these tests count with.
  static let isLimited: Bool = {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(8), &limit)
    return here != nil && limit.rlim_cur == 65536
  }()
}
