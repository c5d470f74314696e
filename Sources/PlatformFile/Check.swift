internal import DMATypes
internal import SimulatedPlatform

/// What must hold between the parts of a platform.
struct Check {
  let platform: Platform

  func bridge(at index: Int, _ reader: Reader) throws(PlatformFileError) {
    let bridge = platform.bridges[index]
    let earlier = platform.bridges[..<index]
    let fields = try reader.object(["address", "model", "secondary_bus", "group"])
    try checkAddress(bridge.address, fields("address"), before: earlier.map(\.address))
    guard bridge.secondaryBus > bridge.address.bus else {
      throw try fields("secondary_bus").error("a bridge leads to a bus above its own")
    }
    guard
      !earlier.contains(where: {
        $0.address.segment == bridge.address.segment && $0.secondaryBus == bridge.secondaryBus
      })
    else { throw try fields("secondary_bus").error("two bridges lead to this bus") }
  }

  func device(at index: Int, _ reader: Reader) throws(PlatformFileError) {
    let function = platform.functions[index]
    let earlier = platform.functions[..<index]
    guard case .object(let members) = reader.value.content else { return }
    let keys = Set(members.map(\.key))
    let fields = try reader.object(keys)
    try checkAddress(
      function.address, fields("address"),
      before: platform.bridges.map(\.address) + earlier.map(\.address))
    guard platform.iommus.indices.contains(function.iommu) else {
      throw (fields.optional("iommu") ?? reader).error(
        "no IOMMU \(function.iommu): the file has \(platform.iommus.count)")
    }
    if let other = earlier.first(where: { $0.group == function.group }),
      other.iommu != function.iommu
    {
      throw (fields.optional("iommu") ?? reader).error(
        "group \(function.group.rawValue) is behind IOMMU \(other.iommu) already")
    }
    let base = try fields("memory_base")
    guard function.memoryBase % 0x10_0000 == 0, function.memoryBase != 0 else {
      throw base.error("the base must be a multiple of 0x100000 above 0")
    }
    guard !earlier.contains(where: { $0.memoryBase == function.memoryBase }) else {
      throw base.error("two devices have this base")
    }
  }

  private func checkAddress(
    _ address: PCIAddress, _ reader: Reader, before: [PCIAddress]
  ) throws(PlatformFileError) {
    guard !before.contains(address) else {
      throw reader.error("two functions have the address \(address.name)")
    }
    guard
      address.bus == 0
        || platform.bridges.contains(where: {
          $0.address.segment == address.segment && $0.secondaryBus == address.bus
        })
    else {
      throw reader.error("no bridge leads to bus \(address.bus)")
    }
  }
}
