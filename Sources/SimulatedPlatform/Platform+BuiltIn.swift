internal import AddressSpaces
internal import DMATypes

extension Platform {
  /// The machine of the kernel lab: one VT-d unit and four `edu` functions.
  public static var builtIn: Platform {
    let interruptWindow = ReservedRegion(
      range: IOVARange(start: IOVA(0xfee0_0000), last: IOVA(0xfeef_ffff)), kind: .interrupt)
    let unit = IOMMU(
      driver: 0, aperture: IOVARange(start: IOVA(0), last: IOVA((1 << 48) - 1)),
      pageSizes: PageSizes(rawValue: 0x4020_1000), enforcesCoherency: false,
      isolatesInterrupts: false, readsWhatIsWritable: true,
      reservedRegions: [interruptWindow])
    func edu(
      _ bus: UInt8, _ device: UInt8, group: UInt32, at base: UInt32, line: UInt8
    ) -> Function {
      Function(
        address: PCIAddress(bus: bus, device: device), model: .edu(dmaMask: 0xffff_ffff),
        driver: .vfio, group: GroupNumber(rawValue: group), iommu: 0, memoryBase: base,
        interruptLine: line)
    }
    return Platform(
      iommus: [unit],
      bridges: [
        Bridge(
          address: PCIAddress(bus: 0, device: 2), model: .rootPort, secondaryBus: 1,
          group: GroupNumber(rawValue: 2)),
        Bridge(
          address: PCIAddress(bus: 1, device: 0), model: .pciBridge, secondaryBus: 2,
          group: GroupNumber(rawValue: 6)),
      ],
      functions: [
        edu(0, 5, group: 3, at: 0xfe60_0000, line: 10),
        edu(0, 6, group: 4, at: 0xfe70_0000, line: 11),
        edu(2, 1, group: 6, at: 0xfe20_0000, line: 11),
        edu(2, 2, group: 6, at: 0xfe30_0000, line: 10),
      ],
      parameters: Parameters(allowUnsafeInterrupts: true))
  }
}
