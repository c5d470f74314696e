public import AddressSpaces
internal import CLinux
public import DMATypes
internal import UAPI

/// One container's address space, tables and groups in the kernel, through an iommufd.
///
/// - It has one space at a time, which legacy MAP_DMA and UNMAP_DMA on the descriptor mean.
/// - A group is held by one bound device of it, its representative.
/// - Tables are made ahead of devices and stay without any: what is mapped stays pinned. Where the
///   IOMMU driver finishes a table only as a device is attached, the kernel makes it then, and the
///   representative has to stay attached.
///
/// Calls that follow what another process did make no system call: the kernel's objects are one,
/// and their numbers are in `KernelObjects`. Nothing here locks.
public struct LinuxIOMMUFD: ReplicatedBackend {
  /// The descriptor that MAP and UNMAP are sent to, this process's.
  public var iommufd: IOMMUFDescriptor
  /// Where numbers and devices are kept.
  public let objects: any KernelObjects
  /// Whether calls tell what another process did.
  public var follows = false
  /// The pages that MAPs of this process may still pin, where the kernel counts for the whole user
  /// and cannot tell (`Accounting.perUser`); `.max` leaves it to the kernel.
  public var allowedPages = UInt64.max
  /// Whether spaces made from now on may use large pages: type1's `disable_hugepages`, negated.
  public var usesHugePages = true

  /// Names of tables in their order: the names are this process's, the order is everybody's.
  private var names: [HardwareTableID] = []
  private var lastName: UInt32 = 0

  /// A container without groups on an iommufd that nothing else uses. `objects` tells what is there
  /// already, if processes share the container.
  public init(iommufd: IOMMUFDescriptor, objects: any KernelObjects) {
    self.iommufd = iommufd
    self.objects = objects
  }

  private static let spaceName = IOASID(rawValue: 1)

  // MARK: Spaces

  /// Makes the container's space; `ENOSPC` while it has one.
  public mutating func allocateSpace() throws(Errno) -> IOASID {
    if follows { return Self.spaceName }
    guard objects.numbers.space == nil else { throw .noSpace }
    let space = try iommufd.allocateSpace()
    do throws(Errno) {
      if !usesHugePages { try iommufd.allowHugePages(false, in: space) }
      try iommufd.setCompatibilitySpace(space)
    } catch {
      try? iommufd.destroy(space: space)
      throw error
    }
    objects.numbers.space = space
    return Self.spaceName
  }

  /// Removes the space and all that it still maps.
  public mutating func destroy(space: IOASID) {
    guard !follows, let space = objects.numbers.space else { return }
    try? iommufd.setCompatibilitySpace(nil)
    try? iommufd.destroy(space: space)
    objects.numbers.space = nil
  }

  // MARK: Groups

  /// Holds a group, unless `prepare` did, or found that interrupts are not isolated: then nothing
  /// is held until SET_IOMMU, which refuses.
  public mutating func claim(_ group: GroupFacts) throws(Errno) {
    guard !follows, group.interruptsAreSafe, try objects.claimed(group.number) == nil else {
      return
    }
    _ = try bind(group.number)
  }

  /// Lets a group go: its representative is closed.
  public mutating func release(_ group: GroupNumber) {
    guard !follows else { return }
    objects.drop(group)
  }

  /// Opens a group's representative for the iommufd and keeps it.
  private func bind(_ group: GroupNumber) throws(Errno) -> ClaimedDevice {
    let descriptor = try objects.openDevice(of: group)
    do throws(Errno) {
      let device = ClaimedDevice(descriptor: descriptor, id: try descriptor.bind(to: iommufd))
      try objects.keep(device, of: group)
      return try objects.claimed(group) ?? device
    } catch {
      descriptor.close()
      throw error.asClaimRefusal
    }
  }

  /// Holds a physical group and finds out about its IOMMU, which decisions about it need: before
  /// it joins. `release` takes it back when it does not join after all.
  ///
  /// A viable group whose devices may forge interrupts cannot be held, and the kernel's answer is
  /// that of a group somebody else holds. `facts.interruptsAreSafe` decides between the two: where
  /// it is false, the refusal is held back, the group is not held, and the facts returned make
  /// SET_IOMMU refuse as type1 does.
  public mutating func prepare(_ facts: GroupFacts) throws(Errno) -> GroupFacts {
    guard facts.kind == .physical, facts.isViable else { return facts }
    var facts = facts
    do throws(Errno) {
      let held = try objects.claimed(facts.number)
      let device = if let held { held } else { try bind(facts.number) }
      facts.iommu = try iommu(of: facts.number, behind: device).facts
      facts.interruptsAreSafe = true
    } catch {
      guard error == .notPermitted, !facts.interruptsAreSafe else { throw error }
      facts.iommu = IOMMUFacts(
        driver: 0, aperture: .all, pageSizes: .all, enforcesCoherency: false)
    }
    return facts
  }

  private func iommu(
    of group: GroupNumber, behind device: ClaimedDevice
  ) throws(Errno) -> ProbedIOMMU {
    if let known = objects.probed(group) { return known }
    do throws(Errno) {
      let found = try iommufd.probe(
        device.descriptor, device.id, restoring: objects.numbers.space)
      objects.remember(found, of: group)
      return objects.probed(group) ?? found
    } catch {
      objects.drop(group)
      throw error
    }
  }

  /// Binds another device of a group that is held, or one in place of a representative that is
  /// gone, and puts it on the group's table if it has one. The caller keeps or closes it.
  ///
  /// `EBUSY` when the device is open elsewhere.
  public func add(
    _ device: DeviceDescriptor, to group: GroupNumber
  ) throws(Errno) -> ClaimedDevice {
    do throws(Errno) {
      let claimed = ClaimedDevice(descriptor: device, id: try device.bind(to: iommufd))
      guard let table = objects.table(of: group) else { return claimed }
      if makesTablesAtAttach(group), let space = objects.numbers.space {
        objects.setTable(try device.attach(to: space), of: group)
      } else {
        try device.attach(to: table)
      }
      return claimed
    } catch {
      throw error.asClaimRefusal
    }
  }

  /// Whether a device of the group must stay attached for what is mapped to stay pinned.
  public func makesTablesAtAttach(_ group: GroupNumber) -> Bool {
    objects.probed(group)?.finishesTablesAtAttach ?? false
  }

  // MARK: Tables

  /// Makes a table for a held group. `EPERM` when it is not held.
  public mutating func allocateTable(
    in space: IOASID, for group: GroupNumber
  ) throws(Errno) -> HardwareTableID {
    if !follows {
      let table = makesTablesAtAttach(group) ? nil : try makeTable(for: group)
      objects.numbers.tables.append(.init(id: table, isFurther: false))
    }
    lastName += 1
    names.append(HardwareTableID(rawValue: lastName))
    return HardwareTableID(rawValue: lastName)
  }

  private func makeTable(for group: GroupNumber) throws(Errno) -> HardwareTableID {
    let numbers = objects.numbers
    guard let space = numbers.space else { throw .notFound }
    guard let device = try objects.claimed(group) else { throw .notPermitted }
    guard numbers.tables.count < ContainerNumbers.maximumTables else { throw .noSpace }
    do throws(Errno) {
      return try iommufd.allocateTable(in: space, for: device.id)
    } catch {
      throw error.asAttachRefusal
    }
  }

  /// Removes a table, with those that serve it.
  public mutating func destroy(table: HardwareTableID) {
    guard let index = names.firstIndex(of: table) else { return }
    if !follows {
      let places = places(ofTableAt: index)
      for place in places {
        if let id = objects.numbers.tables[place].id { try? iommufd.destroy(table: id) }
      }
      objects.numbers.tables.removeSubrange(places)
    }
    names.remove(at: index)
  }

  /// Where the kernel's tables for the container's n-th are.
  private func places(ofTableAt index: Int) -> Range<Int> {
    let tables = objects.numbers.tables
    let starts = tables.indices.filter { !tables[$0].isFurther } + [tables.count]
    guard index + 1 < starts.count else { return tables.endIndex..<tables.endIndex }
    return starts[index]..<starts[index + 1]
  }

  /// Puts a held group on a table.
  ///
  /// Only the kernel knows whether a group's IOMMU takes a table made for another's. Where it does
  /// not, the group gets one of its own behind the same name: the same mappings, the same answers.
  public mutating func attach(
    _ group: GroupNumber, to table: HardwareTableID
  ) throws(Errno) {
    guard !follows else { return }
    guard let index = names.firstIndex(of: table), let space = objects.numbers.space else {
      throw .notFound
    }
    guard let device = try objects.claimed(group)?.descriptor else { throw .notPermitted }
    do throws(Errno) {
      if makesTablesAtAttach(group) {
        return objects.setTable(try device.attach(to: space), of: group)
      }
      let places = places(ofTableAt: index)
      for place in places {
        guard let id = objects.numbers.tables[place].id, try attach(device, to: id) else {
          continue
        }
        return objects.setTable(id, of: group)
      }
      let further = try makeTable(for: group)
      guard try attach(device, to: further) else {
        try? iommufd.destroy(table: further)
        throw .invalidArgument
      }
      objects.numbers.tables.insert(
        .init(id: further, isFurther: true), at: places.upperBound)
      objects.setTable(further, of: group)
    } catch {
      throw error.asAttachRefusal
    }
  }

  /// False when the table does not suit the device.
  private func attach(
    _ device: DeviceDescriptor, to table: HardwareTableID
  ) throws(Errno) -> Bool {
    do throws(Errno) {
      try device.attach(to: table)
      return true
    } catch .invalidArgument {
      return false
    }
  }

  /// Takes a group off its table.
  public mutating func detach(_ group: GroupNumber) {
    guard !follows else { return }
    // A representative that is gone is on no table.
    if let device = try? objects.claimed(group) { device.descriptor.detach() }
    objects.setTable(nil, of: group)
  }

  // MARK: Mappings

  /// Maps and pins memory of the calling process: one system call.
  ///
  /// The last page of the space is beyond every table; see `probe`.
  @inline(__always)
  public mutating func map(_ mapping: Mapping, in space: IOASID) throws(Errno) {
    guard _fastPath(allowedPages == .max) else { return try mapWithinLimit(mapping) }
    guard mapping.range.last.rawValue != .max else { throw .badAddress }
    let failure = iommufd.map(mapping)
    if _slowPath(failure != 0) { try refuse(mapping, failure) }
  }

  @inline(never)
  private mutating func mapWithinLimit(_ mapping: Mapping) throws(Errno) {
    let pages = mapping.range.size >> 12
    guard mapping.range.last.rawValue != .max else { throw .badAddress }
    guard pages <= allowedPages else { throw refusal(of: mapping, .noMemory) }
    let failure = iommufd.map(mapping)
    guard failure == 0 else { throw refusal(of: mapping, Errno(rawValue: failure)) }
    allowedPages -= pages
  }

  /// Another process's mapping is in the kernel already.
  public mutating func adopt(_ mapping: Mapping, in space: IOASID) {}

  /// Unmaps and unpins exactly one mapping: one system call.
  @inline(__always)
  public mutating func unmap(_ range: IOVARange, in space: IOASID) throws(Errno) {
    guard !follows else { return }
    let failure = iommufd.unmap(range)
    guard failure == 0 else { throw Errno(rawValue: failure).asUnmapRefusal }
  }

  @inline(never)
  private func refuse(_ mapping: Mapping, _ failure: Int32) throws(Errno) {
    throw refusal(of: mapping, Errno(rawValue: failure))
  }

  /// What type1 says where a MAP fails.
  @inline(never)
  private func refusal(of mapping: Mapping, _ failure: Errno) -> Errno {
    let failure = failure.asMapRefusal
    guard failure == .badAddress || failure == .noMemory else { return failure }
    let limit = min(allowedPages, Self.lockablePages)
    // With no limit in the way the kernel's word stands.
    guard limit != .max else { return failure }
    let there = CallerMemory.touch(
      mapping.memory.address, byteCount: mapping.range.size, access: mapping.memory.access)
    guard there < mapping.range.size else { return failure }
    return .ofMap(goodPages: there >> 12, allowedPages: limit)
  }

  /// Pages that this process may still lock, as type1 counts; `.max` without a limit.
  private static var lockablePages: UInt64 {
    // CAP_IPC_LOCK
    if clinux_has_capability(14) != 0 { return .max }
    let limit = clinux_lock_limit()
    guard limit != .max else { return .max }
    let locked = clinux_locked_bytes()
    return locked < limit ? (limit - locked) >> 12 : 0
  }
}
