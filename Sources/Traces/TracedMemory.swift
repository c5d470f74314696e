public import DMATypes
import UAPI

/// The memory of the program whose calls are written down: this process's own, or another's.
public protocol TracedMemory {
  /// The bytes that can be read at an address: `count`, or as many as come before the first page
  /// that cannot.
  func readable(at address: UserAddress, count: Int) -> [UInt8]
  /// How many of the bytes at an address lie in pages that a pin for `access` would get, counted
  /// from the first.
  func present(at address: UserAddress, count: UInt64, for access: DMAAccess) -> UInt64
}

/// The memory of the process that records itself. Needs a fault guard: see `CallerMemory`.
public struct OwnMemory: TracedMemory {
  /// This process's.
  public init() {}

  /// See `TracedMemory`.
  public func readable(at address: UserAddress, count: Int) -> [UInt8] {
    CallerMemory.readable(at: address, count: count)
  }

  /// See `TracedMemory`.
  public func present(at address: UserAddress, count: UInt64, for access: DMAAccess) -> UInt64 {
    CallerMemory.present(at: address, count: count, for: access)
  }
}
