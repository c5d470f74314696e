import AddressSpaces
import Conformance
import DMATypes
import Foundation
import LinuxIOMMUFD
import Testing

/// The machine that the tests of this target run on, when it is one of the kernel lab's.
struct Lab {
  /// Its groups and what IOMMU is behind them, stated here and not found out.
  var world: World
  /// The node of one device for each group.
  var nodes: [GroupNumber: String]
  /// Whether the IOMMU driver finishes tables only as devices are attached.
  var finishesTablesAtAttach: Bool

  static let absence: Comment =
    "no /dev/iommu with the kernel lab's devices bound to vfio-pci: run it in the lab"

  /// The lab's machine; nil anywhere else.
  static let here: Lab? = {
    guard access("/dev/iommu", R_OK | W_OK) == 0,
      let name = try? FileManager.default.contentsOfDirectory(atPath: "/sys/class/iommu").first
    else { return nil }
    var lab = Lab(world: .lab, nodes: [:], finishesTablesAtAttach: false)
    lab.world.groups = lab.world.groups.filter { group in
      let number = GroupNumber(rawValue: group.number)
      lab.nodes[number] = node(of: group.devices[0], in: group.number)
      return lab.nodes[number] != nil
    }
    if name.hasPrefix("ivhd") { lab.hasAMD() }
    // virtio-iommu goes by the address of its PCI function.
    if name.contains(":") { lab.hasVirtio() }
    return lab.nodes.isEmpty ? nil : lab
  }()

  private static func node(of device: String, in group: UInt32) -> String? {
    let directory = "/sys/kernel/iommu_groups/\(group)/devices/\(device)/vfio-dev"
    return try? FileManager.default.contentsOfDirectory(atPath: directory).first.map {
      "/dev/vfio/devices/\($0)"
    }
  }

  /// QEMU's amd-iommu.
  private mutating func hasAMD() {
    world.iommus[0].aperture.last = .max
    world.iommus[0].pageSizes = 0xf_fff7_ffff_f000
    world.iommus[0].coherent = true
    for index in world.groups.indices {
      world.groups[index].reserved.append(.init(0xfd_0000_0000, 0xff_ffff_ffff))
    }
  }

  /// QEMU's virtio-iommu.
  private mutating func hasVirtio() {
    world.iommus[0].aperture.last = .max
    world.iommus[0].pageSizes = 0xffff_ffff_ffff_f000
    finishesTablesAtAttach = true
  }
}
