internal import AddressSpaces
internal import DMATypes
internal import SoftwareIOMMU

// Mediated devices are the simulated platform's, so their accesses are software's.
extension MachineBackend: AccessBackend {
  func pin(_ part: Mapping, isCharged: Bool, in space: IOASID) throws(Errno) {
    try software.pin(part, isCharged: isCharged, in: space)
  }

  func unpin(_ part: Mapping, in space: IOASID) { software.unpin(part, in: space) }

  func isAlive(_ owner: MemoryOwner) -> Bool { software.isAlive(owner) }

  func load(_ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress) throws(Errno) {
    try unsafe software.load(bytes, from: address)
  }

  func store(_ bytes: UnsafeRawBufferPointer, to address: UserAddress) throws(Errno) {
    try unsafe software.store(bytes, to: address)
  }

  func read(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress, of memory: MappedMemory,
    in space: IOASID
  ) throws(Errno) { try unsafe software.read(bytes, from: address, of: memory, in: space) }

  func write(
    _ bytes: UnsafeRawBufferPointer, to address: UserAddress, of memory: MappedMemory,
    in space: IOASID
  ) throws(Errno) { try unsafe software.write(bytes, to: address, of: memory, in: space) }
}
