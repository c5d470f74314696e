public import AddressSpaces
internal import CLinux
public import DMATypes
internal import UAPI

/// Reaches the memory that a container's mappings name: this process's through guarded copies,
/// another's through process_vm_*.
///
/// Software cannot pin: what stands at the address now is what devices reach. What `mprotect`
/// closed since the mapping was made they reach as well, as they reach pinned pages.
public struct ContainerMemory: DMAMemory {
  private let owners: OwnerTable
  private let process: ProcessIdentity
  private let trapped: TrappedMappings
  private let hasPeers: PeerFlag
  private let allowance: LockAllowance
  private let program: any DescriptorTable

  init(
    owners: OwnerTable, process: ProcessIdentity, trapped: TrappedMappings,
    allowance: LockAllowance, program: any DescriptorTable, hasPeers: PeerFlag
  ) {
    self.hasPeers = hasPeers
    self.owners = owners
    self.process = process
    self.trapped = trapped
    self.allowance = allowance
    self.program = program
  }

  /// The pages of a trapped BAR count as there, and against no limit: type1 maps device memory
  /// (`follow_fault_pfn()`).
  ///
  /// A page is asked for before it is held against the limit, so that the first one too many is
  /// `ENOMEM`, and a missing one up to there `EFAULT`.
  public func touch(
    _ address: UserAddress, byteCount: UInt64, access: DMAAccess
  ) throws(Errno) {
    var address = address
    var left = byteCount
    var allowed = allowance.pages
    while true {
      let asked = allowed < left >> 12 ? (allowed + 1) << 12 : left
      var there = CallerMemory.touch(address, byteCount: asked, access: access)
      // A touch reads what the processor lets be read; the kernel asks the mapping:
      // check_vma_flags().
      if !access.contains(.write), program.hidesReading {
        there = min(there, clinux_readable(address.rawValue, there))
      }
      guard there >> 12 <= allowed else { throw .noMemory }
      allowed -= there >> 12
      if there == left { break }
      address = address.advanced(by: there)
      left -= there
      guard let registers = trapped.bytes(at: address, access: access) else { throw .badAddress }
      hasPeers.set()
      if registers >= left { break }
      address = address.advanced(by: registers)
      left -= registers
    }
    allowance.pages = allowed
  }

  /// Another process's pages are looked at, not written: whether they may be written is not known.
  public func pin(
    _ memory: MappedMemory, byteCount: UInt64, isCharged: Bool
  ) throws(Errno) {
    let entry = owners[memory.owner]
    guard entry.token == process.token else {
      let there = clinux_touch_process(
        entry.pid, entry.tokenAddress, entry.token, memory.address.rawValue, byteCount)
      guard there >= 0 else { throw .noDevice }
      guard UInt64(there) == byteCount else { throw .badAddress }
      return
    }
    let allowed = allowance.pages
    if !isCharged { allowance.pages = .max }
    defer { if !isCharged { allowance.pages = allowed } }
    try touch(memory.address, byteCount: byteCount, access: memory.access)
  }

  /// Whether the owner is a process that still has the memory it mapped.
  public func isAlive(_ owner: MemoryOwner) -> Bool { OwnerTable.isAlive(owners[owner]) }

  /// Copies out of this process's memory: `copy_from_user()`.
  public func load(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress
  ) throws(Errno) { try unsafe CallerMemory.read(bytes, from: address) }

  /// Copies into this process's memory: `copy_to_user()`.
  public func store(_ bytes: UnsafeRawBufferPointer, to address: UserAddress) throws(Errno) {
    try unsafe CallerMemory.write(bytes, to: address)
  }

  /// Copies out of the owner's memory.
  public func read(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress, of owner: MemoryOwner
  ) throws(Errno) {
    let entry = owners[owner]
    if entry.keeper != nil {
      guard let start = bytes.baseAddress else { return }
      let failure = unsafe clinux_read_file(
        try file(entry, owner), address.rawValue, start, bytes.count)
      guard failure == 0 else { throw .badAddress }
    } else if entry.token == process.token {
      do throws(Errno) {
        return try unsafe CallerMemory.read(bytes, from: address)
      } catch {
        guard let start = bytes.baseAddress, !trapped.contains(address) else { throw error }
        let failure = unsafe clinux_read_closed(address.rawValue, start, bytes.count)
        guard failure == 0 else { throw error }
      }
    } else {
      guard let start = bytes.baseAddress else { return }
      let failure = unsafe clinux_read_process(
        entry.pid, entry.tokenAddress, entry.token, address.rawValue, start, bytes.count)
      guard failure == 0 else { throw .badAddress }
    }
  }

  /// Copies into the owner's memory.
  public func write(
    _ bytes: UnsafeRawBufferPointer, to address: UserAddress, of owner: MemoryOwner
  ) throws(Errno) {
    let entry = owners[owner]
    if entry.keeper != nil {
      guard let start = bytes.baseAddress else { return }
      let failure = unsafe clinux_write_file(
        try file(entry, owner), address.rawValue, start, bytes.count)
      guard failure == 0 else { throw .badAddress }
    } else if entry.token == process.token {
      do throws(Errno) {
        return try unsafe CallerMemory.write(bytes, to: address)
      } catch {
        guard let start = bytes.baseAddress, !trapped.contains(address) else { throw error }
        let failure = unsafe clinux_write_closed(address.rawValue, start, bytes.count)
        guard failure == 0 else { throw error }
      }
    } else {
      guard let start = bytes.baseAddress else { return }
      let failure = unsafe clinux_write_process(
        entry.pid, entry.tokenAddress, entry.token, address.rawValue, start, bytes.count)
      guard failure == 0 else { throw .badAddress }
    }
  }
}

// Memory whose owner gives up its address: UNMAP and MAP with VADDR.
extension ContainerMemory {
  /// Memory of this process that is a file's, shared, goes on as the file's pages: after exec
  /// nothing else of it is left. A descriptor of the file must be there for that, as it must
  /// be for whoever maps the file again.
  public func standIn(for memory: MappedMemory, byteCount: UInt64) -> MappedMemory {
    guard owners[memory.owner].token == process.token else { return memory }
    var (device, inode, offset) = (UInt64(0), UInt64(0), UInt64(0))
    let address = memory.address.rawValue
    guard unsafe clinux_file_behind(address, byteCount, &device, &inode, &offset) != 0,
      clinux_find_file(device, inode, -1) >= 0
    else { return memory }
    let entry = OwnerTable.Entry(device: device, inode: inode, keeper: memory.owner)
    let place = try? owners.place(of: entry) { allowance.freePlaces.contains($0.rawValue) }
    guard let place else { return memory }
    allowance.freePlaces.remove(place.rawValue)
    return MappedMemory(address: UserAddress(offset), access: memory.access, owner: place)
  }

  /// A process that takes over another's memory must be allowed to lock it:
  /// `vfio_change_dma_owner()`.
  public func moveCharge(
    of byteCount: UInt64, from old: MappedMemory, to new: MappedMemory
  ) throws(Errno) {
    guard (owners[old.owner].keeper ?? old.owner) != new.owner else { return }
    guard byteCount >> 12 <= allowance.pages else { throw .noMemory }
    if allowance.pages != .max { allowance.pages -= byteCount >> 12 }
  }

  /// A descriptor of the file that a place stands for.
  private func file(_ entry: OwnerTable.Entry, _ owner: MemoryOwner) throws(Errno) -> Int32 {
    let descriptor = clinux_find_file(
      entry.tokenAddress, entry.token, allowance.files[owner] ?? -1)
    guard descriptor >= 0 else { throw .badAddress }
    allowance.files[owner] = descriptor
    return descriptor
  }
}
