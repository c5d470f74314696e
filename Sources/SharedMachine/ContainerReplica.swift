internal import AddressSpaces
internal import DMATypes
internal import LegacyVFIO
internal import LinuxIOMMUFD
internal import Shim
internal import SimulatedPlatform
internal import SoftwareIOMMU
internal import UAPI

/// A container as this process sees it.
typealias MachineSession = ContainerSession<MachineBackend>

/// This process's copy of one container: a state and a software IOMMU, folded from the journal.
///
/// Everything here is guarded by the lock in the container's file, which threads of this process
/// share with other processes. Order: machine, device, container.
@safe public final class ContainerReplica: @unchecked Sendable {
  /// The container's number.
  let number: UInt64
  let process: ProcessIdentity
  private let limit: LockLimit
  private let lock: SharedLock
  // Raw, because the lock has seen to what Swift would check again at every access.
  // SAFETY: ours alone from init to deinit; touched with the lock held, and handed out to nobody.
  private let content: UnsafeMutablePointer<ReplicaContent>

  init(number: UInt64, file: JournalFile, machine: Machine) {
    self.number = number
    process = machine.process
    limit = machine.lockLimit
    lock = file.lock
    unsafe content = .allocate(capacity: 1)
    unsafe content.initialize(to: ReplicaContent(number: number, file: file, machine: machine))
  }

  deinit {
    unsafe content.deinitialize(count: 1)
    unsafe content.deallocate()
  }

  /// Whether this is the copy of the process that `machine` stands for.
  @inline(__always)
  func belongs(to machine: Machine) -> Bool { process.token == machine.process.token }

  /// Runs `body` on the container as every process left it. The journal it is handed publishes each
  /// event at once.
  func withSession<Result, Failure: Error>(
    _ body: (inout MachineSession, inout JournalWriter) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock.take()
    defer { lock.drop() }
    return try unsafe content.pointee.withSession(body)
  }

  /// Serves an ioctl of the container: its result, or −errno, or `isDoubtful`. Most take no more
  /// than the container's lock; `machine` is asked for by the others.
  public func serve(_ number: UInt64, _ argument: UInt64, in machine: () -> Machine) -> Int {
    guard _fastPath(process.isCurrent) else { return postpone(number, argument, machine()) }
    lock.take()
    if _slowPath(limit.value != nil), unsafe content.pointee.countsPages {
      unsafe content.pointee.catchUp()
      let isDoubtful = unsafe content.pointee.isDoubtful
      lock.drop()
      return isDoubtful
        ? postpone(number, argument, machine()) : serve(number, argument, counting: machine())
    }
    unsafe content.pointee.catchUp()
    if _slowPath(unsafe content.pointee.isDoubtful) {
      lock.drop()
      return postpone(number, argument, machine())
    }
    unsafe content.pointee.rewriteIfLong()
    let result = unsafe ContainerCodec.serve(
      UInt32(truncatingIfNeeded: number), argument, by: &content.pointee)
    lock.drop()
    guard _slowPath(result == -Int(Errno.tryAgain.rawValue)) else { return result }
    return serveAskingDrivers(number, argument, in: machine())
  }

  private func countsPages() -> Bool {
    lock.take()
    defer { lock.drop() }
    return unsafe content.pointee.countsPages
  }

  /// Says whether the next call must look which groups are left.
  func doubt(_ isDoubtful: Bool) {
    lock.take()
    unsafe content.pointee.isDoubtful = isDoubtful
    lock.drop()
  }

  /// A child that fork made has a copy of its own.
  @inline(never)
  func serveInChild(_ number: UInt64, _ argument: UInt64, _ machine: Machine) -> Int {
    do throws(Errno) {
      return try machine.replica(self.number).serveLooking(number, argument, in: machine)
    } catch {
      return -Int(error.rawValue)
    }
  }

  @inline(never)
  func serve(_ number: UInt64, _ argument: UInt64, counting machine: Machine) -> Int {
    if limit.value != nil, countsPages(),
      ContainerCodec.command(of: UInt32(truncatingIfNeeded: number)) == .map
    {
      return map(number, argument, machine)
    }
    var unlimited = UInt64.max
    let result = serve(number, argument, allowance: &unlimited)
    guard result == -Int(Errno.tryAgain.rawValue) else { return result }
    return serveAskingDrivers(number, argument, in: machine)
  }

  /// Under a limit a MAP first spends what is known to be allowed. Only when that is too little is
  /// everything counted, before the lock is taken, because the count takes every container's.
  private func map(_ number: UInt64, _ argument: UInt64, _ machine: Machine) -> Int {
    var allowance = machine.lockLimit.takeCredit()
    var result = serve(number, argument, allowance: &allowance)
    if result == -Int(Errno.noMemory.rawValue) {
      allowance = machine.lockAllowance()
      result = serve(number, argument, allowance: &allowance)
    }
    machine.lockLimit.giveCredit(allowance)
    return result
  }

  private func serve(_ number: UInt64, _ argument: UInt64, allowance: inout UInt64) -> Int {
    lock.take()
    defer { lock.drop() }
    unsafe content.pointee.catchUp()
    unsafe content.pointee.rewriteIfLong()
    unsafe content.pointee.allowedPages = allowance
    defer {
      allowance = unsafe content.pointee.allowedPages
      unsafe content.pointee.allowedPages = .max
    }
    return unsafe ContainerCodec.serve(
      UInt32(truncatingIfNeeded: number), argument, by: &content.pointee)
  }
}

// Mediated drivers.
extension ContainerReplica {
  /// An UNMAP of memory that drivers hold. Their locks come before the container's, so it was let
  /// go and is taken again inside theirs.
  @inline(never)
  private func serveAskingDrivers(
    _ number: UInt64, _ argument: UInt64, in machine: Machine
  ) -> Int {
    while true {
      let units = machine.mediated.filter { machine.container(ofGroupAt: $0.group) == self.number }
      let result = MediatedUnit.exclusively(units[...], machine) { () -> Int? in
        lock.take()
        defer { lock.drop() }
        unsafe content.pointee.catchUp()
        // A device that came meanwhile may hold pages too: all are asked, or none.
        let groups = unsafe content.pointee.emulatedGroups
        guard
          groups.allSatisfy({ group in
            units.contains { machine.groups[$0.group].number == group }
          })
        else { return nil }
        SharedLock.settle()
        unsafe content.pointee.drivers = HeldDrivers(units: units)
        defer { unsafe content.pointee.drivers = nil }
        return unsafe ContainerCodec.serve(
          UInt32(truncatingIfNeeded: number), argument, by: &content.pointee)
      }
      if let result { return result }
    }
  }

  /// `vfio_pin_pages()`. Under a limit it is as with MAP.
  func pin(_ request: PinRequest, in machine: Machine) throws(Errno) -> [PinnedPages] {
    guard machine.lockLimit.value != nil else {
      var unlimited = UInt64.max
      return try pin(request, allowance: &unlimited).get()
    }
    var left = machine.lockLimit.takeCredit()
    var result = pin(request, allowance: &left)
    if result == .failure(.noMemory) {
      left = machine.lockAllowance()
      result = pin(request, allowance: &left)
    }
    machine.lockLimit.giveCredit(left)
    return try result.get()
  }

  private func pin(
    _ request: PinRequest, allowance: inout UInt64
  ) -> Result<[PinnedPages], Errno> {
    lock.take()
    defer { lock.drop() }
    unsafe content.pointee.catchUp()
    unsafe content.pointee.rewriteIfLong()
    unsafe content.pointee.allowance.pages = allowance
    defer {
      allowance = unsafe content.pointee.allowance.pages
      unsafe content.pointee.allowance.pages = .max
    }
    return Result { () throws(Errno) in try unsafe content.pointee.pin(request) }
  }

  /// `vfio_unpin_pages()`; true where the kernel would log a warning.
  func unpin(_ request: UnpinRequest) -> Bool {
    withSession { session, journal in session.unpin(request, journal: &journal) }
  }

  /// `vfio_dma_rw()`.
  func copy(
    _ bytes: UnsafeMutableRawBufferPointer, _ iova: IOVA, isWrite: Bool
  ) throws(Errno) {
    lock.take()
    defer { lock.drop() }
    unsafe content.pointee.catchUp()
    try unsafe content.pointee.copy(bytes, iova, isWrite: isWrite)
  }

  /// Whether an owner of memory is this process.
  func isOwn(_ owner: MemoryOwner) -> Bool {
    lock.take()
    defer { lock.drop() }
    return unsafe content.pointee.isOwn(owner)
  }
}

extension ContainerReplica {
  /// The pages that this process's mappings name, as type1 charges them: device memory is free.
  var chargedPages: UInt64 {
    lock.take()
    defer { lock.drop() }
    unsafe content.pointee.catchUp()
    return unsafe content.pointee.chargedPages
  }
}

/// What a replica holds; one at a time is at work in it.
struct ReplicaContent: ContainerServer {
  private let file: JournalFile
  private let process: ProcessIdentity
  private let facts: @Sendable (GroupNumber) -> GroupFacts?
  private let makeSession: @Sendable () -> MachineSession
  private var session: MachineSession
  private var journal: JournalWriter
  /// Records that the newest rewriting of the journal began with.
  private var snapshotCount = 0
  /// Where the journal's length is compared again with what is live.
  private var checked = JournalRecords.Position.start
  private var place: MemoryOwner?
  private let trapped: TrappedMappings
  private let parameters: WrittenParameters
  private let recordsPerMapping: UInt32
  /// What the next MAP may pin.
  let allowance = LockAllowance()
  /// This process's part in the kernel's container; nil with software.
  private let kernel: KernelContainer?
  /// Whether groups may have left the container without this process hearing of it; raised as well
  /// by what other processes did. See `Attendance.swift`.
  var isDoubtful = true
  /// The drivers to ask before memory goes that they hold, while somebody has them to himself.
  var drivers: HeldDrivers?

  init(number: UInt64, file: JournalFile, machine: Machine) {
    self.file = file
    process = machine.process
    let kernel = machine.kernel?.container(number, file.kernel)
    self.kernel = kernel
    facts = Self.facts(of: machine)
    trapped = machine.trapped
    parameters = machine.parameters
    recordsPerMapping = machine.recordsPerMapping
    let (process, table) = (machine.process, machine.events.descriptors)
    let (trapped, allowance, reporting) = (trapped, allowance, machine.reporting)
    let hasPeers = machine.hasPeers
    makeSession = {
      let memory = ContainerMemory(
        owners: file.owners, process: process, trapped: trapped, allowance: allowance,
        program: table, hasPeers: hasPeers)
      let software = SoftwareIOMMU(memory: memory)
      return MachineSession(
        backend: kernel.map { MachineBackend(kernel: $0, software: software) }
          ?? MachineBackend(software: software),
        parameters: ModuleParameters(), reporting: reporting)
    }
    session = makeSession()
    journal = JournalWriter(records: file.records, position: .start)
  }

  private static func facts(of machine: Machine) -> @Sendable (GroupNumber) -> GroupFacts? {
    let groups = machine.groups
    guard let kernel = machine.kernel else {
      return { number in groups.first { $0.number == number } }
    }
    return { number in
      groups.firstIndex { $0.number == number }.map { kernel.facts(ofGroupAt: $0) }
    }
  }

  /// What the next MAP may pin, `.max` between calls; a MAP takes what it pins.
  var allowedPages: UInt64 {
    get { session.backend.kernel?.allowedPages ?? allowance.pages }
    set {
      allowance.pages = newValue
      if kernel != nil { session.backend.kernel?.allowedPages = newValue }
    }
  }

  /// Whether a limit is for us to keep: software pins nothing, and a kernel that counts for the
  /// whole user cannot tell what type1 would.
  var countsPages: Bool { kernel?.countsForUser ?? true }

  mutating func withSession<Result, Failure: Error>(
    _ body: (inout MachineSession, inout JournalWriter) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    catchUp()
    rewriteIfLong()
    defer { kernel?.settle() }
    return try body(&session, &journal)
  }

  @inline(__always)
  var admitsMappings: Bool { session.admitsMappings }

  func admit(_ command: ContainerCommand) throws(Errno) { try session.admit(command) }

  mutating func perform(_ request: ContainerRequest) throws(Errno) -> ContainerReply {
    var caller = try caller()
    switch request {
    case .setIOMMU, .checkExtension:
      session.parameters = parameters.current(most: file.mappingRoom / recordsPerMapping)
      caller.hasRawIO = ProcessIdentity.hasRawIO
    default: break
    }
    defer { kernel?.settle() }
    return try session.perform(
      request, for: caller, bitmaps: CallerBitmaps(), journal: &journal)
  }

  @inline(__always)
  mutating func map(_ request: MapRequest) throws(Errno) {
    try session.map(request, for: try caller(), journal: &journal)
  }

  @inline(__always)
  mutating func unmap(_ iova: IOVA, size: UInt64) throws(Errno) -> UInt64 {
    let request = UnmapRequest(iova: iova, size: size)
    if _slowPath(session.hasPins) { return try unmap(request) }
    return try session.unmap(request, bitmaps: CallerBitmaps(), journal: &journal)
  }

  @inline(never)
  mutating func unmap(_ request: UnmapRequest) throws(Errno) -> UInt64 {
    if _slowPath(session.hasPins) { try letGo(before: request) }
    if request.invalidatesAddress { findFreePlaces() }
    return try session.unmap(request, bitmaps: CallerBitmaps(), journal: &journal)
  }

  /// `EAGAIN` when the drivers must be had first.
  @inline(never)
  private mutating func letGo(before request: UnmapRequest) throws(Errno) {
    guard var drivers else { throw .tryAgain }
    try session.letGo(before: request, drivers: &drivers, journal: &journal)
  }

  mutating func pin(_ request: PinRequest) throws(Errno) -> [PinnedPages] {
    // Each run of pages is a record of a snapshot.
    guard session.state.pins.runCount < JournalFile.mostPinRuns else { throw .noMemory }
    return try session.pin(request, journal: &journal)
  }

  mutating func copy(
    _ bytes: UnsafeMutableRawBufferPointer, _ iova: IOVA, isWrite: Bool
  ) throws(Errno) {
    let owner = try caller().owner
    if isWrite {
      try unsafe session.write(
        UnsafeRawBufferPointer(bytes), to: iova, for: owner, journal: &journal)
    } else {
      try unsafe session.read(bytes, from: iova, for: owner, journal: &journal)
    }
  }

  func isOwn(_ owner: MemoryOwner) -> Bool { file.owners[owner].token == process.token }

  var emulatedGroups: [GroupNumber] {
    session.state.groups.filter { $0.kind == .emulated }.map(\.number)
  }

  @inline(__always)
  private mutating func caller() throws(Errno) -> Caller {
    if let place { return Caller(owner: place) }
    return Caller(owner: try takePlace())
  }

  /// Addresses that are given up may take places of the table, one for each file behind them.
  @inline(never)
  private func findFreePlaces() {
    var places = Set<UInt8>(0..<UInt8(OwnerTable.places))
    for mapping in session.mappings { places.remove(mapping.value.owner.rawValue) }
    if let place { places.remove(place.rawValue) }
    allowance.freePlaces = places
  }

  @inline(never)
  private mutating func takePlace() throws(Errno) -> MemoryOwner {
    let mappings = session.mappings
    let place = try file.owners.place(of: process) { owner in
      !mappings.contains { $0.value.owner == owner }
    }
    self.place = place
    return place
  }

  var chargedPages: UInt64 {
    guard let place else { return 0 }
    // Without a table only what drivers pin is charged.
    if session.state.domains.isEmpty { return session.state.pinnedPageCount(of: place) }
    return session.mappings.reduce(0) { pages, mapping in
      let owner = mapping.value.owner
      guard owner == place else {
        // Given up and not taken over: charged still, as the pages would be pinned still.
        let isKept = file.owners[owner].keeper == place
        return isKept ? pages + mapping.range.size >> 12 : pages
      }
      let start = mapping.value.address.rawValue
      let last = start + (mapping.range.size - 1)
      return pages + (mapping.range.size - trapped.byteCount(start, last)) >> 12
    }
  }

  /// Folds what other processes did.
  @inline(__always)
  mutating func catchUp() {
    if journal.records.published != journal.position { follow() }
  }

  /// A journal that was rewritten meanwhile is read from its start.
  @inline(never)
  private mutating func follow() {
    isDoubtful = true
    let (records, seen) = (journal.records, journal.position)
    let published = records.published
    var index = seen.count
    if published.generation != seen.generation {
      session = makeSession()
      index = 0
    }
    while index < published.count {
      let event = decode(facts: facts) {
        guard index < published.count else { return nil }
        defer { index += 1 }
        return records[published.generation, index]
      }
      guard let event else { break }
      session.adopt(event)
    }
    if published.generation != seen.generation { snapshotCount = published.count }
    journal = JournalWriter(records: records, position: published)
  }

  /// Keeps the journal's size to that of the live mappings, a quarter more and 256 KiB. Less
  /// history would be forgotten more often, and what it costs is the pages of the other half.
  @inline(__always)
  mutating func rewriteIfLong() {
    if _slowPath(journal.position.word > checked.word) { checkLength() }
  }

  @inline(never)
  private mutating func checkLength() {
    let most = Self.mostRecords(max(session.mappingCount, snapshotCount))
    if journal.position.count > most { rewrite() }
    checked = .init(generation: journal.position.generation, count: most)
  }

  @inline(__always)
  private static func mostRecords(_ live: Int) -> Int {
    JournalFile.spareRecords + live + live >> 2
  }

  /// Writes the live state into the other half of the file and switches to it by one store.
  @inline(never)
  private mutating func rewrite() {
    let generation = journal.position.generation + 1
    file.expect(Self.mostRecords(session.mappingCount), inHalfOf: generation)
    var next = JournalWriter(
      records: journal.records, position: .init(generation: generation, count: 0))
    next.write(.restored(session.state.snapshot))
    for element in session.mappings {
      next.write(.mapped(Mapping(range: element.range, memory: element.value)))
    }
    for event in session.state.pinEvents { next.write(event) }
    session.state.forEachDirtyEvent(atMost: file.dirtyRoom) { next.write($0) }
    next.publish()
    journal = next
    snapshotCount = next.position.count
    file.forgetHalf(notOf: generation)
  }
}
