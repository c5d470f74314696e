import Foundation
import Testing

/// The measuring itself is not tested: how fast a machine is proves nothing. That every row comes
/// out, and in both forms, is.
struct BenchTests {
  private struct Report: Decodable {
    struct Row: Decodable {
      struct Figure: Decodable {
        var median: Double
        var lowerQuartile: Double
        var upperQuartile: Double
      }
      var name: String
      var against: String
      var runs: Int
      var ratio: Figure
      var unit: String?
      var figure: Figure?
    }
    var isQuick: Bool
    var rows: [Row]
  }

  static let rowNames = [
    "map-1000", "unmap-1000", "map-6500", "unmap-6500", "map-20000", "unmap-20000",
    "map-growth", "unmap-growth", "map-6500-scattered", "unmap-6500-scattered", "memory-dense",
    "memory-dense-after-churn", "journal-dense-after-churn", "memory-scattered",
    "memory-scattered-after-churn", "journal-scattered-after-churn", "look-up-6500",
    "look-up-20000", "pin-512", "unpin-512", "pin-access-16384",
    "device-read-64K", "device-write-64K", "driver-read-64K", "driver-write-64K",
    "device-read-1M", "device-write-1M", "driver-read-1M", "driver-write-1M",
    "device-read-16M", "device-write-16M", "driver-read-16M", "driver-write-16M",
    "dirty-clean", "dirty-all", "dirty-unmap", "eight-containers", "busy-neighbour",
    "other-ioctl", "process-start", "resident-memory",
  ]

  @Test(
    .enabled(if: Tool.canBuildViews, "needs namespaces"),
    .enabled(if: ViewTests.isRoot, "locked memory without limit is root's"))
  func everyRowComesOutForMachines() throws {
    let outcome = try Tool.ioasid("bench", "--quick", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.isEmpty, "progress belongs on a terminal")
    let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
    #expect(report.isQuick)
    #expect(report.rows.map(\.name) == Self.rowNames)
    for row in report.rows {
      #expect(row.runs > 0 && row.ratio.median > 0 && row.ratio.median.isFinite, "\(row.name)")
      #expect(
        row.ratio.lowerQuartile <= row.ratio.median && row.ratio.median <= row.ratio.upperQuartile)
      #expect((row.figure == nil) == (row.unit == nil))
    }
  }

  @Test func anOptionThatItDoesNotHaveIsRefused() throws {
    let outcome = try Tool.ioasid("bench", "--fast")
    #expect(outcome.status == 2)
    #expect(outcome.errors == "ioasid: bench has no option '--fast': see ioasid --help\n")
  }

  /// What makes no sense on a real kernel is said before anything runs.
  @Test(arguments: [
    (["--on", "x"], "bench measures on native or iommufd, not 'x'"),
    (["--on"], "--on needs a value"),
    (
      ["--on", "native"], "bench --on needs --group N, a group bound to vfio-pci: see ioasid doctor"
    ),
    (
      ["--on", "native", "--group", "3", "--arena", "odd"],
      "no arena 'odd': choose fresh, huge or scattered"
    ),
    (
      ["--on", "iommufd", "--group", "3"],
      "bench --on iommufd needs --device ADDRESS, a device of another group, for the bare calls"
    ),
    (["--on", "native", "--quick"], "bench --on has no option '--quick': see ioasid --help"),
  ])
  func whatCannotBeMeasuredIsRefused(words: [String], message: String) throws {
    let outcome = try Tool.spawn(Tool.path, ["bench"] + words)
    #expect(outcome.status == 2)
    #expect(outcome.errors == "ioasid: \(message)\n")
  }
}
