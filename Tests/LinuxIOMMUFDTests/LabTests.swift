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
