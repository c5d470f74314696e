import DMATypes
import Foundation
import PlatformFile
import SimulatedPlatform
import Testing

struct PlatformFileTests {
  /// A small good file; each bad one below changes one thing in it.
  static let good = """
    {
      "iommus": [{ "aperture": { "start": 0, "last": "0xffffffff" }, "page_sizes": "0x40201000" }],
      "bridges": [{ "address": "0000:00:02.0", "model": "pcie-root-port", \
    "secondary_bus": 1, "group": 1 }],
      "devices": [
        { "address": "0000:00:05.0", "model": "edu", "group": 3, "memory_base": "0xfe000000" },
        { "address": "0000:01:00.0", "model": "edu", "group": 4, "memory_base": "0xfe100000" }
      ]
    }
    """

  static func changed(_ old: String, _ new: String) -> String {
    guard let range = good.range(of: old) else { return "\(old) is not in the good file" }
    return good.replacingCharacters(in: range, with: new)
  }

  @Test func aSmallFileIsRead() throws {
    let platform = try PlatformFile.decode(Array(Self.good.utf8))
    #expect(platform.functions.count == 2)
    #expect(platform.functions[0].model == .edu(dmaMask: 0xffff_ffff))
    #expect(platform.functions[0].driver == .vfio)
    #expect(platform.parameters == Platform.Parameters())
    #expect(platform.iommus[0].aperture.last == IOVA(0xffff_ffff))
  }

  @Test func mediatedDevicesHaveTheirGroupsOrTheNext() throws {
    let text = Self.changed(
      "\n}",
      """
      ,
        "mediated": [{ "name": "one", "driver": "one.so" }, { "name": "two", "driver": "/two.so", \
      "group": 70 }, { "name": "three", "driver": "one.so" }]
      }
      """)
    let platform = try PlatformFile.decode(Array(text.utf8))
    #expect(platform.mediated.map(\.name.rawValue) == ["one", "two", "three"])
    #expect(platform.mediated.map(\.group.rawValue) == [5, 70, 71])
    for (old, new, problem) in [
      ("\"group\": 70", "\"group\": 3", "mediated[1].group: something else is in group 3"),
      ("\"name\": \"one\"", "\"name\": \"two\"", "mediated[1].name: two is there twice"),
      ("\"/two.so\"", "\"\"", "mediated[1].driver: '' is no path of a shared object"),
      ("\"name\": \"one\", ", "", "mediated[0]: the key 'name' is missing"),
    ] {
      let bad = text.replacingOccurrences(of: old, with: new)
      do {
        _ = try PlatformFile.decode(Array(bad.utf8))
        Issue.record("\(problem): nothing was thrown")
      } catch { #expect(error.text.contains(problem), "\(error.text)") }
    }
  }

  @Test func readingBackGivesTheSamePlatform() throws {
    var platform = Platform.builtIn
    platform.functions[1].driver = .none
    platform.functions[2].driver = .native("e1000e \"quoted\" \u{1} ü")
    platform.iommus[0].aperture = .all
    platform.parameters.dmaEntryLimit = 7
    platform.parameters.allowNoIOMMU = true
    platform.functions[0].iommu = nil
    platform.add(mediated: DeviceName(rawValue: "screen"), driver: "drivers/screen.so")
    for platform in [platform, .builtIn] {
      #expect(try PlatformFile.decode(Array(PlatformFile.encode(platform).utf8)) == platform)
    }
  }

  @Test(
    arguments: [
      ("\"iommus\": [{", "\"iommus\": [", "2:25: ',' or ']' must stand here, not ':'"),
      ("{\n", "", "1:11: more text after the end of the value"),
      ("\"group\": 3,", "\"group\": 03,", "5:60: ',' or '}' must stand here, not '3'"),
      ("\"edu\"", "edu", "5:43: a value must stand here, not 'e'"),
      ("\"group\": 3,", "\"group\": 3, \"group\": 4,", "5:62: the key 'group' stands here twice"),
      ("\"edu\"", "\"edu", "5:50: ',' or '}' must stand here, not 'g'"),
      ("\"group\": 3", "\"grupe\": 3", "5:50: devices[0].grupe: unknown key"),
      ("\"iommus\"", "\"iommu\"", "2:3: iommu: unknown key"),
      ("\"group\": 3, ", "", "5:5: devices[0]: the key 'group' is missing"),
      ("\"group\": 3", "\"group\": -3", "5:59: devices[0].group: the number must be"),
      ("\"group\": 3", "\"group\": 3.5", "5:59: devices[0].group: an integer"),
      ("\"group\": 3", "\"group\": \"three\"", "5:59: devices[0].group: 'three' is no number"),
      ("\"group\": 3", "\"group\": \"0x-3\"", "5:59: devices[0].group: '0x-3' is no number"),
      ("0xfe000000", "0x1fe000000", "5:77: devices[0].memory_base: the number must be"),
      ("0xfe000000", "0xfe000001", "5:77: devices[0].memory_base: must be a multiple of 1 MiB"),
      ("0xfe100000", "0xfe000000", "6:77: devices[1].memory_base: another function's BAR is there"),
      ("0000:00:05.0", "00:05.0", "5:18: devices[0].address: '00:05.0' is no PCI address"),
      ("0000:00:05.0", "0000:00:02.0", "5:18: devices[0].address: 0000:00:02.0 is there twice"),
      ("0000:01:00.0", "0000:07:00.0", "6:18: devices[1].address: no bridge leads to bus 7"),
      ("\"model\": \"edu\"", "\"model\": \"e1000e\"", "5:43: devices[0].model: no model 'e1000e'"),
      (
        "\"group\": 3", "\"iommu\": 2, \"group\": 3",
        "5:59: devices[0].iommu: there is no iommus[2]"
      ),
      ("pcie-root-port", "switch", "3:53: bridges[0].model: no bridge 'switch'"),
      (
        "\"secondary_bus\": 1", "\"secondary_bus\": 0",
        "bridges[0].secondary_bus: must be above the bridge's own bus"
      ),
      ("\"start\": 0", "\"start\": \"0x1ffffffff\"", "'last' lies below 'start'"),
      ("0x40201000", "0x40200000", "iommus[0].page_sizes: 4096 must be among them"),
      ("\"group\": 3", "\"driver\": \"a/b\", \"group\": 3", "'a/b' is no driver's name"),
    ])
  func aBadFileIsRefusedWithItsPlace(old: String, new: String, message: String) {
    let text = Self.changed(old, new)
    let error = #expect(throws: PlatformFileError.self) {
      try PlatformFile.decode(Array(text.utf8))
    }
    #expect(error?.text.contains(message) == true, "\(error?.text ?? "no error")")
    #expect(error?.text.contains("\n") == false)
  }

  @Test func noPrefixAndNoChangedByteTraps() {
    let text = Array(Self.good.utf8)
    for count in text.indices {
      #expect(throws: PlatformFileError.self) { try PlatformFile.decode(Array(text[..<count])) }
      for byte: UInt8 in [0, 0x22, 0x2d, 0x39, 0x5b, 0x5c, 0x75, 0x7b, 0xff] {
        var changed = text
        changed[count] = byte
        _ = try? PlatformFile.decode(changed)
      }
    }
  }

  @Test func deepNestingIsRefused() {
    let text = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
    let error = #expect(throws: PlatformFileError.self) { try PlatformFile.decode(text) }
    #expect(error?.reason == "values are nested too deeply")
  }
}
