import AddressSpaces
import DMATypes
import LegacyVFIO
import Shim

typealias Container = DrivenContainer<RecordingBackend, EventList, BitmapPages>

/// A journal that keeps its events.
struct EventList: ContainerJournal {
  var events: [ContainerEvent] = []
  mutating func record(_ event: ContainerEvent) { events.append(event) }
}

func range(_ start: UInt64, _ last: UInt64) -> IOVARange {
  IOVARange(start: IOVA(start), last: IOVA(last))
}

/// An IOMMU like the kernel lab's.
func iommu(
  driver: UInt32 = 1, aperture: IOVARange = range(0, 0xffff_ffff_ffff), sizes: UInt64 = 0x4020_1000,
  coherent: Bool = false
) -> IOMMUFacts {
  IOMMUFacts(
    driver: driver, aperture: aperture, pageSizes: PageSizes(rawValue: sizes),
    enforcesCoherency: coherent)
}

let interruptWindow = ReservedRegion(range: range(0xfee0_0000, 0xfeef_ffff), kind: .interrupt)

/// A group that joins anywhere, but for what is said otherwise.
func group(
  _ number: UInt32 = 3, _ kind: GroupFacts.Kind = .physical, viable: Bool = true,
  reserved: [ReservedRegion] = [interruptWindow], safe: Bool = true, iommu: IOMMUFacts? = iommu()
) -> GroupFacts {
  GroupFacts(
    number: GroupNumber(rawValue: number), kind: kind,
    devices: [DeviceName(rawValue: "0000:00:05.0")], isViable: viable, reservedRegions: reserved,
    interruptsAreSafe: safe, iommu: kind == .physical ? iommu : nil)
}

extension DrivenContainer
where Backend == RecordingBackend, Journal == EventList, Bitmaps == BitmapPages {
  /// A container with groups inside and a driver set, or none for type 0.
  init(
    _ groups: [GroupFacts], type: UInt64 = 3, parameters: ModuleParameters = ModuleParameters(),
    rawIO: Bool = true
  ) throws {
    self.init(
      session: ContainerSession(backend: RecordingBackend(), parameters: parameters),
      caller: Caller(owner: MemoryOwner(rawValue: 5), hasRawIO: rawIO), journal: EventList(),
      bitmaps: BitmapPages())
    for group in groups { try join(group) }
    if type != 0 { _ = try perform(.setIOMMU(type)) }
  }

  var state: ContainerState { session.state }

  /// Maps a range as a program would, admission included.
  mutating func map(_ range: IOVARange, at address: UInt64 = 0x7000_0000) throws(Errno) {
    try admit(.map)
    _ = try perform(.map(mapRequest(range, at: address)))
  }

  /// Unmaps as a program would; the bytes that went.
  mutating func unmap(_ start: UInt64, _ size: UInt64) throws(Errno) -> UInt64 {
    try admit(.unmap)
    let request = UnmapRequest(
      all: false, invalidatesAddress: false, bitmap: nil, iova: IOVA(start), size: size)
    guard case .unmapped(let count) = try perform(.unmap(request)) else { return .max }
    return count
  }
}

func mapRequest(_ range: IOVARange, at address: UInt64 = 0x7000_0000) -> MapRequest {
  MapRequest(
    access: [.read, .write], replacesAddress: false, address: UserAddress(address),
    iova: range.start, size: range.size)
}

func unmapRequest(
  _ start: UInt64 = 0, _ size: UInt64 = 0, all: Bool = false, invalidates: Bool = false,
  bitmap: BitmapArgument? = nil
) -> ContainerRequest {
  .unmap(
    UnmapRequest(
      all: all, invalidatesAddress: invalidates, bitmap: bitmap, iova: IOVA(start), size: size))
}

/// The errno that a call refuses with, or nil.
func errno<Result>(_ body: () throws(Errno) -> Result) -> Errno? {
  do throws(Errno) {
    _ = try body()
    return nil
  } catch {
    return error
  }
}
