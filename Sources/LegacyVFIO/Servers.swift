public import DMATypes

/// Whoever answers container calls: the shim's session, the oracle, a recorder around either.
public protocol ContainerServer {
  /// Makes the checks that come before the caller's structure is read.
  func admit(_ command: ContainerCommand) throws(Errno)
  /// Makes an admitted call.
  mutating func perform(_ request: ContainerRequest) throws(Errno) -> ContainerReply

  // The two calls that programs make by the million, with no request or reply around them.

  /// Makes an admitted MAP_DMA.
  mutating func map(_ request: MapRequest) throws(Errno)
  /// Makes an admitted UNMAP_DMA; the bytes of the mappings that went.
  mutating func unmap(_ request: UnmapRequest) throws(Errno) -> UInt64
}

extension ContainerServer {
  /// By way of `perform`.
  @inlinable public mutating func map(_ request: MapRequest) throws(Errno) {
    _ = try perform(.map(request))
  }
  /// By way of `perform`.
  @inlinable public mutating func unmap(_ request: UnmapRequest) throws(Errno) -> UInt64 {
    guard case .unmapped(let byteCount) = try perform(.unmap(request)) else { return 0 }
    return byteCount
  }
}

/// Whoever answers a group's calls.
public protocol GroupServer {
  /// Makes the checks that come before the argument is read.
  func admit(_ command: GroupCommand) throws(Errno)
  /// Makes an admitted call.
  mutating func perform(_ request: GroupRequest) throws(Errno) -> GroupReply
}
