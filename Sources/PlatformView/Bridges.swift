internal import DMATypes
internal import SimulatedPlatform

extension PlatformView {
  /// What a bridge shows: register contents as QEMU's models have them after Linux has set them up.
  func header(of bridge: Platform.Bridge) -> PCIHeader {
    let iommu =
      platform.functions.first { $0.group == bridge.group }?.iommu
      ?? (platform.iommus.isEmpty ? nil : 0)
    let registers = registers(of: bridge)
    var config = ConfigBytes(count: 4096)
    for (offset, word) in registers.words { config.set(offset, word) }
    config.set(
      0x18,
      UInt32(subordinateBus(of: bridge)) << 16 | UInt32(bridge.secondaryBus) << 8
        | UInt32(bridge.address.bus))
    var resources = [(first: UInt64, last: UInt64, flags: UInt64)](
      repeating: (0, 0, 0), count: 11)
    resources[0] = registers.memory
    // The windows for ports, memory and prefetchable memory.
    resources[7] = (0xc000, 0xcfff, 0x100)
    resources[8] = registers.window
    resources[9] = (0xfe80_0000, 0xfe9f_ffff, 0x10_2201)
    let isRootPort = bridge.model == .rootPort
    var resetMethods = isRootPort ? [] : ["pm"]
    if isFirstBehindBridge(bridge.address) { resetMethods.append("bus") }
    return PCIHeader(
      address: bridge.address, vendor: 0x1b36, device: isRootPort ? 0x000c : 0x000e,
      subsystemVendor: isRootPort ? 0x1b36 : 0, subsystemDevice: 0, classCode: 0x060400,
      revision: 0, interrupt: 11, group: bridge.group, iommu: iommu,
      driver: isRootPort ? "pcieport" : nil, driverOverride: nil, isEnabled: isRootPort,
      powerState: isRootPort ? "D0" : "unknown", resetMethods: resetMethods, config: config.bytes,
      resources: resources)
  }

  func addBridgeAttributes(of bridge: Platform.Bridge, at path: String, to tree: inout Tree) {
    let isRootPort = bridge.model == .rootPort
    tree.add(
      [
        "secondary_bus_number": "\(bridge.secondaryBus)",
        "subordinate_bus_number": "\(subordinateBus(of: bridge))",
        "current_link_speed": "2.5 GT/s PCIe",
        "current_link_width": "1",
        "max_link_speed": isRootPort ? "16.0 GT/s PCIe" : "2.5 GT/s PCIe",
        "max_link_width": isRootPort ? "32" : "1",
      ], in: path)
    tree.addTriggers(["reset_subordinate"], in: path)
    let bus = RootBus(segment: bridge.address.segment, bus: bridge.secondaryBus)
    addBusDirectory(bus.name, in: path, to: &tree)
  }

  /// The highest bus below the bridge.
  private func subordinateBus(of bridge: Platform.Bridge) -> UInt8 {
    var highest = bridge.secondaryBus
    // As many rounds as there are bridges reach the deepest one.
    for _ in platform.bridges {
      for other in platform.bridges
      where other.address.segment == bridge.address.segment
        && (bridge.secondaryBus...highest).contains(other.address.bus)
      {
        highest = max(highest, other.secondaryBus)
      }
    }
    return highest
  }

  private struct Registers {
    var memory: (first: UInt64, last: UInt64, flags: UInt64)
    var window: (first: UInt64, last: UInt64, flags: UInt64)
    /// Offset and content of every double word that is not 0.
    var words: KeyValuePairs<Int, UInt32>
  }

  private func registers(of bridge: Platform.Bridge) -> Registers {
    switch bridge.model {
    case .rootPort:
      Registers(
        memory: (0xfe78_5000, 0xfe78_5fff, 0x4_0200), window: (0xfe20_0000, 0xfe5f_ffff, 0x200),
        words: [
          0x000: 0x000c_1b36, 0x004: 0x0010_0507, 0x008: 0x0604_0000, 0x00c: 0x0001_0000,
          0x010: 0xfe78_5000, 0x01c: 0x0000_c0c0, 0x020: 0xfe50_fe20, 0x024: 0xfe91_fe81,
          0x034: 0x0000_0054, 0x03c: 0x0002_010b, 0x040: 0x0000_000d, 0x044: 0x0000_1b36,
          0x048: 0x8000_4011, 0x050: 0x0000_0800, 0x054: 0x0142_4810, 0x058: 0x0000_8000,
          0x060: 0x0030_0604, 0x064: 0x0011_0000, 0x068: 0x000a_007b, 0x06c: 0x0000_01c0,
          0x078: 0x0030_0020, 0x080: 0x0000_001e, 0x084: 0x0000_0004, 0x100: 0x1482_0001,
          0x10c: 0x0046_2030, 0x114: 0x0000_e000, 0x118: 0x0000_02a0, 0x148: 0x0001_000d,
          0x14c: 0x001d_005f,
        ])
    case .pciBridge:
      Registers(
        memory: (0xfe40_0000, 0xfe40_00ff, 0x14_0204), window: (0xfe20_0000, 0xfe3f_ffff, 0x200),
        words: [
          0x000: 0x000e_1b36, 0x004: 0x00b0_0103, 0x008: 0x0604_0000, 0x00c: 0x0001_0000,
          0x010: 0xfe40_0004, 0x01c: 0x00a0_c0c0, 0x020: 0xfe30_fe20, 0x024: 0xfe91_fe81,
          0x034: 0x0000_008c, 0x03c: 0x0002_010b, 0x040: 0x0000_000c, 0x048: 0x0072_4010,
          0x04c: 0x0000_8000, 0x054: 0x0000_0411, 0x058: 0x0011_0000, 0x06c: 0x0030_0020,
          0x084: 0x0003_4801, 0x08c: 0x0180_8405, 0x100: 0x0002_0001, 0x10c: 0x0046_2030,
          0x114: 0x0000_e000, 0x118: 0x0000_00a0,
        ])
    }
  }
}
