internal import DMATypes
public import LegacyVFIO

/// Device calls: numbers and structures ⇄ requests and replies.
///
/// The checks here are those that vfio and vfio-pci make while they read, in their order; where the
/// device's own refusal comes before the rest is read, it is asked first.
public enum DeviceCodec {
  /// Answers one ioctl on a device whose file came from a group: the result, or a negative errno.
  ///
  /// A structure that cannot be written is `EFAULT` after the effect.
  public static func serve(
    _ number: UInt32, _ argument: UInt64, by server: inout some DeviceServer
  ) -> Int {
    let address = UserAddress(argument)
    do throws(Errno) {
      switch number {
      case 0x3b6b: try getInfo(address, &server)
      case 0x3b6c: try getRegionInfo(address, &server)
      case 0x3b6d: try getInterruptInfo(address, &server)
      case 0x3b6e: return try setInterrupts(address, &server)
      case 0x3b6f: _ = try server.perform(.reset)
      case 0x3b70: try getHotResetInfo(address, &server)
      case 0x3b71: try hotReset(address, &server)
      case 0x3b74: try setIOEvent(address, &server)
      case 0x3b75: try feature(address, &server)
      case 0x3b76: try bind(address)
      default: throw .notTypewriter
      }
      return 0
    } catch {
      return -Int(error.rawValue)
    }
  }

  private static func getInfo(
    _ address: UserAddress, _ server: inout some DeviceServer
  ) throws(Errno) {
    var header = DeviceInfoHeaderLayout()
    try CallerMemory.load(from: address, into: &header)
    guard header.argsz >= MemoryLayout<DeviceInfoHeaderLayout>.size else {
      throw .invalidArgument
    }
    guard case .info(let info) = try server.perform(.getInfo) else { throw .invalidArgument }
    let pci: UInt32 = 2
    let reset: UInt32 = 1
    let layout = DeviceInfoLayout(
      argsz: header.argsz, flags: info.isResettable ? pci | reset : pci,
      regionCount: info.regionCount, interruptCount: info.interruptCount)
    try store(layout, atMost: Int(header.argsz), to: address)
  }

  private static func getRegionInfo(
    _ address: UserAddress, _ server: inout some DeviceServer
  ) throws(Errno) {
    var layout = RegionInfoLayout()
    try CallerMemory.load(from: address, into: &layout)
    guard layout.argsz >= MemoryLayout<RegionInfoLayout>.size else { throw .invalidArgument }
    guard case .region(let info) = try server.perform(.getRegionInfo(index: layout.index)) else {
      throw .invalidArgument
    }
    // Without capabilities the kernel leaves cap_offset as it found it.
    layout.flags = info.access.rawValue
    layout.size = info.size
    layout.offset = info.offset
    try CallerMemory.store(layout, to: address)
  }

  private static func getInterruptInfo(
    _ address: UserAddress, _ server: inout some DeviceServer
  ) throws(Errno) {
    var layout = InterruptInfoLayout()
    try CallerMemory.load(from: address, into: &layout)
    guard layout.argsz >= MemoryLayout<InterruptInfoLayout>.size else { throw .invalidArgument }
    let info = try interruptInfo(layout.index, &server)
    layout.flags = info.flags
    layout.count = info.count
    try CallerMemory.store(layout, to: address)
  }

  private static func interruptInfo(
    _ index: UInt32, _ server: inout some DeviceServer
  ) throws(Errno) -> InterruptInfo {
    guard case .interrupt(let info) = try server.perform(.getInterruptInfo(index: index)) else {
      throw .invalidArgument
    }
    return info
  }

  /// `vfio_pci_ioctl_set_irqs()` with `vfio_set_irqs_validate_and_prepare()`.
  private static func setInterrupts(
    _ address: UserAddress, _ server: inout some DeviceServer
  ) throws(Errno) -> Int {
    var layout = InterruptSettingLayout()
    try CallerMemory.load(from: address, into: &layout)
    let headerBytes = UInt32(MemoryLayout<InterruptSettingLayout>.size)
    guard layout.argsz >= headerBytes, layout.count < .max - layout.start,
      layout.flags & ~0x3f == 0
    else { throw .invalidArgument }
    // The kinds that have no interrupts refuse here, whatever else is asked.
    let available = try interruptInfo(layout.index, &server).count
    guard layout.start < available, layout.count <= available - layout.start else {
      throw .invalidArgument
    }
    let room = UInt64(layout.argsz - headerBytes)
    let data = address.advanced(by: UInt64(headerBytes))
    let count = Int(layout.count)
    let payload: InterruptSetting.Payload
    switch layout.flags & 7 {
    case 1: payload = .none
    case 2:
      guard room >= UInt64(count) else { throw .invalidArgument }
      payload = .booleans(try CallerMemory.loadArray(count, of: 0, from: data))
    case 4:
      guard room >= UInt64(count) * 4 else { throw .invalidArgument }
      payload = .events(try CallerMemory.loadArray(count, of: 0, from: data))
    default: throw .invalidArgument
    }
    let reply = try server.perform(
      .setInterrupts(
        InterruptSetting(
          index: layout.index, action: .init(rawValue: layout.flags & 0x38), start: layout.start,
          count: layout.count, payload: payload)))
    guard case .value(let value) = reply else { return 0 }
    return value
  }

  private static func getHotResetInfo(
    _ address: UserAddress, _ server: inout some DeviceServer
  ) throws(Errno) {
    var layout = HotResetLayout()
    try CallerMemory.load(from: address, into: &layout)
    let headerBytes = UInt32(MemoryLayout<HotResetLayout>.size)
    guard layout.argsz >= headerBytes else { throw .invalidArgument }
    guard case .hotReset(let devices) = try server.perform(.getHotResetInfo) else {
      throw .invalidArgument
    }
    layout.flags = 0
    layout.count = UInt32(clamping: devices.count)
    let entryBytes = UInt32(MemoryLayout<DependentDeviceLayout>.size)
    guard layout.count <= (layout.argsz - headerBytes) / entryBytes else {
      // The count tells how much room is needed.
      try CallerMemory.store(layout, to: address)
      throw .noSpace
    }
    for (index, device) in devices.enumerated() {
      let entry = DependentDeviceLayout(
        group: device.group.rawValue, segment: device.segment, bus: device.bus,
        deviceFunction: device.deviceFunction)
      let distance = UInt64(headerBytes) + UInt64(index) * UInt64(entryBytes)
      try CallerMemory.store(entry, to: address.advanced(by: distance))
    }
    try CallerMemory.store(layout, to: address)
  }

  private static func hotReset(
    _ address: UserAddress, _ server: inout some DeviceServer
  ) throws(Errno) {
    var layout = HotResetLayout()
    try CallerMemory.load(from: address, into: &layout)
    let headerBytes = UInt32(MemoryLayout<HotResetLayout>.size)
    // No descriptors at all is the way of devices that came from a cdev.
    guard layout.argsz >= headerBytes, layout.flags == 0, layout.count != 0 else {
      throw .invalidArgument
    }
    guard case .hotReset(let devices) = try server.perform(.getHotResetInfo),
      layout.count <= devices.count
    else { throw .invalidArgument }
    let groups: [Int32] = try CallerMemory.loadArray(
      Int(layout.count), of: 0, from: address.advanced(by: UInt64(headerBytes)))
    _ = try server.perform(.hotReset(groups: groups))
  }

  private static func setIOEvent(
    _ address: UserAddress, _ server: inout some DeviceServer
  ) throws(Errno) {
    var layout = IOEventLayout()
    try CallerMemory.load(from: address, into: &layout)
    guard layout.argsz >= MemoryLayout<IOEventLayout>.size, layout.flags & ~0xf == 0,
      layout.flags.nonzeroBitCount == 1, layout.descriptor >= -1
    else { throw .invalidArgument }
    _ = try server.perform(
      .setIOEvent(
        IOEventSetting(
          offset: layout.offset, data: layout.data, width: UInt8(layout.flags),
          descriptor: layout.descriptor)))
  }

  /// `vfio_ioctl_device_feature()` with `vfio_check_feature()`.
  private static func feature(
    _ address: UserAddress, _ server: inout some DeviceServer
  ) throws(Errno) {
    var layout = FeatureLayout()
    try CallerMemory.load(from: address, into: &layout)
    let headerBytes = UInt32(MemoryLayout<FeatureLayout>.size)
    let get = layout.flags & 1 << 16 != 0
    let set = layout.flags & 1 << 17 != 0
    let probe = layout.flags & 1 << 18 != 0
    guard layout.argsz >= headerBytes, layout.flags >> 19 == 0, probe || !(get && set) else {
      throw .invalidArgument
    }
    let number = layout.flags & 0xffff
    guard case .feature(let facts) = try server.perform(.probeFeature(number)),
      !get || facts.canGet, !set || facts.canSet
    else { throw .invalidArgument }
    if probe { return }
    guard get || set, layout.argsz - headerBytes >= facts.payloadBytes else {
      throw .invalidArgument
    }
    switch number {
    case 3: _ = try server.perform(.setFeature(.enterLowPower))
    case 4:
      var descriptor: Int32 = 0
      var payload: UInt64 = 0
      try CallerMemory.load(from: address.advanced(by: UInt64(headerBytes)), into: &payload)
      descriptor = Int32(truncatingIfNeeded: payload)
      _ = try server.perform(.setFeature(.enterLowPowerWithWakeup(descriptor: descriptor)))
    case 5: _ = try server.perform(.setFeature(.exitLowPower))
    default: throw .notTypewriter
    }
  }

  /// A device that came from a group is bound already: `vfio_df_ioctl_bind_iommufd()`.
  private static func bind(_ address: UserAddress) throws(Errno) {
    var layout = BindLayout()
    try CallerMemory.load(from: address, into: &layout)
    throw .invalidArgument
  }

  /// Writes a layout, or as much of it as the program has room for.
  private static func store(
    _ layout: DeviceInfoLayout, atMost count: Int, to address: UserAddress
  ) throws(Errno) {
    let failure = unsafe withUnsafeBytes(of: layout) { (bytes) -> Errno? in
      do throws(Errno) {
        // SAFETY: cut to the layout's own size.
        let part = unsafe UnsafeRawBufferPointer(rebasing: bytes.prefix(count))
        try unsafe CallerMemory.write(part, to: address)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }
}

extension CallerMemory {
  /// Reads `count` numbers that lie one after the other.
  static func loadArray<Value: BitwiseCopyable>(
    _ count: Int, of zero: Value, from address: UserAddress
  ) throws(Errno) -> [Value] {
    var values = [Value](repeating: zero, count: count)
    let failure = unsafe values.withUnsafeMutableBytes { (bytes) -> Errno? in
      do throws(Errno) {
        // SAFETY: the destination is the array's own storage.
        try unsafe read(bytes, from: address)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
    return values
  }
}
