@testable import Conformance
import Glibc
import Testing

/// Laws hold for every script, so scripts come by counting and by seed. More of both in release:
/// IOASID_CONFORMANCE_SCALE=N multiplies the seeds by N and, from 2 on, makes exhaustive scripts
/// one call longer.
enum Scale {
  static let factor: Int = {
    guard let text = unsafe getenv("IOASID_CONFORMANCE_SCALE") else { return 1 }
    return unsafe max(1, Int(String(cString: text)) ?? 1)
  }()
  static var longer: Int { factor > 1 ? 1 : 0 }
}

@Suite("The shim on the software IOMMU does what the oracle says")
struct DifferentialTests {
  static func runner(
    _ manner: DirtyManner = .clean
  ) throws -> DifferentialRunner<ShimContestant<SoftwareGround>> {
    let arena = try #require(ScriptArena(), "no memory or no temporary file")
    return DifferentialRunner(manner: manner) {
      ShimContestant(world: $0, arena: arena, manner: manner)
    }
  }

  static let universes: [(String, ExhaustiveGenerator)] = [
    ("beginnings", .beginnings(length: 4 + Scale.longer)),
    ("endings", .endings(length: 4 + Scale.longer)),
    ("mappings, version 1", .mappings(version: 1, length: 3 + Scale.longer)),
    ("mappings, version 2", .mappings(version: 2, length: 3 + Scale.longer)),
    ("wide first", .domains(first: 1, length: 3 + Scale.longer)),
    ("narrow first", .domains(first: 2, length: 3 + Scale.longer)),
    ("three IOMMUs", .threeIOMMUs(length: 4 + Scale.longer)),
    ("sharing", .sharing(length: 4 + Scale.longer)),
    ("dirty pages", .dirtyPages(length: 4 + Scale.longer)),
    ("addresses, version 1", .addresses(version: 1, length: 4 + Scale.longer)),
    ("addresses, version 2", .addresses(version: 2, length: 4 + Scale.longer)),
    ("pins", .pins(length: 3 + Scale.longer)),
    ("mediated first", .domains(first: 4, length: 3 + Scale.longer)),
  ]

  @Test("Every script of a small world", arguments: universes)
  func exhaustive(name: String, scripts: ExhaustiveGenerator) throws {
    #expect(scripts.scriptCount > 3000)
    if let difference = try Self.runner().firstDifference(scripts) {
      Issue.record("\(name):\n\(difference)")
    }
  }

  @Test(
    "Every small script about dirty pages, with the kernel's stale bits and with precise ones",
    arguments: [DirtyManner.stale, .precise])
  func manners(_ manner: DirtyManner) throws {
    let scripts = ExhaustiveGenerator.dirtyPages(length: 4 + Scale.longer)
    if let difference = try Self.runner(manner).firstDifference(scripts) {
      Issue.record("\(difference)")
    }
  }

  @Test(
    "Long random scripts where dirty pages are told apart otherwise",
    arguments: [DirtyManner.stale, .precise], 0..<4 as Range<UInt64>)
  func mannersSeeded(_ manner: DirtyManner, batch: UInt64) throws {
    let runner = try Self.runner(manner)
    for seed in batch * 60..<(batch + 1) * 60 {
      let script = SeededGenerator.script(seed: seed, length: 200)
      if let difference = runner.firstDifference([script]) {
        Issue.record("seed \(seed):\n\(difference)")
        return
      }
    }
  }

  @Test(
    "Every small script about pins, with the kernel's stale bits and with precise ones",
    arguments: [DirtyManner.stale, .precise])
  func mannersOfPins(_ manner: DirtyManner) throws {
    let scripts = ExhaustiveGenerator.pins(length: 3 + Scale.longer)
    if let difference = try Self.runner(manner).firstDifference(scripts) {
      Issue.record("\(difference)")
    }
  }

  @Test("Long random scripts for drivers that pin", arguments: 0..<4 as Range<UInt64>)
  func seededPins(batch: UInt64) throws {
    let runner = try Self.runner(.stale)
    let count = 20 * UInt64(Scale.factor)
    for seed in batch * count..<(batch + 1) * count {
      let script = SeededGenerator.script(seed: seed, length: 200, on: .labWithPins)
      if let difference = runner.firstDifference([script]) {
        Issue.record("seed \(seed):\n\(difference)")
        return
      }
    }
  }

  @Test("Scripts for drivers pin, copy, unpin and let go")
  func commands() {
    var done: [Verb: Int] = [:]
    for seed in 0..<20 as Range<UInt64> {
      let script = SeededGenerator.script(seed: seed, length: 200, on: .labWithPins)
      var oracle = Oracle(world: script.world)
      for call in script.calls {
        let outcome = oracle.perform(call)
        let works =
          call.verb == .pin || call.verb == .told ? outcome.result > 0 : outcome.result == 0
        if call.verb.isOfDriver, works { done[call.verb, default: 0] += 1 }
      }
    }
    for verb in Verb.allCases where verb.isOfDriver {
      #expect(done[verb, default: 0] > 0, "\(verb)")
    }
  }

  @Test("Long random scripts", arguments: 0..<20 as Range<UInt64>)
  func seeded(batch: UInt64) throws {
    let runner = try Self.runner()
    let count = 40 * UInt64(Scale.factor)
    for seed in batch * count..<(batch + 1) * count {
      let script = SeededGenerator.script(seed: seed, length: 200)
      if let difference = runner.firstDifference([script]) {
        Issue.record("seed \(seed):\n\(difference)")
        return
      }
    }
  }
}
