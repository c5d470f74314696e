internal import AddressSpaces
internal import CLinux
internal import DMATypes
import Glibc
internal import LinuxIOMMUFD

/// What this machine's kernel can be asked for, found out by asking it.
public struct KernelMachine: Sendable {
  /// What stands behind /dev/vfio/vfio.
  public enum Legacy: Hashable, Sendable {
    /// The kernel's own type1.
    case native
    /// An iommufd that answers type1's numbers.
    case compat
    /// Nothing; the reason is for people.
    case absent(String)
  }

  /// What the legacy nodes are.
  public let legacy: Legacy
  /// How a report names the kernel: `native`, `compat`, `pure` or `none`; within a run its backend.
  public let kernel: String
  /// The backend of the `ioasid run` that this process is in; nil outside of one.
  public let run: String?
  /// The machine's groups and IOMMUs; nil when none can be asked.
  public let world: World?
  /// The node of one device, below /dev/vfio/devices, for each group that has one.
  let deviceNodes: [GroupNumber: String]
  /// Why the shim cannot stand on an iommufd here; nil when it can.
  let noIOMMUFD: String?

  /// Looks at the running machine. Groups are opened and closed again, and devices with them.
  public init() {
    let legacy = Self.findLegacy()
    self.legacy = legacy
    let own = SysfsText.names(in: "/sys/module/ioasid")
    run = own.isEmpty ? nil : own.contains("machine-nodes") ? "iommufd" : "software"
    let members = Self.membersWithNodes()
    let nodes = members.compactMapValues { $0.first?.node }
    deviceNodes = Dictionary(
      uniqueKeysWithValues: nodes.map { (GroupNumber(rawValue: $0.key), $0.value) })
    let iommufd = KernelCalls.open("/dev/iommu", O_RDWR)
    if iommufd >= 0 { KernelCalls.close(iommufd) }
    noIOMMUFD =
      iommufd < 0
      ? "/dev/iommu: \(Self.words(iommufd))"
      : nodes.isEmpty ? "no device in /dev/vfio/devices: bind devices to vfio-pci" : nil
    let groups: [World.Discovered]
    switch legacy {
    case .native, .compat:
      kernel = run ?? (legacy == .native ? "native" : "compat")
      groups = Self.groupsWithNodes().compactMap { Self.ask($0.number, $0.unprotected) }
    case .absent:
      kernel = noIOMMUFD == nil ? "pure" : "none"
      groups =
        noIOMMUFD == nil
        ? members.keys.sorted().compactMap { Self.askIOMMUFD($0, members[$0] ?? []) } : []
    }
    world = World(
      discovered: groups, entryLimit: EntryLimit.current ?? 65535,
      isBehindVTd: SysfsText.names(in: "/sys/class/iommu").contains { $0.hasPrefix("dmar") })
  }

  private static func words(_ failure: Int32) -> String {
    unsafe String(cString: strerror(-failure))
  }

  /// An iommufd looks at its argument, a container without a driver does not.
  private static func findLegacy() -> Legacy {
    let node = KernelCalls.open("/dev/vfio/vfio", O_RDWR)
    guard node >= 0 else {
      return .absent("/dev/vfio/vfio: \(words(node))")
    }
    defer { KernelCalls.close(node) }
    guard !groupsWithNodes().isEmpty else {
      return .absent("no group node in /dev/vfio: bind devices to vfio-pci")
    }
    let destroy: UInt64 = 0x3b80
    return KernelCalls.ioctl(node, destroy, 0 &- 4096) == -Int64(EFAULT) ? .compat : .native
  }

  private static func groupsWithNodes() -> [(number: UInt32, unprotected: Bool)] {
    let prefix = "noiommu-"
    return SysfsText.names(in: "/dev/vfio").compactMap { name in
      let isUnprotected = name.hasPrefix(prefix)
      let number = UInt32(isUnprotected ? name.dropFirst(prefix.count) : name[...])
      return number.map { ($0, isUnprotected) }
    }.sorted { $0.0 < $1.0 }
  }

  private struct Member {
    var name: String
    /// Its node below /dev/vfio/devices.
    var node: String?
  }

  /// The devices of a group that a VFIO driver holds, most recently registered first as far as
  /// their names can tell.
  private static func members(of group: UInt32) -> [Member] {
    SysfsText.names(in: "/sys/kernel/iommu_groups/\(group)/devices").sorted(by: >)
      .compactMap { name in
        let directory = "/sys/kernel/iommu_groups/\(group)/devices/\(name)"
        guard SysfsText.names(in: directory).contains("vfio-dev") else { return nil }
        let node = SysfsText.names(in: directory + "/vfio-dev").first
        return Member(name: name, node: node.map { "/dev/vfio/devices/" + $0 })
      }
  }

  private static func membersWithNodes() -> [UInt32: [Member]] {
    var groups: [UInt32: [Member]] = [:]
    for group in SysfsText.names(in: "/sys/kernel/iommu_groups").compactMap({ UInt32($0) }) {
      let members = members(of: group).filter { $0.node != nil }
      if !members.isEmpty { groups[group] = members }
    }
    return groups
  }

  private static func regions(
    of group: UInt32
  ) -> (reserved: [World.Run], relaxable: [World.Run]) {
    var found: (reserved: [World.Run], relaxable: [World.Run]) = ([], [])
    let text = SysfsText.read("/sys/kernel/iommu_groups/\(group)/reserved_regions")
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 3, let start = UInt64(words[0].dropFirst(2), radix: 16),
        let last = UInt64(words[1].dropFirst(2), radix: 16)
      else { continue }
      let run = World.Run(start, last)
      if words[2] == "direct-relaxable" {
        found.relaxable.append(run)
      } else {
        found.reserved.append(run)
      }
    }
    return found
  }

  /// The same where only an iommufd can be asked.
  private static func askIOMMUFD(_ number: UInt32, _ members: [Member]) -> World.Discovered? {
    guard let node = members.first?.node,
      let iommufd = try? IOMMUFDescriptor(containerNode: nil)
    else { return nil }
    let group = GroupNumber(rawValue: number)
    var backend = LinuxIOMMUFD(
      iommufd: iommufd, objects: PrivateObjects(iommufd: iommufd, nodes: [group: node]))
    let facts = GroupFacts(
      number: group, kind: .physical, devices: [], isViable: true, reservedRegions: [],
      interruptsAreSafe: true, iommu: nil)
    guard let iommu = try? backend.prepare(facts).iommu else { return nil }
    let (reserved, relaxable) = regions(of: number)
    // What type1 would say, who gives away the last page.
    let last = iommu.aperture == .mostMappable ? UInt64.max : iommu.aperture.last.rawValue
    return World.Discovered(
      number: number, devices: members.map(\.name), reserved: reserved, relaxable: relaxable,
      usable: [World.Run(iommu.aperture.start.rawValue, last)],
      pageSizes: iommu.pageSizes.rawValue, coherent: iommu.enforcesCoherency)
  }

  /// A group with what a container of its own says of the IOMMU behind it; nil when it cannot be
  /// taken.
  private static func ask(_ number: UInt32, _ isUnprotected: Bool) -> World.Discovered? {
    let devices = members(of: number).map(\.name)
    if isUnprotected {
      return World.Discovered(number: number, devices: devices, isUnprotected: true)
    }
    if !PinsDriver.names.isDisjoint(with: devices) {
      return World.Discovered(number: number, devices: devices, isEmulated: true)
    }
    let (reserved, relaxable) = regions(of: number)
    let container = KernelCalls.open("/dev/vfio/vfio", O_RDWR)
    let group = KernelCalls.open("/dev/vfio/\(number)", O_RDWR)
    defer {
      for descriptor in [group, container] where descriptor >= 0 { KernelCalls.close(descriptor) }
    }
    guard container >= 0, group >= 0, let name = devices.first else { return nil }
    var descriptor = container
    let isSet = unsafe withUnsafeMutableBytes(of: &descriptor) { bytes in
      KernelCalls.ioctl(group, 0x3b68, UInt64(UInt(bitPattern: bytes.baseAddress)))
    }
    guard isSet == 0, KernelCalls.ioctl(container, 0x3b66, 3) == 0 else { return nil }
    // The emulation knows an IOMMU only while a device of it is open.
    var text = Array(name.utf8) + [0]
    let device = unsafe text.withUnsafeMutableBytes { bytes in
      KernelCalls.ioctl(group, 0x3b6a, UInt64(UInt(bitPattern: bytes.baseAddress)))
    }
    defer { if device >= 0 { KernelCalls.close(Int32(device)) } }
    guard let facts = info(of: container) else { return nil }
    return World.Discovered(
      number: number, devices: devices, reserved: reserved, relaxable: relaxable,
      usable: facts.ranges,
      pageSizes: facts.pageSizes, coherent: KernelCalls.ioctl(container, 0x3b65, 4) == 1)
  }

  /// GET_INFO's page sizes and ranges.
  private static func info(of container: Int32) -> (pageSizes: UInt64, ranges: [World.Run])? {
    var words = [UInt64](repeating: 0, count: 512)
    words[0] = 4096
    let result = unsafe words.withUnsafeMutableBytes { bytes in
      KernelCalls.ioctl(container, 0x3b70, UInt64(UInt(bitPattern: bytes.baseAddress)))
    }
    guard result == 0 else { return nil }
    var offset = Int(words[2] & 0xffff_ffff)
    var ranges: [World.Run] = []
    while offset >= 24, offset % 8 == 0, offset < 4000 {
      let header = words[offset / 8]
      if header & 0xffff == 1 {
        for index in 0..<Int(words[offset / 8 + 1] & 0xff) {
          let at = offset / 8 + 2 + 2 * index
          ranges.append(World.Run(words[at], words[at + 1]))
        }
      }
      offset = Int(header >> 32)
    }
    return (words[1], ranges)
  }
}

extension World {
  /// A group as a kernel describes it.
  struct Discovered {
    var number: UInt32
    var devices: [String]
    /// Whether no IOMMU is behind it: of the rest nothing is known.
    var isEmulated = false
    /// Whether its devices are real all the same.
    var isUnprotected = false
    var reserved: [Run] = []
    var relaxable: [Run] = []
    var usable: [Run] = []
    var pageSizes: UInt64 = 0
    var coherent = true
  }

  /// The machine that those groups make up: `lab` when it is that one, else `here`; nil when there
  /// are none. Groups whose IOMMUs look alike count as behind one.
  init?(discovered: [Discovered], entryLimit: UInt32, isBehindVTd: Bool) {
    guard !discovered.isEmpty else { return nil }
    var iommus: [IOMMU] = []
    var groups: [Group] = []
    for found in discovered {
      guard !found.isEmulated, !found.isUnprotected else {
        groups.append(
          Group(
            number: found.number, iommu: nil, devices: found.devices,
            unprotected: found.isUnprotected))
        continue
      }
      let all = found.usable + found.reserved
      let iommu = IOMMU(
        driver: 1,
        aperture: Run(all.map(\.start).min() ?? 0, all.map(\.last).max() ?? .max),
        pageSizes: found.pageSizes, coherent: found.coherent,
        readsWhatIsWritable: isBehindVTd)
      if !iommus.contains(iommu) { iommus.append(iommu) }
      groups.append(
        Group(
          number: found.number, iommu: iommus.firstIndex(of: iommu), devices: found.devices,
          reserved: found.reserved, relaxable: found.relaxable))
    }
    self = World(name: "here", iommus: iommus, groups: groups, entryLimit: entryLimit).recognised
  }

  /// The same under the name of the lab's machine that it is, if it is one.
  var recognised: World {
    [World.lab, .labWithPins, .unprotected].first { known in
      var like = known
      (like.name, like.entryLimit) = (name, entryLimit)
      return self == like
    }.map { known in
      var named = self
      named.name = known.name
      return named
    } ?? self
  }
}

/// `dma_entry_limit` of the native type1.
enum EntryLimit {
  private static let path = "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit"

  static var current: UInt32? {
    UInt32(SysfsText.read(path).split(separator: "\n").first ?? "")
  }

  /// Sets it for containers that get their driver from now on; whether it now is what was asked.
  static func set(_ limit: UInt32) -> Bool {
    let file = KernelCalls.open(path, O_WRONLY | O_TRUNC)
    guard file >= 0 else { return false }
    defer { KernelCalls.close(file) }
    var text = Array("\(limit)".utf8)
    return unsafe clinux_write(file, &text, text.count) == Int64(text.count)
  }
}

/// Small text files and directories, as sysfs has them.
enum SysfsText {
  /// What stands in a file; empty when it cannot be read.
  static func read(_ path: String) -> String {
    let file = KernelCalls.open(path, O_RDONLY)
    guard file >= 0 else { return "" }
    defer { KernelCalls.close(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = unsafe clinux_read(file, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, Int(count))), as: UTF8.self)
  }

  /// The names in a directory; none when it cannot be read.
  static func names(in path: String) -> [String] {
    guard let directory = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }
}
