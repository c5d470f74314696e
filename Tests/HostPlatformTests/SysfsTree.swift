import Foundation

/// A copy of some machine's sysfs in a directory that goes with the test.
final class SysfsTree {
  let root: String

  init() throws {
    let place = FileManager.default.temporaryDirectory.appending(path: "ioasid-\(UUID())")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    root = place.path
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  /// The tree as it stood in the kernel lab: see Fixtures/Sysfs/record.py for the lines.
  convenience init(recording name: String) throws {
    try self.init()
    let top = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let file = top.appending(path: "Fixtures/Sysfs/\(name)")
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard fields[0].hasPrefix("/sys/") else { continue }
      let path = String(fields[0].dropFirst("/sys/".count))
      switch fields[1] {
      case "dir": try directory(path)
      case "link": try link(path, to: fields[2])
      default: try write(path, fields.last?.replacing("\\n", with: "\n") ?? "")
      }
    }
  }

  func directory(_ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: "\(root)/\(path)", withIntermediateDirectories: true)
  }

  func write(_ path: String, _ content: String) throws {
    try directory((path as NSString).deletingLastPathComponent)
    try Data(content.utf8).write(to: URL(fileURLWithPath: "\(root)/\(path)"))
  }

  func link(_ path: String, to target: String) throws {
    try directory((path as NSString).deletingLastPathComponent)
    try FileManager.default.createSymbolicLink(
      atPath: "\(root)/\(path)", withDestinationPath: target)
  }

  /// A PCI function on the root bus, in a group, perhaps with a driver.
  func device(_ name: String, group: Int, driver: String? = nil) throws {
    let place = "devices/pci0000:00/\(name)"
    try link("\(place)/subsystem", to: "../../../bus/pci")
    try link("kernel/iommu_groups/\(group)/devices/\(name)", to: "../../../../\(place)")
    if let driver { try link("\(place)/driver", to: "../../../bus/pci/drivers/\(driver)") }
  }

  func remove(_ path: String) throws {
    try FileManager.default.removeItem(atPath: "\(root)/\(path)")
  }
}
