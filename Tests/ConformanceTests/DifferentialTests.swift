import Conformance
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
  static func runner() throws -> DifferentialRunner<ShimContestant<SoftwareGround>> {
    let arena = try #require(ScriptArena(), "no memory or no temporary file")
    return DifferentialRunner { ShimContestant(world: $0, arena: arena) }
  }

  static let universes: [(String, ExhaustiveGenerator)] = [
    ("beginnings", .beginnings(length: 4 + Scale.longer)),
    ("endings", .endings(length: 4 + Scale.longer)),
    ("mappings, version 1", .mappings(version: 1, length: 3 + Scale.longer)),
    ("mappings, version 2", .mappings(version: 2, length: 3 + Scale.longer)),
    ("wide first", .domains(first: 1, length: 3 + Scale.longer)),
    ("narrow first", .domains(first: 2, length: 3 + Scale.longer)),
    ("sharing", .sharing(length: 4 + Scale.longer)),
    ("mediated first", .domains(first: 4, length: 3 + Scale.longer)),
  ]

  @Test("Every script of a small world", arguments: universes)
  func exhaustive(name: String, scripts: ExhaustiveGenerator) throws {
    #expect(scripts.scriptCount > 3000)
    if let difference = try Self.runner().firstDifference(scripts) {
      Issue.record("\(name):\n\(difference)")
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
