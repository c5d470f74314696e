import AddressSpaces
import Conformance
import DMATypes
import Foundation
import LinuxIOMMUFD
import Testing

/// The machine that the tests of this target run on, when it is the kernel lab's.
enum Lab {
  /// The node of one device for each group of the lab's world; nil where one is missing or there is
  /// no iommufd.
  static let nodes: [GroupNumber: String]? = {
    guard access("/dev/iommu", R_OK | W_OK) == 0 else { return nil }
    var nodes: [GroupNumber: String] = [:]
    for group in World.lab.groups {
      guard let name = group.devices.first,
        let node = try? FileManager.default.contentsOfDirectory(
          atPath: "/sys/bus/pci/devices/\(name)/vfio-dev"
        ).first
      else { return nil }
      nodes[GroupNumber(rawValue: group.number)] = "/dev/vfio/devices/\(node)"
    }
    return nodes
  }()

  /// Whether `/dev/vfio/vfio` and `/dev/iommu` and the lab's devices are there.
  static var isHere: Bool { nodes != nil }

  static let absence: Comment =
    "no /dev/iommu with the kernel lab's devices bound to vfio-pci: run it in the lab"
}
