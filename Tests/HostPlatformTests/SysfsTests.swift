import AddressSpaces
import DMATypes
import HostPlatform
import MachineTrees
import Testing

@Suite("Reading a machine's groups")
struct SysfsTests {
  @Test("The native lab machine is read whole")
  func nativeLab() throws {
    let tree = try MachineTree(recording: "linux-6.12.txt")
    let machine = try HostPlatform(sysfs: tree.sysfs)
    #expect(machine.groups.map(\.number.rawValue) == [2, 3, 4, 6])
    let window = ReservedRegion(
      range: IOVARange(start: IOVA(0xfee0_0000), last: IOVA(0xfeef_ffff)), kind: .interrupt)
    for group in machine.groups {
      #expect(group.reservedRegions == [window] && group.reserved == [window.range])
      #expect(group.type == "DMA-FQ" && group.kind == .physical && group.isViable)
    }
    let single = try #require(machine.groups.first { $0.number.rawValue == 3 })
    #expect(
      single.devices == [
        HostDevice(
          name: DeviceName(rawValue: "0000:00:05.0"), driver: "vfio-pci", cdev: "vfio0",
          major: 252, minor: 0)
      ])
    let shared = try #require(machine.groups.last)
    #expect(
      shared.devices.map(\.name.rawValue) == ["0000:01:00.0", "0000:02:01.0", "0000:02:02.0"])
    #expect(shared.devices.map(\.driver) == [nil, "vfio-pci", "vfio-pci"])
    #expect(shared.cdevs.map(\.cdev) == ["vfio3", "vfio2"])
    #expect(machine.groups[0].devices.map(\.driver) == ["pcieport"])
  }

  @Test(
    "A group is viable unless a native driver holds a member",
    arguments: [
      ([nil], true), ([nil, "vfio-pci"], true), (["pcieport", "pci-stub"], true),
      (["mlx5_vfio_pci"], false), (["e1000e"], false), (["vfio-pci", "e1000e"], false),
      (["vfio-pci-of-a-vendor"], true), ([], true),
    ] as [([String?], Bool)])
  func viability(drivers: [String?], isViable: Bool) throws {
    let tree = try MachineTree()
    try tree.directory("sys/kernel/iommu_groups/7/devices")
    for (index, driver) in drivers.enumerated() {
      try tree.device("0000:00:0\(index).0", group: 7, driver: driver)
    }
    let group = try #require(try HostPlatform(sysfs: tree.sysfs).groups.first)
    #expect(group.devices.count == drivers.count && group.isViable == isViable)
    #expect(group.hindrances.isEmpty == isViable)
  }

  @Test("One group is read and no other's files")
  func oneGroup() throws {
    let tree = try MachineTree()
    try tree.directory("sys/kernel/iommu_groups/7/devices")
    try tree.device("0000:00:05.0", group: 7, driver: "vfio-pci")
    // Reading this one fails.
    try tree.write("sys/kernel/iommu_groups/8/devices", "")
    #expect(throws: Errno.self) { try HostPlatform(sysfs: tree.sysfs) }
    let group = try HostGroup(GroupNumber(rawValue: 7), sysfs: tree.sysfs)
    #expect(group.devices.map(\.driver) == ["vfio-pci"])
    #expect(throws: Errno.notFound) {
      try HostGroup(GroupNumber(rawValue: 9), sysfs: tree.sysfs)
    }
  }

  @Test(
    "IOMMUs of one driver are told by the names that sysfs gives them",
    arguments: [
      ("dmar0", "dmar"), ("dmar17", "dmar"), ("ivhd2", "ivhd"), ("virtio3", "virtio"),
      ("smmu3.0x0000000009050000", "smmu3"), ("smmu.0x2000000", "smmu"), ("pamu", "pamu"),
    ])
  func iommuDrivers(unit: String, driver: String) throws {
    let tree = try MachineTree()
    try tree.device("0000:00:01.0", group: 1)
    try tree.device("0000:00:02.0", group: 1)
    try tree.link(
      "sys/devices/pci0000:00/0000:00:02.0/iommu", to: "../../virtual/iommu/\(unit)")
    try tree.device("0000:00:03.0", group: 2)
    let groups = try HostPlatform(sysfs: tree.sysfs).groups
    #expect(groups.map(\.iommuDriver) == [driver, ""])
  }

  @Test("A driver of any name is VFIO's once it has registered the device")
  func vendorDrivers() throws {
    let tree = try MachineTree()
    try tree.device("0000:00:01.0", group: 1, driver: "mlx5_vfio_pci")
    try tree.write("sys/devices/pci0000:00/0000:00:01.0/vfio-dev/vfio5/dev", "511:5\n")
    try tree.device("0000:00:02.0", group: 1, driver: "mlx5_vfio_pci")
    try tree.directory("sys/devices/pci0000:00/0000:00:02.0/vfio-dev/vfio6")
    let group = try #require(try HostPlatform(sysfs: tree.sysfs).groups.first)
    #expect(group.isViable && group.devices.allSatisfy(\.isBoundToVFIO))
    #expect(group.devices.map(\.cdev) == ["vfio5", nil], "a kernel without cdevs gives no number")
    #expect(group.devices[0].major == 511 && group.devices[0].minor == 5)
  }

  @Test("Regions that firmware lets go of stay usable, unknown ones do not")
  func regions() throws {
    let tree = try MachineTree()
    try tree.write(
      "sys/kernel/iommu_groups/0/reserved_regions",
      """
      0x0000000000000000 0x0000000000ffffff direct
      0x00000000bdf6f000 0x00000000bdf7efff direct-relaxable
      0x00000000fee00000 0x00000000feefffff msi
      0x000000fd00000000 0xffffffffffffffff of-a-later-kernel
      nonsense
      0x2 0x1 msi

      """)
    let group = try #require(try HostPlatform(sysfs: tree.sysfs).groups.first)
    #expect(
      group.reservedRegions.map(\.kind) == [.direct, .directRelaxable, .interrupt, .reserved])
    #expect(group.reserved.map(\.start.rawValue) == [0, 0xfee0_0000, 0xfd_0000_0000])
    #expect(group.reserved.last?.last.rawValue == .max)
  }

  @Test("A device that is no PCI function, a group of no IOMMU, names that are no numbers")
  func others() throws {
    let tree = try MachineTree()
    try tree.link("sys/devices/platform/uart/subsystem", to: "../../../bus/platform")
    try tree.link("sys/kernel/iommu_groups/9/devices/uart", to: "../../../../devices/platform/uart")
    try tree.link("sys/class/vfio/noiommu-9", to: "../../devices/virtual/vfio/noiommu-9")
    try tree.write("sys/kernel/iommu_groups/9/name", "vfio-noiommu\n")
    try tree.directory("sys/kernel/iommu_groups/other")
    let groups = try HostPlatform(sysfs: tree.sysfs).groups
    #expect(groups.count == 1 && groups[0].kind == .noIOMMU && !groups[0].devices[0].isPCI)
  }

  @Test("A mediated device's group has the same name and other nodes")
  func mediated() throws {
    let tree = try MachineTree()
    let place = "devices/virtual/mtty/mtty/83b8f4f2"
    try tree.link("sys/kernel/iommu_groups/7/devices/83b8f4f2", to: "../../../../\(place)")
    try tree.write("sys/kernel/iommu_groups/7/name", "vfio-noiommu\n")
    try tree.link("sys/class/vfio/7", to: "../../devices/virtual/vfio/7")
    try tree.write("sys/\(place)/vfio-dev/vfio0/dev", "252:0\n")
    let group = try #require(try HostPlatform(sysfs: tree.sysfs).groups.first)
    #expect(group.kind == .emulated && group.isViable && group.cdevs.map(\.cdev) == ["vfio0"])
  }

  @Test("No IOMMU is no groups; no sysfs is an error")
  func nothing() throws {
    let tree = try MachineTree()
    #expect(try HostPlatform(sysfs: tree.sysfs) == HostPlatform(groups: []))
    #expect(throws: Errno.notFound) { try HostPlatform(sysfs: "\(tree.root)/none") }
  }
}
