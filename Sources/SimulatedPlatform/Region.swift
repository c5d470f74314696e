/// The regions of a vfio-pci device's file: BARs 0–5, ROM 6, config space 7, VGA 8.
enum Region {
  static let count: UInt32 = 9
  static let rom: UInt64 = 6
  static let config: UInt64 = 7
  static let vga: UInt64 = 8
  /// A region begins at its index, shifted left by this.
  static let offsetShift: UInt64 = 40
  static let offsetMask: UInt64 = (1 << 40) - 1
  /// `edu`'s one BAR, in bytes.
  static let barBytes: UInt64 = 0x10_0000
  static let configBytes: UInt64 = 256
  static let pageBytes: UInt64 = 4096
}

/// A stretch of a BAR that a program has mapped and whose accesses reach the device one by one.
public struct TrappedRegion: Hashable, Sendable, BitwiseCopyable {
  /// The BAR, 0...5.
  public var bar: UInt8
  /// Where in the BAR the mapping begins, in bytes.
  public var offset: UInt64
  /// Its length in bytes, a multiple of the page size.
  public var length: UInt64
}
