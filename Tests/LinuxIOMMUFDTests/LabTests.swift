import AddressSpaces
import Conformance
import DMATypes
import Glibc
import LinuxIOMMUFD
import Testing

@Suite("On the lab's kernel and devices", .enabled(if: Lab.here != nil, Lab.absence), .serialized)
struct LabTests {
  let lab: Lab
  let runner: DifferentialRunner<ShimContestant<IOMMUFDGround>>

  init() throws {
    let lab = try #require(Lab.here)
    let arena = try #require(ScriptArena(), "no memory or no temporary file")
    self.lab = lab
    runner = DifferentialRunner {
      ShimContestant(world: $0, arena: arena, ground: IOMMUFDGround(nodes: lab.nodes))
    }
  }

  @Test("Scratch objects show what stands behind each group, and are gone afterwards")
  func facts() throws {
    for group in lab.world.groups {
      let iommufd = try IOMMUFDescriptor(containerNode: nil)
      let objects = PrivateObjects(iommufd: iommufd, nodes: lab.nodes)
      var backend = LinuxIOMMUFD(iommufd: iommufd, objects: objects)
      let facts = try backend.prepare(
        GroupFacts(
          number: GroupNumber(rawValue: group.number), kind: .physical, devices: [],
          isViable: true, reservedRegions: [], interruptsAreSafe: true, iommu: nil))
      let iommu = try #require(facts.iommu)
      let expected = lab.world.iommus[0]
      #expect(iommu.aperture == IOVARange(start: IOVA(0), last: IOVA(expected.aperture.last)))
      #expect(iommu.pageSizes.rawValue == expected.pageSizes)
      #expect(iommu.enforcesCoherency == expected.coherent)
      #expect(backend.makesTablesAtAttach(facts.number) == lab.finishesTablesAtAttach)
      #expect(objects.numbers == ContainerNumbers())
    }
  }

  @Test("A held group is nobody else's until it is let go")
  func ownership() throws {
    let number = try #require(lab.nodes.keys.min { $0.rawValue < $1.rawValue })
    let facts = GroupFacts(
      number: number, kind: .physical, devices: [], isViable: true, reservedRegions: [],
      interruptsAreSafe: true, iommu: nil)
    var backends = try (0..<2).map { _ in
      let iommufd = try IOMMUFDescriptor(containerNode: nil)
      let objects = PrivateObjects(iommufd: iommufd, nodes: lab.nodes)
      return LinuxIOMMUFD(iommufd: iommufd, objects: objects)
    }
    try backends[0].claim(facts)
    #expect(throws: Errno.busy) { try backends[1].claim(facts) }
    backends[0].release(number)
    try backends[1].claim(facts)
    #expect(throws: Errno.busy) { try backends[0].claim(facts) }
  }

  @Test("Every order of mapping and unmapping", arguments: [1, 2])
  func mappings(version: UInt64) throws {
    var scripts = ExhaustiveGenerator.mappings(version: version, length: 2)
    scripts.world.iommus = lab.world.iommus
    scripts.world.groups = lab.world.groups
    check(scripts)
  }

  @Test("Every order in which groups come and go around mappings")
  func groups() {
    var beginning = [Call(.openContainer, into: 0)]
    var choices = [
      Call(.setIOMMU, on: 0, [3]), Call(.getInfo, on: 0, [256]),
      Call(.mapDMA, on: 0, [32, 3, .memory(0x1_4000), 0xfeef_f000, 0x2000]),
      Call(.mapDMA, on: 0, [32, 1, .memory(0x1_4000), 0x1000, 0x2000]),
    ]
    for (index, group) in lab.world.groups.enumerated() {
      beginning.append(Call(.openGroup, into: 1 + index, [Number(UInt64(group.number))]))
      choices.append(Call(.setContainer, on: 1 + index, other: .descriptor(0)))
      choices.append(Call(.unsetContainer, on: 1 + index))
    }
    beginning.append(Call(.setContainer, on: 1, other: .descriptor(0)))
    check(
      ExhaustiveGenerator(
        world: lab.world, beginning: beginning, choices: choices, length: 3))
  }

  @Test("Long random scripts", arguments: 0..<8 as Range<UInt64>)
  func seeded(batch: UInt64) {
    let count = getenv("IOASID_LAB_SCRIPTS").flatMap { UInt64(String(cString: $0)) } ?? 5
    let seeds = batch * count..<(batch + 1) * count
    check(seeds.lazy.map { SeededGenerator.script(seed: $0, length: 200, on: lab.world) })
  }

  private func check(_ scripts: some Sequence<Script>) {
    if let difference = runner.firstDifference(scripts) { Issue.record("\(difference)") }
  }
}
