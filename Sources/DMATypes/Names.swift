/// An IOMMU group's number: `N` of `/dev/vfio/N` and of `/sys/kernel/iommu_groups/N`.
public struct GroupNumber: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
  /// The number.
  public var rawValue: UInt32
  /// Wraps a number.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// Orders by number.
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A device's name as sysfs spells it: `0000:00:05.0` for a PCI function.
public struct DeviceName: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The sysfs name.
  public var rawValue: String
  /// Wraps a name.
  public init(rawValue: String) { self.rawValue = rawValue }
  /// The name itself.
  public var description: String { rawValue }
}
