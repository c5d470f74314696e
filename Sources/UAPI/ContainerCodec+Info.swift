import DMATypes
import LegacyVFIO

extension ContainerCodec {
  /// Writes GET_INFO's answer: the chain, when the caller has room for all of it, and then as much
  /// of the structure as the caller says it has: `vfio_iommu_type1_get_info()`.
  static func encode(
    _ info: Type1Info, argsz: UInt32, _ argument: UserAddress
  ) throws(Errno) {
    let headBytes = MemoryLayout<InfoLayout>.size
    let chain = chain(of: info)
    let needed = headBytes + chain.count
    var layout = InfoLayout()
    layout.argsz = argsz
    layout.flags = 3
    layout.iovaPageSizes = info.pageSizes.rawValue
    if Int(argsz) < needed {
      layout.argsz = UInt32(truncatingIfNeeded: needed)
    } else {
      layout.capabilityOffset = UInt32(headBytes)
      try write(chain[...], to: argument.advanced(by: UInt64(headBytes)))
    }
    var head: [UInt8] = []
    head.append(bytesOf: layout)
    try write(head.prefix(Int(argsz)), to: argument)
  }

  /// The capabilities in type1's order: migration, available mappings, and ranges when there are
  /// any.
  private static func chain(of info: Type1Info) -> [UInt8] {
    let headBytes = UInt32(MemoryLayout<InfoLayout>.size)
    let available = headBytes + UInt32(MemoryLayout<MigrationCapabilityLayout>.size)
    let ranges = available + UInt32(MemoryLayout<AvailableCapabilityLayout>.size)
    var chain: [UInt8] = []
    chain.append(
      bytesOf: MigrationCapabilityLayout(
        header: CapabilityHeaderLayout(id: 2, version: 1, next: available),
        pageSizes: info.dirtyPageBytes, maximumBitmapBytes: bitmapMaximumBytes))
    chain.append(
      bytesOf: AvailableCapabilityLayout(
        header: CapabilityHeaderLayout(id: 3, version: 1, next: info.ranges.isEmpty ? 0 : ranges),
        available: info.mappingsAvailable))
    if info.ranges.isEmpty { return chain }
    chain.append(
      bytesOf: RangesCapabilityLayout(
        header: CapabilityHeaderLayout(id: 1, version: 1, next: 0),
        count: UInt32(truncatingIfNeeded: info.ranges.count)))
    for range in info.ranges {
      chain.append(
        bytesOf: RangeLayout(start: range.start.rawValue, last: range.last.rawValue))
    }
    return chain
  }

  private static func write(_ bytes: ArraySlice<UInt8>, to address: UserAddress) throws(Errno) {
    // SAFETY: the bytes live through the copy.
    let failure = unsafe bytes.withUnsafeBytes { (source) -> Errno? in
      do throws(Errno) {
        try unsafe CallerMemory.write(source, to: address)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }
}

extension [UInt8] {
  /// Adds a structure's bytes as C lays them out.
  mutating func append(bytesOf layout: some BitwiseCopyable) {
    // SAFETY: layouts have no padding but fields that say so.
    unsafe Swift.withUnsafeBytes(of: layout) { unsafe append(contentsOf: $0) }
  }
}
