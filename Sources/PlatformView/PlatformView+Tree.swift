internal import DMATypes
internal import SimulatedPlatform

extension PlatformView {
  /// The directories that take the place of the machine's own, parents before children.
  public var roots: [String] { ["/dev/vfio"] }

  /// Every file below the roots and the directories on the way to them, parents before children.
  public var entries: [ViewEntry] {
    var entries: [ViewEntry] = [.directory("/dev"), .directory("/dev/vfio")]
    let container = Self.containerNumber
    entries.append(
      .node("/dev/vfio/vfio", major: container.major, minor: container.minor, mode: 0o666))
    for (minor, group) in groups.enumerated() {
      entries.append(
        .node(
          "/dev/vfio/\(group.rawValue)", major: Self.groupMajor, minor: UInt32(minor), mode: 0o600))
    }
    return entries
  }
}
