import Testing

@testable import Conformance

/// The oracle with one thing wrong: what the runner is for.
struct Faulty: Contestant {
  enum Fault: String, CaseIterable, Sendable {
    /// A mapping that only touches another is refused.
    case refusesNeighbours
    /// UNMAP reports what was asked for, not what went.
    case echoesSize
    /// No device ever reaches anything.
    case forgetsDevices
    /// GET_STATUS never says VIABLE.
    case neverViable
  }
  var oracle: Oracle
  var fault: Fault
  /// What else is wrong.
  var others: [Fault] = []
  var memoryBase: UInt64 { oracle.memoryBase }

  mutating func perform(_ call: Call) -> Outcome {
    var outcome = oracle.perform(call)
    for fault in [fault] + others { spoil(&outcome, of: call, fault) }
    return outcome
  }

  private func spoil(_ outcome: inout Outcome, of call: Call, _ fault: Fault) {
    switch fault {
    case .refusesNeighbours:
      if call.verb == .mapDMA, outcome.result == 0, call.numbers[3].value == 0x2000 {
        outcome.result = -17
      }
    case .echoesSize:
      if call.verb == .unmapDMA, outcome.result == 0 {
        for index in 0..<8 {
          outcome.bytes[16 + index] = UInt8(
            truncatingIfNeeded: call.numbers[3].value >> (8 * UInt64(index)))
        }
      }
    case .forgetsDevices:
      if call.verb == .deviceRead { outcome = Outcome(-14) }
    case .neverViable:
      if call.verb == .getStatus, outcome.result == 0 { outcome.bytes[4] &= 2 }
    }
  }
}

@Suite("The runner finds faults and makes them small")
struct ShrinkerTests {
  static func runner(_ fault: Faulty.Fault) -> DifferentialRunner<Faulty> {
    DifferentialRunner { Faulty(oracle: Oracle(world: $0), fault: fault) }
  }

  @Test("A fault is found and said in a few lines", arguments: Faulty.Fault.allCases)
  func finds(fault: Faulty.Fault) throws {
    let seeds = 0..<100 as Range<UInt64>
    let scripts = seeds.lazy.map { SeededGenerator.script(seed: $0, length: 200) }
    let difference = try #require(Self.runner(fault).firstDifference(scripts))
    #expect(difference.script.calls.count <= 7, "\(difference)")
    #expect(difference.expected != difference.actual)
    let replayed = try Script(parsing: difference.description)
    #expect(Self.runner(fault).difference(replayed)?.actual == difference.actual)
  }

  @Test("Exhaustive scripts find the shortest")
  func exhaustive() throws {
    let scripts = ExhaustiveGenerator.mappings(version: 2, length: 2)
    let difference = try #require(Self.runner(.echoesSize).firstDifference(scripts))
    #expect(difference.script.calls.count == 5)
  }

  @Test("A shrinker keeps what fails, and only that")
  func keeps() {
    let script = SeededGenerator.script(seed: 7, length: 200)
    let wanted: (Script) -> Bool = { $0.calls.contains { $0.verb == .getInfo } }
    let small = Shrinker(fails: wanted).shrink(script)
    #expect(small.calls.map(\.verb) == [.getInfo])
    #expect(small.calls.first?.numbers == [0])
    #expect(Shrinker { _ in false }.shrink(script) == script)
  }

  @Test("A finding stays what it is where another fault is shorter to reach")
  func stays() throws {
    let script = try Script(
      parsing: "world lab limit=65535\n" + Ledger.ready + """
        f1 GET_STATUS argsz=7
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x3000 size=0x1000
        f0 UNMAP_DMA argsz=24 flags=0 iova=0x3000 size=0x2000 pgsize=0 bytes=0 data=0
        """)
    let make: (World) -> Faulty = { world in
      Faulty(
        oracle: Oracle(world: world), fault: .echoesSize,
        others: [.refusesNeighbours, .neverViable])
    }
    let runner = DifferentialRunner(makeProduct: make)
    let found = try #require(runner.difference(script))
    #expect(found.kind == .init(version: 2, verb: .unmapDMA, aspect: .field(3)))
    // What a shrinker makes of it that asks only whether something differs.
    let lost = Shrinker { runner.difference($0) != nil }.shrink(script)
    #expect(runner.difference(lost)?.kind != found.kind)
    #expect(try #require(runner.firstDifference([script])).kind == found.kind)
    let entrant = Entrant(.software, begin: make)
    let report = Comparison(
      Campaign(seed: 3, scriptCount: 40, callCount: 150), entrants: [entrant]
    ).run()
    for finding in report.findings {
      let small = try #require(
        Comparison.compare(try Script(parsing: finding.text), entrant).difference)
      #expect(small.script.version == finding.entry.version, "\(finding.text)")
    }
  }

  @Test(
    "What differs is the error, the result, or a field",
    arguments: [
      (Outcome(-22), Outcome(0), Difference.Kind.Aspect.errors(expected: 22, actual: 0)),
      (Outcome(-22), Outcome(-17), .errors(expected: 22, actual: 17)),
      (Outcome(4), Outcome(5), .results),
      (Outcome(0, bytes: [9, 0, 0, 0]), Outcome(0, bytes: [8, 0, 0, 0]), .field(0)),
      (
        Outcome(0, bytes: Array(repeating: 1, count: 24)),
        Outcome(0, bytes: Array(repeating: 1, count: 16) + Array(repeating: 2, count: 8)),
        .field(3)
      ),
      (
        Outcome(0, bytes: Array(repeating: 1, count: 256)),
        Outcome(0, bytes: Array(repeating: 1, count: 257)), .field(7)
      ),
    ])
  func aspects(_ expected: Outcome, _ actual: Outcome, _ aspect: Difference.Kind.Aspect) {
    let script = Script(world: .lab, calls: [Call(.unmapDMA)])
    let difference = Difference(script: script, expected: expected, actual: actual)
    #expect(difference.kind.aspect == aspect)
  }

  @Test("An outcome says all of its bytes, the last ones too")
  func words() {
    #expect("\(Outcome(0, bytes: [1, 2, 3, 4, 0x15, 0xa5]))" == "0 0:4030201 4:a515")
    #expect("\(Outcome(0, bytes: [0xa5, 0xa5, 0xa5, 0xa5, 0xa5]))" == "0")
    #expect("\(Outcome(-22, bytes: [0, 0]))" == "errno 22 0:0")
    #expect("\(Outcome.unseen)" == "unseen")
    let script = Script(world: .lab, calls: [Call(.close)])
    for (one, other) in [([1, 0], [2, 0]), ([0xa5], []), ([0xa5, 0xa5], [0xa5])]
      as [([UInt8], [UInt8])]
    {
      let (expected, actual) = (Outcome(0, bytes: one), Outcome(0, bytes: other))
      let text = "\(Difference(script: script, expected: expected, actual: actual))"
      let lines = text.split(separator: "\n").suffix(2).map { $0.dropFirst(10) }
      #expect(lines[0] != lines[1])
    }
  }

  @Test("Equal machines differ nowhere", arguments: 0..<20 as Range<UInt64>)
  func equal(seed: UInt64) {
    var (first, second) = (Oracle(world: .mixed), Oracle(world: .mixed))
    let script = SeededGenerator.script(seed: seed, length: 100, on: .mixed)
    #expect(script.firstDifference(&first, &second) == nil)
  }
}
