import Conformance
import Testing

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
  var memoryBase: UInt64 { oracle.memoryBase }

  mutating func perform(_ call: Call) -> Outcome {
    var outcome = oracle.perform(call)
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
      if call.verb == .deviceRead { return Outcome(-14) }
    case .neverViable:
      if call.verb == .getStatus, outcome.result == 0 { outcome.bytes[4] &= 2 }
    }
    return outcome
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

  @Test("Equal machines differ nowhere", arguments: 0..<20 as Range<UInt64>)
  func equal(seed: UInt64) {
    var (first, second) = (Oracle(world: .mixed), Oracle(world: .mixed))
    let script = SeededGenerator.script(seed: seed, length: 100, on: .mixed)
    #expect(script.firstDifference(&first, &second) == nil)
  }
}
