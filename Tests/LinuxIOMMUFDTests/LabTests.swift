import AddressSpaces
import Conformance
import DMATypes
import Glibc
import LinuxIOMMUFD
import Testing

@Suite("On the lab's kernel and devices", .enabled(if: Lab.isHere, Lab.absence), .serialized)
struct LabTests {
  static func runner() throws -> DifferentialRunner<ShimContestant<IOMMUFDGround>> {
    let arena = try #require(ScriptArena(), "no memory or no temporary file")
    let nodes = try #require(Lab.nodes)
    return DifferentialRunner {
      ShimContestant(world: $0, arena: arena, ground: IOMMUFDGround(nodes: nodes))
    }
  }

  @Test("What scratch objects show of an IOMMU is what type1 reports of it", arguments: [3, 4, 6])
  func facts(group: UInt32) throws {
    let nodes = try #require(Lab.nodes)
    let iommufd = try IOMMUFDescriptor(containerNode: nil)
    let objects = PrivateObjects(iommufd: iommufd, nodes: nodes)
    var backend = LinuxIOMMUFD(iommufd: iommufd, objects: objects)
    let facts = try backend.prepare(
      GroupFacts(
        number: GroupNumber(rawValue: group), kind: .physical, devices: [], isViable: true,
        reservedRegions: [], interruptsAreSafe: true, iommu: nil))
    let iommu = try #require(facts.iommu)
    let lab = World.lab.iommus[0]
    #expect(iommu.aperture == IOVARange(start: IOVA(0), last: IOVA(lab.aperture.last)))
    #expect(iommu.pageSizes.rawValue == lab.pageSizes)
    #expect(iommu.enforcesCoherency == lab.coherent)
    #expect(!backend.makesTablesAtAttach(facts.number))
    #expect(objects.numbers == ContainerNumbers())
  }

  static let universes: [(String, ExhaustiveGenerator)] = [
    ("mappings, version 1", .mappings(version: 1, length: 2)),
    ("mappings, version 2", .mappings(version: 2, length: 2)),
    ("groups", groups(length: 3)),
  ]

  /// All groups of the lab come and go around two mappings, in every order.
  static func groups(length: Int) -> ExhaustiveGenerator {
    var beginning = [Call(.openContainer, into: 0)]
    var choices = [
      Call(.setIOMMU, on: 0, [3]), Call(.getInfo, on: 0, [256]),
      Call(.mapDMA, on: 0, [32, 3, .memory(0x1_4000), 0xfeef_f000, 0x2000]),
      Call(.mapDMA, on: 0, [32, 1, .memory(0x1_4000), 0x1000, 0x2000]),
    ]
    for (file, group) in [(1, 3), (2, 4), (3, 6)] as [(Int, UInt64)] {
      beginning.append(Call(.openGroup, into: file, [Number(group)]))
      choices.append(Call(.setContainer, on: file, other: .descriptor(0)))
      choices.append(Call(.unsetContainer, on: file))
    }
    beginning.append(Call(.setContainer, on: 1, other: .descriptor(0)))
    return ExhaustiveGenerator(
      world: .lab, beginning: beginning, choices: choices, length: length)
  }

  @Test("Every script of a small world", arguments: universes)
  func exhaustive(name: String, scripts: ExhaustiveGenerator) throws {
    if let difference = try Self.runner().firstDifference(scripts) {
      Issue.record("\(name):\n\(difference)")
    }
  }

  @Test("Long random scripts answer as the oracle says", arguments: 0..<8 as Range<UInt64>)
  func seeded(batch: UInt64) throws {
    let runner = try Self.runner()
    let count = Scripts.perBatch
    for seed in batch * count..<(batch + 1) * count {
      let script = SeededGenerator.script(seed: seed, length: 200, on: .lab)
      if let difference = runner.firstDifference([script]) {
        Issue.record("seed \(seed):\n\(difference)")
        return
      }
    }
  }
}

/// How many scripts a batch has: IOASID_LAB_SCRIPTS.
enum Scripts {
  static let perBatch = getenv("IOASID_LAB_SCRIPTS").flatMap { UInt64(String(cString: $0)) } ?? 5
}
