/// How often a contestant agreed, over the scripts of one version of type1.
public struct Tally: Hashable, Sendable {
  /// Scripts run.
  public var scripts = 0
  /// Calls made and compared.
  public var calls: Int { agreements + documented.values.reduce(0, +) + undocumented }
  /// Calls of which both said the same, byte for byte.
  public var agreements = 0
  /// Differences that the ledger documents, by row.
  public var documented: [String: Int] = [:]
  /// Differences that nothing documents.
  public var undocumented = 0
  /// Looks at what a device reaches that were taken; they are among `calls`.
  public var looks = 0
  /// Calls that were not made: after a script's ways had parted, and those that native is spared.
  public var left = 0

  /// Nothing yet.
  public init() {}

  static func += (sum: inout Tally, other: Tally) {
    sum.scripts += other.scripts
    sum.agreements += other.agreements
    sum.documented.merge(other.documented, uniquingKeysWith: +)
    sum.undocumented += other.undocumented
    sum.looks += other.looks
    sum.left += other.left
  }
}

/// A contestant on a kernel.
public struct Part: Hashable, Sendable, Comparable {
  /// Who.
  public var contestant: ContestantName
  /// The kernel, as it is told apart here: `native`, `compat`, `pure` or `none`; within a run its
  /// backend.
  public var kernel: String
  /// States a part.
  public init(_ contestant: ContestantName, on kernel: String) {
    (self.contestant, self.kernel) = (contestant, kernel)
  }
  /// In the order of `ContestantName.allCases`, then by kernel.
  public static func < (one: Self, other: Self) -> Bool {
    (one.order, one.kernel) < (other.order, other.kernel)
  }
  private var order: Int { ContestantName.allCases.firstIndex(of: contestant) ?? 0 }
}

/// A row of the table: who, where, and which version of type1.
public struct Entry: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Who and where.
  public var part: Part
  /// 1 or 2.
  public var version: Int

  /// States a row.
  public init(_ part: Part, version: Int) { (self.part, self.version) = (part, version) }
  /// As `Part` has it, then by version.
  public static func < (one: Self, other: Self) -> Bool {
    (one.part, one.version) < (other.part, other.version)
  }
  /// `iommufd v2 on pure`.
  public var description: String {
    "\(part.contestant.rawValue) v\(version)" + (part.kernel == "none" ? "" : " on \(part.kernel)")
  }
}

/// An undocumented difference, as small as it got.
public struct Finding: Hashable, Sendable {
  /// Who differs.
  public var entry: Entry
  /// The script's index in the campaign.
  public var index: Int
  /// The script, and what the two say of its last line, in comments.
  public var text: String
}

/// What one run, or several added up, found out.
public struct Report: Hashable, Sendable {
  /// The campaign's seed.
  public var seed: UInt64
  /// Its scripts, over every shard.
  public var scriptCount: Int
  /// Its calls a script.
  public var callCount: Int
  /// Its machine.
  public var world: String
  /// The shards that each contestant has run, by the kernel it ran on.
  public var shards: [Part: Set<Int>] = [:]
  /// Shards in all.
  public var shardCount: Int
  /// The table.
  public var tallies: [Entry: Tally] = [:]
  /// Documented differences whose witnesses were run: how often each still differed.
  public var witnesses: [Witness: Int] = [:]
  /// What nobody documents.
  public var findings: [Finding] = []
  /// Contestants that this machine does not have, and why.
  public var absent: [ContestantName: String] = [:]

  /// A row of the ledger and one of those it is about.
  public struct Witness: Hashable, Sendable, Comparable {
    /// The row's name.
    public var row: String
    /// Who.
    public var contestant: ContestantName
    /// States both.
    public init(row: String, contestant: ContestantName) {
      (self.row, self.contestant) = (row, contestant)
    }
    /// By row, then by contestant.
    public static func < (one: Self, other: Self) -> Bool {
      (one.row, one.contestant.rawValue) < (other.row, other.contestant.rawValue)
    }
  }

  /// An empty report of a campaign.
  public init(_ campaign: Campaign, shardCount: Int) {
    seed = campaign.seed
    scriptCount = campaign.scriptCount
    callCount = campaign.callCount
    world = campaign.world.name
    self.shardCount = shardCount
  }

  /// Rows of the ledger whose witness was run and showed no difference any more.
  public var stale: [Witness] { witnesses.filter { $0.value == 0 }.keys.sorted() }

  /// What is missing from the whole: shards of a contestant that were not run.
  public var missing: [String] {
    shards.compactMap { part, run in
      let absent = (1...shardCount).filter { !run.contains($0) }
      guard !absent.isEmpty else { return nil }
      return "\(part.contestant) on \(part.kernel) lacks shard "
        + absent.map(String.init).joined(separator: ", ") + " of \(shardCount)"
    }.sorted()
  }

  /// Whether nothing undocumented differs, and everything documented still does.
  public var isGood: Bool {
    findings.isEmpty && stale.isEmpty && tallies.values.allSatisfy { $0.undocumented == 0 }
  }

  /// Why two reports cannot be added.
  public struct Mismatch: Error, Hashable, CustomStringConvertible {
    /// A sentence.
    public var description: String
  }

  /// Adds another machine's or another shard's part of the same campaign.
  public mutating func add(_ other: Report) throws(Mismatch) {
    for (name, mine, its) in [
      ("seed", "\(seed)", "\(other.seed)"), ("scripts", "\(scriptCount)", "\(other.scriptCount)"),
      ("calls", "\(callCount)", "\(other.callCount)"), ("world", world, other.world),
      ("shards", "\(shardCount)", "\(other.shardCount)"),
    ] where mine != its {
      throw Mismatch(description: "different \(name): \(mine) and \(its)")
    }
    for (part, run) in other.shards {
      if let twice = shards[part]?.intersection(run).min() {
        throw Mismatch(
          description: "shard \(twice)/\(shardCount) of \(part.contestant) on \(part.kernel)"
            + " is there twice")
      }
      shards[part, default: []].formUnion(run)
    }
    for (entry, tally) in other.tallies { tallies[entry, default: Tally()] += tally }
    witnesses.merge(other.witnesses, uniquingKeysWith: +)
    findings += other.findings
    findings.sort { ($0.entry, $0.index) < ($1.entry, $1.index) }
    let present = Set(shards.keys.map(\.contestant))
    absent.merge(other.absent) { mine, _ in mine }
    absent = absent.filter { !present.contains($0.key) }
  }
}
