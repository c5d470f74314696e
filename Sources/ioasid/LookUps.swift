import AddressSpaces
import DMATypes
import Glibc
import SoftwareIOMMU

/// A device's look-ups, measured where they happen: in the process that holds the tables.
enum LookUps {
  struct Run {
    /// Nanoseconds of one look-up, and of one ioctl on /dev/null.
    var lookUp: Double
    var noop: Double
  }

  static func measure(_ count: Int, runs: Int) throws(Refusal) -> [Run] {
    let group = GroupNumber(rawValue: 3)
    let pages = (0..<UInt64(count)).lazy.map { index in
      let first = start + index << 12
      return Mapping(
        range: IOVARange(start: IOVA(first), last: IOVA(first + 4095)),
        memory: MappedMemory(
          address: UserAddress(1 << 40 + index << 12), access: [.read, .write],
          owner: MemoryOwner(rawValue: 0)))
    }
    guard let (iommu, mappings) = try? space(AnyMemory(), for: group, pages),
      let table = iommu.deviceTable(of: group)
    else { throw Refusal("cannot fill a table") }
    // Chosen before, so that the clock sees only look-ups.
    var random = SystemRandomNumberGenerator()
    let addresses = (0..<65_536).map { _ in
      IOVA(start + UInt64(Int.random(in: 0..<count, using: &random)) << 12)
    }
    let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(null) }
    var measured: [Run] = []
    for run in 0...runs {
      let noop = noop(null)
      var sum: UInt64 = 0
      let began = now()
      for address in addresses {
        sum &+= table.translate(address, access: .read, mappings: mappings)?.address.rawValue ?? 0
      }
      let lookUp = (now() - began) / Double(addresses.count)
      guard sum != 0 else { throw Refusal("no look-up found anything") }
      if run > 0 { measured.append(Run(lookUp: lookUp, noop: noop)) }
    }
    return measured
  }

  private static let start: UInt64 = 1 << 32

  /// An IOMMU with one group on a table that translates some mappings, which stand beside it.
  static func space<Memory: DMAMemory>(
    _ memory: Memory, for group: GroupNumber, _ all: some Sequence<Mapping>
  ) throws(Errno) -> (iommu: SoftwareIOMMU<Memory>, mappings: RangeMap<MappedMemory>) {
    let iommu = SoftwareIOMMU(memory: memory)
    let facts = IOMMUFacts(
      driver: 1, aperture: IOVARange(start: IOVA(0), last: IOVA(1 << 48 - 1)),
      pageSizes: PageSizes(rawValue: 0x4020_1000), enforcesCoherency: true)
    try iommu.claim(
      GroupFacts(
        number: group, kind: .physical, devices: [], isViable: true, reservedRegions: [],
        interruptsAreSafe: true, iommu: facts))
    let space = try iommu.allocateSpace()
    try iommu.attach(group, to: try iommu.allocateTable(in: space, for: group))
    var mappings = RangeMap<MappedMemory>()
    for mapping in all {
      try iommu.map(mapping, in: space)
      mappings.insert(mapping.range, mapping.memory)
    }
    return (iommu, mappings)
  }

  private static func noop(_ null: Int32) -> Double {
    let calls = 20_000
    let began = now()
    for _ in 0..<calls { _ = isatty(null) }  // the ioctl TCGETS
    return (now() - began) / Double(calls)
  }

  /// Nanoseconds of the monotonic clock.
  static func now() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }
}

/// Memory that is always there and that nobody reads: only the way to it is measured.
private struct AnyMemory: DMAMemory {
  func touch(_ address: UserAddress, byteCount: UInt64, access: DMAAccess) {}
  func read(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress, of owner: MemoryOwner
  ) {}
  func write(
    _ bytes: UnsafeRawBufferPointer, to address: UserAddress, of owner: MemoryOwner
  ) {}
}
