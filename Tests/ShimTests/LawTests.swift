import AddressSpaces
import DMATypes
import LegacyVFIO
import Shim
import Testing

/// One call of a script.
enum Step: Sendable {
  case join(GroupFacts)
  case leave(UInt32)
  case request(ContainerRequest)

  /// Makes the call; the errno of a refusal or failure.
  func apply(to container: inout Container) -> Errno? {
    errno { () throws(Errno) in
      switch self {
      case .join(let facts): try container.join(facts)
      case .leave(let number): container.leave(GroupNumber(rawValue: number))
      case .request(let request):
        try container.admit(request.command)
        _ = try container.perform(request)
      }
    }
  }
}

/// A seeded source of scripts over a small world, so that calls collide.
struct ScriptGenerator {
  var seed: UInt64

  mutating func next(_ bound: UInt64) -> UInt64 {
    seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (seed >> 33) % bound
  }

  mutating func step() -> Step {
    switch next(12) {
    case 0: return .join(facts())
    case 1: return next(3) == 0 ? .leave(UInt32(next(5))) : .request(.getInfo)
    case 2: return .request(.setIOMMU([1, 3, 3, 6, 9][Int(next(5))]))
    case 3: return .request(unmapRequest(all: true))
    case 4 where next(2) == 0: return .request(dirtyStep())
    case 5 where next(3) == 0:
      return .request(unmapRequest(next(16) << 12, (next(6) + 1) << 12, invalidates: true))
    case 6 where next(3) == 0:
      var request = mapRequest(range(0, 0xfff))
      (request.access, request.replacesAddress) = ([], true)
      request.iova = IOVA(next(16) << 12)
      request.size = (next(4) + 1) << 12
      return .request(.map(request))
    case 4...6:
      return .request(unmapRequest(next(16) << 12, next(6) << 12))
    default:
      let start = next(16) << 12
      return .request(.map(mapRequest(range(start, start + (next(4) + 1) << 12 - 1))))
    }
  }

  private mutating func dirtyStep() -> ContainerRequest {
    let bitmap = BitmapArgument(pageBytes: 4096, size: 64, data: UserAddress(next(2) * 8))
    switch next(6) {
    case 0: return .dirtyPages(.stop)
    case 1, 2: return .dirtyPages(.start)
    case 3: return unmapRequest(0, 0x2_0000, bitmap: bitmap)
    default:
      return .dirtyPages(.getBitmap(iova: IOVA(next(4) << 12), size: 0x2_0000, bitmap: bitmap))
    }
  }

  private mutating func facts() -> GroupFacts {
    let number = UInt32(next(5))
    if next(5) == 0 { return group(number, .emulated) }
    let holes =
      [interruptWindow] + (next(3) == 0 ? [.init(range: range(0, 0x1fff), kind: .direct)] : [])
    return group(
      number, reserved: holes,
      iommu: iommu(
        driver: UInt32(next(2)), aperture: next(2) == 0 ? range(0, 0xffff_ffff) : range(0, .max),
        coherent: next(2) == 0))
  }
}

@Suite struct LawTests {
  private func script(_ seed: UInt64) -> [Step] {
    var generator = ScriptGenerator(seed: seed)
    return [.join(group(1)), .request(.setIOMMU(3))] + (0..<60).map { _ in generator.step() }
  }

  @Test(
    "Refusals are free, and the backend holds what the state says",
    arguments: 0..<200 as Range<UInt64>)
  func refusalsAreFree(seed: UInt64) throws {
    var container = try Container([], type: 0)
    for step in script(seed) {
      let (state, calls) = (container.state, container.session.backend.calls)
      let events = container.journal.events.count
      if step.apply(to: &container) != nil {
        #expect(container.state == state)
        #expect(container.session.backend.calls == calls)
        #expect(container.journal.events.count == events)
      }
      checkAgreement(container)
    }
  }

  @Test(
    "A failing backend call leaves state and backend as they were, finished steps aside",
    arguments: 0..<40 as Range<UInt64>)
  func failuresAreFree(seed: UInt64) throws {
    var failing = 0
    var failures = 1
    while failures > 0 {
      failures = 0
      var container = try Container([], type: 0)
      container.session.backend.failing = failing
      for step in script(seed) {
        let before = container
        let result = step.apply(to: &container)
        guard container.session.backend.failable > failing,
          before.session.backend.failable <= failing
        else {
          checkAgreement(container)
          continue
        }
        failures += 1
        // A departure cannot fail: what the backend would not remove goes with its tables.
        if case .leave = step { break }
        checkAgreement(container)
        #expect(result == RecordingBackend.failure)
        if case .request(.unmap) = step { continue }
        #expect(container.state == before.state)
        #expect(container.session.backend.content == before.session.backend.content)
      }
      failing += 1
    }
    #expect(failing > 1)
  }

  @Test(
    "The state is the fold of the journal, and a replica follows it",
    arguments: 0..<100 as Range<UInt64>)
  func replicas(seed: UInt64) throws {
    var container = try Container([], type: 0)
    var replica = try Container([], type: 0)
    var seen = 0
    for step in script(seed) {
      _ = step.apply(to: &container)
      for event in container.journal.events[seen...] { replica.session.adopt(event) }
      seen = container.journal.events.count
      #expect(replica.state == container.state)
      checkAgreement(replica)
    }
    #expect(!replica.session.backend.calls.contains { $0.hasPrefix("map") })
    var folded = ContainerState()
    for event in container.journal.events { folded.commit(event) }
    #expect(folded == container.state)
  }

  @Test("A snapshot and the mappings restore everything", arguments: 0..<100 as Range<UInt64>)
  func snapshots(seed: UInt64) throws {
    var container = try Container([], type: 0)
    var replica = try Container([group(4)])
    for step in script(seed) { _ = step.apply(to: &container) }
    let words = container.state.snapshot.words
    let groups = container.state.groups
    let snapshot = try #require(
      ContainerSnapshot(words: words) { number in groups.first { $0.number == number } })
    #expect(snapshot == container.state.snapshot)
    replica.session.adopt(.restored(snapshot))
    for mapping in container.state.mappings {
      replica.session.adopt(.mapped(Mapping(range: mapping.range, memory: mapping.value)))
    }
    #expect(replica.state == container.state)
    checkAgreement(replica)
    // Words that end early, or say too much, are no snapshot.
    #expect(ContainerSnapshot(words: words + [0]) { number in group(number.rawValue) } == nil)
    for count in 0..<words.count {
      let cut = Array(words[..<count])
      #expect(ContainerSnapshot(words: cut) { number in group(number.rawValue) } == nil)
    }
  }

  @Test("Events that cannot have happened change nothing and trap nothing")
  func impossibleEvents() throws {
    var container = try Container([group(1)])
    try container.map(range(0, 0xfff))
    let state = container.state
    let memory = MappedMemory(rawValue: 0)
    for event in [
      .left(GroupNumber(rawValue: 7)), .unmapped(start: IOVA(0x5000)), .joined(group(1)),
      .mapped(Mapping(range: range(0, 0x1fff), memory: memory)),
      .readdressed(start: IOVA(0x800), memory),
    ] as [ContainerEvent] {
      container.session.adopt(event)
      #expect(container.state == state)
    }
    checkAgreement(container)
  }

  /// The backend's groups, tables and mappings are those of the state.
  private func checkAgreement(_ container: Container) {
    let (state, content) = (container.state, container.session.backend.content)
    let physical = state.groups.filter { $0.kind == .physical }.map(\.number)
    #expect(content.claimed == Set(physical))
    #expect(content.spaces.count == (state.driver.isType1 ? 1 : 0))
    #expect(
      Set(content.tables.values.map { Set($0.members) })
        == Set(state.domains.map { Set($0.members) }))
    let reachable = content.spaces.values.first?.keys.sorted() ?? []
    #expect(reachable == (state.domains.isEmpty ? [] : state.mappings.map(\.range.start)))
  }
}
