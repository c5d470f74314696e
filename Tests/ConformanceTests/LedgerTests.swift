import Foundation
import Testing

@testable import Conformance

@Suite("The ledger of documented differences")
struct LedgerTests {
  static let document: String? = {
    let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try? String(contentsOf: top.appending(path: "MIGRATION.md"), encoding: .utf8)
  }()

  @Test("Every row has its section in MIGRATION.md", arguments: Ledger.rows.map(\.name))
  func section(name: String) throws {
    let row = try #require(Ledger.rows.first { $0.name == name })
    let document = try #require(Self.document)
    #expect(document.contains("<a id=\"\(row.section)\"></a>\n"))
  }

  @Test("Names differ, and say who differs")
  func names() {
    #expect(Set(Ledger.rows.map(\.name)).count == Ledger.rows.count)
    #expect(Ledger.rows.count > 15)
    for row in Ledger.rows { #expect(!row.contestants.isEmpty && !row.text.isEmpty) }
  }

  @Test("A witness is a script that type1 has an answer to", arguments: Ledger.rows.map(\.name))
  func witness(name: String) throws {
    let row = try #require(Ledger.rows.first { $0.name == name })
    let world = try #require([World.lab, .labToTheTop].first(where: row.occurs))
    let script = row.script(on: world)
    var oracle = Oracle(world: script.world)
    // All but the last line work, or it would show something else than it means to.
    for call in script.calls.dropLast() { #expect(oracle.perform(call).result == 0, "\(call)") }
    #expect(script.calls.count > 1)
  }

  /// A type1 that gives nobody the page that ends at 2⁶⁴.
  private struct Careful: Contestant {
    var oracle: Oracle
    var memoryBase: UInt64 { oracle.memoryBase }
    mutating func perform(_ call: Call) -> Outcome {
      var outcome = oracle.perform(call)
      if call.verb == .mapDMA, call.numbers[3].value &+ call.numbers[4].value == 0,
        [0, -errnoFAULT].contains(outcome.result)
      {
        return Outcome(-errnoINVAL, bytes: outcome.bytes)
      }
      // The last of the second and last range, where the structure has room for it.
      if call.verb == .getInfo, outcome.result == 0,
        outcome.bytes.dropFirst(112).prefix(8).elementsEqual(Array(repeating: 0xff, count: 8))
      {
        outcome.bytes[113] = 0xef
      }
      return outcome
    }
  }

  @Test("The last page has its rows where an IOMMU reaches it, and nowhere else")
  func lastPage() throws {
    func report(on world: World) -> Report {
      let entrant = Entrant(.iommufd, on: "pure") { Careful(oracle: Oracle(world: $0)) }
      return Comparison(Campaign(scriptCount: 40, world: world), entrants: [entrant]).run()
    }
    let reaching = report(on: .labToTheTop)
    #expect(reaching.findings.isEmpty)
    #expect(
      reaching.witnesses.keys.map(\.row).sorted() == ["last-page-in-info", "last-page-in-map"])
    #expect(reaching.isGood)
    #expect(report(on: .lab).witnesses.isEmpty)
  }

  /// Who refuses nothing that begins where it must not: whatever is asked is told.
  private final class Asked: Contestant {
    var oracle: Oracle
    var verbs: [Verb] = []
    var memoryBase: UInt64 { oracle.memoryBase }
    init(_ world: World) { oracle = Oracle(world: world) }
    func perform(_ call: Call) -> Outcome {
      verbs.append(call.verb)
      return oracle.perform(call)
    }
  }

  @Test("Native type1 is not asked for what it would never end", arguments: [false, true])
  func spared(isNative: Bool) throws {
    let script = try Script(
      parsing: "world here limit=8\n" + Ledger.ready + """
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0xffffffffffffc000 size=0x3000
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0xffffffffffffc000 size=0x4000
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0xfffffffffffff000 size=0x1000
        device-read "0000:00:05.0" iova=0x1000
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0xffffffffffffb000 size=0x2000
        f0 GET_INFO argsz=24
        """, on: .labToTheTop)
    let asked = Asked(.labToTheTop)
    let entrant = Entrant(isNative ? .native : .software) { _ in asked }
    let result = Comparison.compare(script, entrant)
    #expect(result.difference == nil)
    #expect(
      asked.verbs.dropFirst(4)
        == (isNative
          ? [.mapDMA, .mapDMA, .getInfo]
          : [.mapDMA, .mapDMA, .mapDMA, .deviceRead, .mapDMA, .getInfo]))
    #expect(result.tally.left == (isNative ? 3 : 0), "what is not asked is counted")
  }

  /// Writes of devices are not made, and nobody looks.
  private struct Still: Contestant {
    var oracle: Oracle
    var memoryBase: UInt64 { oracle.memoryBase }
    mutating func perform(_ call: Call) -> Outcome {
      call.verb.isLook ? .unseen : oracle.perform(call)
    }
  }

  @Test("A write that no device made changes no memory that is compared later")
  func unseenWrites() throws {
    let script = try Script(
      parsing: "world lab limit=8\n" + Ledger.ready + """
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x0 iova=0x200000000 size=0x1000
        device-write "0000:00:05.0" iova=0x200000000 value=0
        f0 DIRTY_PAGES argsz=0 flags=4 iova=0 size=0 pgsize=0 bytes=8 data=m+0x0
        """)
    let entrant = Entrant(.native) { Still(oracle: Oracle(world: $0)) }
    #expect(Comparison.compare(script, entrant).difference == nil)
  }

  /// The emulation's answers to CHECK_EXTENSION, and nothing else of it.
  private struct Denying: Contestant {
    var oracle: Oracle
    var memoryBase: UInt64 { oracle.memoryBase }
    mutating func perform(_ call: Call) -> Outcome {
      let outcome = oracle.perform(call)
      return call.verb == .checkExtension && call.numbers[0].value == 6 && outcome.result == 1
        ? Outcome(0) : outcome
    }
  }

  @Test("A documented difference counts for whom the row names, and for nobody else")
  func counts() throws {
    let campaign = Campaign(seed: 2, scriptCount: 60)
    func report(_ name: ContestantName) -> Report {
      let entrant = Entrant(name, on: "compat") { Denying(oracle: Oracle(world: $0)) }
      return Comparison(campaign, entrants: [entrant]).run()
    }
    let documented = report(.compat)
    #expect(documented.findings.isEmpty)
    #expect(documented.tallies.values.contains { $0.documented["emulation-extensions"] != nil })
    #expect(documented.tallies.values.allSatisfy { $0.undocumented == 0 })
    let undocumented = report(.software)
    #expect(!undocumented.findings.isEmpty && !undocumented.isGood)
  }

  @Test("A difference that has gone is a failure")
  func stale() throws {
    let entrant = Entrant(.compat, on: "compat") { Oracle(world: $0) }
    let report = Comparison(Campaign(scriptCount: 1), entrants: [entrant]).run()
    let rows = Ledger.rows.filter { $0.contestants.contains(.compat) }.map(\.name)
    #expect(Set(report.stale.map(\.row)) == Set(rows))
    #expect(!report.isGood)
    #expect(report.table.contains("no longer differs: compat and emulation-info"))
  }

  @Test("Witnesses are shared out among shards like scripts")
  func sharded() throws {
    let entrant = Entrant(.compat, on: "compat") { Denying(oracle: Oracle(world: $0)) }
    let campaign = Campaign(scriptCount: 3, callCount: 10)
    var sum: Report?
    for number in 1...4 {
      let shard = try #require(Shard(number, of: 4))
      let part = Comparison(campaign, shard: shard, entrants: [entrant]).run()
      if sum == nil { sum = part } else { try sum?.add(part) }
    }
    let rows = Ledger.rows.filter { $0.contestants.contains(.compat) }
    #expect(Set(sum?.witnesses.keys.map(\.row) ?? []) == Set(rows.map(\.name)))
  }
}

extension World {
  /// The lab's machine behind an IOMMU that reaches every address.
  fileprivate static let labToTheTop: World = {
    var world = lab
    world.name = "here"
    world.iommus[0].aperture.last = .max
    return world
  }()
}
