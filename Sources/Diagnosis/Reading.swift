internal import DMATypes
internal import Glibc
internal import HostPlatform

extension HostFacts {
  /// Looks at a machine whose root directory is `root` (empty for this one).
  ///
  /// Nodes are opened and closed again; no device is taken. What cannot be seen is left as if it
  /// were not there. What devices are used for and who holds groups is looked for in detail only.
  public init(lookingAt root: String, inDetail: Bool = false) {
    self.init()
    let sysfs = "\(root)/sys"
    kernel = Sysfs.word("\(root)/proc/sys/kernel/osrelease") ?? ""
    platform = (try? HostPlatform(sysfs: sysfs)) ?? HostPlatform(groups: [])
    for name in (try? Sysfs.namesIfThere(in: "\(sysfs)/class/iommu")) ?? [] {
      let link = Sysfs.link("\(sysfs)/class/iommu/\(name)") ?? ""
      iommus[name] = IOMMUModel(name: name, link: link)
    }
    containerNode = Node.container("\(root)/dev/vfio/vfio", sysfs: sysfs)
    iommuNode = Node.access("\(root)/dev/iommu")
    mapsFiles =
      iommuNode == .allowed
      ? Node.mapsFiles("\(root)/dev/iommu")
      : containerNode == .iommufd && Node.mapsFiles("\(root)/dev/vfio/vfio")
    for group in platform.groups {
      if Node.exists("\(root)/dev/vfio/\(group.number.rawValue)") {
        groupNodes.insert(group.number)
      }
      for device in group.devices {
        let path = "\(sysfs)/kernel/iommu_groups/\(group.number.rawValue)/devices/\(device.name)"
        iommuOfDevice[device.name] = Sysfs.target("\(path)/iommu")
        if Sysfs.word("\(path)/class")?.hasPrefix("0x06") == true { bridges.insert(device.name) }
        if let cdev = device.cdev {
          cdevNodes[cdev] = Node.access("\(root)/dev/vfio/devices/\(cdev)")
        }
      }
    }
    ungrouped = readUngrouped("\(sysfs)/class/vfio-dev")
    hasPCIDriver = Node.exists("\(sysfs)/bus/pci/drivers/vfio-pci")
    if inDetail {
      uses = DeviceUses(root: root, platform: platform).found
      holders = Holders(root: root, platform: platform).found
    }
    readPrivileges(root)
    let parameter = "\(sysfs)/module/iommufd/parameters/allow_unsafe_interrupts"
    allowsUnsafeInterrupts = Sysfs.word(parameter).map { $0 == "Y" }
  }

  /// Devices of VFIO that no group has: each entry of the class is a link below its device.
  private func readUngrouped(_ place: String) -> [HostDevice] {
    let members = Set(platform.groups.flatMap(\.devices).map(\.name.rawValue))
    return ((try? Sysfs.namesIfThere(in: place)) ?? []).sorted().compactMap { cdev in
      let path = (Sysfs.link("\(place)/\(cdev)") ?? "").split(separator: "/").map(String.init)
      guard path.count > 2, path[path.count - 2] == "vfio-dev" else { return nil }
      let name = path[path.count - 3]
      guard !members.contains(name) else { return nil }
      let driver = Sysfs.target("\(place)/\(cdev)/device/driver")
      return HostDevice(name: DeviceName(rawValue: name), driver: driver, cdev: cdev, isPCI: false)
    }
  }

  private mutating func readPrivileges(_ root: String) {
    isRoot = geteuid() == 0
    var limit = rlimit()
    // SAFETY: the call fills the structure it is given.
    if unsafe getrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &limit) == 0,
      limit.rlim_cur != .max
    {
      lockedMemory = .bytes(UInt64(limit.rlim_cur))
    }
    let capabilities =
      status("\(root)/proc/self/status", "CapEff:")
      .flatMap { UInt64($0, radix: 16) } ?? 0
    mayLockAnything = capabilities >> 14 & 1 == 1
    mayRaiseLimits = capabilities >> 24 & 1 == 1
    let switches = [
      ("user/max_user_namespaces", "0"), ("kernel/unprivileged_userns_clone", "0"),
      ("kernel/apparmor_restrict_unprivileged_userns", "1"),
    ]
    allowsUserNamespaces =
      Node.exists("\(root)/proc/self/ns/user")
      && !switches.contains { Sysfs.word("\(root)/proc/sys/\($0)") == $1 }
  }

  /// A value of a status file.
  private func status(_ path: String, _ key: String) -> String? {
    Sysfs.text(path)?.split(separator: "\n").first { $0.hasPrefix(key) }
      .flatMap { $0.split(separator: "\t").last.map(String.init) }
  }
}

/// Nodes, asked by opening them.
enum Node {
  static func exists(_ path: String) -> Bool { unsafe Glibc.access(path, F_OK) == 0 }

  static func access(_ path: String) -> HostFacts.NodeAccess {
    let descriptor = unsafe open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else {
      return errno == ENOENT ? .absent : .refused(Errno(rawValue: errno))
    }
    close(descriptor)
    return .allowed
  }

  /// What answers behind `/dev/vfio/vfio`.
  static func container(_ path: String, sysfs: String) -> HostFacts.ContainerNode {
    let descriptor = unsafe open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else {
      let number = errno
      // A node that kmod left behind, with no module to answer.
      if [ENOENT, ENXIO, ENODEV].contains(number) { return .absent }
      return exists("\(sysfs)/module/vfio_iommu_type1")
        ? .type1 : .refused(Errno(rawValue: number))
    }
    defer { close(descriptor) }
    if answersOption(descriptor) { return .iommufd }
    // VFIO_CHECK_EXTENSION: VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU.
    for type in [1, 3] as [CInt] where ioctl(descriptor, 0x3b65, type) == 1 { return .type1 }
    return .otherDriver
  }

  /// Whether an iommufd knows IOMMU_IOAS_MAP_FILE: size 40, then nothing that it could map.
  static func mapsFiles(_ path: String) -> Bool {
    let descriptor = unsafe open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var request: (UInt32, UInt32, UInt32, Int32, UInt64, UInt64, UInt64) = (40, 0, 0, -1, 0, 0, 0)
    // SAFETY: the structure has the 40 bytes that its first word tells.
    return unsafe withUnsafeMutableBytes(of: &request) { bytes in
      guard let start = bytes.baseAddress else { return false }
      return unsafe ioctl(descriptor, 0x3b8f, start) == 0 || errno != ENOTTY
    }
  }

  /// Whether IOMMU_OPTION can read how memory is charged, as every iommufd lets everyone.
  private static func answersOption(_ descriptor: Int32) -> Bool {
    // size 24, option 0 (RLIMIT_MODE), op 1 (GET), object 0, value.
    var option: (UInt32, UInt32, UInt16, UInt16, UInt32, UInt64) = (24, 0, 1, 0, 0, 0)
    // SAFETY: the structure has the 24 bytes that its first word tells.
    return unsafe withUnsafeMutableBytes(of: &option) { bytes in
      guard let start = bytes.baseAddress else { return false }
      return unsafe ioctl(descriptor, 0x3b87, start) == 0
    }
  }
}
