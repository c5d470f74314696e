import DMATypes
import Diagnosis
import Foundation
import HostPlatform
import MachineTrees
import SimulatedPlatform
import Testing

@Suite("What the doctor says")
struct DoctorTests {
  /// The report from a group's headline to the next empty line.
  static func section(_ report: String, _ headline: String) -> [String] {
    let lines = report.components(separatedBy: "\n")
    guard let start = lines.firstIndex(where: { $0.hasPrefix(headline) }) else { return [] }
    return Array(lines[start...].prefix { !$0.isEmpty })
  }

  static func object(_ json: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
  }

  @Test("The lab's kernel without legacy VFIO, as recorded")
  func pureLab() throws {
    let tree = try MachineTree(recording: "linux-6.12-pure.txt")
    try tree.write("dev/iommu", "")
    let facts = HostFacts(lookingAt: tree.root, inDetail: true)
    #expect(facts.containerNode == .absent && facts.iommuNode == .allowed)
    #expect(facts.iommus == ["dmar0": .intel] && facts.hasPCIDriver)
    #expect(facts.groupNodes.isEmpty && facts.obstacleToIOMMUFD == nil)
    let report = Doctor(facts).text
    #expect(
      report.contains(
        "auto takes iommufd: this kernel has no legacy node for 0000:00:05.0 and 1 more\n"))
    #expect(
      Self.section(report, "group 2") == [
        "group 2 (DMA-FQ): bridges only", "  0000:00:02.0  pcieport",
      ])
    let anchor = "  a page table of its own keeps pages pinned, with no device open"
    #expect(
      Self.section(report, "group 3") == [
        "group 3 (DMA-FQ): ready", "  0000:00:05.0  vfio-pci  /dev/vfio/devices/vfio0", anchor,
      ])
    #expect(
      Self.section(report, "group 6") == [
        "group 6 (DMA-FQ): ready", "  0000:01:00.0  no driver",
        "  0000:02:01.0  vfio-pci  /dev/vfio/devices/vfio1", "  0000:02:02.0  no driver",
        "  locked out: the machine's drivers are locked out of 0000:02:02.0 while a program has "
          + "the group",
        anchor,
      ])
  }

  @Test("The native kernel's nodes are found")
  func nativeLab() throws {
    let tree = try MachineTree(recording: "linux-6.12.txt")
    let facts = HostFacts(lookingAt: tree.root, inDetail: true)
    #expect(facts.groupNodes.map(\.rawValue).sorted() == [3, 4, 6])
    #expect(facts.cdevNodes.keys.sorted() == ["vfio0", "vfio2", "vfio3"])
    // A plain file stands for the node here: it opens, and answers nothing.
    #expect(facts.containerNode == .otherDriver)
    try tree.remove("dev/vfio/vfio")
    #expect(HostFacts(lookingAt: tree.root, inDetail: true).containerNode == .absent)
  }

  @Test("A network card and a disk in use are named before they are lost")
  func losses() throws {
    let tree = try MachineTree()
    try tree.device("0000:00:06.0", group: 4, driver: "e1000e")
    let network = "devices/pci0000:00/0000:00:06.0/net/enp0s6"
    try tree.link("sys/class/net/enp0s6", to: "../../\(network)")
    try tree.link("sys/class/net/lo", to: "../../devices/virtual/net/lo")
    try tree.device("0000:00:07.0", group: 5, driver: "ahci")
    for (name, number, holder) in [("sda", "8:0", nil), ("sda1", "8:1", "dm-0")]
      as [(String, String, String?)]
    {
      let place = "devices/pci0000:00/0000:00:07.0/ata1/block/\(name)"
      try tree.link("sys/class/block/\(name)", to: "../../\(place)")
      try tree.write("sys/\(place)/dev", "\(number)\n")
      if let holder { try tree.directory("sys/\(place)/holders/\(holder)") }
    }
    try tree.link("sys/class/block/dm-0", to: "../../devices/virtual/block/dm-0")
    try tree.write("sys/devices/virtual/block/dm-0/dev", "253:0\n")
    try tree.write(
      "proc/self/mountinfo",
      """
      22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/mapper/root rw
      23 22 253:0 /home /a\\040home rw - ext4 /dev/mapper/root rw

      """)
    let report = Doctor(HostFacts(lookingAt: tree.root, inDetail: true)).text
    #expect(
      Self.section(report, "group 4") == [
        "group 4: in use by the machine",
        "  0000:00:06.0  e1000e  network interface enp0s6",
        "  lost by taking it: 0000:00:06.0 (e1000e): network interface enp0s6",
        "  to make it ready, as root:",
        "    modprobe vfio-pci",
        "    echo vfio-pci > /sys/bus/pci/devices/0000:00:06.0/driver_override",
        "    echo 0000:00:06.0 > /sys/bus/pci/devices/0000:00:06.0/driver/unbind",
        "    echo 0000:00:06.0 > /sys/bus/pci/drivers_probe",
      ])
    #expect(
      Self.section(report, "group 5").contains(
        "  lost by taking it: 0000:00:07.0 (ahci): disk sda, disk sda1 on / /a home"))
  }

  @Test("Who is locked out, by whom and why")
  func lockedOut() {
    var facts = Machine.lab(.absent, groups: false)
    facts.holders = [GroupNumber(rawValue: 3): [Holder(process: 812, name: "qemu")]]
    facts.cdevNodes["vfio1"] = .refused(.accessDenied)
    let report = Doctor(facts).text
    #expect(Self.section(report, "group 3")[0] == "group 3 (DMA-FQ): taken")
    #expect(
      Self.section(report, "group 3").contains(
        "  locked out: other programs are locked out: qemu (process 812) has it open"))
    let shared = Self.section(report, "group 6")
    #expect(shared[0] == "group 6 (DMA-FQ): not viable")
    #expect(
      shared.contains(
        "  locked out: programs are locked out of 0000:02:01.0: ahci holds 0000:02:02.0, and a "
          + "group is given away whole (SET_CONTAINER is EPERM)"))
    #expect(
      shared.contains(
        "  locked out: this user is locked out of 0000:02:01.0: /dev/vfio/devices/vfio1: "
          + "Permission denied"))
    #expect(shared.contains("    chown USER /dev/vfio/devices/vfio1"))
    #expect(
      shared.contains("    echo 0000:02:02.0 > /sys/bus/pci/devices/0000:02:02.0/driver/unbind"))
    #expect(!shared.contains { $0.contains("0000:01:00.0 >") }, "bridges stay as they are")
  }

  @Test("A device of VFIO that is in no group is named")
  func ungrouped() throws {
    let tree = try MachineTree(recording: "linux-6.12-pure.txt")
    let place = "devices/virtual/mtty/mtty/83b8f4f2"
    try tree.link("sys/class/vfio-dev/vfio9", to: "../../\(place)/vfio-dev/vfio9")
    try tree.link("sys/\(place)/vfio-dev/vfio9/device", to: "../..")
    try tree.link("sys/\(place)/driver", to: "../../../../../bus/mdev/drivers/mtty")
    let report = Doctor(HostFacts(lookingAt: tree.root)).text
    #expect(
      Self.section(report, "without a group").dropFirst()
        == ["  83b8f4f2  mtty  /dev/vfio/devices/vfio9"])
  }

  @Test("Holders are found by their open descriptors")
  func holders() throws {
    let tree = try MachineTree(recording: "linux-6.12.txt")
    try tree.link("proc/77/fd/9", to: "/dev/vfio/6")
    try tree.link("proc/77/fd/10", to: "/dev/vfio/devices/vfio2")
    try tree.write("proc/77/comm", "testpmd\n")
    try tree.link("proc/80/fd/0", to: "/dev/null")
    let facts = HostFacts(lookingAt: tree.root, inDetail: true)
    #expect(facts.holders == [GroupNumber(rawValue: 6): [Holder(process: 77, name: "testpmd")]])
  }

  @Test(
    "How pages stay pinned is told where the IOMMU is known",
    arguments: [
      ("dmar1", "../../devices/virtual/iommu/dmar1", "a page table of its own"),
      ("ivhd0", "../../devices/pci0000:00/0000:00:00.2/iommu/ivhd0", "a page table of its own"),
      (
        "0000:00:01.0", "../../devices/pci0000:00/0000:00:01.0/virtio0/iommu/0000:00:01.0",
        "a device is kept open"
      ),
      ("apple-dart.3", "../../devices/platform/apple-dart.3", "how pages stay pinned is found out"),
    ])
  func anchors(name: String, link: String, words: String) throws {
    let tree = try MachineTree()
    try tree.device("0000:00:05.0", group: 3)
    try tree.link("sys/class/iommu/\(name)", to: link)
    try tree.link("sys/devices/pci0000:00/0000:00:05.0/iommu", to: "../../x/\(name)")
    let report = Doctor(HostFacts(lookingAt: tree.root, inDetail: true)).text
    #expect(Self.section(report, "group 3").last?.hasPrefix("  \(words)") == true)
  }

  @Test("The limit on accounting is named where it holds only")
  func accounting() {
    var facts = Machine.lab(.absent, groups: false)
    facts.lockedMemory = .bytes(8 << 20)
    #expect(Doctor(facts).text.contains("(#iommufd-locked-memory)"))
    #expect(Doctor(facts).text.contains("8192 KiB (ulimit -l), for all of a user's processes"))
    facts.containerNode = .iommufd
    #expect(!Doctor(facts).text.contains("(#iommufd-locked-memory)"))
    #expect(Doctor(facts).text.contains("8192 KiB (ulimit -l), for each process"))
  }

  @Test("A simulated platform has groups and limits, and no commands")
  func platform() throws {
    var platform = Platform.builtIn
    platform.functions[3].driver = .native("e1000e")
    let report = Doctor(platform).text
    #expect(Self.section(report, "group 3") == ["group 3: ready", "  0000:00:05.0  vfio-pci"])
    let shared = Self.section(report, "group 6")
    #expect(shared[0] == "group 6: not viable" && shared.contains { $0.contains("locked out") })
    #expect(!report.contains("echo ") && report.contains("(#no-pinning)"))
    let groups = try Self.object(Doctor(platform).json)["groups"] as? [[String: Any]]
    #expect(groups?.map { $0["viable"] as? Bool } == [true, true, true, false])
  }

  @Test("JSON says the same, whatever the names hold")
  func json() throws {
    var facts = Machine.lab(.iommufd, groups: true)
    let disk = DeviceUse.disk("sd\"a\\", mountedAt: ["/tab\there"])
    facts.uses = [DeviceName(rawValue: "0000:00:06.0"): [disk]]
    let report = try Self.object(Doctor(facts).json)
    let auto = report["auto"] as? [String: String]
    #expect(auto?["backend"] == "iommufd")
    let groups = try #require(report["groups"] as? [[String: Any]])
    #expect(groups.map { $0["number"] as? Int } == [3, 4, 6])
    #expect(
      groups.map { $0["standing"] as? String } == ["ready", "in use by the machine", "not viable"])
    let lost = groups[1]["lost"] as? [String]
    #expect(lost == ["0000:00:06.0 (e1000e): disk sd\"a\\ on /tab\there"])
    #expect((report["limits"] as? [[String: String]])?.isEmpty == false)
  }
}

@Suite("The list of backends")
struct BackendsTests {
  @Test("Every backend has every capability, with a reason for each that it lacks")
  func complete() throws {
    for facts in [HostFacts(), Machine.lab(.iommufd, groups: true)] {
      let report = BackendsReport(facts)
      let backends = try #require(
        try DoctorTests.object(report.json)["backends"] as? [[String: Any]])
      #expect(backends.map { $0["name"] as? String } == ["native", "iommufd", "software"])
      for backend in backends {
        let works = backend["works"] as? Bool
        #expect((works == false) == (backend["remedy"] is String))
        let capabilities = try #require(backend["capabilities"] as? [[String: Any]])
        #expect(capabilities.count == Capability.allCases.count)
        for capability in capabilities {
          let limits = capability["limits"] as? [[String: String]] ?? []
          #expect((capability["support"] as? String == "yes") == limits.isEmpty)
        }
      }
    }
  }

  @Test("Support is as good as the limits allow")
  func support() {
    let report = BackendsReport(Machine.lab(.absent, groups: false))
    #expect(report.support(of: .barMappings, by: .iommufd) == .no)
    #expect(report.support(of: .kvm, by: .iommufd) == .yesAtACost)
    #expect(report.support(of: .mapping, by: .iommufd) == .partly)
    #expect(report.support(of: .pinning, by: .iommufd) == .yes)
    #expect(report.support(of: .pinning, by: .software) == .no)
    #expect(report.support(of: .pinning, by: .native) == .yes)
  }

  @Test("Native works where auto takes it")
  func native() {
    #expect(BackendsReport(Machine.lab(.type1, groups: true)).obstacle(to: .native) == nil)
    #expect(BackendsReport(Machine.lab(.type1, groups: false)).obstacle(to: .native) != nil)
    #expect(BackendsReport(Machine.lab(.type1, groups: false)).obstacle(to: .iommufd) == nil)
    #expect(BackendsReport(HostFacts()).obstacle(to: .software) == nil)
  }
}
