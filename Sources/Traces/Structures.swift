import UAPI

// What programs put into the structures of <linux/vfio.h> and what comes out, field by field. Offsets are UAPI's.
extension StructureLayout {
  private static func head<Root>(
    _ argsz: KeyPath<Root, UInt32>, _ flags: KeyPath<Root, UInt32>, _ names: NameTable,
    argszIs: FieldLayout.Direction = .input, flagsAre: FieldLayout.Direction = .input
  ) -> [FieldLayout] {
    [
      .field("argsz", argsz, .decimal, argszIs),
      .field("flags", flags, .names(names), flagsAre),
    ]
  }

  private static let noFlags = NameTable(bits: [:])
  private static let interruptKinds = NameTable(
    mask: .max, choices: [0: "INTX", 1: "MSI", 2: "MSIX", 3: "ERR", 4: "REQ"])
  private static let regions = NameTable(
    mask: .max,
    choices: [
      0: "BAR0", 1: "BAR1", 2: "BAR2", 3: "BAR3", 4: "BAR4", 5: "BAR5", 6: "ROM", 7: "CONFIG",
      8: "VGA",
    ])

  static let containerInfo = StructureLayout(
    byteCount: 16,
    fields: head(
      \InfoLayout.argsz, \.flags, NameTable(bits: [1: "PGSIZES", 2: "CAPS"]), argszIs: .both,
      flagsAre: .both) + [
        .field("iova_pgsizes", \InfoLayout.iovaPageSizes, .hex, .output),
        .field("cap_offset", \InfoLayout.capabilityOffset, .hex, .output),
      ], tail: .containerCapabilities)

  static let map = StructureLayout(
    byteCount: MemoryLayout<MapLayout>.size,
    fields: head(\MapLayout.argsz, \.flags, NameTable(bits: [1: "READ", 2: "WRITE", 4: "VADDR"]))
      + [
        .field("vaddr", \MapLayout.vaddr, .address), .field("iova", \MapLayout.iova, .hex),
        .field("size", \MapLayout.size, .hex),
      ])

  static let unmap = StructureLayout(
    byteCount: MemoryLayout<UnmapLayout>.size,
    fields: head(
      \UnmapLayout.argsz, \.flags, NameTable(bits: [1: "GET_DIRTY_BITMAP", 2: "ALL", 4: "VADDR"]))
      + [
        .field("iova", \UnmapLayout.iova, .hex), .field("size", \UnmapLayout.size, .hex, .both),
      ], tail: .bitmap
  ) { bytes in
    let start = MemoryLayout<UnmapLayout>.size
    guard bytes.number(at: 4, width: 4).map({ $0 & 1 }) == 1,
      bytes.has(argsz: start + MemoryLayout<BitmapLayout>.size)
    else { return Rest() }
    return Rest(fields: [
      .field("pgsize", \BitmapLayout.pgsize, .hex, from: start),
      .field("bitmap_size", \BitmapLayout.size, .hex, from: start),
      .field("bitmap_data", \BitmapLayout.data, .address, from: start),
    ])
  }

  static let dirtyPages = StructureLayout(
    byteCount: MemoryLayout<DirtyLayout>.size,
    fields: head(
      \DirtyLayout.argsz, \.flags, NameTable(bits: [1: "START", 2: "STOP", 4: "GET_BITMAP"])),
    tail: .bitmap
  ) { bytes in
    let start = MemoryLayout<DirtyLayout>.size
    guard bytes.number(at: 4, width: 4) == 4,
      bytes.has(argsz: start + MemoryLayout<DirtyGetLayout>.size)
    else { return Rest() }
    return Rest(fields: [
      .field("iova", \DirtyGetLayout.iova, .hex, from: start),
      .field("size", \DirtyGetLayout.size, .hex, from: start),
      .field("pgsize", \DirtyGetLayout.bitmap.pgsize, .hex, from: start),
      .field("bitmap_size", \DirtyGetLayout.bitmap.size, .hex, from: start),
      .field("bitmap_data", \DirtyGetLayout.bitmap.data, .address, from: start),
    ])
  }

  static let groupStatus = StructureLayout(
    byteCount: MemoryLayout<GroupStatusLayout>.size,
    fields: head(
      \GroupStatusLayout.argsz, \.flags, NameTable(bits: [1: "VIABLE", 2: "CONTAINER_SET"]),
      flagsAre: .output))

  static let deviceInfo = StructureLayout(
    byteCount: MemoryLayout<DeviceInfoHeaderLayout>.size,
    fields: head(
      \DeviceInfoLayout.argsz, \.flags,
      NameTable(bits: [
        1: "RESET", 2: "PCI", 4: "PLATFORM", 8: "AMBA", 16: "CCW", 32: "AP", 64: "FSL_MC",
        128: "CAPS", 256: "CDX",
      ]), argszIs: .both, flagsAre: .output) + [
        .field("num_regions", \DeviceInfoLayout.regionCount, .decimal, .output),
        .field("num_irqs", \DeviceInfoLayout.interruptCount, .decimal, .output),
        .field("cap_offset", \DeviceInfoLayout.capabilityOffset, .hex, .output),
      ])

  static let regionInfo = StructureLayout(
    byteCount: MemoryLayout<RegionInfoLayout>.size,
    fields: head(
      \RegionInfoLayout.argsz, \.flags,
      NameTable(bits: [1: "READ", 2: "WRITE", 4: "MMAP", 8: "CAPS"]), argszIs: .both,
      flagsAre: .output) + [
        .field("index", \RegionInfoLayout.index, .names(regions)),
        .field("cap_offset", \RegionInfoLayout.capabilityOffset, .hex, .both),
        .field("size", \RegionInfoLayout.size, .hex, .output),
        .field("offset", \RegionInfoLayout.offset, .hex, .output),
      ], tail: .regionCapabilities)

  static let interruptInfo = StructureLayout(
    byteCount: MemoryLayout<InterruptInfoLayout>.size,
    fields: head(
      \InterruptInfoLayout.argsz, \.flags,
      NameTable(bits: [1: "EVENTFD", 2: "MASKABLE", 4: "AUTOMASKED", 8: "NORESIZE"]),
      flagsAre: .output) + [
        .field("index", \InterruptInfoLayout.index, .names(interruptKinds)),
        .field("count", \InterruptInfoLayout.count, .decimal, .output),
      ])

  static let setInterrupts = StructureLayout(
    byteCount: MemoryLayout<InterruptSettingLayout>.size,
    fields: head(
      \InterruptSettingLayout.argsz, \.flags,
      NameTable(bits: [
        1: "DATA_NONE", 2: "DATA_BOOL", 4: "DATA_EVENTFD", 8: "ACTION_MASK", 16: "ACTION_UNMASK",
        32: "ACTION_TRIGGER",
      ])) + [
        .field("index", \InterruptSettingLayout.index, .names(interruptKinds)),
        .field("start", \InterruptSettingLayout.start, .decimal),
        .field("count", \InterruptSettingLayout.count, .decimal),
      ]
  ) { bytes in
    let start = MemoryLayout<InterruptSettingLayout>.size
    let width: Int
    let format: FieldFormat
    switch (bytes.number(at: 4, width: 4) ?? 0) & 7 {
    case 2: (width, format) = (1, .decimal)
    case 4: (width, format) = (4, .descriptor)
    default: return Rest()
    }
    let count = bytes.elements(told: bytes.number(at: 16, width: 4), from: start, width: width)
    return Rest(
      data: DataLayout(
        name: "data", offset: start, elementWidth: width, count: count, format: format))
  }

  static let hotResetInfo = StructureLayout(
    byteCount: MemoryLayout<HotResetLayout>.size,
    fields: head(\HotResetLayout.argsz, \.flags, noFlags, flagsAre: .both) + [
      .field("count", \HotResetLayout.count, .decimal, .both)
    ], tail: .devices)

  static let hotReset = StructureLayout(
    byteCount: MemoryLayout<HotResetLayout>.size,
    fields: head(\HotResetLayout.argsz, \.flags, noFlags) + [
      .field("count", \HotResetLayout.count, .decimal)
    ]
  ) { bytes in
    let start = MemoryLayout<HotResetLayout>.size
    // The descriptors are read whatever argsz says.
    let count = Int(min(bytes.number(at: 8, width: 4) ?? 0, elementMaximum))
    return Rest(
      data: DataLayout(
        name: "group_fds", offset: start, elementWidth: 4, count: count, format: .descriptor))
  }

  static let ioEvent = StructureLayout(
    byteCount: MemoryLayout<IOEventLayout>.size,
    fields: head(
      \IOEventLayout.argsz, \.flags,
      NameTable(bits: [1: "WIDTH_8", 2: "WIDTH_16", 4: "WIDTH_32", 8: "WIDTH_64"]))
      + [
        .field("offset", \IOEventLayout.offset, .hex), .field("data", \IOEventLayout.data, .hex),
        .field("fd", \IOEventLayout.descriptor, .descriptor),
      ])

  static let feature = StructureLayout(
    byteCount: MemoryLayout<FeatureLayout>.size,
    fields: head(
      \FeatureLayout.argsz, \.flags,
      NameTable(
        mask: 0xffff,
        choices: [
          0: "PCI_VF_TOKEN", 1: "MIGRATION", 2: "MIG_DEVICE_STATE", 3: "LOW_POWER_ENTRY",
          4: "LOW_POWER_ENTRY_WITH_WAKEUP", 5: "LOW_POWER_EXIT", 6: "DMA_LOGGING_START",
          7: "DMA_LOGGING_STOP", 8: "DMA_LOGGING_REPORT", 9: "MIG_DATA_SIZE", 10: "BUS_MASTER",
        ], bits: [1 << 16: "GET", 1 << 17: "SET", 1 << 18: "PROBE"])), tail: .payload
  ) { bytes in
    let start = MemoryLayout<FeatureLayout>.size
    let flags = bytes.number(at: 4, width: 4) ?? 0
    let room = bytes.room(after: start)
    guard flags & 0x60000 == 0x20000, room > 0 else { return Rest() }
    guard flags & 0xffff == 4, room >= 8 else {
      return Rest(data: DataLayout(name: "data", offset: start, elementWidth: nil, count: room))
    }
    return Rest(fields: [
      FieldLayout(
        name: "wakeup_eventfd", offset: start, width: 4, format: .descriptor, direction: .input),
      FieldLayout(
        name: "reserved", offset: start + 4, width: 4, format: .hex, direction: .input),
    ])
  }

  static let bind = StructureLayout(
    byteCount: MemoryLayout<BindLayout>.size,
    fields: head(\BindLayout.argsz, \.flags, noFlags) + [
      .field("iommufd", \BindLayout.descriptor, .descriptor)
    ])

  /// Elements of an array that a line shows at most; the kernel never takes as many.
  private static let elementMaximum: UInt64 = 4096
}

extension [UInt8] {
  fileprivate func has(argsz: Int) -> Bool { (number(at: 0, width: 4) ?? 0) >= UInt64(argsz) }

  /// The bytes that `argsz` tells of beyond the structure.
  fileprivate func room(after start: Int) -> Int {
    Swift.max(0, Int(Swift.min(number(at: 0, width: 4) ?? 0, UInt64(TracedBytes.maximum))) - start)
  }

  /// Elements that are both told and within `argsz`.
  fileprivate func elements(told: UInt64?, from start: Int, width: Int) -> Int {
    Swift.min(Int(clamping: told ?? 0), room(after: start) / width)
  }
}
