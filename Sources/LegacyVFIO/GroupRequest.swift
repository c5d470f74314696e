/// Which group call is made: all that is known before its argument is read.
public enum GroupCommand: Hashable, Sendable {
  case getStatus, setContainer, unsetContainer, getDevice
  /// Any number that a group does not know.
  case unknown
}

/// A group call with its argument read.
public enum GroupRequest: Hashable, Sendable {
  /// VFIO_GROUP_GET_STATUS.
  case getStatus
  /// VFIO_GROUP_SET_CONTAINER, the container's descriptor by pointer.
  case setContainer(descriptor: Int32)
  /// VFIO_GROUP_UNSET_CONTAINER.
  case unsetContainer
  /// VFIO_GROUP_GET_DEVICE_FD: the bytes before the terminating zero.
  case getDevice(name: [UInt8])
}

/// The flags that GET_STATUS writes.
public struct GroupStatus: OptionSet, Hashable, Sendable {
  /// `VFIO_GROUP_FLAGS_*`.
  public var rawValue: UInt32
  /// Wraps the flags.
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// No native driver holds a member.
  public static var viable: Self { .init(rawValue: 1) }
  /// The group has a container.
  public static var containerSet: Self { .init(rawValue: 2) }
}

/// What a group call answers when it is granted.
public enum GroupReply: Hashable, Sendable {
  /// A plain result, a descriptor for GET_DEVICE_FD.
  case value(Int)
  /// What GET_STATUS writes.
  case status(GroupStatus)
}
