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
    let bytes = function.powerOnConfig
    let config = bytes.indices.map { bytes[$0] }
    func word(_ offset: Int) -> UInt16 { UInt16(config[offset]) | UInt16(config[offset + 1]) << 8 }
    return PCIHeader(
      address: function.address, vendor: word(0), device: word(2), subsystemVendor: word(0x2c),
      subsystemDevice: word(0x2e), classCode: UInt32(word(0xa)) << 8 | UInt32(config[9]),
      revision: config[8],
      interrupt: Int(function.interruptLine), group: function.group, iommu: function.iommu,
      driver: driver, driverOverride: function.driver == .vfio ? "vfio-pci" : nil,
      isEnabled: false, powerState: "D0",
      resetMethods: isFirstBehindBridge(function.address) ? ["bus"] : [],
      config: config, resources: resources)
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
}

/// Config space, written in double words.
struct ConfigBytes {
  private(set) var bytes: [UInt8]

  init(count: Int) { bytes = [UInt8](repeating: 0, count: count) }

  mutating func set(_ offset: Int, _ word: UInt32) {
    for byte in 0..<4 { bytes[offset + byte] = UInt8(truncatingIfNeeded: word >> (8 * byte)) }
  }
}
