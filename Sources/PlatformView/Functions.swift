internal import DMATypes
internal import SimulatedPlatform

extension PlatformView {
  /// What a device shows.
  func header(of function: Platform.Function) -> PCIHeader {
    let driver: String? =
      switch function.driver {
      case .none: nil
      case .vfio: "vfio-pci"
      case .native(let name): name
      }
    var resources = [(first: UInt64, last: UInt64, flags: UInt64)](repeating: (0, 0, 0), count: 7)
    // IORESOURCE_MEM and IORESOURCE_SIZEALIGN.
    let base = UInt64(function.memoryBase)
    resources[0] = (base, base + 0xf_ffff, 0x4_0200)
    return PCIHeader(
      address: function.address, vendor: 0x1234, device: 0x11e8, subsystemVendor: 0x1af4,
      subsystemDevice: 0x1100, classCode: 0x00ff00, revision: 0x10,
      interrupt: Int(function.interruptLine), group: function.group, iommu: function.iommu,
      driver: driver, driverOverride: function.driver == .vfio ? "vfio-pci" : nil,
      isEnabled: false, powerState: "D0",
      resetMethods: isFirstBehindBridge(function.address) ? ["bus"] : [],
      config: config(of: function), resources: resources)
  }

  /// Whether the kernel found the function before any other of its bus, a bridge being above: then
  /// it believes for ever that a reset of the bus resets only this one.
  func isFirstBehindBridge(_ address: PCIAddress) -> Bool {
    guard bridge(to: address) != nil else { return false }
    let addresses = platform.bridges.map(\.address) + platform.functions.map(\.address)
    return !addresses.contains {
      $0.segment == address.segment && $0.bus == address.bus && $0 < address
    }
  }

  private func config(of function: Platform.Function) -> [UInt8] {
    var config = ConfigBytes(count: 256)
    config.set(0x00, 0x11e8_1234)
    config.set(0x04, 0x0010_0103)
    config.set(0x08, 0x00ff_0010)
    config.set(0x10, function.memoryBase)
    config.set(0x2c, 0x1100_1af4)
    config.set(0x34, 0x40)
    config.set(0x3c, 0x0100 | UInt32(function.interruptLine))
    config.set(0x40, 0x0080_0005)
    return config.bytes
  }
}

/// Config space, written in double words.
struct ConfigBytes {
  private(set) var bytes: [UInt8]

  init(count: Int) { bytes = [UInt8](repeating: 0, count: count) }

  mutating func set(_ offset: Int, _ word: UInt32) {
    for byte in 0..<4 { bytes[offset + byte] = UInt8(truncatingIfNeeded: word >> (8 * byte)) }
  }
}
