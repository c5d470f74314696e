import Foundation
import Replayer
import Testing
import Traces

/// What programs said to native type1 and were told, performed here.
@Suite("Traces recorded from native Linux", .serialized)
struct RecordedTraceTests {
  private static let suffix = ".native-6.12.trace"
  static let names: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: Tool.fixtures.path)) ?? []
    return files.filter { $0.hasSuffix(suffix) }.map { String($0.dropLast(suffix.count)) }.sorted()
  }()
  /// Whose device the built-in platform does not have: what they ask of containers and groups is
  /// compared.
  static let foreign: Set = ["testpmd"]

  /// What needs CAP_SYS_RAWIO, or more locked memory than most users may have.
  static let ofRoot: Set = ["no-iommu-calls", "qemu", "testpmd"]

  private static func file(_ name: String) -> URL { Tool.fixtures.appending(path: name + suffix) }

  /// Performs a trace on the machine that it speaks of.
  private static func replay(_ name: String) throws -> (output: String, status: Int32) {
    let replay = [Tool.path, "replay", file(name).path, "--all", "--on"]
    return try Tool.withDirectory { directory in
      let options: [String]
      if name.hasPrefix("mediated-") {
        options = try Tool.drivers(in: directory).flatMap { ["--mediated", $0] }
      } else if name.hasPrefix("no-iommu-") {
        options = [
          "--platform", Tool.root.appending(path: "Fixtures/Platforms/no-iommu.json").path,
        ]
      } else {
        return try Tool.run(replay + ["software"])
      }
      // A replay's calls are those of a plain program: here the run's to answer.
      return try Tool.run(
        [Tool.path, "run", "--backend", "software"] + options + ["--"] + replay + ["native"])
    }
  }

  @Test("There are traces, and all are small")
  func present() throws {
    let bytes = try Self.names.reduce(0) { try $0 + Data(contentsOf: Self.file($1)).count }
    #expect(Self.names.count > 20)
    #expect(bytes < 600_000)
    for difference in KnownDifference.all { #expect(Self.names.contains(difference.trace)) }
  }

  @Test("A trace prints as it was written", arguments: names)
  func prints(_ name: String) throws {
    let text = try String(contentsOf: Self.file(name), encoding: .utf8)
    #expect(try TraceLine.parse(text).map { "\($0)\n" }.joined() == text)
  }

  @Test("The oracle answers what the kernel answered", arguments: names)
  func oracle(_ name: String) throws {
    let text = try String(contentsOf: Self.file(name), encoding: .utf8)
    let report = OracleReplay.run(try TraceLine.parse(text), untilDifference: false)
    let known = KnownDifference.expected(name, on: "oracle")
    for difference in report.differences where known[difference.line] == nil {
      Issue.record("\(name) line \(difference.line): \(difference.expected)\n  \(difference.got)")
    }
    for (line, answer) in known {
      let difference = report.differences.first { $0.line == line }
      #expect(difference?.got.hasSuffix(answer) == true, "\(name) line \(line)")
    }
  }

  @Test(
    "So does the software backend where the calls need root",
    .enabled(if: geteuid() == 0, "CAP_SYS_RAWIO and locked memory without limit are root's"),
    arguments: ofRoot.sorted())
  func softwareForRoot(_ name: String) throws { try software(name) }

  @Test(
    "So does the software backend", .enabled(if: Tool.canRun, "no view can be built here"),
    arguments: names.filter { !ofRoot.contains($0) })
  func software(_ name: String) throws {
    let result = try Self.replay(name)
    var known = KnownDifference.expected(name, on: "software")
    var number = 0
    var recorded: Substring = ""
    for line in result.output.split(separator: "\n") {
      if line.hasPrefix("line ") { number = Int(line.dropFirst(5)) ?? 0 }
      if line.hasPrefix("  recorded: ") { recorded = line }
      guard line.hasPrefix("  answered: ") else { continue }
      if Self.foreign.contains(name), recorded.contains("(device-") { continue }
      if let answer = known.removeValue(forKey: number) {
        #expect(line.hasSuffix(answer), "\(name) line \(number)")
      } else {
        Issue.record("\(name) line \(number)\n\(recorded)\n\(line)")
      }
    }
    #expect(known.isEmpty, "\(name): the kernel's answer by now: lines \(known.keys.sorted())")
    let differs = result.output.hasPrefix("line ")
    #expect(differs || result.output.contains("no difference"), "\(result.output.prefix(300))")
  }
}
