/// An I/O address space (iommufd: an IOAS).
public struct IOASID: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The backend's number.
  public var rawValue: UInt32
  /// Wraps a backend's number.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// A device bound to a backend.
public struct DeviceID: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The backend's number.
  public var rawValue: UInt32
  /// Wraps a backend's number.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// A hardware page table that follows an I/O address space (iommufd: an HWPT; VFIO: a domain).
public struct HardwareTableID: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The backend's number.
  public var rawValue: UInt32
  /// Wraps a backend's number.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}
