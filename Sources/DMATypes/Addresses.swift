/// An address as a device issues it: what an IOMMU translates.
public struct IOVA: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
  /// The bus address in bytes.
  public var rawValue: UInt64
  /// Wraps a bus address.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Wraps a bus address.
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  /// Orders by address.
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// An address in some process's memory: a number, never a pointer.
public struct UserAddress: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
  /// The virtual address in bytes.
  public var rawValue: UInt64
  /// Wraps a virtual address.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Wraps a virtual address.
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  /// Orders by address.
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  /// The address `bytes` further on, wrapping at 2⁶⁴ as C pointers do.
  @inlinable public func advanced(by bytes: UInt64) -> Self { .init(rawValue &+ bytes) }
}

/// A non-empty run of bus addresses; `start` and `last` are both inclusive.
///
/// An inclusive end can name the whole space: `last` may be 2⁶⁴−1.
public struct IOVARange: Hashable, Sendable, BitwiseCopyable {
  /// The first address.
  public var start: IOVA
  /// The last address, inclusive, never below `start`.
  public var last: IOVA

  /// A range from its two inclusive ends; `last` must not be below `start`.
  @inlinable public init(start: IOVA, last: IOVA) {
    precondition(start <= last)
    self.start = start
    self.last = last
  }

  /// The range of `size` bytes at `start`, or nil when it is empty or wraps past 2⁶⁴.
  ///
  /// Ending exactly at 2⁶⁴ is not a wrap: the last address is then 2⁶⁴−1.
  @inlinable public init?(start: IOVA, size: UInt64) {
    guard size != 0 else { return nil }
    let (last, wraps) = start.rawValue.addingReportingOverflow(size - 1)
    guard !wraps else { return nil }
    self.start = start
    self.last = IOVA(last)
  }

  /// The whole 64-bit space.
  public static var all: Self { .init(start: IOVA(0), last: IOVA(.max)) }

  /// The size in bytes, modulo 2⁶⁴: 0 for the whole space.
  @inlinable public var size: UInt64 { last.rawValue &- start.rawValue &+ 1 }

  /// Whether the two share an address.
  @inlinable public func overlaps(_ other: Self) -> Bool {
    start <= other.last && other.start <= last
  }
  /// Whether every address of `other` lies here.
  @inlinable public func contains(_ other: Self) -> Bool {
    start <= other.start && other.last <= last
  }
  /// Whether the address lies here.
  @inlinable public func contains(_ address: IOVA) -> Bool { start <= address && address <= last }

  /// The shared addresses, or nil when there are none.
  @inlinable public func intersection(_ other: Self) -> Self? {
    guard overlaps(other) else { return nil }
    return Self(start: max(start, other.start), last: min(last, other.last))
  }
}

/// What a device may do through a mapping.
public struct DMAAccess: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits: 1 read, 2 write.
  public var rawValue: UInt8
  /// Wraps the bits.
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// The device may read memory.
  @inlinable public static var read: Self { .init(rawValue: 1) }
  /// The device may write memory.
  @inlinable public static var write: Self { .init(rawValue: 2) }
}

/// A set of page sizes: bit n stands for pages of 2ⁿ bytes.
public struct PageSizes: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The bitmap, as `iova_pgsizes` of GET_INFO carries it.
  public var rawValue: UInt64
  /// Wraps a bitmap.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The page size of the processor: type1 never goes below it.
  public static var processorPageBytes: UInt64 { 4096 }
  /// Every size from the processor's page up: a container without a domain reports this.
  public static var all: Self { .init(rawValue: ~(processorPageBytes - 1)) }

  /// The smallest size in bytes; 0 for the empty set.
  @inlinable public var smallestBytes: UInt64 { rawValue & (0 &- rawValue) }
}

/// A process that mapped memory, as one container numbers it: 0..<128.
public struct MemoryOwner: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The container's number for the process.
  public var rawValue: UInt8
  /// Wraps a number below 128.
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
}
