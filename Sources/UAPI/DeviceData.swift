public import DMATypes

/// The program's buffer of a read or write on a device's file.
public struct DeviceBuffer: Hashable, Sendable, BitwiseCopyable {
  /// Where it begins.
  public var address: UserAddress

  /// States a buffer.
  public init(address: UserAddress) { self.address = address }

  /// Puts the lowest `width` bytes (1, 2, 4 or 8) of a value at a distance.
  public func put(_ value: UInt64, _ width: Int, _ distance: UInt64) throws(Errno) {
    let place = address.advanced(by: distance)
    switch width {
    case 1: try CallerMemory.store(UInt8(truncatingIfNeeded: value), to: place)
    case 2: try CallerMemory.store(UInt16(truncatingIfNeeded: value), to: place)
    case 4: try CallerMemory.store(UInt32(truncatingIfNeeded: value), to: place)
    default: try CallerMemory.store(value, to: place)
    }
  }

  /// Takes `width` bytes (1, 2, 4 or 8) at a distance.
  public func take(_ width: Int, _ distance: UInt64) throws(Errno) -> UInt64 {
    let place = address.advanced(by: distance)
    switch width {
    case 1: return UInt64(try load(UInt8(0), place))
    case 2: return UInt64(try load(UInt16(0), place))
    case 4: return UInt64(try load(UInt32(0), place))
    default: return try load(UInt64(0), place)
    }
  }

  private func load<Value: BitwiseCopyable>(
    _ zero: Value, _ place: UserAddress
  ) throws(Errno) -> Value {
    var value = zero
    try CallerMemory.load(from: place, into: &value)
    return value
  }
}
