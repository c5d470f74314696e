import Testing

@testable import Conformance

@Suite("One machine that processes share does what the oracle says")
struct DifferentialTests {
  @Test("Long random scripts, each call by another process", arguments: [1, 2, 3], [0, 1, 2, 3])
  func seeded(processes: Int, batch: UInt64) throws {
    let arena = try #require(ScriptArena(), "no memory or no temporary file")
    let runner = DifferentialRunner {
      // A machine that cannot be built fails the test at once.
      try! MachineContestant(world: $0, arena: arena, processes: processes)
    }
    for seed in batch * 15..<(batch + 1) * 15 {
      let script = SeededGenerator.script(seed: seed, length: 150, on: .lab)
      if let difference = runner.firstDifference([script]) {
        Issue.record("seed \(seed), \(processes) processes:\n\(difference)")
        return
      }
    }
  }

  @Test(
    "So it does where dirty pages are told apart otherwise",
    arguments: [DirtyManner.stale, .precise])
  func manners(_ manner: DirtyManner) throws {
    let arena = try #require(ScriptArena(), "no memory or no temporary file")
    let runner = DifferentialRunner(manner: manner) {
      try! MachineContestant(world: $0, arena: arena, processes: 3, manner: manner)
    }
    for seed in 100..<130 as Range<UInt64> {
      let script = SeededGenerator.script(seed: seed, length: 150, on: .lab)
      if let difference = runner.firstDifference([script]) {
        Issue.record("seed \(seed):\n\(difference)")
        return
      }
    }
  }
}
