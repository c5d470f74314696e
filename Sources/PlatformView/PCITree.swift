internal import DMATypes
internal import SimulatedPlatform

/// A bus that no bridge leads to.
struct RootBus: Hashable {
  var segment: UInt16
  var bus: UInt8
  /// `0000:00`.
  var name: String { hex(segment, 4) + ":" + hex(bus, 2) }
  /// Where its devices are.
  var path: String { "/sys/devices/pci" + name }
}

/// What every PCI function shows, bridge or not.
struct PCIHeader {
  var address: PCIAddress
  var vendor, device: UInt16
  var subsystemVendor, subsystemDevice: UInt16
  /// Class, subclass and programming interface in bits 23…0.
  var classCode: UInt32
  var revision: UInt8
  var interrupt: Int
  var group: GroupNumber
  var iommu: Int?
  /// The driver's name, if one holds the function.
  var driver: String?
  /// Who asked for that driver, and for no other.
  var driverOverride: String?
  var isEnabled: Bool
  var powerState: String
  /// What the kernel could reset it with when it found it.
  var resetMethods: [String]
  /// The config space as root reads it.
  var config: [UInt8]
  /// First and last address and the kernel's flags, one line each.
  var resources: [(first: UInt64, last: UInt64, flags: UInt64)]

  var modalias: String {
    func digits(_ number: some BinaryInteger, _ count: Int) -> String {
      hex(number, count).uppercased()
    }
    return "pci:v\(digits(vendor, 8))d\(digits(device, 8))sv\(digits(subsystemVendor, 8))"
      + "sd\(digits(subsystemDevice, 8))bc\(digits(classCode >> 16, 2))"
      + "sc\(digits(classCode >> 8 & 0xff, 2))i\(digits(classCode & 0xff, 2))"
  }

  var events: [String] {
    func digits(_ number: some BinaryInteger) -> String { hex(number, 4).uppercased() }
    return (driver.map { ["DRIVER=\($0)"] } ?? []) + [
      "PCI_CLASS=\(digits(classCode))",
      "PCI_ID=\(digits(vendor)):\(digits(device))",
      "PCI_SUBSYS_ID=\(digits(subsystemVendor)):\(digits(subsystemDevice))",
      "PCI_SLOT_NAME=\(address.name)",
      "MODALIAS=\(modalias)",
    ]
  }
}

extension PlatformView {
  /// The buses that no bridge leads to, ascending.
  var rootBuses: [RootBus] {
    var buses: [RootBus] = []
    for address in platform.bridges.map(\.address) + platform.functions.map(\.address)
    where bridge(to: address) == nil {
      let bus = RootBus(segment: address.segment, bus: address.bus)
      if !buses.contains(bus) { buses.append(bus) }
    }
    return buses.sorted { ($0.segment, $0.bus) < ($1.segment, $1.bus) }
  }

  /// The bridge that leads to a function's bus.
  func bridge(to address: PCIAddress) -> Platform.Bridge? {
    platform.bridges.first {
      $0.address.segment == address.segment && $0.secondaryBus == address.bus
    }
  }

  /// Where a function's directory is.
  func path(of address: PCIAddress) -> String {
    var path = "/\(address.name)"
    var place = address
    // A platform that was not checked may have a loop of bridges.
    for _ in platform.bridges {
      guard let bridge = bridge(to: place) else { break }
      place = bridge.address
      path = "/\(place.name)" + path
    }
    return RootBus(segment: place.segment, bus: place.bus).path + path
  }

  /// Every function's header, bridges among them, ascending as sysfs lists them.
  var headers: [PCIHeader] {
    (platform.bridges.map(header(of:)) + platform.functions.map(header(of:)))
      .sorted { $0.address < $1.address }
  }

  func addDevices(to tree: inout Tree) {
    for root in rootBuses {
      tree.makeDirectory(root.path)
      tree.addWritable(["uevent": ""], in: root.path)
      addBusDirectory(root.name, in: root.path, to: &tree)
    }
    for bridge in platform.bridges {
      let path = path(of: bridge.address)
      add(header(of: bridge), to: &tree)
      addBridgeAttributes(of: bridge, at: path, to: &tree)
    }
    for function in platform.functions { add(header(of: function), to: &tree) }
    for (number, function) in vfioFunctions.enumerated() {
      let device = path(of: function.address)
      let path = "\(device)/vfio-dev/vfio\(number)"
      tree.makeDirectory(path)
      tree.addWritable(["uevent": ""], in: path)
      tree.link("\(path)/device", to: device)
      tree.link("\(path)/subsystem", to: "/sys/class/vfio-dev")
      tree.link("/sys/class/vfio-dev/vfio\(number)", to: path)
    }
  }

  /// The functions that vfio-pci holds, in the order in which it took them.
  var vfioFunctions: [Platform.Function] { platform.functions.filter { $0.driver == .vfio } }

  private func add(_ header: PCIHeader, to tree: inout Tree) {
    let path = path(of: header.address)
    tree.makeDirectory(path)
    tree.add(
      [
        "vendor": "0x" + hex(header.vendor, 4),
        "device": "0x" + hex(header.device, 4),
        "subsystem_vendor": "0x" + hex(header.subsystemVendor, 4),
        "subsystem_device": "0x" + hex(header.subsystemDevice, 4),
        "class": "0x" + hex(header.classCode, 6),
        "revision": "0x" + hex(header.revision, 2),
        "irq": "\(header.interrupt)",
        "modalias": header.modalias,
        "power_state": header.powerState,
        "ari_enabled": "0",
        "dma_mask_bits": "32",
        "consistent_dma_mask_bits": "32",
        "local_cpus": processorMask,
        "local_cpulist": processors,
        "resource": header.resources
          .map { "0x" + hex($0.first, 16) + " 0x" + hex($0.last, 16) + " 0x" + hex($0.flags, 16) }
          .joined(separator: "\n"),
      ], in: path)
    tree.addWritable(
      [
        "uevent": header.events.joined(separator: "\n"),
        "enable": header.isEnabled ? "1" : "0",
        "broken_parity_status": "0",
        "msi_bus": "1",
        "numa_node": "-1",
        "driver_override": header.driverOverride ?? "(null)",
      ], in: path)
    tree.addTriggers(["rescan"], in: path)
    tree.addTriggers(["remove"], in: path, mode: 0o220)
    if !header.resetMethods.isEmpty {
      tree.addTriggers(["reset"], in: path)
      tree.addWritable(
        ["reset_method": header.resetMethods.joined(separator: " ")], in: path)
    }
    tree.add(
      .bytes(
        "\(path)/config", isUnprivileged ? Array(header.config.prefix(64)) : header.config))
    for (number, resource) in header.resources.prefix(6).enumerated() where resource.flags != 0 {
      let size = Int(resource.last - resource.first + 1)
      tree.add(.bytes("\(path)/resource\(number)", [], size: size, mode: 0o600))
    }
    tree.makeDirectory("\(path)/link")
    addLinks(of: header, at: path, to: &tree)
  }

  private func addLinks(of header: PCIHeader, at path: String, to tree: inout Tree) {
    tree.link("\(path)/subsystem", to: "/sys/bus/pci")
    tree.link("/sys/bus/pci/devices/\(header.address.name)", to: path)
    if let driver = header.driver {
      tree.link("\(path)/driver", to: "/sys/bus/pci/drivers/\(driver)")
      tree.link("/sys/bus/pci/drivers/\(driver)/\(header.address.name)", to: path)
    }
    let unit = header.iommu.flatMap { platform.iommus.indices.contains($0) ? $0 : nil }
    // Without an IOMMU VFIO makes the group, of what it is given.
    guard unit != nil || groups.contains(header.group) else { return }
    tree.link("\(path)/iommu_group", to: "/sys/kernel/iommu_groups/\(header.group.rawValue)")
    if let unit { tree.link("\(path)/iommu", to: "/sys/devices/virtual/iommu/dmar\(unit)") }
  }

  /// `pci_bus/0000:02` below the bridge or root that the bus hangs from.
  func addBusDirectory(_ name: String, in device: String, to tree: inout Tree) {
    let path = "\(device)/pci_bus/\(name)"
    tree.makeDirectory(path)
    tree.add(["cpuaffinity": processorMask, "cpulistaffinity": processors], in: path)
    tree.addWritable(["uevent": ""], in: path)
    tree.addTriggers(["rescan"], in: path)
    tree.link("\(path)/device", to: device)
    tree.link("\(path)/subsystem", to: "/sys/class/pci_bus")
    tree.link("/sys/class/pci_bus/\(name)", to: path)
  }

  /// `/sys/bus/pci` without its links to devices.
  func addBus(to tree: inout Tree) {
    let bus = "/sys/bus/pci"
    for name in ["devices", "drivers", "slots"] { tree.makeDirectory("\(bus)/\(name)") }
    tree.addWritable(["drivers_autoprobe": "1", "resource_alignment": ""], in: bus)
    tree.addTriggers(["drivers_probe", "rescan", "uevent"], in: bus)
    var drivers = ["vfio-pci"]
    for driver in headers.compactMap(\.driver) where !drivers.contains(driver) {
      drivers.append(driver)
    }
    for driver in drivers {
      let path = "\(bus)/drivers/\(driver)"
      tree.makeDirectory(path)
      tree.addTriggers(["bind", "unbind", "new_id", "remove_id", "uevent"], in: path)
    }
    tree.link("\(bus)/drivers/vfio-pci/module", to: "/sys/module/vfio_pci")
  }

  /// The processors as a mask: eight digits a word, the highest first, without leading zeros.
  var processorMask: String {
    var words: [UInt32] = []
    for range in processors.split(separator: ",") {
      let ends = range.split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last, 0 <= first, first <= last, last < 65536
      else { continue }
      for processor in first...last {
        while words.count <= processor / 32 { words.append(0) }
        words[processor / 32] |= 1 << UInt32(processor % 32)
      }
    }
    guard let highest = words.popLast() else { return "1" }
    return ([String(highest, radix: 16)] + words.reversed().map { hex($0, 8) })
      .joined(separator: ",")
  }
}
