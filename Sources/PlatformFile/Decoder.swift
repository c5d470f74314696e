internal import AddressSpaces
internal import DMATypes
internal import SimulatedPlatform

/// Makes a platform of JSON values and refuses one that no machine could be.
enum Decoder {
  static func platform(_ value: JSON) throws(PlatformFileError) -> Platform {
    let file = try Reader(value: value, path: "").object([
      "iommus", "bridges", "devices", "parameters", "mediated",
    ])
    let iommus = try file("iommus").array().reading(iommu)
    var platform = Platform(
      iommus: iommus, bridges: try file.optional("bridges")?.array().reading(bridge) ?? [],
      functions: try file("devices").array().reading(device),
      parameters: try file.optional("parameters").map(parameters) ?? Platform.Parameters())
    for reader in try file.optional("mediated")?.array() ?? [] {
      try addMediated(reader, to: &platform)
    }
    return platform
  }

  /// A device of a driver in user space; without a number its group is the next that is free.
  private static func addMediated(
    _ reader: Reader, to platform: inout Platform
  ) throws(PlatformFileError) {
    let object = try reader.object(["name", "driver", "group"])
    let driver = try object("driver").string()
    guard !driver.isEmpty, !driver.utf8.contains(0) else {
      throw try object("driver").error("'\(driver)' is no path of a shared object")
    }
    platform.add(
      mediated: DeviceName(rawValue: try object("name").string()), driver: driver,
      group: try object.optional("group").map(group))
  }

  private static func range(_ reader: Reader) throws(PlatformFileError) -> IOVARange {
    let object = try reader.object(["start", "last"])
    return try range(object)
  }

  private static func range(_ object: ObjectReader) throws(PlatformFileError) -> IOVARange {
    let start = try object("start").number(UInt64.self)
    let last = try object("last").number(UInt64.self)
    guard start <= last else { throw try object("last").error("'last' lies below 'start'") }
    return IOVARange(start: IOVA(start), last: IOVA(last))
  }

  private static func iommu(_ reader: Reader) throws(PlatformFileError) -> Platform.IOMMU {
    let object = try reader.object([
      "driver", "aperture", "page_sizes", "enforces_coherency", "isolates_interrupts",
      "reads_what_is_writable", "reserved_regions",
    ])
    let pageSizes = try object("page_sizes").number(UInt64.self)
    let regions = try object.optional("reserved_regions")?.array() ?? []
    return Platform.IOMMU(
      driver: try object.optional("driver")?.number(UInt32.self) ?? 0,
      aperture: try range(object("aperture")), pageSizes: PageSizes(rawValue: pageSizes),
      enforcesCoherency: try object.optional("enforces_coherency")?.bool() ?? false,
      isolatesInterrupts: try object.optional("isolates_interrupts")?.bool() ?? false,
      readsWhatIsWritable: try object.optional("reads_what_is_writable")?.bool() ?? false,
      reservedRegions: try regions.reading(region))
  }

  private static func region(_ reader: Reader) throws(PlatformFileError) -> ReservedRegion {
    let object = try reader.object(["start", "last", "kind"])
    let word = try object("kind").string()
    guard let kind = ReservedRegion.Kind(rawValue: word) else {
      throw try object("kind").error(
        "no kind '\(word)': write direct, direct-relaxable, reserved or msi")
    }
    return ReservedRegion(range: try range(object), kind: kind)
  }

  private static func address(_ reader: Reader) throws(PlatformFileError) -> PCIAddress {
    let text = try reader.string()
    guard let address = PCIAddress(text) else {
      throw reader.error("'\(text)' is no PCI address: write one like 0000:00:05.0")
    }
    return address
  }

  private static func group(_ reader: Reader) throws(PlatformFileError) -> GroupNumber {
    GroupNumber(rawValue: try reader.number(UInt32.self, maximum: UInt32(Int32.max)))
  }

  private static func bridge(_ reader: Reader) throws(PlatformFileError) -> Platform.Bridge {
    let object = try reader.object(["address", "model", "secondary_bus", "group"])
    let word = try object("model").string()
    guard let model = Platform.Bridge.Model(rawValue: word) else {
      let words = Platform.Bridge.Model.allCases.map(\.rawValue).joined(separator: " or ")
      throw try object("model").error("no bridge '\(word)': write \(words)")
    }
    return Platform.Bridge(
      address: try address(object("address")), model: model,
      secondaryBus: try object("secondary_bus").number(), group: try group(object("group")))
  }

  private static func device(_ reader: Reader) throws(PlatformFileError) -> Platform.Function {
    let object = try reader.object([
      "address", "model", "dma_mask", "driver", "group", "iommu", "memory_base", "interrupt_line",
    ])
    let word = try object("model").string()
    guard word == "edu" else { throw try object("model").error("no model '\(word)': write edu") }
    let mask = try object.optional("dma_mask")?.number(UInt64.self) ?? 0xffff_ffff
    return Platform.Function(
      address: try address(object("address")), model: .edu(dmaMask: mask),
      driver: try object.optional("driver").map(driver) ?? .vfio,
      group: try group(object("group")),
      iommu: try unit(object.optional("iommu")),
      memoryBase: try object("memory_base").number(),
      interruptLine: try object.optional("interrupt_line")?.number() ?? 0)
  }

  /// The first unless something is said; null for none.
  private static func unit(_ reader: Reader?) throws(PlatformFileError) -> Int? {
    guard let reader else { return 0 }
    if case .null = reader.value.content { return nil }
    return Int(try reader.number(UInt16.self))
  }

  private static func driver(_ reader: Reader) throws(PlatformFileError) -> Platform.Function.Driver
  {
    if case .null = reader.value.content { return .none }
    let name = try reader.string()
    guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(UInt8(ascii: "/")),
      !name.utf8.contains(0), name.utf8.count < 64
    else { throw reader.error("'\(name)' is no driver's name") }
    return name == "vfio-pci" ? .vfio : .native(name)
  }

  private static func parameters(
    _ reader: Reader
  ) throws(PlatformFileError) -> Platform.Parameters {
    let object = try reader.object([
      "dma_entry_limit", "allow_unsafe_interrupts", "disable_hugepages",
      "enable_unsafe_noiommu_mode",
    ])
    let standard = Platform.Parameters()
    return Platform.Parameters(
      dmaEntryLimit: try object.optional("dma_entry_limit")?.number() ?? standard.dmaEntryLimit,
      allowUnsafeInterrupts: try object.optional("allow_unsafe_interrupts")?.bool()
        ?? standard.allowUnsafeInterrupts,
      disableHugePages: try object.optional("disable_hugepages")?.bool()
        ?? standard.disableHugePages,
      allowNoIOMMU: try object.optional("enable_unsafe_noiommu_mode")?.bool()
        ?? standard.allowNoIOMMU)
  }
}

extension Array {
  /// `map` for transforms whose error must keep its type.
  fileprivate func reading<Result>(
    _ transform: (Element) throws(PlatformFileError) -> Result
  ) throws(PlatformFileError) -> [Result] {
    var results: [Result] = []
    for element in self { results.append(try transform(element)) }
    return results
  }
}
