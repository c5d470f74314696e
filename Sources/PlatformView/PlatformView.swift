internal import AddressSpaces
public import DMATypes
public import SimulatedPlatform

/// What a program finds in `/sys` and `/dev/vfio` on a simulated platform: the directories, links
/// and attributes that Linux 6.12 shows for such a machine.
///
/// The kernel was built without the device-centric VFIO nodes: there is no `/dev/vfio/devices`.
public struct PlatformView: Sendable {
  /// The major number of group nodes, as Linux 6.12 hands it out first.
  public static let groupMajor: UInt32 = 253
  /// The device number of `/dev/vfio/vfio`.
  public static let containerNumber: (major: UInt32, minor: UInt32) = (10, 196)

  /// The machine.
  public var platform: Platform
  /// Whether the program is unprivileged: it then sees 64 bytes of config space.
  public var isUnprivileged: Bool
  /// The processors that devices are near to, as sysfs lists them: `0-3`.
  public var processors: String

  /// States what is shown, and to whom.
  public init(of platform: Platform, isUnprivileged: Bool, processors: String) {
    self.platform = platform
    self.isUnprivileged = isUnprivileged
    self.processors = processors
  }

  /// The groups in the order in which VFIO met them: the minor number of each group's node is its
  /// place.
  public var groups: [GroupNumber] {
    var groups: [GroupNumber] = []
    for function in platform.functions
    where function.driver == .vfio && !groups.contains(function.group) {
      groups.append(function.group)
    }
    return groups + platform.mediated.map(\.group)
  }

  /// What a group's node is called.
  public func nodeName(of group: GroupNumber) -> String {
    platform.facts(of: group)?.nodeName ?? "\(group.rawValue)"
  }

  /// The directories that take the place of the machine's own, parents before children.
  public var roots: [String] {
    [
      "/dev/vfio", "/sys/bus/pci", "/sys/class/vfio", "/sys/class/vfio-dev", "/sys/class/iommu",
      "/sys/class/pci_bus", "/sys/devices/virtual/iommu", "/sys/devices/virtual/vfio",
      "/sys/kernel/iommu_groups", "/sys/module/vfio", "/sys/module/vfio_iommu_type1",
      "/sys/module/vfio_pci",
    ] + rootBuses.map(\.path) + (platform.mediated.isEmpty ? [] : Self.mediatedRoots)
  }

  /// Every file below the roots and the directories on the way to them, parents before children.
  public var entries: [ViewEntry] {
    var tree = Tree()
    for root in roots { tree.makeDirectory(root) }
    addNodes(to: &tree)
    addBus(to: &tree)
    addDevices(to: &tree)
    addGroups(to: &tree)
    addTranslationUnits(to: &tree)
    addMediated(to: &tree)
    addModules(to: &tree)
    return tree.entries
  }
}

/// Entries as they are collected.
struct Tree {
  private(set) var entries: [ViewEntry] = []
  private var directories: Set<String> = []

  /// Adds the directory, and those on the way to it.
  mutating func makeDirectory(_ path: String) {
    guard !path.isEmpty, directories.insert(path).inserted else { return }
    if let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) {
      makeDirectory(String(path[..<slash]))
    }
    entries.append(.directory(path))
  }

  /// Adds attributes that everyone may read, each with its line.
  mutating func add(_ attributes: KeyValuePairs<String, String>, in directory: String) {
    for (name, line) in attributes { entries.append(.text("\(directory)/\(name)", line + "\n")) }
  }

  /// Adds attributes that root may write as well.
  mutating func addWritable(
    _ attributes: KeyValuePairs<String, String>, in directory: String
  ) {
    for (name, line) in attributes {
      entries.append(.text("\(directory)/\(name)", line.isEmpty ? "" : line + "\n", mode: 0o644))
    }
  }

  /// Adds attributes that only take what root writes.
  mutating func addTriggers(_ names: [String], in directory: String, mode: UInt32 = 0o200) {
    for name in names { entries.append(.trigger("\(directory)/\(name)", mode: mode)) }
  }

  /// Adds a link, spelt relative to where it stands as sysfs spells links.
  mutating func link(_ path: String, to target: String) {
    let from = path.utf8.split(separator: UInt8(ascii: "/")).dropLast()
    let to = target.utf8.split(separator: UInt8(ascii: "/"))
    // sysfs always names the target itself, even where the link stands below it.
    let shared = min(zip(from, to).prefix { $0.elementsEqual($1) }.count, to.count - 1)
    let steps =
      repeatElement("..", count: from.count - shared)
      + to.dropFirst(shared).map { String(Substring($0)) }
    entries.append(.link(path, to: steps.joined(separator: "/")))
  }

  /// Adds any entry.
  mutating func add(_ entry: ViewEntry) { entries.append(entry) }
}

/// A number in lower-case hexadecimal, filled with zeros.
func hex(_ number: some BinaryInteger, _ digits: Int) -> String {
  let text = String(number, radix: 16)
  return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}
