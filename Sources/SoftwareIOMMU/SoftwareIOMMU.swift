public import AddressSpaces
public import DMATypes

/// An IOMMU in memory: spaces, tables that translate, groups that use them, faults.
///
/// The owner keeps each space's mappings in order, in a `RangeMap`, and hands it to every access of
/// a device. The tables here are what makes an access fast; they hold no mapping that the owner's
/// map lacks, and may lack any that it has, so their memory stays within a few bytes a mapping.
/// For that to be true the owner unmaps here whatever it removes there, under one lock: this class
/// is not safe to use from two threads at once, and neither are the device tables it hands out.
@safe public final class SoftwareIOMMU<Memory: DMAMemory>: ReplicatedBackend {
  // Raw, so that a call checks no exclusivity: whoever orders the calls has seen to it.
  // SAFETY: ours alone from init to deinit, never handed out.
  @usableFromInline let directory: UnsafeMutablePointer<TableDirectory>
  @usableFromInline let memory: Memory

  /// How many accesses of devices faulted.
  public private(set) var faultCount = 0
  /// The last of them.
  public private(set) var lastFault: DMAFault?

  /// An IOMMU without groups over the memory that mappings name.
  public convenience init(memory: Memory) { self.init(memory: memory, budget: PageBudget()) }

  init(memory: Memory, budget: PageBudget) {
    self.memory = memory
    unsafe directory = .allocate(capacity: 1)
    unsafe directory.initialize(to: TableDirectory(budget: budget))
  }

  deinit {
    unsafe directory.deinitialize(count: 1)
    unsafe directory.deallocate()
  }

  /// Pages of 4 KiB that all tables together hold.
  public var tablePageCount: Int { unsafe directory.pointee.tablePageCount }

  /// The way from a claimed group's devices to their table; keep it rather than ask each time.
  public func deviceTable(of group: GroupNumber) -> DeviceTable? {
    unsafe directory.pointee.devices(of: group)
  }

  // MARK: Spaces and groups

  /// Makes an empty space; `ENOSPC` after 2³² of them.
  public func allocateSpace() throws(Errno) -> IOASID {
    unsafe try directory.pointee.allocateSpace()
  }
  /// Removes a space; one that has tables stays.
  public func destroy(space: IOASID) { unsafe directory.pointee.destroy(space: space) }

  /// Takes a group: `EPERM` when it is not viable or taken, as `iommu_group_claim_dma_owner()`
  /// makes of `EBUSY` when it reaches a container.
  public func claim(_ group: GroupFacts) throws(Errno) { unsafe try directory.pointee.claim(group) }
  /// Gives a group back, off its table if it has one.
  public func release(_ group: GroupNumber) { unsafe directory.pointee.release(group) }

  // MARK: Tables

  /// Makes a table of the group's IOMMU, through which all that the space maps is reachable.
  ///
  /// `ENOENT` when there is no such space, `ENODEV` when the group is not claimed or has no IOMMU.
  public func allocateTable(in space: IOASID, for group: GroupNumber) throws(Errno)
    -> HardwareTableID
  { unsafe try directory.pointee.allocateTable(in: space, for: group) }
  /// Removes a table; one that devices use stays.
  public func destroy(table: HardwareTableID) { unsafe directory.pointee.destroy(table: table) }

  /// Puts a claimed group on a table.
  ///
  /// `EBUSY` when it has one (`__iommu_attach_group()`), `EINVAL` when the table was made for
  /// another IOMMU driver, another coherency or more than the group's IOMMU can walk, `ENODEV` when
  /// the group is not claimed or has no IOMMU, `ENOENT` when there is no such table.
  public func attach(_ group: GroupNumber, to table: HardwareTableID) throws(Errno) {
    unsafe try directory.pointee.attach(group, to: table)
  }
  /// Takes a group off its table: everything is blocked.
  public func detach(_ group: GroupNumber) { unsafe directory.pointee.detach(group) }

  // MARK: Mappings

  /// Makes memory reachable in every table of the space, after asking for all of it when there is
  /// a table at all (`vfio_pin_map_dma()`; without a domain type1 touches nothing).
  ///
  /// `ENOENT` when there is no such space, `EFAULT` when memory is missing or a table does not
  /// reach that far, `EINVAL` when an end is not on a page boundary, `EEXIST` when something is
  /// mapped there.
  @inlinable public func map(_ mapping: Mapping, in space: IOASID) throws(Errno) {
    if unsafe try directory.pointee.checkMap(mapping, in: space) {
      try memory.touch(
        mapping.memory.address, byteCount: mapping.range.size, access: mapping.memory.access)
    }
    unsafe try directory.pointee.map(mapping, in: space)
  }

  /// Asks the caches for what a change at the address will need.
  @inlinable public func prepareChange(at iova: IOVA, in space: IOASID) {
    unsafe directory.pointee.prefetch(iova, in: space)
  }

  /// Enters what another process mapped; its memory is not asked for.
  public func adopt(_ mapping: Mapping, in space: IOASID) {
    unsafe directory.pointee.adopt(mapping, in: space)
  }

  /// Goes on with what stands in for the memory; the software pins nothing.
  public func releaseAddress(of mapping: Mapping, in space: IOASID) -> MappedMemory {
    let memory = memory.standIn(for: mapping.memory, byteCount: mapping.range.size)
    if memory != mapping.memory {
      replace(Mapping(range: mapping.range, memory: memory), in: space)
    }
    return memory
  }

  /// Goes on with the memory at the new address, whatever it is: `vfio_change_dma_owner()`.
  public func takeAddress(
    of mapping: Mapping, insteadOf old: MappedMemory, in space: IOASID
  ) throws(Errno) {
    try memory.moveCharge(of: mapping.range.size, from: old, to: mapping.memory)
    replace(mapping, in: space)
  }

  private func replace(_ mapping: Mapping, in space: IOASID) {
    // The owner's map has it, and no call can come between the two.
    try? unmap(mapping.range, in: space)
    adopt(mapping, in: space)
  }

  /// Makes a range unreachable through every table of the space; `ENOENT` when there is no such
  /// space. That the range is one mapping is the owner's duty.
  @inlinable public func unmap(_ range: IOVARange, in space: IOASID) throws(Errno) {
    unsafe try directory.pointee.unmap(range, in: space)
  }
}

// Accesses of devices.
extension SoftwareIOMMU {
  /// Where an address leads for a group's devices, or nil when the access would fault; no fault is
  /// counted.
  public func translate(
    _ iova: IOVA, access: DMAAccess, by group: GroupNumber, mappings: RangeMap<MappedMemory>
  ) -> Translation? {
    deviceTable(of: group)?.translate(iova, access: access, mappings: mappings)
  }

  /// A device of the group reads memory. A fault leaves the bytes before it read.
  ///
  /// `mappings` are those of the space that the group's table follows.
  public func read(
    _ bytes: UnsafeMutableRawBufferPointer, from iova: IOVA, by group: GroupNumber,
    mappings: RangeMap<MappedMemory>
  ) throws(DMAFault) {
    let count = bytes.count
    try access(iova, count, .read, by: group, mappings) { translation, range throws(Errno) in
      // SAFETY: the range lies within the buffer.
      let part = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[range])
      unsafe try memory.read(part, from: translation.address, of: translation.owner)
    }
  }

  /// A device of the group writes memory. A fault leaves the bytes before it written.
  ///
  /// `mappings` are those of the space that the group's table follows.
  public func write(
    _ bytes: UnsafeRawBufferPointer, to iova: IOVA, by group: GroupNumber,
    mappings: RangeMap<MappedMemory>
  ) throws(DMAFault) {
    let count = bytes.count
    try access(iova, count, .write, by: group, mappings) { translation, range throws(Errno) in
      // SAFETY: the range lies within the buffer.
      let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[range])
      unsafe try memory.write(part, to: translation.address, of: translation.owner)
    }
  }

  /// Splits an access at the ends of what is contiguous, and counts the fault that ends it.
  private func access(
    _ iova: IOVA, _ count: Int, _ access: DMAAccess, by group: GroupNumber,
    _ mappings: RangeMap<MappedMemory>,
    _ body: (Translation, Range<Int>) throws(Errno) -> Void
  ) throws(DMAFault) {
    let devices = deviceTable(of: group)
    var done = 0
    while done < count {
      // An access that runs past 2⁶⁴ goes on at 0, as the bus's adder does.
      let here = IOVA(iova.rawValue &+ UInt64(done))
      do throws(DMAFault) {
        guard let devices else { throw DMAFault(reason: .blocked, iova: here, access: access) }
        var translation = try devices.resolve(here, access: access, mappings: mappings)
        // The table has it page by page, the owner's map in one piece.
        if translation.byteCount < count - done, let whole = mappings.containing(here) {
          translation.byteCount = min(whole.range.last.rawValue - here.rawValue, .max - 1) + 1
        }
        let end = done + Int(min(UInt64(count - done), translation.byteCount))
        do {
          try body(translation, done..<end)
        } catch {
          throw DMAFault(reason: .memory, iova: here, access: access)
        }
        done = end
      } catch {
        faultCount += 1
        lastFault = error
        throw error
      }
    }
  }
}
