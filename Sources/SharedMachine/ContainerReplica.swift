internal import AddressSpaces
internal import DMATypes
internal import LegacyVFIO
internal import Shim
internal import SimulatedPlatform
internal import SoftwareIOMMU
internal import UAPI

typealias SoftwareSession = ContainerSession<SoftwareIOMMU<ContainerMemory>>

/// This process's copy of one container: a state and a software IOMMU, folded from the journal.
///
/// Everything here is guarded by the lock in the container's file, which threads of this process
/// share with other processes. Order: machine, device, container.
final class ContainerReplica: ContainerServer, @unchecked Sendable {
  /// The container's number.
  let number: UInt64
  private let file: JournalFile
  private let process: ProcessIdentity
  private let facts: @Sendable (GroupNumber) -> GroupFacts?
  private let makeSession: () -> SoftwareSession
  private var session: SoftwareSession
  private var seen = JournalFile.Position.start
  /// Records that the newest rewriting of the journal began with.
  private var snapshotCount = 0
  private var place: MemoryOwner?

  init(number: UInt64, file: JournalFile, machine: Machine) {
    self.number = number
    self.file = file
    process = machine.process
    let groups = machine.groups
    facts = { number in groups.first { $0.number == number } }
    let (process, trapped, parameters) = (machine.process, machine.trapped, machine.parameters)
    makeSession = {
      let memory = ContainerMemory(owners: file.owners, process: process, trapped: trapped)
      return SoftwareSession(backend: SoftwareIOMMU(memory: memory), parameters: parameters)
    }
    session = makeSession()
  }

  /// Whether this is the copy of the process that `machine` stands for.
  @inline(__always)
  func belongs(to machine: Machine) -> Bool { process.token == machine.process.token }

  /// Runs `body` on the container as every process left it. The journal it is handed publishes each
  /// event at once.
  @inline(__always)
  func withSession<Result, Failure: Error>(
    _ body: (inout SoftwareSession, inout JournalWriter) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    file.lock.take()
    defer { file.lock.drop() }
    if file.published != seen { catchUp() }
    var journal = JournalWriter(file: file, position: seen)
    defer { seen = journal.position }
    return try body(&session, &journal)
  }

  /// Serves an ioctl of the container: its result, or −errno.
  @inline(__always)
  func serve(_ number: UInt64, _ argument: UInt64) -> Int {
    file.lock.take()
    defer { file.lock.drop() }
    if file.published != seen { catchUp() }
    if seen.count > 4096 + max(session.state.mappings.count, snapshotCount) * 5 / 4 { rewrite() }
    var server = self
    return ContainerCodec.serve(UInt32(truncatingIfNeeded: number), argument, by: &server)
  }

  func admit(_ command: ContainerCommand) throws(Errno) {
    do throws(Rule) { try session.state.admit(command) } catch { throw error.errno }
  }

  func perform(_ request: ContainerRequest) throws(Errno) -> ContainerReply {
    var journal = JournalWriter(file: file, position: seen)
    defer { seen = journal.position }
    return try session.perform(request, for: try caller(), journal: &journal)
  }

  private func caller() throws(Errno) -> Caller {
    if let place { return Caller(owner: place) }
    let mappings = session.state.mappings
    let place = try file.owners.place(of: process) { owner in
      !mappings.contains { $0.value.owner == owner }
    }
    self.place = place
    return Caller(owner: place)
  }

  /// Folds what other processes did. A journal that was rewritten meanwhile is read from its start.
  private func catchUp() {
    let published = file.published
    var index = seen.count
    if published.generation != seen.generation {
      session = makeSession()
      index = 0
    }
    while index < published.count {
      let event = decode(facts: facts) {
        guard index < published.count else { return nil }
        defer { index += 1 }
        return file[published.generation, index]
      }
      guard let event else { break }
      session.adopt(event)
    }
    if published.generation != seen.generation { snapshotCount = published.count }
    seen = published
  }

  /// Writes the live state into the other half of the file and switches to it by one store.
  private func rewrite() {
    let generation = seen.generation + 1
    var index = 0
    let write = { [file] (record: JournalRecord) in
      file[generation, index] = record
      index += 1
    }
    encode(.restored(session.state.snapshot), write)
    for element in session.state.mappings {
      encode(.mapped(Mapping(range: element.range, memory: element.value)), write)
    }
    seen = JournalFile.Position(generation: generation, count: index)
    snapshotCount = index
    file.published = seen
    file.forgetHalf(notOf: generation)
  }
}

/// Publishes a container's events, each by one store.
struct JournalWriter: ContainerJournal {
  let file: JournalFile
  private(set) var position: JournalFile.Position

  init(file: JournalFile, position: JournalFile.Position) {
    self.file = file
    self.position = position
  }

  @inline(__always)
  mutating func record(_ event: ContainerEvent) {
    let generation = position.generation
    var index = position.count
    encode(event) { record in
      file[generation, index] = record
      index += 1
    }
    position = JournalFile.Position(generation: generation, count: index)
    file.published = position
  }
}
