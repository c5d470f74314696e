public import DMATypes

/// An eventfd that a device holds on to: whose it is, and its number there.
public struct EventTarget: Hashable, Sendable, BitwiseCopyable {
  /// The holder's number, as the environment counts.
  public var owner: UInt32
  /// The descriptor in the holder; −1 for none.
  public var descriptor: Int32
  /// The kernel's number for the eventfd, by which it is found when its holder is gone and others
  /// still have it; 0 when it is not known. Two targets are the same whatever it is.
  public var identity: Int64

  /// States a target.
  public init(owner: UInt32, descriptor: Int32, identity: Int64 = 0) {
    self.owner = owner
    self.descriptor = descriptor
    self.identity = identity
  }

  /// The same holder and number.
  public static func == (one: Self, other: Self) -> Bool {
    one.owner == other.owner && one.descriptor == other.descriptor
  }

  /// Agrees with `==`.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(owner)
    hasher.combine(descriptor)
  }

  /// No eventfd.
  public static var none: Self { .init(owner: 0, descriptor: -1) }
  /// Whether there is one.
  public var isSome: Bool { descriptor >= 0 }
}

/// What a device needs from the world: memory through its IOMMU, and eventfds.
///
/// The device calls it while its state is exclusively held; it must not call back in.
public protocol DeviceEnvironment {
  /// Reads memory as the device; throws at the first address that faults, with everything before
  /// it read.
  func dmaRead(_ bytes: UnsafeMutableRawBufferPointer, from address: IOVA) throws(Errno)
  /// Writes memory as the device; throws at the first address that faults, with everything before
  /// it written.
  func dmaWrite(_ bytes: UnsafeRawBufferPointer, to address: IOVA) throws(Errno)

  /// Takes a reference to the caller's eventfd: `EBADF` when it is not open, `EINVAL` when it is
  /// something else. Descriptors passed here are never negative.
  func resolveEvent(_ descriptor: Int32) throws(Errno) -> EventTarget
  /// Adds one to an eventfd, as the kernel does: never waits, never fails.
  func signal(_ event: EventTarget)
  /// Gives a reference back.
  func release(_ event: EventTarget)
  /// From now on each signal of the eventfd, one that is pending included, is consumed and told to
  /// `PCIDevice.eventArrived`.
  func watch(_ event: EventTarget)
  /// Ends that; the reference stays.
  func unwatch(_ event: EventTarget)

  /// The group behind one of the caller's descriptors: `EBADF` when it is not open, `EINVAL` when
  /// it is not a group.
  func resolveGroup(_ descriptor: Int32) throws(Errno) -> GroupNumber
}
