public import AddressSpaces
public import LegacyVFIO

/// A run's number for an open container.
public struct ContainerNumber: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number.
  public var rawValue: UInt64
  /// Wraps a number.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// What the descriptor given to SET_CONTAINER is.
public enum ContainerTarget: Hashable, Sendable {
  /// An open container.
  case container(ContainerNumber)
  /// Some other open file.
  case otherFile
  /// Not open.
  case closed
}

/// An IOMMU group as its calls see it: pure decisions, taken under the lock of whoever asks.
public struct GroupState: Hashable, Sendable {
  /// Whether the group's one file is open, directly or because a device of it is.
  public var isOpen: Bool
  /// The container, when one is set.
  public var container: ContainerNumber?
  /// How many devices of the group are open: devices, not descriptors.
  public var openDeviceCount: Int

  /// States the facts; a closed group has neither container nor open device.
  public init(isOpen: Bool = false, container: ContainerNumber? = nil, openDeviceCount: Int = 0) {
    self.isOpen = isOpen
    self.container = container
    self.openDeviceCount = openDeviceCount
  }

  /// Decides whether a number is a group call at all: `vfio_group_fops_unl_ioctl()`.
  public func admit(_ command: GroupCommand) throws(Rule) {
    if command == .unknown { throw .unknownGroupCall }
  }

  /// Decides open(2): `vfio_group_fops_open()`.
  public func checkOpen(of facts: GroupFacts, for caller: Caller) throws(Rule) {
    guard !facts.devices.isEmpty else { throw .groupHasNoDevice }
    if facts.kind == .noIOMMU, !caller.hasRawIO { throw .groupOpenNeedsRawIO }
    guard !isOpen else { throw .groupAlreadyOpen }
  }

  /// What GET_STATUS reports: `vfio_group_ioctl_get_status()`.
  public func status(of facts: GroupFacts) -> GroupStatus {
    if container != nil { return [.viable, .containerSet] }
    return facts.isViable ? .viable : []
  }

  /// Decides SET_CONTAINER up to the container's own checks, `ContainerState.plan(joining:for:)`:
  /// `vfio_group_ioctl_set_container()`.
  public func plan(settingContainer target: ContainerTarget) throws(Rule) -> ContainerNumber {
    // The descriptor is looked up before anything is asked about the group.
    if target == .closed { throw .containerDescriptorClosed }
    guard container == nil else { throw .groupHasContainer }
    guard case .container(let number) = target else { throw .notAContainer }
    return number
  }

  /// Decides UNSET_CONTAINER; returns the container to leave:
  /// `vfio_group_ioctl_unset_container()`.
  public func planUnsettingContainer() throws(Rule) -> ContainerNumber {
    guard let container else { throw .groupHasNoContainer }
    guard openDeviceCount == 0 else { throw .groupDeviceIsOpen }
    return container
  }

  /// Decides GET_DEVICE_FD once the device is found and a descriptor number is free:
  /// `vfio_df_group_open()`.
  ///
  /// `driver` is that of the group's container; only a device's first open asks for it.
  public func checkDeviceOpen(
    of facts: GroupFacts, driver: ContainerDriver, isFirstOpen: Bool, for caller: Caller
  ) throws(Rule) {
    guard container != nil else { throw .deviceWithoutContainer }
    guard isFirstOpen else { return }
    guard driver != .none else { throw .deviceBeforeDriver }
    if facts.kind == .noIOMMU, !caller.hasRawIO { throw .deviceNeedsRawIO }
  }
}
