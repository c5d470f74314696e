internal import DMATypes
internal import LegacyVFIO

extension PCIDevice {
  /// `vfio_pci_ioctl_get_region_info()`.
  func regionInfo(_ index: UInt32) throws(Errno) -> RegionInfo {
    let offset = UInt64(index) << Region.offsetShift
    switch UInt64(index) {
    case 0:
      return RegionInfo(access: [.read, .write, .map], size: Region.barBytes, offset: offset)
    case 1...Region.rom: return RegionInfo(access: [], size: 0, offset: offset)
    case Region.config:
      return RegionInfo(access: [.read, .write], size: Region.configBytes, offset: offset)
    default: throw .invalidArgument
    }
  }

  /// A reset of the function that Linux frames with saving and restoring its config space.
  func resetKeepingConfig(_ state: inout DeviceState) {
    let header = state.hardware
    state.resetFunction()
    for index in 0..<ConfigSpace.headerBytes { state.setHardware(header[index], at: index) }
    if header[ConfigSpace.msiFlags] & ConfigSpace.msiEnable != 0 { state.setMSIEnable(true) }
  }

  /// `vfio_pci_ioctl_pci_hot_reset_groups()`: every function that is touched must be held by
  /// vfio-pci and be in one of the groups.
  ///
  /// Linux saves and restores the config space of each, and `edu` keeps its registers, so nothing
  /// that a program can see changes.
  func hotReset(
    provenBy descriptors: [Int32], in environment: some DeviceEnvironment
  ) throws(Errno) {
    guard let resetSet else { throw .noDevice }
    guard descriptors.count <= resetSet.count else { throw .invalidArgument }
    var groups: [GroupNumber] = []
    for descriptor in descriptors {
      groups.append(try environment.resolveGroup(descriptor))
    }
    for member in resetSet {
      guard member.isBoundToVFIO, groups.contains(member.device.group) else {
        throw .invalidArgument
      }
    }
  }

  /// `vfio_pci_ioeventfd()`.
  func setIOEvent(
    _ setting: IOEventSetting, _ state: inout DeviceState, in environment: some DeviceEnvironment
  ) throws(Errno) {
    let position = setting.offset & Region.offsetMask
    // Every other BAR is empty, so nothing fits into it.
    guard setting.offset >> Region.offsetShift == 0,
      position + UInt64(setting.width) <= Region.barBytes
    else { throw .invalidArgument }
    let count = Int(state.ioEventCount)
    var index = 0
    while index < count {
      let entry = state.ioEvents[index]
      if UInt64(entry.offset) == position, entry.data == setting.data,
        entry.width == setting.width
      {
        guard setting.descriptor == -1 else { throw .exists }
        removeIOEvent(at: index, &state, in: environment)
        return
      }
      index += 1
    }
    guard setting.descriptor >= 0 else { throw .noDevice }
    guard count < state.ioEvents.count else { throw .noSpace }
    let event = try environment.resolveEvent(setting.descriptor)
    state.ioEvents[count] = DeviceState.IOEvent(
      data: setting.data, event: event, offset: UInt32(position), width: setting.width)
    state.ioEventCount += 1
    environment.watch(event)
  }

  /// Takes one away; the last one moves into its place.
  func removeIOEvent(
    at index: Int, _ state: inout DeviceState, in environment: some DeviceEnvironment
  ) {
    let event = state.ioEvents[index].event
    environment.unwatch(event)
    environment.release(event)
    state.ioEventCount -= 1
    state.ioEvents[index] = state.ioEvents[Int(state.ioEventCount)]
  }

  /// `vfio_pci_core_ioctl_feature()`: of all features an `edu` has low power only.
  func featureFacts(_ number: UInt32) throws(Errno) -> FeatureFacts {
    switch number {
    case 3, 5: return FeatureFacts(canGet: false, canSet: true, payloadBytes: 0)
    case 4: return FeatureFacts(canGet: false, canSet: true, payloadBytes: 8)
    default: throw .notTypewriter
    }
  }

  /// `vfio_pci_core_pm_entry()` and its neighbours, on a kernel that never suspends the device.
  func setFeature(
    _ feature: DeviceFeature, _ state: inout DeviceState, in environment: some DeviceEnvironment
  ) throws(Errno) {
    switch feature {
    case .enterLowPower:
      guard !state.isInLowPower else { throw .invalidArgument }
      state.isInLowPower = true
    case .enterLowPowerWithWakeup(let descriptor):
      guard descriptor >= 0 else { throw .invalidArgument }
      let event = try environment.resolveEvent(descriptor)
      guard !state.isInLowPower else {
        environment.release(event)
        throw .invalidArgument
      }
      state.isInLowPower = true
      state.wakeEvent = event
    case .exitLowPower: leaveLowPower(&state, in: environment)
    }
  }

  /// `vfio_pci_runtime_pm_exit()`.
  func leaveLowPower(_ state: inout DeviceState, in environment: some DeviceEnvironment) {
    state.isInLowPower = false
    drop(&state.wakeEvent, in: environment)
  }
}
