import DMATypes
import Diagnosis
import HostPlatform
import Testing

/// A machine in a few words.
struct Machine {
  static func device(
    _ name: String, _ driver: String? = "vfio-pci", cdev: String? = nil
  ) -> HostDevice {
    HostDevice(
      name: DeviceName(rawValue: name), driver: driver, isBoundToVFIO: driver == "vfio-pci",
      cdev: cdev, major: cdev == nil ? 0 : 252)
  }

  /// The lab's machine with nodes as a kernel of that kind has them.
  static func lab(_ container: HostFacts.ContainerNode, groups: Bool) -> HostFacts {
    var facts = HostFacts(
      kernel: "6.12",
      platform: HostPlatform(groups: [
        HostGroup(
          number: GroupNumber(rawValue: 3), type: "DMA-FQ",
          devices: [device("0000:00:05.0", cdev: "vfio0")]),
        HostGroup(
          number: GroupNumber(rawValue: 4), type: "DMA-FQ",
          devices: [device("0000:00:06.0", "e1000e")]),
        HostGroup(
          number: GroupNumber(rawValue: 6), type: "DMA-FQ",
          devices: [
            device("0000:01:00.0", nil), device("0000:02:01.0", cdev: "vfio1"),
            device("0000:02:02.0", "ahci"),
          ]),
      ]))
    facts.iommus = ["dmar0": .intel]
    facts.bridges = [DeviceName(rawValue: "0000:01:00.0")]
    facts.iommuOfDevice = [DeviceName(rawValue: "0000:00:05.0"): "dmar0"]
    facts.containerNode = container
    facts.iommuNode = .allowed
    facts.groupNodes = groups ? [GroupNumber(rawValue: 3), GroupNumber(rawValue: 6)] : []
    facts.cdevNodes = ["vfio0": .allowed, "vfio1": .allowed]
    facts.hasPCIDriver = true
    facts.isRoot = true
    return facts
  }
}

@Suite("What auto takes")
struct BackendChoiceTests {
  typealias Change = @Sendable (inout HostFacts) -> Void

  static let rows: [(Change, BackendChoice.Backend, String)] = [
    (
      { $0 = Machine.lab(.type1, groups: true) }, .native,
      "/dev/vfio/vfio is the kernel's type1, and /dev/vfio/3 is there for 0000:00:05.0"
    ),
    // Without the right to open a node the program still fails as it would alone.
    (
      {
        $0 = Machine.lab(.type1, groups: true)
        $0.iommuNode = .refused(.accessDenied)
      }, .native, "/dev/vfio/vfio is the kernel's type1, and /dev/vfio/3 is there for 0000:00:05.0"
    ),
    (
      { $0 = Machine.lab(.iommufd, groups: true) }, .iommufd,
      "/dev/vfio/vfio is an iommufd, whose own emulation of type1 differs"
    ),
    (
      {
        $0 = Machine.lab(.iommufd, groups: true)
        $0.iommuNode = .absent
      }, .iommufd, "/dev/vfio/vfio is an iommufd, whose own emulation of type1 differs"
    ),
    (
      { $0 = Machine.lab(.absent, groups: false) }, .iommufd,
      "this kernel has no legacy node for 0000:00:05.0 and 1 more"
    ),
    // A container that was given cdevs only.
    (
      { $0 = Machine.lab(.type1, groups: false) }, .iommufd,
      "this kernel has no legacy node for 0000:00:05.0 and 1 more"
    ),
    (
      {
        $0 = Machine.lab(.absent, groups: false)
        $0.iommuNode = .absent
      }, .software, "there is no /dev/iommu"
    ),
    (
      {
        $0 = Machine.lab(.absent, groups: false)
        $0.iommuNode = .refused(.accessDenied)
      }, .software, "cannot open /dev/iommu (Permission denied)"
    ),
    (
      {
        $0 = Machine.lab(.absent, groups: false)
        $0.cdevNodes = ["vfio0": .refused(.accessDenied), "vfio1": .absent]
      }, .software, "cannot open /dev/vfio/devices/vfio0 of 0000:00:05.0 (Permission denied)"
    ),
    (
      {
        $0 = Machine.lab(.absent, groups: false)
        $0.cdevNodes = [:]
      }, .software, "there is no /dev/vfio/devices/vfio0 for 0000:00:05.0"
    ),
    (
      {
        $0 = Machine.lab(.absent, groups: false)
        for index in $0.platform.groups.indices {
          for device in $0.platform.groups[index].devices.indices {
            $0.platform.groups[index].devices[device].cdev = nil
          }
        }
      }, .software, "the kernel gives 0000:00:05.0 no node of its own"
    ),
    (
      {
        $0 = Machine.lab(.absent, groups: false)
        $0.platform.groups.removeAll { $0.number.rawValue != 4 }
      }, .software, "no device is bound to VFIO"
    ),
    (
      {
        $0 = Machine.lab(.type1, groups: false)
        $0.platform.groups.removeAll()
      }, .software, "this machine shows no IOMMU groups"
    ),
    ({ _ in }, .software, "there is no /dev/iommu"),
  ]

  @Test("The facts decide, and the reason names them", arguments: rows.indices)
  func decision(row: Int) {
    let (change, backend, reason) = Self.rows[row]
    var facts = HostFacts()
    change(&facts)
    let choice = facts.automaticChoice()
    #expect(choice.backend == backend && choice.reason == reason)
    #expect(!choice.line.contains("\n") && choice.line.hasPrefix("ioasid: \(backend.rawValue): "))
  }

  @Test("A platform that is given is simulated, whatever the machine has")
  func platform() {
    for facts in [Machine.lab(.type1, groups: true), Machine.lab(.absent, groups: false)] {
      #expect(facts.automaticChoice(simulating: true).backend == .software)
    }
  }

  @Test("Every obstacle says what to do, in one line")
  func obstacles() {
    var seen: Set<String> = []
    for (change, _, _) in Self.rows {
      var facts = HostFacts()
      change(&facts)
      guard let obstacle = facts.obstacleToIOMMUFD else { continue }
      seen.insert(obstacle.remedy)
      #expect(!obstacle.cause.isEmpty && !obstacle.remedy.isEmpty)
      #expect(!(obstacle.cause + obstacle.remedy).contains("\n"))
    }
    #expect(seen.count == 7)
  }
}
