import Foundation
import FoundationXML
import Testing

@testable import Conformance

@Suite("A campaign, split, run and added up")
struct CampaignTests {
  static let campaign = Campaign(seed: 7, scriptCount: 12, callCount: 60)

  static func software() throws -> Entrant {
    let arena = try #require(ScriptArena())
    return Entrant(.software) { ShimContestant(world: $0, arena: arena) }
  }

  @Test("Shards are a partition", arguments: [1, 2, 3, 7, 40])
  func partition(count: Int) {
    let shards = (1...count).compactMap { Shard($0, of: count) }
    #expect(shards.count == count)
    let indices = shards.flatMap { Self.campaign.indices(of: $0, witnesses: 5) }
    #expect(indices.sorted() == Array(0..<17))
  }

  @Test(
    "A shard is I/N, and nothing else", arguments: ["0/2", "3/2", "1", "1/", "/2", "1/2/3", ""])
  func shardText(text: String) {
    #expect(Shard(text) == nil)
    #expect(Shard("2/3")?.description == "2/3")
  }

  @Test("Scripts depend on seed and index alone")
  func scripts() {
    var longer = Self.campaign
    longer.scriptCount = 1000
    for index in 0..<12 { #expect(longer.script(index) == Self.campaign.script(index)) }
    #expect(Set((0..<12).map(Self.campaign.script)).count == 12)
    var other = Self.campaign
    other.seed = 8
    #expect(other.script(0) != Self.campaign.script(0))
  }

  @Test("Parts that are added up are the whole")
  func merge() throws {
    let entrants = [try Self.software()]
    let whole = Comparison(Self.campaign, entrants: entrants).run()
    var sum: Report?
    for number in [2, 1, 3] {
      let shard = try #require(Shard(number, of: 3))
      let part = Comparison(Self.campaign, shard: shard, entrants: entrants).run()
      #expect(sum?.missing.isEmpty != true)
      if sum == nil { sum = part } else { try sum?.add(part) }
    }
    let merged = try #require(sum)
    #expect(merged.tallies == whole.tallies)
    #expect(merged.findings == whole.findings && whole.findings.isEmpty)
    #expect(merged.missing.isEmpty && merged.isGood)
    #expect(merged.tallies.values.reduce(0) { $0 + $1.scripts } == 12)
  }

  @Test("What does not belong together is not added")
  func mismatch() throws {
    let entrants = [try Self.software()]
    let report = Comparison(Self.campaign, entrants: entrants).run()
    var sum = report
    let twice = #expect(throws: Report.Mismatch.self) { try sum.add(report) }
    #expect(twice?.description == "shard 1/1 of software on none is there twice")
    var other = Self.campaign
    other.seed = 8
    let foreign = Comparison(other, entrants: []).run()
    let seeds = #expect(throws: Report.Mismatch.self) { try sum.add(foreign) }
    #expect(seeds?.description == "different seed: 7 and 8")
  }

  @Test("A wrong answer is found, made small, and replays", arguments: Faulty.Fault.allCases)
  func finds(fault: Faulty.Fault) throws {
    let campaign = Campaign(seed: 1, scriptCount: 60, callCount: 120)
    let entrant = Entrant(.software) { Faulty(oracle: Oracle(world: $0), fault: fault) }
    let report = Comparison(campaign, entrants: [entrant]).run()
    #expect(!report.isGood)
    let finding = try #require(report.findings.first)
    #expect(report.findings.count <= 6, "three of each version are kept")
    #expect(finding.text.split(separator: "\n").count { !$0.hasPrefix("#") } <= 9)
    let verdict = Comparison.verdict(of: try Script(parsing: finding.text), on: entrant)
    #expect(verdict.isUndocumented)
    #expect(report.table.contains(finding.text))
  }

  @Test("A report survives its text", arguments: [nil] + Faulty.Fault.allCases)
  func roundTrip(fault: Faulty.Fault?) throws {
    let entrant =
      if let fault {
        Entrant(.compat, on: "compat") { Faulty(oracle: Oracle(world: $0), fault: fault) }
      } else { try Self.software() }
    var report = Comparison(Self.campaign, entrants: [entrant]).run()
    report.absent[.native] = "no /dev/vfio/vfio: see \"here\""
    let text = "\(report)"
    let parsed = try Report(parsing: text)
    #expect(parsed == report)
    #expect("\(parsed)" == text)
  }

  @Test(
    "A text that is no report is refused with its line",
    arguments: [
      ("", "its first line is not 'ioasid-conform 1'"),
      ("ioasid-conform 1\n", "it names no campaign"),
      ("ioasid-conform 1\nran who=software\n", "line 2: no campaign"),
      ("ioasid-conform 1\ncampaign seed=1 scripts=x\n", "line 2: no scripts"),
      (
        "ioasid-conform 1\ncampaign seed=1 scripts=1 calls=1 shards=1 world=lab\nfly\n",
        "line 3: no such fact as 'fly'"
      ),
    ])
  func unreadable(text: String, sentence: String) {
    let error = #expect(throws: Report.Unreadable.self) { _ = try Report(parsing: text) }
    #expect(error?.description == sentence)
  }

  @Test("JUnit is XML, counts what it holds, and fails where the table does")
  func junit() throws {
    let faulty = Entrant(.software) { Faulty(oracle: Oracle(world: $0), fault: .neverViable) }
    let campaign = Campaign(seed: 1, scriptCount: 40)
    var report = Comparison(campaign, entrants: [faulty]).run()
    report.absent[.native] = "<&\"\u{1}"
    let file = JUnitFile(report.junit(shard: "1/2"))
    #expect(file.isWellFormed)
    #expect(file.counts["testcase"] == 3)
    #expect(file.suite["tests"] == "3" && file.suite["skipped"] == "1")
    #expect(file.suite["failures"] == "\(file.counts["failure"] ?? 0)")
    #expect(file.counts["failure"] != nil && file.counts["skipped"] == 1)
  }

  @Test("Looks are spread over the scripts, and none is left over")
  func looks() {
    let looks = LookAllowance(10)
    var taken = 0
    for script in 0..<5 {
      looks.begin(script: script, of: 5)
      while looks.take() { taken += 1 }
      #expect(taken == 2 * (script + 1))
    }
  }
}

@Suite("A machine is known by its groups")
struct MachineTests {
  static let window = World.Run(0xfee0_0000, 0xfeef_ffff)

  static func group(_ number: UInt32, _ devices: [String]) -> World.Discovered {
    World.Discovered(
      number: number, devices: devices, reserved: [window], relaxable: [],
      usable: [World.Run(0, 0xfedf_ffff), World.Run(0xfef0_0000, 0xffff_ffff_ffff)],
      pageSizes: 0x4020_1000, coherent: false)
  }
  static let lab = [
    group(3, ["0000:00:05.0"]), group(4, ["0000:00:06.0"]),
    group(6, ["0000:02:02.0", "0000:02:01.0"]),
  ]

  @Test("The lab's machine is the lab, whatever its limit is")
  func lab() throws {
    let world = try #require(
      World(discovered: Self.lab, entryLimit: 7, isBehindVTd: true))
    #expect(world == World.lab.limited(to: 7))
  }

  @Test("Any other is the machine here, and its scripts say so")
  func here() throws {
    #expect(World(discovered: [], entryLimit: 7, isBehindVTd: true) == nil)
    let world = try #require(
      World(discovered: Array(Self.lab.dropLast()), entryLimit: 7, isBehindVTd: true))
    #expect(world.name == "here" && world.iommus.count == 1)
    let script = Campaign(world: world).script(0)
    #expect(throws: ScriptError.self) { _ = try Script(parsing: "\(script)") }
    #expect(try Script(parsing: "\(script)", on: world) == script)
  }

  @Test("The groups that a run simulates say all of it", arguments: World.all)
  func simulated(world: World) throws {
    let found = try #require(
      World(groups: world.groups.map(world.facts), entryLimit: world.entryLimit))
    let hasName = [World.lab, .labWithPins, .unprotected].contains(world)
    #expect(found.name == (hasName ? world.name : "here"))
    var named = found
    named.name = world.name
    #expect(named == world)
  }
}

/// What a JUnit file says, read by a parser that is not ours.
private final class JUnitFile: NSObject, XMLParserDelegate {
  private(set) var isWellFormed = false
  private(set) var counts: [String: Int] = [:]
  private(set) var suite: [String: String] = [:]

  init(_ text: String) {
    super.init()
    let parser = XMLParser(data: Data(text.utf8))
    parser.delegate = self
    isWellFormed = parser.parse()
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    counts[name, default: 0] += 1
    if name == "testsuite" { suite = attributes }
  }
}
