public import AddressSpaces
public import DMATypes

// Accesses of software: by no table, so that what the space maps is the owner's to know.
extension SoftwareIOMMU: AccessBackend {
  /// Asks for the memory. Software cannot pin: what stands there when it is used is what is
  /// reached.
  public func pin(_ part: Mapping, isCharged: Bool, in space: IOASID) throws(Errno) {
    try memory.pin(part.memory, byteCount: part.range.size, isCharged: isCharged)
  }

  /// Whether a process that mapped memory still has it.
  public func isAlive(_ owner: MemoryOwner) -> Bool { memory.isAlive(owner) }

  /// Nothing is held.
  public func unpin(_ part: Mapping, in space: IOASID) {}

  /// Copies out of the calling process's memory.
  public func load(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress
  ) throws(Errno) { try unsafe memory.load(bytes, from: address) }

  /// Copies into the calling process's memory.
  public func store(_ bytes: UnsafeRawBufferPointer, to address: UserAddress) throws(Errno) {
    try unsafe memory.store(bytes, to: address)
  }

  /// Copies out of a space's memory.
  public func read(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress, of memory: MappedMemory,
    in space: IOASID
  ) throws(Errno) { try unsafe self.memory.read(bytes, from: address, of: memory.owner) }

  /// Copies into a space's memory.
  public func write(
    _ bytes: UnsafeRawBufferPointer, to address: UserAddress, of memory: MappedMemory,
    in space: IOASID
  ) throws(Errno) { try unsafe self.memory.write(bytes, to: address, of: memory.owner) }
}
