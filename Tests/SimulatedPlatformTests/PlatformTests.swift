import AddressSpaces
import DMATypes
import Testing

@testable import SimulatedPlatform

@Suite("Platforms") struct PlatformTests {
  @Test("The built-in one is the kernel lab's machine")
  func builtIn() throws {
    let platform = Platform.builtIn
    #expect(platform.problem == nil)
    #expect(platform.groups.map(\.rawValue) == [2, 3, 4, 6])
    #expect(
      platform.members(of: GroupNumber(rawValue: 6)).map(\.name.rawValue)
        == ["0000:01:00.0", "0000:02:01.0", "0000:02:02.0"])
    let facts = try #require(platform.facts(of: GroupNumber(rawValue: 6)))
    #expect(facts.devices.map(\.rawValue) == ["0000:02:02.0", "0000:02:01.0"])
    #expect(facts.isViable && facts.interruptsAreSafe)
    #expect(facts.iommu?.pageSizes.rawValue == 0x4020_1000)
    #expect(facts.iommu?.aperture.last.rawValue == 0xffff_ffff_ffff)
    #expect(facts.reservedRegions.map(\.range.start.rawValue) == [0xfee0_0000])
    #expect(platform.facts(of: GroupNumber(rawValue: 2)) == nil)
    #expect(platform.parameters.dmaEntryLimit == 65535)
  }

  @Test("A native driver in the group takes its viability; none at all does not")
  func viability() {
    var platform = Platform.builtIn
    let group = GroupNumber(rawValue: 6)
    platform.functions[3].driver = .none
    #expect(platform.facts(of: group)?.isViable == true)
    #expect(platform.facts(of: group)?.devices.count == 1)
    platform.functions[3].driver = .native("edu")
    #expect(platform.facts(of: group)?.isViable == false)
    platform.functions[2].driver = .none
    #expect(platform.facts(of: group) == nil)
  }

  @Test(
    "Addresses are read and written as sysfs does",
    arguments: ["0000:00:05.0", "ffff:ff:1f.7", "0000:02:01.0"])
  func names(text: String) {
    #expect(PCIAddress(text)?.name.rawValue == text)
  }

  @Test(
    "What is no address is refused",
    arguments: ["", "0000:00:05", "0000:00:20.0", "0000:00:05.8", "0000:0A:05.0", "0000-00:05.0"])
  func noNames(text: String) { #expect(PCIAddress(text) == nil) }

  @Test("The encoding reads back, and nothing shorter or longer does")
  func encoding() {
    var platform = Platform.builtIn
    platform.functions[1].driver = .native("e1000e")
    let bytes = platform.encoded
    #expect(Platform(decoding: bytes) == platform)
    for count in 0..<bytes.count { #expect(Platform(decoding: Array(bytes[..<count])) == nil) }
    #expect(Platform(decoding: bytes + [0]) == nil)
  }

  @Test("Decoding any change of one byte does not trap, nor does judging what comes out")
  func damaged() {
    let bytes = Platform.builtIn.encoded
    for index in bytes.indices {
      for value in [0, 1, 0x7f, 0x80, 0xff] as [UInt8] {
        var damaged = bytes
        damaged[index] = value
        guard let platform = Platform(decoding: damaged) else { continue }
        _ = platform.problem
        for group in platform.groups { _ = platform.facts(of: group) }
        for function in platform.functions { _ = platform.device(named: function.address.name) }
      }
    }
  }

  @Test("A problem names its place")
  func problems() {
    func problem(_ change: (inout Platform) -> Void) -> String {
      var platform = Platform.builtIn
      change(&platform)
      return platform.problem ?? ""
    }
    let cases: [(String, (inout Platform) -> Void)] = [
      ("iommus[0].pageSizes:", { $0.iommus[0].pageSizes = PageSizes(rawValue: 0x20_0000) }),
      ("iommus[0].aperture:", { $0.iommus[0].aperture.last = IOVA(5) }),
      ("bridges[1].secondaryBus:", { $0.bridges[1].secondaryBus = 1 }),
      ("bridges[1].address:", { $0.bridges[1].address = $0.bridges[0].address }),
      ("functions[2].address:", { $0.functions[2].address = PCIAddress(bus: 9, device: 0) }),
      ("functions[1].address:", { $0.functions[1].address = $0.functions[0].address }),
      ("functions[0].iommu:", { $0.functions[0].iommu = 1 }),
      ("functions[0].iommu:", { $0.functions[0].iommu = nil }),
      (
        "functions[3].group:",
        {
          $0.parameters.allowNoIOMMU = true
          $0.functions[3].iommu = nil
        }
      ),
      ("functions[0].dmaMask:", { $0.functions[0].model = .edu(dmaMask: 5) }),
      ("functions[0].driver:", { $0.functions[0].driver = .native("") }),
      ("functions[2].group:", { $0.functions[2].group = GroupNumber(rawValue: 7) }),
      ("functions[0].memoryBase:", { $0.functions[0].memoryBase = 4096 }),
      ("functions[1].memoryBase:", { $0.functions[1].memoryBase = $0.functions[0].memoryBase }),
    ]
    for (place, change) in cases { #expect(problem(change).hasPrefix(place)) }
  }
}
