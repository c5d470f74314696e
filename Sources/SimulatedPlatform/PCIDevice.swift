public import DMATypes
public import LegacyVFIO

/// A PCI function bound to vfio-pci: what never changes about it, and every call that a program can
/// make on its file.
///
/// The calls are pure logic over a `DeviceState` that the caller keeps, and an environment.
public struct PCIDevice: Hashable, Sendable {
  /// The function.
  public var function: Platform.Function
  /// Whether it alone sits behind its bridge, so that resetting the bus resets only it.
  public var isAloneOnBus: Bool
  /// Every function that a hot reset touches, with whether vfio-pci holds it; nil on a root bus,
  /// where there is no bridge to reset.
  public var resetSet: [ResetMember]?

  /// A function that shares a device's fate in a hot reset.
  public struct ResetMember: Hashable, Sendable {
    /// How GET_PCI_HOT_RESET_INFO names it.
    public var device: DependentDevice
    /// Whether vfio-pci holds it.
    public var isBoundToVFIO: Bool

    /// Where it sits.
    var address: PCIAddress {
      PCIAddress(
        segment: device.segment, bus: device.bus, device: device.deviceFunction >> 3,
        function: device.deviceFunction)
    }

    /// States a member.
    public init(device: DependentDevice, isBoundToVFIO: Bool) {
      self.device = device
      self.isBoundToVFIO = isBoundToVFIO
    }
  }

  /// States a device.
  public init(function: Platform.Function, isAloneOnBus: Bool, resetSet: [ResetMember]?) {
    self.function = function
    self.isAloneOnBus = isAloneOnBus
    self.resetSet = resetSet
  }

  /// The state before any program has opened the device.
  public func initialState() -> DeviceState { DeviceState(config: function.powerOnConfig) }

  /// The first open of the device: `vfio_pci_core_enable()`.
  public func open(_ state: inout DeviceState) {
    state.setBusMaster(false)
    state.setCommand(state.hardwareCommand | ConfigSpace.memoryEnable)
    state.resetWorks = isAloneOnBus
    if state.resetWorks { resetKeepingConfig(&state) }
    state.setINTxDisable(false)
    for index in 0..<64 { state.saved[index] = state.hardware[index] }
    state.virtual = state.hardware
    state.virtualBARsAreDirty = true
    state.virtualINTxDisabled = false
    state.interruptKind = .none
  }

  /// The last reference to the device is gone: `vfio_pci_core_close_device()`.
  public func close(_ state: inout DeviceState, in environment: some DeviceEnvironment) {
    leaveLowPower(&state, in: environment)
    state.setBusMaster(false)
    disableInterrupts(&state, in: environment)
    while state.ioEventCount > 0 { removeIOEvent(at: 0, &state, in: environment) }
    state.virtualINTxDisabled = false
    if state.resetWorks { state.resetFunction() }
    for index in 0..<64 { state.setHardware(state.saved[index], at: index) }
    drop(&state.requestTrigger, in: environment)
  }

  /// One ioctl whose structure has been read.
  public func perform(
    _ request: DeviceRequest, _ state: inout DeviceState, in environment: some DeviceEnvironment
  ) throws(Errno) -> DeviceReply {
    switch request {
    case .getInfo:
      return .info(
        DeviceInfo(
          isResettable: state.resetWorks, regionCount: Region.count,
          interruptCount: Interrupt.kindCount))
    case .getRegionInfo(let index): return .region(try regionInfo(index))
    case .getInterruptInfo(let index): return .interrupt(try interruptInfo(index, state))
    case .setInterrupts(let setting):
      try setInterrupts(setting, &state, in: environment)
    case .reset:
      guard state.resetWorks else { throw .invalidArgument }
      resetKeepingConfig(&state)
    case .getHotResetInfo:
      guard let resetSet else { throw .noDevice }
      return .hotReset(resetSet.map(\.device))
    case .hotReset(let groups): try hotReset(provenBy: groups, in: environment)
    case .setIOEvent(let setting): try setIOEvent(setting, &state, in: environment)
    case .probeFeature(let number): return .feature(try featureFacts(number))
    case .setFeature(let feature): try setFeature(feature, &state, in: environment)
    }
    return .value(0)
  }

  /// An eventfd that `DeviceEnvironment.watch` was told about has been signalled and consumed.
  public func eventArrived(
    _ event: EventTarget, _ state: inout DeviceState, in environment: some DeviceEnvironment
  ) {
    if event == state.unmaskEvent { unmaskINTx(&state, in: environment) }
    guard state.memoryIsEnabled else { return }
    var index = 0
    while index < Int(state.ioEventCount) {
      let entry = state.ioEvents[index]
      if entry.event == event {
        storeToBAR(
          entry.data, offset: UInt64(entry.offset), width: Int(entry.width), &state,
          in: environment)
      }
      index += 1
    }
  }
}
