internal import AddressSpaces
internal import DMATypes
internal import SimulatedPlatform

extension PlatformView {
  /// `/dev/vfio`, and the class and devices behind its group nodes.
  func addNodes(to tree: inout Tree) {
    let container = Self.containerNumber
    tree.add(.node("/dev/vfio/vfio", major: container.major, minor: container.minor, mode: 0o666))
    for (minor, group) in groups.enumerated() {
      let name = nodeName(of: group)
      tree.add(
        .node(
          "/dev/vfio/\(name)", major: Self.groupMajor, minor: UInt32(minor), mode: 0o600))
      let path = "/sys/devices/virtual/vfio/\(name)"
      tree.makeDirectory(path)
      tree.add(["dev": "\(Self.groupMajor):\(minor)"], in: path)
      tree.addWritable(
        ["uevent": "MAJOR=\(Self.groupMajor)\nMINOR=\(minor)\nDEVNAME=vfio/\(name)"],
        in: path)
      tree.link("\(path)/subsystem", to: "/sys/class/vfio")
      tree.link("/sys/class/vfio/\(name)", to: path)
    }
  }

  /// `/sys/kernel/iommu_groups`.
  func addGroups(to tree: inout Tree) {
    let members = Dictionary(grouping: headers, by: \.group)
    for (group, headers) in members.sorted(by: { $0.key < $1.key }) {
      let unit = headers.first?.iommu.flatMap {
        platform.iommus.indices.contains($0) ? platform.iommus[$0] : nil
      }
      guard unit != nil || groups.contains(group) else { continue }
      let path = "/sys/kernel/iommu_groups/\(group.rawValue)"
      tree.makeDirectory("\(path)/devices")
      for header in headers {
        tree.link("\(path)/devices/\(header.address.name)", to: self.path(of: header.address))
      }
      let regions = (unit?.reservedRegions ?? [])
        .sorted { $0.range.start < $1.range.start }
        .map {
          "0x" + hex($0.range.start.rawValue, 16) + " 0x" + hex($0.range.last.rawValue, 16)
            + " \($0.kind.rawValue)\n"
        }
      tree.add(.text("\(path)/reserved_regions", regions.joined()))
      tree.addWritable(["type": unit == nil ? "unknown" : "DMA-FQ"], in: path)
      if unit == nil { tree.add(["name": "vfio-noiommu"], in: path) }
    }
  }

  /// `/sys/class/iommu` and the VT-d units behind it.
  func addTranslationUnits(to tree: inout Tree) {
    for (index, unit) in platform.iommus.enumerated() {
      let path = "/sys/devices/virtual/iommu/dmar\(index)"
      tree.makeDirectory("\(path)/devices")
      tree.makeDirectory("\(path)/intel-iommu")
      let headers = headers.filter { $0.iommu == index }
      for header in headers {
        tree.link("\(path)/devices/\(header.address.name)", to: self.path(of: header.address))
      }
      tree.add(
        [
          "address": String(0xfed9_0000 + index * 0x1000, radix: 16),
          "cap": String(capabilities(of: unit), radix: 16),
          "domains_supported": "65536",
          "domains_used": "\(Set(headers.map(\.group)).count)",
          "ecap": "f42",
          "version": "1:0",
        ], in: "\(path)/intel-iommu")
      tree.addWritable(["uevent": ""], in: path)
      tree.link("\(path)/subsystem", to: "/sys/class/iommu")
      tree.link("/sys/class/iommu/dmar\(index)", to: path)
    }
  }

  /// VT-d's capability register: programs read the address width (bits 21…16) and the large pages
  /// (bits 37…34) from it; the rest is as QEMU 7.2 has it.
  private func capabilities(of unit: Platform.IOMMU) -> UInt64 {
    let bits = UInt64(64 - unit.aperture.last.rawValue.leadingZeroBitCount)
    let widths: UInt64 = (bits > 39 ? 4 : 0) | 2
    let largePages = unit.pageSizes.rawValue >> 21 & 1 | unit.pageSizes.rawValue >> 29 & 2
    return 0xd2_0080_2200_0006 | widths << 8 | (max(bits, 1) - 1) << 16 | largePages << 34
  }

  /// The modules that programs look for before they look for nodes.
  func addModules(to tree: inout Tree) {
    func yes(_ value: Bool) -> String { value ? "Y" : "N" }
    let module = "/sys/module"
    for (name, version) in [("vfio", "0.3"), ("vfio_iommu_type1", "0.2"), ("vfio_pci", "")] {
      tree.makeDirectory("\(module)/\(name)/parameters")
      tree.addTriggers(["uevent"], in: "\(module)/\(name)")
      if !version.isEmpty { tree.add(["version": version], in: "\(module)/\(name)") }
    }
    let parameters = platform.parameters
    tree.addWritable(
      ["enable_unsafe_noiommu_mode": yes(parameters.allowNoIOMMU)],
      in: "\(module)/vfio/parameters")
    tree.addWritable(
      [
        "allow_unsafe_interrupts": yes(parameters.allowUnsafeInterrupts),
        "disable_hugepages": yes(parameters.disableHugePages),
        "dma_entry_limit": "\(parameters.dmaEntryLimit)",
      ], in: "\(module)/vfio_iommu_type1/parameters")
    tree.add(["disable_denylist": "N"], in: "\(module)/vfio_pci/parameters")
    tree.addWritable(
      ["disable_idle_d3": "N", "nointxmask": "N"], in: "\(module)/vfio_pci/parameters")
    tree.makeDirectory("\(module)/vfio_pci/drivers")
    tree.link("\(module)/vfio_pci/drivers/pci:vfio-pci", to: "/sys/bus/pci/drivers/vfio-pci")
  }
}
