import Foundation
import PlatformView
import SimulatedPlatform
import Testing

/// The built-in platform's view against what Linux 6.12 showed of the machine it stands for.
struct RecordedSysfsTests {
  /// Every file in which the two may differ, by the end of its path, and why.
  static let differences: [(pattern: String, reason: String)] = [
    ("/dev/vfio/devices(/vfio.)?", "the view's kernel has no device-centric nodes"),
    ("/vfio-dev/vfio./(dev|uevent)", "the view's kernel has no device-centric nodes"),
    ("/firmware_node", "the platform has no ACPI"),
    ("/waiting_for_supplier", "the platform has no ACPI"),
    ("/numa_node", "distributions' kernels show it, the lab's is built without NUMA"),
    ("/0000:00:02.0:pcie0../?.*", "services of a root port's own driver"),
    ("/0000:00:02.0/msi_irqs/?.*", "the root port's own interrupt"),
    ("/0000:00:02.0/irq", "the root port's own interrupt"),
    ("/link/l0s_aspm", "link power management of the bridge's own"),
    ("/drivers/pcieport/module", "built into the lab's kernel under a name of its own"),
    ("/dmar0/intel-iommu/domains_used", "changes with every open container"),
    ("/devices/pci0000:00/0000:00:06.0(/.*)?", "the lab has an e1000e there"),
  ]

  static let recorded: [String: String] = {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Fixtures/Sysfs/linux-6.12.txt")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [:] }
    return dictionary(of: text.split(separator: "\n").map(String.init))
  }()

  static let shown = dictionary(
    of: PlatformView(of: .builtIn, isUnprivileged: false, processors: "0-1").entries.map(line))

  static func dictionary(of lines: [String]) -> [String: String] {
    Dictionary(
      lines.map { line in
        let tab = line.firstIndex(of: "\t") ?? line.endIndex
        return (String(line[..<tab]), String(line[tab...].dropFirst()))
      }, uniquingKeysWith: { first, second in first + " and " + second })
  }

  static func line(_ entry: ViewEntry) -> String {
    let digits = String(entry.mode, radix: 8)
    let mode = String(repeating: "0", count: 4 - digits.count) + digits
    let rest =
      switch entry.content {
      case .directory: "dir\t\(mode)"
      case .link(let target): "link\t\(target)"
      case .node(let major, let minor): "char\t\(mode)\t\(major):\(minor)"
      case .file(_, let size?): "file\t\(mode)\t\(size) bytes"
      case .file(let bytes, nil) where entry.path.hasSuffix("/config"):
        "file\t\(mode)\t\(hexadecimal(bytes)) of \(bytes.count)"
      case .file(let bytes, nil):
        "file\t\(mode)\t"
          + String(decoding: bytes, as: UTF8.self).replacingOccurrences(of: "\n", with: "\\n")
      }
    return "\(entry.path)\t\(rest)"
  }

  static func hexadecimal(_ bytes: [UInt8]) -> String {
    let last = bytes.lastIndex { $0 != 0 } ?? -1
    return bytes[...last].map { String(format: "%02x", $0) }.joined()
  }

  static func isExcused(_ path: String) -> Bool {
    differences.contains { matches(path, $0.pattern) }
  }

  static func matches(_ path: String, _ pattern: String) -> Bool {
    path.range(of: pattern + "$", options: .regularExpression) != nil
  }

  @Test func theViewShowsEveryRecordedFile() {
    #expect(Self.recorded.count > 300)
    for (path, line) in Self.recorded.sorted(by: { $0.key < $1.key })
    where !Self.isExcused(path) {
      #expect(Self.shown[path] == line, "\(path)")
    }
  }

  /// Directories on the way to the roots are the machine's own.
  @Test func theViewShowsNothingElse() {
    for path in Self.shown.keys.sorted()
    where Self.recorded[path] == nil && !Self.isExcused(path) {
      #expect(Self.recorded.keys.contains { $0.hasPrefix(path + "/") }, "\(path)")
    }
  }

  @Test(arguments: differences.map(\.pattern))
  func everyExcuseIsNeeded(pattern: String) {
    let paths = Set(Self.recorded.keys).union(Self.shown.keys)
    #expect(
      paths.contains {
        Self.matches($0, pattern) && Self.recorded[$0] != Self.shown[$0]
      })
  }

  @Test func anUnprivilegedProgramSees64BytesOfConfigSpace() {
    let view = PlatformView(of: .builtIn, isUnprivileged: true, processors: "0")
    for entry in view.entries where entry.path.hasSuffix("/config") {
      guard case .file(let bytes, _) = entry.content else { continue }
      #expect(bytes.count == 64, "\(entry.path)")
    }
  }

  @Test(
    arguments: [
      ("0", "1"), ("0-3", "f"), ("0-31", "ffffffff"), ("0-1,32-33", "3,00000003"), ("5", "20"),
      ("", "1"), ("nonsense", "1"),
    ])
  func processorMasksAreWrittenAsSysfsWritesThem(processors: String, mask: String) {
    let view = PlatformView(of: .builtIn, isUnprivileged: true, processors: processors)
    #expect(
      view.entries.contains {
        $0 == .text("/sys/devices/pci0000:00/0000:00:05.0/local_cpus", mask + "\n")
      })
  }

  @Test(arguments: [false, true])
  func namesAreMadeInTheOrderInWhichLinuxListsThem(listsNewestFirst: Bool) {
    let made = PlatformView(of: .builtIn, isUnprivileged: false, processors: "0")
      .entries(listsNewestFirst: listsNewestFirst).map(\.path)
    for (directory, listed) in [
      (
        "/sys/bus/pci/drivers/vfio-pci/",
        "uevent bind new_id remove_id 0000:02:02.0 unbind 0000:00:06.0 0000:02:01.0 module "
          + "0000:00:05.0"
      ),
      ("/sys/class/vfio-dev/", "vfio1 vfio2 vfio0 vfio3"),
      ("/dev/vfio/", "6 4 3 vfio"),
    ] {
      let names = made.filter { $0.hasPrefix(directory) }.map { $0.dropFirst(directory.count) }
      let order = listsNewestFirst ? names.reversed() : names
      #expect(order.joined(separator: " ") == listed)
    }
    for (index, path) in made.enumerated() {
      let parent = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
      #expect(parent.isEmpty || made[..<index].contains { $0 == parent }, "\(path)")
    }
  }

  @Test func parentsComeBeforeTheirChildren() {
    var seen: Set<String> = [""]
    for entry in PlatformView(of: .builtIn, isUnprivileged: false, processors: "0").entries {
      let parent = String(entry.path[..<(entry.path.lastIndex(of: "/") ?? entry.path.startIndex)])
      #expect(seen.contains(parent), "\(entry.path)")
      #expect(seen.insert(entry.path).inserted, "\(entry.path) twice")
    }
  }
}
