public import DMATypes

/// A device's access that the IOMMU or memory refused.
public struct DMAFault: Error, Hashable, Sendable {
  /// Why an access was refused.
  public enum Reason: Hashable, Sendable {
    /// The group has no table: nothing is reachable.
    case blocked
    /// Nothing is mapped there.
    case unmapped
    /// The mapping does not allow the access.
    case denied
    /// The mapping's memory is gone or does not allow the access.
    case memory
  }

  /// Why.
  public var reason: Reason
  /// The first address that was refused.
  public var iova: IOVA
  /// What the device wanted there.
  public var access: DMAAccess

  /// States a fault.
  public init(reason: Reason, iova: IOVA, access: DMAAccess) {
    self.reason = reason
    self.iova = iova
    self.access = access
  }
}

extension DMAFault: CustomStringConvertible {
  /// What a person is told: `cannot read IOVA 0x1000: nothing is mapped there`.
  public var description: String {
    let why =
      switch reason {
      case .blocked: "the group has no IOMMU table"
      case .unmapped: "nothing is mapped there"
      case .denied: "the mapping does not allow it"
      case .memory: "the program's memory behind it is gone or does not allow it"
      }
    let verb = access == .read ? "read" : "write"
    return "cannot \(verb) IOVA 0x\(String(iova.rawValue, radix: 16)): \(why)"
  }
}

/// Where a bus address leads.
public struct Translation: Hashable, Sendable, BitwiseCopyable {
  /// The address in the owner's memory.
  public var address: UserAddress
  /// Whose memory.
  public var owner: MemoryOwner
  /// How many bytes from here on are known to follow one another, never 0.
  public var byteCount: UInt64

  /// States a translation.
  @inlinable public init(address: UserAddress, owner: MemoryOwner, byteCount: UInt64) {
    self.address = address
    self.owner = owner
    self.byteCount = byteCount
  }
}
