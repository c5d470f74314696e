public import DMATypes

/// One run of memory to make reachable for devices.
public struct Mapping: Hashable, Sendable, BitwiseCopyable {
  /// The bus addresses, both ends inclusive.
  public var range: IOVARange
  /// Whose memory stands at `range.start`, and what devices may do with it.
  public var memory: MappedMemory

  /// States one mapping.
  @inlinable public init(range: IOVARange, memory: MappedMemory) {
    self.range = range
    self.memory = memory
  }
}

/// The device-centric language: devices bind, spaces translate, tables follow spaces.
///
/// Each call either happens whole or throws and has changed nothing.
public protocol AddressSpaceBackend {
  /// Makes an empty space (`IOMMU_IOAS_ALLOC`).
  mutating func allocateSpace() throws(Errno) -> IOASID
  /// Removes a space that has no tables (`IOMMU_DESTROY`).
  mutating func destroy(space: IOASID)

  /// Takes a whole group for this backend (`VFIO_DEVICE_BIND_IOMMUFD` of a member).
  ///
  /// Its devices reach no memory until they are attached.
  mutating func claim(_ group: GroupFacts) throws(Errno)
  /// Gives the group back.
  mutating func release(_ group: GroupNumber)

  /// Makes a table on a space for the devices of a claimed group, filled with what the space maps
  /// (`IOMMU_HWPT_ALLOC`).
  mutating func allocateTable(in space: IOASID, for group: GroupNumber) throws(Errno)
    -> HardwareTableID
  /// Removes a table that no device uses.
  mutating func destroy(table: HardwareTableID)

  /// Lets every device of a claimed group translate through a table
  /// (`VFIO_DEVICE_ATTACH_IOMMUFD_PT`).
  mutating func attach(_ group: GroupNumber, to table: HardwareTableID) throws(Errno)
  /// Takes the group's devices off their table: they reach no memory.
  mutating func detach(_ group: GroupNumber)

  /// A mapping that starts at the address may be made or removed next: a hint, without effect.
  func prepareChange(at iova: IOVA, in space: IOASID)
  /// Makes memory of the calling process reachable in every table of the space
  /// (`IOMMU_IOAS_MAP`, fixed).
  mutating func map(_ mapping: Mapping, in space: IOASID) throws(Errno)
  /// Removes exactly one earlier mapping (`IOMMU_IOAS_UNMAP`).
  mutating func unmap(_ range: IOVARange, in space: IOASID) throws(Errno)

  /// The program gives up the address of a mapping, not the mapping: what devices reach from then
  /// on, which is what they reached before.
  mutating func releaseAddress(of mapping: Mapping, in space: IOASID) -> MappedMemory
  /// The memory of a mapping whose address was given up stands at a new one, which is taken at its
  /// word; `ENOMEM` when another process now takes it over and may not lock that much.
  mutating func takeAddress(
    of mapping: Mapping, insteadOf old: MappedMemory, in space: IOASID
  ) throws(Errno)
}

extension AddressSpaceBackend {
  /// Most backends have nothing to prepare.
  @inlinable public func prepareChange(at iova: IOVA, in space: IOASID) {}

  // A backend that pins pages has no use for addresses once they are pinned.

  /// The same memory.
  public func releaseAddress(of mapping: Mapping, in space: IOASID) -> MappedMemory {
    mapping.memory
  }
  /// Changes nothing.
  public func takeAddress(
    of mapping: Mapping, insteadOf old: MappedMemory, in space: IOASID
  ) throws(Errno) {}
}

/// A backend of a container that several processes share, each with a copy of its state.
///
/// The copy follows what other processes did: their effects are facts and cannot fail here.
public protocol ReplicatedBackend: AddressSpaceBackend {
  /// True while calls tell what another process did. A backend whose effects live outside this
  /// process has nothing to do then but to remember them.
  var follows: Bool { get set }
  /// Enters a mapping that another process made, without asking whether its memory is there.
  mutating func adopt(_ mapping: Mapping, in space: IOASID)
}

extension ReplicatedBackend {
  /// A backend whose effects live in this process repeats them.
  @inlinable public var follows: Bool {
    get { false }
    set {}
  }
}

/// A backend whose spaces software reaches with the processor, by no table: what a mediated driver
/// needs of one (`iommufd_access`).
///
/// Parts of mappings are handed over as mappings of their own; that they are parts is the owner's
/// duty.
public protocol AccessBackend: AddressSpaceBackend {
  /// Asks for the memory of a part of a mapping, whoever's it is, and keeps it: all or nothing.
  ///
  /// `EFAULT` when a page is missing or does not allow what the mapping does, `ENODEV` when its
  /// process is gone, `ENOMEM` when the part is charged and its process may not lock that much.
  mutating func pin(_ part: Mapping, isCharged: Bool, in space: IOASID) throws(Errno)
  /// Lets memory go that was pinned.
  mutating func unpin(_ part: Mapping, in space: IOASID)
  /// Whether a process that mapped memory still has it.
  func isAlive(_ owner: MemoryOwner) -> Bool
  /// Copies out of the calling process's memory as the process itself would: what it may not read
  /// is `EFAULT`.
  func load(_ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress) throws(Errno)
  /// Copies into the calling process's memory as the process itself would.
  func store(_ bytes: UnsafeRawBufferPointer, to address: UserAddress) throws(Errno)
  /// Copies out of a space's memory, whosever it is, as a device does.
  func read(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress, of memory: MappedMemory,
    in space: IOASID
  ) throws(Errno)
  /// Copies into a space's memory, whosever it is, as a device does.
  func write(
    _ bytes: UnsafeRawBufferPointer, to address: UserAddress, of memory: MappedMemory,
    in space: IOASID
  ) throws(Errno)
}

/// Reaches the memory that mappings name.
public protocol DMAMemory {
  /// Asks for every page of any process's memory as a pin would: `EFAULT`, `ENODEV` when the
  /// process is gone, `ENOMEM` when it is charged beyond its limit.
  func pin(
    _ memory: MappedMemory, byteCount: UInt64, isCharged: Bool
  ) throws(Errno)
  /// Whether a process that mapped memory still has it.
  func isAlive(_ owner: MemoryOwner) -> Bool
  /// Copies out of the caller's own memory as its processor does.
  func load(_ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress) throws(Errno)
  /// Copies into the caller's own memory as its processor does.
  func store(_ bytes: UnsafeRawBufferPointer, to address: UserAddress) throws(Errno)
  /// What the memory can be reached by when its owner is about to give up its address: its file,
  /// perhaps.
  func standIn(for memory: MappedMemory, byteCount: UInt64) -> MappedMemory
  /// Charges memory to the owner it has now instead of the one before; `ENOMEM` beyond its limit.
  func moveCharge(
    of byteCount: UInt64, from old: MappedMemory, to new: MappedMemory
  ) throws(Errno)
  /// Asks for every page of the caller's own memory as a pin would; `EFAULT` when one is missing or
  /// does not allow the access.
  func touch(_ address: UserAddress, byteCount: UInt64, access: DMAAccess) throws(Errno)
  /// Copies out of a process's memory; any failure is a fault of the device.
  func read(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress, of owner: MemoryOwner
  ) throws(Errno)
  /// Copies into a process's memory; any failure is a fault of the device.
  func write(
    _ bytes: UnsafeRawBufferPointer, to address: UserAddress, of owner: MemoryOwner
  ) throws(Errno)
}

extension DMAMemory {
  /// As the caller's own.
  public func pin(_ memory: MappedMemory, byteCount: UInt64, isCharged: Bool) throws(Errno) {
    try touch(memory.address, byteCount: byteCount, access: memory.access)
  }
  /// True.
  public func isAlive(_ owner: MemoryOwner) -> Bool { true }
  /// As a device reads memory of the first owner.
  public func load(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress
  ) throws(Errno) { try unsafe read(bytes, from: address, of: MemoryOwner(rawValue: 0)) }
  /// As a device writes memory of the first owner.
  public func store(_ bytes: UnsafeRawBufferPointer, to address: UserAddress) throws(Errno) {
    try unsafe write(bytes, to: address, of: MemoryOwner(rawValue: 0))
  }
  /// The memory itself.
  public func standIn(for memory: MappedMemory, byteCount: UInt64) -> MappedMemory { memory }
  /// Nothing is charged.
  public func moveCharge(
    of byteCount: UInt64, from old: MappedMemory, to new: MappedMemory
  ) throws(Errno) {}
}
