public import AddressSpaces
internal import CLinux
public import DMATypes
internal import UAPI

/// An open iommufd: its calls, typed. A number, so that whoever holds it closes it.
///
/// Every call answers with the kernel's own error number; `Refusal` makes type1's of them.
public struct IOMMUFDescriptor: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// Whose limit counts pinned pages (`IOMMU_OPTION_RLIMIT_MODE`).
  public enum Accounting: UInt64, Hashable, Sendable {
    /// The user's: all processes of a uid share one count.
    case perUser = 0
    /// The mapping process's own, shown as VmLck: what type1 does.
    case perProcess = 1
  }

  /// The descriptor's number.
  public var rawValue: Int32
  /// Wraps a number.
  @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }

  /// Opens an iommufd that charges pinned pages as type1 does, where it may.
  ///
  /// `containerNode` is the machine's `/dev/vfio/vfio`: where that is an iommufd it charges each
  /// process by itself, and everybody may open it. Else `node`, `/dev/iommu`, is asked to, which
  /// takes CAP_SYS_RESOURCE; `accounting` tells what came of it. Fails as open(2) of `node` does.
  public init(containerNode: String?, node: String = "/dev/iommu") throws(Errno) {
    if let containerNode, let found = try? Self(opening: containerNode) {
      if (try? found.accounting()) != nil {
        self = found
        return
      }
      found.close()
    }
    self = try Self(opening: node)
    // Refused without the privilege: then the user is charged, and `accounting` says so.
    try? set(.perProcess)
  }

  /// open(2), without a check of what it opens.
  public init(opening path: String) throws(Errno) {
    // O_RDWR | O_CLOEXEC
    let number = unsafe clinux_open(path, 0o2000002, 0)
    guard number >= 0 else { throw Errno(rawValue: -number) }
    rawValue = number
  }

  /// Closes it: with its last descriptor all its spaces go.
  public func close() { _ = clinux_close(rawValue) }

  // MARK: Objects

  /// Makes an empty space (`IOMMU_IOAS_ALLOC`).
  public func allocateSpace() throws(Errno) -> IOASID {
    var request = SpaceAllocateLayout()
    try call(CallNumber.allocateSpace, &request)
    return IOASID(rawValue: request.space)
  }

  /// Makes a table for a bound device on a space (`IOMMU_HWPT_ALLOC`).
  public func allocateTable(
    in space: IOASID, for device: DeviceID
  ) throws(Errno) -> HardwareTableID {
    var request = TableAllocateLayout(device: device.rawValue, parent: space.rawValue)
    try call(CallNumber.allocateTable, &request)
    return HardwareTableID(rawValue: request.table)
  }

  /// Removes a space with all its mappings (`IOMMU_DESTROY`); `EBUSY` while it has a table.
  public func destroy(space: IOASID) throws(Errno) { try destroy(space.rawValue) }
  /// Removes a table (`IOMMU_DESTROY`); `EBUSY` while a device is attached to it.
  public func destroy(table: HardwareTableID) throws(Errno) { try destroy(table.rawValue) }

  private func destroy(_ id: UInt32) throws(Errno) {
    var request = DestroyLayout(id: id)
    try call(CallNumber.destroy, &request)
  }

  // MARK: Options

  /// Whose limit counts; `EINVAL` or `ENOTTY` when the descriptor is no iommufd.
  public func accounting() throws(Errno) -> Accounting {
    var request = OptionLayout(option: OptionLayout.accounting, operation: OptionLayout.get)
    try call(CallNumber.option, &request)
    return Accounting(rawValue: request.value) ?? .perUser
  }

  /// Chooses whose limit counts: `EPERM` without CAP_SYS_RESOURCE, `EBUSY` once an object exists.
  public func set(_ accounting: Accounting) throws(Errno) {
    var request = OptionLayout(
      option: OptionLayout.accounting, operation: OptionLayout.set, value: accounting.rawValue)
    try call(CallNumber.option, &request)
  }

  /// Keeps a space's tables to the smallest pages, or not.
  public func allowHugePages(_ allow: Bool, in space: IOASID) throws(Errno) {
    var request = OptionLayout(
      option: OptionLayout.hugePages, operation: OptionLayout.set, object: space.rawValue,
      value: allow ? 1 : 0)
    try call(CallNumber.option, &request)
  }

  // MARK: What a space can do

  /// The addresses that can be mapped, ascending (`IOMMU_IOAS_IOVA_RANGES`).
  public func usableRanges(of space: IOASID) throws(Errno) -> [IOVARange] {
    var room = 64
    while true {
      var ranges = [UsableRangeLayout](repeating: UsableRangeLayout(), count: room)
      var request = UsableRangesLayout(space: space.rawValue, count: UInt32(room), ranges: 0)
      let failure = unsafe ranges.withUnsafeMutableBytes { bytes in
        request.ranges = UInt64(UInt(bitPattern: bytes.baseAddress))
        return issue(CallNumber.usableRanges, &request)
      }
      let count = Int(request.count)
      // EMSGSIZE: the count says how many there are.
      if failure == 90, count > room {
        room = count
        continue
      }
      guard failure == 0 else { throw Errno(rawValue: failure) }
      return ranges.prefix(count).map { IOVARange(start: IOVA($0.start), last: IOVA($0.last)) }
    }
  }

  /// Which space the legacy calls on this descriptor mean; nil for none (`IOMMU_VFIO_IOAS`).
  public func setCompatibilitySpace(_ space: IOASID?) throws(Errno) {
    var request = CompatibilitySpaceLayout(
      space: space?.rawValue ?? 0,
      operation: space == nil ? CompatibilitySpaceLayout.clear : CompatibilitySpaceLayout.set)
    try call(CallNumber.compatibilitySpace, &request)
  }

  /// The page sizes of the compatibility space's tables (legacy GET_INFO).
  public func pageSizes() throws(Errno) -> PageSizes {
    var request = InfoLayout()
    request.argsz = UInt32(MemoryLayout<InfoLayout>.size)
    try call(CallNumber.info, &request)
    return PageSizes(rawValue: request.iovaPageSizes)
  }

  /// Whether every table of the compatibility space enforces cache coherency (CHECK_EXTENSION).
  public func enforcesCoherency() throws(Errno) -> Bool {
    // VFIO_DMA_CC_IOMMU
    let result = clinux_ioctl(rawValue, CallNumber.checkExtension, 4)
    guard result >= 0 else { throw Errno(rawValue: Int32(-result)) }
    return result > 0
  }

  /// Which IOMMU driver stands behind a device, as far as the kernel tells: `enum
  /// iommu_hw_info_type` (`IOMMU_GET_HW_INFO`).
  public func driver(of device: DeviceID) throws(Errno) -> UInt32 {
    var request = HardwareInfoLayout(device: device.rawValue)
    try call(CallNumber.hardwareInfo, &request)
    return request.dataType
  }

  // MARK: Mappings of the compatibility space

  /// Maps memory of the calling process; 0 or the error number (legacy MAP_DMA).
  ///
  /// It costs the kernel less than `IOMMU_IOAS_MAP`, and no look-up of the space's number.
  @inline(__always) func map(_ mapping: Mapping) -> Int32 {
    var request = MapLayout()
    request.argsz = UInt32(MemoryLayout<MapLayout>.size)
    // VFIO_DMA_MAP_FLAG_READ is 1, _WRITE 2: as DMAAccess has them.
    request.flags = UInt32(mapping.memory.access.rawValue)
    request.vaddr = mapping.memory.address.rawValue
    request.iova = mapping.range.start.rawValue
    request.size = mapping.range.size
    return issue(CallNumber.map, &request)
  }

  /// Removes whole mappings; 0 or the error number (legacy UNMAP_DMA).
  @inline(__always) func unmap(_ range: IOVARange) -> Int32 {
    var request = UnmapLayout()
    request.argsz = UInt32(MemoryLayout<UnmapLayout>.size)
    request.iova = range.start.rawValue
    request.size = range.size
    return issue(CallNumber.unmap, &request)
  }

  /// Maps part of a file, a memfd or a dma-buf, at a fixed address of a space.
  public func map(
    file: Int32, from start: UInt64, to range: IOVARange, access: DMAAccess, in space: IOASID
  ) throws(Errno) {
    var flags = FileMapLayout.isFixed
    if access.contains(.write) { flags |= FileMapLayout.mayWrite }
    if access.contains(.read) { flags |= FileMapLayout.mayRead }
    var request = FileMapLayout(
      flags: flags, space: space.rawValue, file: file, start: start, length: range.size,
      iova: range.start.rawValue)
    try call(CallNumber.mapFile, &request)
  }

  // MARK: Calls

  private func call<Layout: BitwiseCopyable>(
    _ number: UInt64, _ request: inout Layout
  ) throws(Errno) {
    let failure = issue(number, &request)
    guard failure == 0 else { throw Errno(rawValue: failure) }
  }

  @inline(__always)
  private func issue<Layout: BitwiseCopyable>(
    _ number: UInt64, _ request: inout Layout
  ) -> Int32 {
    issueCall(on: rawValue, number, &request)
  }
}

/// One call with a structure: 0 or the error number.
@inline(__always)
func issueCall<Layout: BitwiseCopyable>(
  on descriptor: Int32, _ number: UInt64, _ request: inout Layout
) -> Int32 {
  // SAFETY: the structure is ours, laid out as the kernel's, and outlives the call. The kernel
  // writes no more than its size: nothing to be guarded.
  let result = unsafe _withUnprotectedUnsafeMutablePointer(to: &request) { pointer in
    clinux_ioctl(descriptor, number, UInt64(UInt(bitPattern: pointer)))
  }
  return result < 0 ? Int32(truncatingIfNeeded: -result) : 0
}
