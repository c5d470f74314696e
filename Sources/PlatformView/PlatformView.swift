public import DMATypes
public import SimulatedPlatform

/// What a program finds in `/sys` and `/dev/vfio` on a simulated platform: exactly the directories,
/// links and attributes that the kernel shows for such a machine.
public struct PlatformView: Sendable {
  /// The major number of group nodes, as Linux 6.12 hands it out first.
  public static let groupMajor: UInt32 = 253
  /// The device number of `/dev/vfio/vfio`.
  public static let containerNumber: (major: UInt32, minor: UInt32) = (10, 196)

  /// The machine.
  public var platform: Platform
  /// Whether unprivileged programs look at it: they see 64 bytes of config space.
  public var isUnprivileged: Bool

  /// States what is shown, and to whom.
  public init(of platform: Platform, isUnprivileged: Bool) {
    self.platform = platform
    self.isUnprivileged = isUnprivileged
  }

  /// The groups in the order in which VFIO met them: the minor number of each group's node is its
  /// place.
  public var groups: [GroupNumber] {
    var groups: [GroupNumber] = []
    for function in platform.functions
    where function.driver == .vfio && !groups.contains(function.group) {
      groups.append(function.group)
    }
    return groups
  }
}
