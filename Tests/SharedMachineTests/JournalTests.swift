import AddressSpaces
import DMATypes
import Foundation
import SeededRandom
import Shim
import Testing

@testable import SharedMachine

struct JournalTests {
  static func facts(_ number: UInt32) -> GroupFacts {
    GroupFacts(
      number: GroupNumber(rawValue: number), kind: .physical, devices: [], isViable: true,
      reservedRegions: [], interruptsAreSafe: true, iommu: nil)
  }

  static func event(_ random: inout SplitMix64) -> ContainerEvent {
    let start = IOVA(random.next() & ~0xfff)
    let memory = MappedMemory(rawValue: random.next())
    let last = IOVA(max(start.rawValue | 0xfff, random.next()))
    let run = PageRun(start: IOVA(random.next()), count: random.next() % 512 + 1)
    switch random.next() % 14 {
    case 6: return .trackingSet(random.next() % 2 == 0)
    case 7: return .dirtied(IOVARange(start: start, last: last))
    case 8: return .cleaned(IOVARange(start: start, last: last))
    case 9:
      return .leftBehind(start: start, StaleBits(low: random.next(), high: random.next()))
    case 10: return .pinned(run, times: UInt32(random.next() % 0xf_ffff + 1))
    case 11: return .unpinned(run)
    case 12: return .unmapFailed(start: start)
    case 13: return .limitedToPins(GroupNumber(rawValue: UInt32(truncatingIfNeeded: random.next())))
    case 0:
      return .iommuSet(
        ContainerDriver(rawValue: UInt8(random.next() % 5)) ?? .none,
        mappingLimit: UInt32(truncatingIfNeeded: random.next()))
    case 1: return .joined(facts(UInt32(truncatingIfNeeded: random.next())))
    case 2: return .left(GroupNumber(rawValue: UInt32(truncatingIfNeeded: random.next())))
    case 3: return .unmapped(start: start)
    case 4: return .readdressed(start: start, memory)
    default:
      // Small sizes, sizes on both sides of what a head can hold, and all that is left.
      let most = UInt64.max - start.rawValue
      let sizes = [1, 254, 255, 256, 257, random.next() % 100_000].map { $0 << 12 }
      let size = sizes[Int(random.next() % 6)]
      let last = random.next() % 20 == 0 ? .max : start.rawValue + min(max(size, 4096) - 1, most)
      return .mapped(Mapping(range: IOVARange(start: start, last: IOVA(last)), memory: memory))
    }
  }

  @Test("Events read back from records are the events", arguments: 0..<20 as Range<UInt64>)
  func decodingUndoesEncoding(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let events = (0..<500).map { _ in Self.event(&random) }
    var records: [JournalRecord] = []
    for event in events { encode(event) { records.append($0) } }
    var rest = records[...]
    let facts = { (number: GroupNumber) in Self.facts(number.rawValue) }
    for event in events { #expect(decode(facts: facts) { rest.popFirst() } == event) }
    #expect(rest.isEmpty)
    #expect(decode(facts: facts) { rest.popFirst() } == nil)
  }

  @Test("Records that no engine writes are no events", arguments: [0, 12, 15, 0xff4] as [UInt64])
  func wildRecords(head: UInt64) {
    var records = [JournalRecord(head: head, body: .max)][...]
    _ = decode(facts: { _ in nil }) { records.popFirst() }
    var none = [JournalRecord(head: head & 0xf, body: 0)][...]
    if head & 0xf == 0 || head & 0xf == 8 {
      #expect(decode(facts: { _ in nil }) { none.popFirst() } == nil)
    }
  }

  @Test(
    "A position is one word",
    arguments: [(0, 0), (1, 1), ((1 << 24) - 1, (1 << 40) - 1)] as [(UInt64, Int)])
  func positions(generation: UInt64, count: Int) {
    let position = JournalRecords.Position(generation: generation, count: count)
    #expect(position.generation == generation && position.count == count)
    #expect(JournalRecords.Position(word: position.word) == position)
  }

  /// Two processes map and unmap at random; at every step a model says what each call answers, and
  /// what a third process, which reads the journal from its start, finds there.
  @Test("A journal folds to the state, across rewritings", arguments: 0..<4 as Range<UInt64>)
  func folding(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let run = try Run(mappingLimit: seed % 2 == 0 ? 65535 : 40)
    let client = try Client(in: run)
    let machines = [client.machine, try run.process()]
    let memory = Pages(1)
    var model: Set<UInt64> = []
    var generations: Set<UInt64> = []
    let limit = seed % 2 == 0 ? 65535 : 40
    for step in 0..<JournalFile.spareRecords * 5 {
      let machine = machines[Int(random.next() % 2)]
      let iova = (random.next() % 64) << 12
      if random.next() % 2 == 0 {
        let expected = model.contains(iova) ? -17 : model.count >= limit ? -28 : 0
        try #require(client.map(iova, memory.address, by: machine) == expected, "step \(step)")
        if expected == 0 { model.insert(iova) }
      } else {
        let expected = model.remove(iova) == nil ? 0 : 4096
        try #require(client.unmap(iova, pages: 1, by: machine) == expected, "step \(step)")
      }
      let position = try position(client)
      if generations.insert(position.generation).inserted || step % 9973 == 0 {
        try expect(model, of: client, machines + [run.process()])
      }
    }
    #expect(generations.count >= 2, "the journal was rewritten")
  }

  private func position(_ client: Client) throws -> JournalRecords.Position {
    try client.machine.replica(client.number).withSession { _, journal in journal.position }
  }

  private func expect(_ model: Set<UInt64>, of client: Client, _ machines: [Machine]) throws {
    var states: [ContainerState] = []
    for machine in machines {
      let replica = try machine.replica(client.number)
      states.append(replica.withSession { session, _ in journaled(session.state) })
    }
    for state in states {
      #expect(state == states[0])
      #expect(Set(state.mappings.map { $0.range.start.rawValue }) == model)
    }
  }

  /// What a journal tells of a state: the parameters are asked anew by whoever sets a driver.
  private func journaled(_ state: ContainerState) -> ContainerState {
    var state = state
    state.parameters = ModuleParameters()
    return state
  }

  /// Whatever stands behind the published records is not there yet.
  @Test("A crash between two records leaves a journal that is whole")
  func crashes() throws {
    let run = try Run()
    let client = try Client(in: run)
    let memory = Pages(1)
    var published: [JournalRecords.Position] = []
    var states: [ContainerState] = []
    let replica = try client.machine.replica(client.number)
    var random = SplitMix64(seed: 7)
    for _ in 0..<200 {
      let iova = (random.next() % 16) << 12
      _ = random.next() % 2 == 0 ? client.map(iova, memory.address) : client.unmap(iova, pages: 1)
      let (state, position) = replica.withSession { (journaled($0.state), $1.position) }
      published.append(position)
      states.append(state)
    }
    let file = try journal(run, client)
    for (position, state) in zip(published, states) {
      file.records.published = position
      let found = try run.process().replica(client.number).withSession { session, _ in
        journaled(session.state)
      }
      #expect(found == state)
    }
  }

  /// Whatever the number of calls. A journal of few mappings has both its halves, a large one but
  /// what the next rewriting left.
  @Test("A journal's memory follows the live mappings", arguments: [10, 40_000])
  func memoryOfJournals(live: UInt64) throws {
    let run = try Run()
    let client = try Client(in: run)
    let memory = Pages(1)
    for number in 0..<live {
      try #require(client.map(number << 12, memory.address) == 0)
    }
    var most = 0
    for step in 0..<UInt64(JournalFile.spareRecords) * 4 {
      let iova = (step % live) << 12
      try #require(client.unmap(iova, pages: 1) == 4096 && client.map(iova, memory.address) == 0)
      if step % 1000 == 0 { most = max(most, try journalBytes(run, client)) }
    }
    #expect(try position(client).generation >= 2, "the journal was rewritten")
    let half = (JournalFile.spareRecords + Int(live) * 5 / 4) * JournalRecord.byteCount
    let keepsBoth = half <= 3 * JournalFile.spareRecords * JournalRecord.byteCount
    // A page for the file's head, and some for the calls of this step.
    #expect(most <= half * (keepsBoth ? 2 : 1) + 8 * 4096, "\(most) bytes")
  }

  private func journalBytes(_ run: Run, _ client: Client) throws -> Int {
    var status = stat()
    let path = run.directory.path + "/journals/\(client.number)"
    // SAFETY: the kernel writes one structure.
    try #require(unsafe stat(path, &status) == 0)
    return Int(status.st_blocks) * 512
  }

  /// The file that the container's processes share.
  private func journal(_ run: Run, _ client: Client) throws -> JournalFile {
    let file = try Descriptor(opening: run.directory.path + "/journals/\(client.number)")
    return try JournalFile(descriptor: file.number)
  }
}
