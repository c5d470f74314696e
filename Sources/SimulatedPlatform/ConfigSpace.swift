/// Names in a function's first 256 config bytes.
enum ConfigSpace {
  static let command = 0x04
  static let status = 0x06
  static let barStart = 0x10
  static let barLast = 0x27
  static let romStart = 0x30
  static let interruptPin = 0x3d
  static let headerBytes = 0x40
  /// `edu`'s only capability: MSI, 64-bit, one vector, fourteen bytes.
  static let msi = 0x40
  static let msiFlags = 0x42
  static let msiBytes = 14

  static let memoryEnable: UInt16 = 1 << 1
  static let ioEnable: UInt16 = 1 << 0
  static let busMaster: UInt16 = 1 << 2
  static let intxDisable: UInt16 = 1 << 10
  /// The bit of the status register that follows the interrupt pin.
  static let pinStatus: UInt8 = 1 << 3
  static let msiEnable: UInt8 = 1 << 0
  /// Log₂ of the vectors in use, at bits 6…4.
  static let msiQueueSize: UInt8 = 7 << 4

  /// Which bits the function itself takes: what QEMU's `edu` keeps of a write.
  static func hardwareWritable(_ index: Int) -> UInt8 {
    switch index {
    case 0x04: 0x07
    case 0x05: 0x05
    case 0x0c, 0x3c: 0xff
    case 0x12: 0xf0
    case 0x13: 0xff
    case 0x42: msiEnable | msiQueueSize
    case 0x44...0x4d: 0xff
    case 0x4e...0xff: 0xff
    default: 0
    }
  }

  /// Which bits vfio-pci keeps for itself, and which it lets a program write.
  struct Permission {
    var virtual: UInt8
    var writable: UInt8
  }

  /// The permissions of a byte of the header: `init_pci_cap_basic_perm()`.
  static func headerPermission(_ index: Int) -> Permission {
    switch index {
    case 0x00...0x03, 0x34, 0x3d: Permission(virtual: 0xff, writable: 0)
    case 0x04: Permission(virtual: 0, writable: 0xff)
    case 0x05: Permission(virtual: 0x04, writable: 0xff)
    case 0x06: Permission(virtual: 0x10, writable: 0)
    case 0x0c, 0x0d, 0x0f: Permission(virtual: 0, writable: 0xff)
    case 0x10...0x27, 0x30...0x33, 0x3c: Permission(virtual: 0xff, writable: 0xff)
    default: Permission(virtual: 0, writable: 0)
    }
  }

  /// The permissions of a byte of the MSI capability: `init_pci_cap_msi_perm()`.
  static func msiPermission(_ offset: Int) -> Permission {
    switch offset {
    case 1: Permission(virtual: 0xff, writable: 0)
    case 2, 4...13: Permission(virtual: 0xff, writable: 0xff)
    default: Permission(virtual: 0, writable: 0)
    }
  }

  /// What stands at a byte: the header, the MSI capability, or nothing that vfio-pci knows.
  enum Area: Equatable {
    case header, msi, unassigned

    init(_ index: Int) {
      if index < headerBytes {
        self = .header
      } else if index < ConfigSpace.msi + ConfigSpace.msiBytes {
        self = .msi
      } else {
        self = .unassigned
      }
    }
  }

  /// How many bytes at `index` one access may take: aligned, and within one capability.
  static func chunk(at index: Int, remaining: UInt64) -> Int {
    let area = Area(index)
    var run = 1
    while (index + run) % 4 != 0, Area(index + run) == area { run += 1 }
    let count = min(UInt64(run), remaining)
    if count >= 4, index % 4 == 0 { return 4 }
    if count >= 2, index % 2 == 0 { return 2 }
    return 1
  }
}

extension Platform.Function {
  /// Config space as firmware leaves it: enabled, but not bus master.
  public var powerOnConfig: InlineArray<256, UInt8> {
    var config = InlineArray<256, UInt8>(repeating: 0)
    func place(_ value: UInt32, _ width: Int, at index: Int) {
      for byte in 0..<width {
        config[index + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte))
      }
    }
    place(0x1234, 2, at: 0x00)
    place(0x11e8, 2, at: 0x02)
    place(0x0103, 2, at: ConfigSpace.command)
    place(0x0010, 2, at: ConfigSpace.status)
    place(0x00ff_0010, 4, at: 0x08)
    place(memoryBase, 4, at: ConfigSpace.barStart)
    place(0x1af4, 2, at: 0x2c)
    place(0x1100, 2, at: 0x2e)
    place(UInt32(ConfigSpace.msi), 1, at: 0x34)
    place(UInt32(interruptLine), 1, at: 0x3c)
    place(1, 1, at: ConfigSpace.interruptPin)
    place(0x0080_0005, 4, at: ConfigSpace.msi)
    return config
  }
}

extension PCIDevice {
  /// One chunk of a config read: `vfio_config_do_rw()`.
  func readConfig(_ index: Int, width: Int, _ state: inout DeviceState) -> UInt64 {
    if ConfigSpace.isBAR(index) { state.fixVirtualBARs() }
    var value: UInt64 = 0
    for byte in 0..<width {
      let at = index + byte
      let virtual = ConfigSpace.permission(at)?.virtual ?? 0
      let shown = state.hardware[at] & ~virtual | state.virtual[at] & virtual
      value |= UInt64(shown) << (8 * UInt64(byte))
    }
    return value
  }

  /// One chunk of a config write: `vfio_config_do_rw()`.
  func writeConfig(
    _ value: UInt64, at index: Int, width: Int, _ state: inout DeviceState,
    in environment: some DeviceEnvironment
  ) {
    let msiWasEnabled = state.msiIsEnabled
    for byte in 0..<width {
      let at = index + byte
      let new = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte)))
      guard let permission = ConfigSpace.permission(at) else {
        state.setHardware(new, at: at)
        continue
      }
      let kept = permission.virtual & permission.writable
      state.virtual[at] = state.virtual[at] & ~kept | new & kept
      let passed = permission.writable & ~permission.virtual
      if passed != 0 { state.setHardware(state.hardware[at] & ~passed | new & passed, at: at) }
    }
    if index == ConfigSpace.command {
      // A program's memory and I/O enable are remembered as written: vfio_basic_config_write().
      let mask = UInt8(ConfigSpace.memoryEnable | ConfigSpace.ioEnable)
      let low = UInt8(truncatingIfNeeded: value)
      state.virtual[index] = state.virtual[index] & ~mask | low & mask
    }
    if index == ConfigSpace.command || index == ConfigSpace.command + 1 {
      followINTxDisable(&state, in: environment)
    }
    if ConfigSpace.isBAR(index) { state.virtualBARsAreDirty = true }
    if index <= ConfigSpace.msiFlags, index + width > ConfigSpace.msiFlags {
      state.settleMSIFlags()
    }
    if state.msiIsEnabled, !msiWasEnabled { state.setPin(false) }
  }

  /// INTx follows the program's INTx disable.
  private func followINTxDisable(
    _ state: inout DeviceState, in environment: some DeviceEnvironment
  ) {
    let disabled = state.virtual[ConfigSpace.command + 1] & 0x04 != 0
    guard disabled != state.virtualINTxDisabled else { return }
    state.virtualINTxDisabled = disabled
    if disabled {
      maskINTx(&state)
    } else {
      unmaskINTx(&state, in: environment)
    }
  }
}

extension ConfigSpace {
  /// Whether a chunk that begins here is a base address: `is_bar()`.
  static func isBAR(_ index: Int) -> Bool {
    (barStart...barLast).contains(index) || (romStart..<romStart + 4).contains(index)
  }

  /// The permissions of a byte, or nil where everything passes: `unassigned_perms`.
  static func permission(_ index: Int) -> Permission? {
    switch Area(index) {
    case .header: headerPermission(index)
    case .msi: msiPermission(index - msi)
    case .unassigned: nil
    }
  }
}

extension DeviceState {
  /// The function's own command register.
  var hardwareCommand: UInt16 { UInt16(hardware[0x05]) << 8 | UInt16(hardware[0x04]) }
  /// Whether the function may access memory and send MSIs.
  var isBusMaster: Bool { hardwareCommand & ConfigSpace.busMaster != 0 }
  /// Whether the function keeps its pin from being heard.
  var intxIsDisabled: Bool { hardwareCommand & ConfigSpace.intxDisable != 0 }
  /// Whether the function sends MSIs.
  var msiIsEnabled: Bool { hardware[ConfigSpace.msiFlags] & ConfigSpace.msiEnable != 0 }
  /// Whether BARs answer, as the program last set it: `__vfio_pci_memory_enabled()`.
  var memoryIsEnabled: Bool {
    UInt16(virtual[ConfigSpace.command]) & ConfigSpace.memoryEnable != 0
  }

  /// A config write that reaches the function.
  mutating func setHardware(_ value: UInt8, at index: Int) {
    let mask = ConfigSpace.hardwareWritable(index)
    hardware[index] = hardware[index] & ~mask | value & mask
  }

  /// Writes the function's own command register.
  mutating func setCommand(_ value: UInt16) {
    setHardware(UInt8(truncatingIfNeeded: value), at: ConfigSpace.command)
    setHardware(UInt8(truncatingIfNeeded: value >> 8), at: ConfigSpace.command + 1)
  }

  /// Lets the function access memory, or not.
  mutating func setBusMaster(_ on: Bool) {
    let bit = ConfigSpace.busMaster
    setCommand(on ? hardwareCommand | bit : hardwareCommand & ~bit)
  }

  /// Keeps the pin from being heard, or not: `pci_intx()`.
  mutating func setINTxDisable(_ on: Bool) {
    let bit = ConfigSpace.intxDisable
    setCommand(on ? hardwareCommand | bit : hardwareCommand & ~bit)
  }

  /// Lets the function send MSIs instead of driving its pin, or not.
  mutating func setMSIEnable(_ on: Bool) {
    let old = hardware[ConfigSpace.msiFlags]
    setHardware(
      on ? old | ConfigSpace.msiEnable : old & ~ConfigSpace.msiEnable, at: ConfigSpace.msiFlags)
    if on { setPin(false) }
  }

  /// Drives the interrupt pin; the status register shows it even while INTx is disabled.
  mutating func setPin(_ on: Bool) {
    pinIsAsserted = on
    let old = hardware[ConfigSpace.status]
    hardware[ConfigSpace.status] =
      on ? old | ConfigSpace.pinStatus : old & ~ConfigSpace.pinStatus
  }

  /// Cuts the virtual BARs as hardware would, so that sizing works: `vfio_bar_fixup()`.
  mutating func fixVirtualBARs() {
    guard virtualBARsAreDirty else { return }
    virtual[0x10] = 0
    virtual[0x11] = 0
    virtual[0x12] &= 0xf0
    for index in 0x14...ConfigSpace.barLast { virtual[index] = 0 }
    for index in ConfigSpace.romStart..<ConfigSpace.romStart + 4 { virtual[index] = 0 }
    virtualBARsAreDirty = false
  }

  /// Takes from a program's MSI flags what only SET_IRQS grants: `vfio_msi_config_write()`.
  mutating func settleMSIFlags() {
    var flags = virtual[ConfigSpace.msiFlags]
    if interruptKind != .msi { flags &= ~ConfigSpace.msiEnable }
    // One vector: log₂ of what may be in use is 0.
    flags &= ~ConfigSpace.msiQueueSize
    virtual[ConfigSpace.msiFlags] = flags
    setHardware(flags, at: ConfigSpace.msiFlags)
  }

  /// What a reset leaves for Linux to put back: BAR 0 apart, which comes back before anyone looks.
  /// Registers are kept, because QEMU's `edu` does not reset them.
  mutating func resetFunction() {
    setMSIEnable(false)
    setPin(false)
    setCommand(0)
    hardware[0x0c] = 0
  }
}
