/// As what a driver's access stands on a space.
public enum AccessAttachment: Hashable, Sendable {
  /// A space of software only: no transaction on a bus is translated by it.
  case software
  /// Those transactions of a device that carry this number, of 20 bits.
  case pasid(UInt32, of: DeviceID)
  /// Every transaction of a device.
  case requester(DeviceID)

  /// What a driver must accept for it.
  public var kind: AcceptedAttachments {
    switch self {
    case .software: .software
    case .pasid: .pasid
    case .requester: .requester
    }
  }
}

/// What a driver says that its device can be attached as.
public struct AcceptedAttachments: OptionSet, Hashable, Sendable {
  /// One bit for each kind.
  public let rawValue: UInt8
  /// Wraps bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// A software space: what an emulated device has, and all that a legacy program can give one.
  public static let software = Self(rawValue: 1)
  /// A PASID in a device's own space: what a device that is shared in parts has.
  public static let pasid = Self(rawValue: 2)
  /// A whole requester id.
  public static let requester = Self(rawValue: 4)
}
