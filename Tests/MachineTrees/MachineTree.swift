import Foundation

/// A copy of some machine's files in a directory that goes with the test.
public final class MachineTree {
  /// What stands for the machine's root directory.
  public let root: String
  /// The machine's sysfs.
  public var sysfs: String { "\(root)/sys" }

  /// An empty machine.
  public init() throws {
    let place = FileManager.default.temporaryDirectory.appending(path: "ioasid-\(UUID())")
    root = place.path
    try directory("sys")
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  /// A machine as it stood in the kernel lab: see Fixtures/Sysfs/record.py for the lines. Nodes are
  /// plain files here.
  public convenience init(recording name: String) throws {
    try self.init()
    let top = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let file = top.appending(path: "Fixtures/Sysfs/\(name)")
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      let path = String(fields[0].dropFirst())
      switch fields[1] {
      case "dir": try directory(path)
      case "link": try link(path, to: fields[2])
      default: try write(path, fields.last?.replacing("\\n", with: "\n") ?? "")
      }
    }
  }

  /// Makes a directory and those above it.
  public func directory(_ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: "\(root)/\(path)", withIntermediateDirectories: true)
  }

  /// Makes a file.
  public func write(_ path: String, _ content: String) throws {
    try directory((path as NSString).deletingLastPathComponent)
    try Data(content.utf8).write(to: URL(fileURLWithPath: "\(root)/\(path)"))
  }

  /// Makes a symbolic link.
  public func link(_ path: String, to target: String) throws {
    try directory((path as NSString).deletingLastPathComponent)
    try FileManager.default.createSymbolicLink(
      atPath: "\(root)/\(path)", withDestinationPath: target)
  }

  /// Makes a PCI function on the root bus, in a group, perhaps with a driver.
  public func device(_ name: String, group: Int, driver: String? = nil) throws {
    let place = "devices/pci0000:00/\(name)"
    try link("sys/\(place)/subsystem", to: "../../../bus/pci")
    try link("sys/kernel/iommu_groups/\(group)/devices/\(name)", to: "../../../../\(place)")
    if let driver {
      try link("sys/\(place)/driver", to: "../../../bus/pci/drivers/\(driver)")
    }
  }

  /// Removes a file or a whole directory.
  public func remove(_ path: String) throws {
    try FileManager.default.removeItem(atPath: "\(root)/\(path)")
  }
}
