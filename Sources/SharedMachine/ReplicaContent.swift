internal import AddressSpaces
internal import DMATypes
internal import LegacyVFIO
internal import LinuxIOMMUFD
internal import Shim
internal import SoftwareIOMMU
internal import UAPI

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

  /// Answers one ioctl: the result, or −errno; `EAGAIN` for a call that takes more than this
  /// container.
  @inline(__always)
  mutating func serve(_ number: UInt32, _ argument: UInt64) -> Int {
    if number == ContainerCodec.mapNumber { return serveMap(UserAddress(argument)) }
    if number == ContainerCodec.unmapNumber { return serveUnmap(UserAddress(argument)) }
    return serveRare(number, argument)
  }

  // MAP_DMA and UNMAP_DMA go from the structure to the session with no request or reply around
  // them; for what they answer it makes no difference. A function each, because one for both would
  // keep more in memory than there are registers for.

  @inline(never)
  private mutating func serveMap(_ argument: UserAddress) -> Int {
    catchUp()
    if _slowPath(isDoubtful) { return -Int(Errno.tryAgain.rawValue) }
    rewriteIfLong()
    guard session.admitsMappings else {
      return serveRare(ContainerCodec.mapNumber, argument.rawValue)
    }
    do throws(Errno) {
      let head = try ContainerCodec.mapHead(argument)
      try session.map(ContainerCodec.request(of: head), for: try caller(), journal: &journal)
      return 0
    } catch {
      return -Int(error.rawValue)
    }
  }

  @inline(never)
  private mutating func serveUnmap(_ argument: UserAddress) -> Int {
    catchUp()
    if _slowPath(isDoubtful) { return -Int(Errno.tryAgain.rawValue) }
    rewriteIfLong()
    guard session.admitsMappings, !session.hasPins else {
      return serveRare(ContainerCodec.unmapNumber, argument.rawValue)
    }
    do throws(Errno) {
      var head = try ContainerCodec.unmapHead(argument)
      guard head.flags == 0 else {
        return serveRare(ContainerCodec.unmapNumber, argument.rawValue)
      }
      head.size = try session.unmap(IOVA(head.iova), size: head.size, journal: &journal)
      try ContainerCodec.answer(head, to: argument)
      return 0
    } catch {
      return -Int(error.rawValue)
    }
  }

  @inline(never)
  private mutating func serveRare(_ number: UInt32, _ argument: UInt64) -> Int {
    catchUp()
    if isDoubtful { return -Int(Errno.tryAgain.rawValue) }
    rewriteIfLong()
    return ContainerCodec.serve(number, argument, by: &self)
  }

  func admit(_ command: ContainerCommand) throws(Errno) { try session.admit(command) }

  mutating func perform(_ request: ContainerRequest) throws(Errno) -> ContainerReply {
    if case .unmap(let request) = request { return .unmapped(try unmap(request)) }
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
    let expected = Self.mostRecords(session.mappingCount)
    file.expect(expected, inHalfOf: generation)
    var next = JournalWriter(
      records: journal.records, position: .init(generation: generation, count: 0))
    next.write(.restored(session.state.snapshot))
    session.mappings.forEach { element in
      next.write(.mapped(Mapping(range: element.range, memory: element.value)))
    }
    for event in session.state.pinEvents { next.write(event) }
    session.state.forEachDirtyEvent(atMost: file.dirtyRoom) { next.write($0) }
    next.publish()
    journal = next
    snapshotCount = next.position.count
    file.forgetHalf(notOf: generation, expecting: expected)
  }
}
