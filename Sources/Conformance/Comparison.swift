/// Somebody who can take part: how to begin a script with it.
public struct Entrant {
  /// Who, and on which kernel.
  public let part: Part
  /// The machine at rest.
  let begin: (World) -> any Contestant
  /// How it reports dirty pages, and so which oracle measures it.
  let manner: DirtyManner

  /// States an entrant; `begin` gives it at rest, for one script.
  public init(
    _ name: ContestantName, on kernel: String = "none", manner: DirtyManner = .clean,
    begin: @escaping (World) -> any Contestant
  ) {
    part = Part(name, on: kernel)
    self.manner = manner
    self.begin = begin
  }

  /// Who.
  public var name: ContestantName { part.contestant }
}

/// Runs a shard of a campaign: each script on each entrant in turn, call by call beside the oracle.
///
/// In turn, not side by side: entrants may want the same real groups.
public struct Comparison {
  private let campaign: Campaign
  private let shard: Shard
  private let entrants: [Entrant]
  private let looks: LookAllowance
  private let progress: (String) -> Void
  /// Findings of each entry that are made small; the rest are only counted.
  private static let findingsKept = 3
  /// Runs of a script that makes a real device look, while it is made small.
  private static let slowTrials = 80

  /// States a run. Real devices' looks are rationed by `looks`; `progress` is told of each script.
  public init(
    _ campaign: Campaign, shard: Shard = .whole, entrants: [Entrant],
    looks: LookAllowance = LookAllowance(0), progress: @escaping (String) -> Void = { _ in }
  ) {
    self.campaign = campaign
    self.shard = shard
    self.entrants = entrants
    self.looks = looks
    self.progress = progress
  }

  /// Runs everything.
  public func run() -> Report {
    var report = Report(campaign, shardCount: shard.count)
    for entrant in entrants {
      report.shards[entrant.part] = [shard.number]
      for version in 1...2 { report.tallies[Entry(entrant.part, version: version)] = Tally() }
    }
    let witnesses = Ledger.rows.filter { $0.occurs(campaign.world) }
    let indices = campaign.indices(of: shard, witnesses: witnesses.count)
    for (done, index) in indices.enumerated() {
      looks.begin(script: done, of: indices.count)
      progress("script \(done + 1) of \(indices.count)")
      if index < campaign.scriptCount {
        run(campaign.script(index), index, into: &report)
      } else {
        run(witnesses[index - campaign.scriptCount], into: &report)
      }
    }
    return report
  }

  private func run(_ script: Script, _ index: Int, into report: inout Report) {
    for entrant in entrants {
      let entry = Entry(entrant.part, version: script.version)
      looks.isOpen = true
      let result = Self.compare(script, entrant)
      report.tallies[entry, default: Tally()] += result.tally
      guard let found = result.difference else { continue }
      guard report.findings.count(where: { $0.entry == entry }) < Self.findingsKept else {
        continue
      }
      progress("making a difference of \(entrant.name.rawValue) small")
      report.findings.append(
        Finding(entry: entry, index: index, text: small(found, of: entrant).description))
    }
  }

  private func small(_ difference: Difference, of entrant: Entrant) -> Difference {
    var script = difference.script
    let isLook = script.calls.last?.verb.isLook ?? false
    if isLook {
      // Real looks are slow: only the last one is taken, and only so often.
      script.calls = script.calls.dropLast().filter { !$0.verb.isLook } + script.calls.suffix(1)
    }
    var trials = isLook && entrant.part.kernel != "none" ? Self.slowTrials : .max
    looks.isOpen = isLook
    looks.isFree = isLook
    defer { (looks.isOpen, looks.isFree) = (true, false) }
    let small = Shrinker {
      trials -= 1
      return trials > 0 && Self.compare($0, entrant).difference?.kind == difference.kind
    }.shrink(script)
    return Self.compare(small, entrant).difference ?? difference
  }

  private func run(_ row: LedgerRow, into report: inout Report) {
    looks.isFree = true
    defer { looks.isFree = false }
    for entrant in entrants where row.contestants.contains(entrant.name) {
      let script = row.script(on: campaign.world)
      let result = Self.compare(script, entrant, .clean)
      let witness = Report.Witness(row: row.name, contestant: entrant.name)
      report.witnesses[witness, default: 0] += result.tally.documented[row.name] == nil ? 0 : 1
    }
  }

  /// What a script shows of an entrant, for people.
  public static func verdict(
    of script: Script, on entrant: Entrant
  ) -> (isUndocumented: Bool, text: String) {
    let result = compare(script, entrant)
    if let difference = result.difference {
      return (true, "an undocumented difference\n\(difference)")
    }
    let rows = result.tally.documented.keys.sorted().joined(separator: ", ")
    return (false, rows.isEmpty ? "no difference" : "documented differences: \(rows)")
  }

  struct Result {
    var tally = Tally()
    /// The first undocumented difference, where the script was left.
    var difference: Difference?
  }

  static func compare(
    _ script: Script, _ entrant: Entrant, _ manner: DirtyManner? = nil
  ) -> Result {
    var contestant = entrant.begin(script.world)
    defer { contestant.finish() }
    let manner = manner ?? entrant.manner
    var oracle = Oracle(
      world: script.world, memoryBase: contestant.memoryBase, manner: manner)
    var result = Result()
    result.tally.scripts = 1
    var past: [(call: Call, outcome: Outcome)] = []
    for (index, call) in script.calls.enumerated() {
      let before = oracle
      let expected = oracle.perform(call)
      defer { past.append((call, expected)) }
      if entrant.name == .native, Ledger.isTooMuch(call, expected, after: past) {
        if call.verb == .deviceWrite { oracle = before }
        result.tally.left += 1
        continue
      }
      let actual = contestant.perform(call)
      if actual == .unseen {
        // A write that no device was made to do changed no memory.
        if call.verb == .deviceWrite { oracle = before }
        continue
      }
      if call.verb.isLook { result.tally.looks += 1 }
      if actual == expected {
        result.tally.agreements += 1
        continue
      }
      let situation = Situation(
        call: call, oracle: before, past: past, manner: manner, expected: expected,
        actual: actual)
      guard let row = Ledger.row(for: situation, of: entrant.name) else {
        result.tally.undocumented += 1
        result.tally.left += script.calls.count - index - 1
        let done = Script(world: script.world, calls: Array(script.calls[...index]))
        result.difference = Difference(script: done, expected: expected, actual: actual)
        return result
      }
      result.tally.documented[row.name, default: 0] += 1
      if row.partsWays {
        result.tally.left += script.calls.count - index - 1
        return result
      }
    }
    return result
  }
}

/// How many looks through real devices are left: shared by all contestants of a run, and spread
/// over its scripts.
public final class LookAllowance {
  private let total: Int
  private var used = 0
  private var granted = 0
  /// Whether looks are taken at all.
  var isOpen = true
  /// Whether looks cost nothing of what is left.
  var isFree = false

  /// Looks that cost nothing.
  static var free: LookAllowance {
    let looks = LookAllowance(0)
    looks.isFree = true
    return looks
  }

  /// So many looks in all.
  public init(_ total: Int) { self.total = total }

  /// As many as come to the scripts up to this one.
  func begin(script: Int, of count: Int) { granted = total * (script + 1) / max(1, count) }

  /// Takes one, if one is left.
  func take() -> Bool {
    guard isOpen else { return false }
    if isFree { return true }
    guard used < granted else { return false }
    used += 1
    return true
  }
}

extension Verb {
  /// Whether the line looks at what a device reaches.
  var isLook: Bool { self == .deviceRead || self == .deviceWrite }
}
