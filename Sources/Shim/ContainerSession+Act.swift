public import AddressSpaces
public import DMATypes

// Everything that calls a backend is here: effects of granted plans, each whole or not at all.
extension ContainerSession {
  /// Lets the backend fetch what it will need while the state is searched.
  @inlinable @inline(__always) func prepareChange(at iova: IOVA) {
    if let space { backend.prepareChange(at: iova, in: space) }
  }

  /// Makes a mapping reachable. Without a table its memory is not even looked at.
  @inlinable @inline(__always) mutating func act(_ plan: MapPlan) throws(Errno) {
    guard plan.reachesTables, let space else { return }
    try backend.map(plan.mapping, in: space)
  }

  /// Ends one mapping's reachability.
  @inlinable @inline(__always) mutating func act(
    unmapping range: IOVARange, reachesTables: Bool
  ) throws(Errno) {
    guard reachesTables, let space else { return }
    try backend.unmap(range, in: space)
  }

  /// Takes a mapping's address away; what devices reach from then on.
  mutating func act(releasing mapping: Mapping, reachesTables: Bool) -> MappedMemory {
    guard reachesTables, let space else { return mapping.memory }
    return backend.releaseAddress(of: mapping, in: space)
  }

  /// Gives a mapping a new address.
  mutating func act(_ plan: ReaddressPlan) throws(Errno) {
    guard plan.reachesTables, let space else { return }
    try backend.takeAddress(of: plan.mapping, insteadOf: plan.old, in: space)
  }

  /// Makes the address space and attaches the groups inside.
  mutating func act(_ plan: DriverPlan) throws(Errno) {
    guard plan.driver.isType1 else { return }
    let space = try backend.allocateSpace()
    self.space = space
    for (index, attachment) in plan.attachments.enumerated() {
      do throws(Errno) {
        try act(attachment, in: space)
      } catch {
        for earlier in plan.attachments[..<index].reversed() { takeBack(earlier) }
        backend.destroy(space: space)
        self.space = nil
        throw error
      }
    }
  }

  /// Claims a group and attaches it.
  mutating func act(_ plan: JoinPlan) throws(Errno) {
    if plan.claims { try backend.claim(plan.facts) }
    guard let attachment = plan.attachment, let space else { return }
    do throws(Errno) {
      try act(attachment, in: space)
      if container.domains.isEmpty, attachment.place == .newTable {
        try fill(space, orTakeBack: attachment)
      }
    } catch {
      if plan.claims { backend.release(plan.facts.number) }
      throw error
    }
  }

  /// Lets a group's devices translate where the plan says.
  mutating func act(_ attachment: Attachment, in space: IOASID) throws(Errno) {
    let group = attachment.facts.number
    switch attachment.place {
    case .noTable: return
    case .table(let index):
      guard let table = tables[index] else { throw .noDevice }
      try backend.attach(group, to: table)
    case .newTable:
      let table = try backend.allocateTable(in: space, for: group)
      do throws(Errno) {
        try backend.attach(group, to: table)
      } catch {
        backend.destroy(table: table)
        throw error
      }
      tables.append(table)
    }
  }

  /// Makes the mappings of a container without tables reachable through its first one:
  /// `vfio_iommu_replay()`.
  private mutating func fill(_ space: IOASID, orTakeBack attachment: Attachment) throws(Errno) {
    var filled: [IOVARange] = []
    for mapping in container.entries {
      do throws(Errno) {
        try backend.map(Mapping(range: mapping.range, memory: mapping.value), in: space)
        filled.append(mapping.range)
      } catch {
        for range in filled { unmap(range, in: space) }
        takeBack(attachment)
        throw error
      }
    }
  }

  /// Ends an attachment made by the same plan.
  private mutating func takeBack(_ attachment: Attachment) {
    guard attachment.place != .noTable else { return }
    backend.detach(attachment.facts.number)
    if attachment.place == .newTable, let table = tables.removeLast() {
      backend.destroy(table: table)
    }
  }

  /// Ends what a leaving group had, and with the last one everything.
  mutating func act(_ plan: LeavePlan) {
    if let domain = plan.domain {
      backend.detach(plan.number)
      if plan.unmapsAll, let space {
        for mapping in container.entries { unmap(mapping.range, in: space) }
      }
      if plan.removesDomain, let table = tables.remove(at: domain) {
        backend.destroy(table: table)
      }
    }
    if plan.releases { backend.release(plan.number) }
    if plan.removesDriver, let space {
      backend.destroy(space: space)
      self.space = nil
    }
  }

  /// Ends a mapping's reachability where nobody waits for an answer.
  mutating func unmap(_ range: IOVARange, in space: IOASID) {
    // A mapping that cannot be removed keeps memory reachable, and the table or the space that
    // holds it goes next: there is nobody to tell.
    try? backend.unmap(range, in: space)
  }
}

extension ContainerSession where Backend: ReplicatedBackend {
  /// Follows what another process did to the same container.
  ///
  /// Its effects are facts: no memory is touched, and a backend that cannot follow leaves the
  /// group without a table, so that its devices fault.
  public mutating func adopt(_ event: ContainerEvent) {
    backend.follows = true
    defer { backend.follows = false }
    switch event {
    case .iommuSet(let driver, let limit): adoptDriver(driver, mappingLimit: limit)
    case .joined(let facts): adoptJoined(facts)
    case .left(let group):
      if let plan = container.plan(leaving: group) { act(plan) }
    case .mapped(let mapping): adoptMapped(mapping)
    case .unmapped(let start): adoptUnmapped(start)
    case .readdressed(let start, let memory): adoptReaddressed(start, memory)
    case .pinned, .unpinned, .limitedToPins, .unmapFailed: break
    case .trackingSet, .dirtied, .cleaned, .leftBehind: break
    case .restored(let snapshot): adoptRestored(snapshot)
    }
    container.commit(event)
  }

  private mutating func adoptMapped(_ mapping: Mapping) {
    guard let space, !container.domains.isEmpty,
      container.entries.firstOverlapping(mapping.range) == nil
    else { return }
    backend.adopt(mapping, in: space)
  }

  private mutating func adoptUnmapped(_ start: IOVA) {
    guard let space, !container.domains.isEmpty,
      let mapping = container.entries.containing(start), mapping.range.start == start
    else { return }
    unmap(mapping.range, in: space)
  }

  private mutating func adoptReaddressed(_ start: IOVA, _ memory: MappedMemory) {
    guard let space, !container.domains.isEmpty,
      let mapping = container.entries.containing(start), mapping.range.start == start
    else { return }
    unmap(mapping.range, in: space)
    backend.adopt(Mapping(range: mapping.range, memory: memory), in: space)
  }

  private mutating func adoptDriver(_ driver: ContainerDriver, mappingLimit: UInt32) {
    var next = container
    next.driver = driver
    next.mappingLimit = mappingLimit
    guard driver.isType1, space == nil, let space = try? backend.allocateSpace() else { return }
    self.space = space
    for facts in container.groups.reversed() {
      if let attachment = try? next.placement(of: facts) { adopt(attachment, in: space) }
      next.attach(facts)
    }
  }

  private mutating func adoptJoined(_ facts: GroupFacts) {
    guard container.group(facts.number) == nil else { return }
    if facts.kind == .physical { try? backend.claim(facts) }
    guard container.driver.isType1, let space,
      let attachment = try? container.placement(of: facts)
    else { return }
    adopt(attachment, in: space)
    guard container.domains.isEmpty, attachment.place == .newTable else { return }
    for mapping in container.entries {
      backend.adopt(Mapping(range: mapping.range, memory: mapping.value), in: space)
    }
  }

  private mutating func adoptRestored(_ snapshot: ContainerSnapshot) {
    for group in container.groups {
      guard let plan = container.plan(leaving: group.number) else { continue }
      act(plan)
      container.commit(.left(group.number))
    }
    for group in snapshot.groups where group.kind == .physical { try? backend.claim(group) }
    guard snapshot.driver.isType1, let space = try? backend.allocateSpace() else { return }
    self.space = space
    for domain in snapshot.domains {
      let table = domain.members.first.flatMap { try? backend.allocateTable(in: space, for: $0) }
      tables.append(table)
      guard let table else { continue }
      for member in domain.members { try? backend.attach(member, to: table) }
    }
  }

  /// Attaches as another process did; a table that cannot be made is remembered as missing.
  private mutating func adopt(_ attachment: Attachment, in space: IOASID) {
    let known = tables.count
    try? act(attachment, in: space)
    if attachment.place == .newTable, tables.count == known { tables.append(nil) }
  }
}
