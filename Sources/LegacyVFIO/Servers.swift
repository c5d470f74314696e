public import DMATypes

/// Whoever answers container calls: the shim's session, the oracle, a recorder around either.
public protocol ContainerServer {
  /// Whether MAP_DMA and UNMAP_DMA are admitted: asked first, because it costs less than `admit`.
  var admitsMappings: Bool { get }
  /// Makes the checks that come before the caller's structure is read.
  mutating func admit(_ command: ContainerCommand) throws(Errno)
  /// Makes an admitted call.
  mutating func perform(_ request: ContainerRequest) throws(Errno) -> ContainerReply

  // The two calls that programs make by the million, with no request or reply around them.

  /// Makes an admitted MAP_DMA.
  mutating func map(_ request: MapRequest) throws(Errno)
  /// Makes an admitted UNMAP_DMA; the bytes of the mappings that went.
  mutating func unmap(_ request: UnmapRequest) throws(Errno) -> UInt64
  /// The same without flags, as most are: two numbers cost less to hand over than a request.
  mutating func unmap(_ iova: IOVA, size: UInt64) throws(Errno) -> UInt64
}

extension ContainerServer {
  /// Left to `admit`.
  @inlinable public var admitsMappings: Bool { false }
  /// By way of `perform`.
  @inlinable public mutating func map(_ request: MapRequest) throws(Errno) {
    _ = try perform(.map(request))
  }
  /// By way of `perform`.
  @inlinable public mutating func unmap(_ request: UnmapRequest) throws(Errno) -> UInt64 {
    guard case .unmapped(let byteCount) = try perform(.unmap(request)) else { return 0 }
    return byteCount
  }
  /// By way of a request.
  @inlinable public mutating func unmap(_ iova: IOVA, size: UInt64) throws(Errno) -> UInt64 {
    try unmap(UnmapRequest(iova: iova, size: size))
  }
}

/// Whoever answers a group's calls.
public protocol GroupServer {
  /// Makes the checks that come before the argument is read.
  func admit(_ command: GroupCommand) throws(Errno)
  /// Makes an admitted call.
  mutating func perform(_ request: GroupRequest) throws(Errno) -> GroupReply
}

/// Where a program wants its dirty bits: 64-bit words in its memory, at any address.
public protocol DirtyBitmapMemory {
  /// Reads a word; `EFAULT` where it cannot be read.
  func word(at address: UserAddress) throws(Errno) -> UInt64
  /// Writes words; `EFAULT` where one cannot be written, those before it perhaps written.
  func store(_ words: Span<UInt64>, at address: UserAddress) throws(Errno)
  /// Writes the same word `count` times; `EFAULT` as in `store`.
  func fill(_ address: UserAddress, with word: UInt64, count: Int) throws(Errno)
}
