internal import CLinux
public import DMATypes

extension CallerMemory {
  /// The bytes that can be read at an address: `count`, or as many as come before the first page
  /// that cannot.
  public static func readable(at address: UserAddress, count: Int) -> [UInt8] {
    if let all = try? loadArray(count, of: UInt8(0), from: address) { return all }
    let page = PageSizes.processorPageBytes
    var bytes: [UInt8] = []
    while bytes.count < count {
      let next = address.advanced(by: UInt64(bytes.count))
      let rest = Int(page - next.rawValue % page)
      guard let part = try? loadArray(min(rest, count - bytes.count), of: UInt8(0), from: next)
      else { break }
      bytes += part
    }
    return bytes
  }

  /// How many of the bytes at an address lie in pages that a pin for `access` would get, counted
  /// from the first.
  public static func present(
    at address: UserAddress, count: UInt64, for access: DMAAccess
  ) -> UInt64 {
    let offset = address.rawValue % PageSizes.processorPageBytes
    let start = UserAddress(address.rawValue - offset)
    let (whole, wraps) = count.addingReportingOverflow(offset)
    let all = wraps ? .max : whole
    var there = touch(start, byteCount: all, access: access)
    // The processor reads what may only be written; a pin does not.
    if !access.contains(.write) { there = min(there, clinux_readable(start.rawValue, there)) }
    return there < offset ? 0 : min(count, there - offset)
  }
}
