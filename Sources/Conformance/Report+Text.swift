/// A report as lines of text, for runs that are added up elsewhere: what `description` prints,
/// `init(parsing:)` reads.
///
/// `ioasid-conform 1`, then a line a fact: a word, then `name=value` pairs, a text last. After a
/// finding comes its script, each line behind `| `.
extension Report: CustomStringConvertible {
  private static let heading = "ioasid-conform 1"

  /// The text.
  public var description: String {
    var lines = [
      Self.heading,
      "campaign seed=\(seed) scripts=\(scriptCount) calls=\(callCount) shards=\(shardCount)"
        + " world=\(world)",
    ]
    for (part, run) in shards.sorted(by: { $0.key < $1.key }) {
      for shard in run.sorted() {
        lines.append("ran who=\(part.contestant.rawValue) kernel=\(part.kernel) shard=\(shard)")
      }
    }
    for (entry, tally) in tallies.sorted(by: { $0.key < $1.key }) {
      let who = Self.words(for: entry)
      lines.append(
        "tally \(who) scripts=\(tally.scripts) agreements=\(tally.agreements)"
          + " undocumented=\(tally.undocumented) looks=\(tally.looks) left=\(tally.left)")
      for (row, count) in tally.documented.sorted(by: { $0.key < $1.key }) {
        lines.append("documented \(who) count=\(count) row=\(row)")
      }
    }
    for (witness, count) in witnesses.sorted(by: { $0.key < $1.key }) {
      lines.append(
        "witness who=\(witness.contestant.rawValue) differs=\(count) row=\(witness.row)")
    }
    for (name, reason) in absent.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      lines.append("absent who=\(name.rawValue) reason=\(reason)")
    }
    for finding in findings {
      lines.append(
        "finding \(Self.words(for: finding.entry)) script=\(finding.index)")
      lines += finding.text.split(separator: "\n").map { "| \($0)" }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func words(for entry: Entry) -> String {
    "who=\(entry.part.contestant.rawValue) kernel=\(entry.part.kernel) version=\(entry.version)"
  }

  /// Why a text is no report.
  public struct Unreadable: Error, Hashable, CustomStringConvertible {
    /// A sentence with the line's number.
    public var description: String
  }

  /// Reads a report.
  public init(parsing text: String) throws(Unreadable) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.first == Self.heading[...] else {
      throw Unreadable(description: "its first line is not '\(Self.heading)'")
    }
    var report: Report?
    for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty {
      do throws(Facts.Missing) {
        let facts = Facts(line)
        if facts.word == "campaign" {
          report = try Self.campaign(facts)
        } else if report == nil {
          throw Facts.Missing(what: "campaign")
        } else {
          try report?.take(facts)
        }
      } catch {
        throw Unreadable(description: "line \(index + 1): no \(error.what)")
      }
    }
    guard let report else { throw Unreadable(description: "it names no campaign") }
    self = report
  }

  private static func campaign(_ facts: Facts) throws(Facts.Missing) -> Report {
    let campaign = Campaign(
      seed: try facts.number("seed"), scriptCount: try facts.number("scripts"),
      callCount: try facts.number("calls"))
    var report = Report(campaign, shardCount: try facts.number("shards"))
    report.world = try facts.text("world")
    guard report.shardCount > 0 else { throw Facts.Missing(what: "shards") }
    return report
  }

  private mutating func take(_ facts: Facts) throws(Facts.Missing) {
    switch facts.word {
    case "ran":
      shards[try facts.part, default: []].insert(try facts.number("shard"))
    case "tally":
      var tally = Tally()
      tally.scripts = try facts.number("scripts")
      tally.agreements = try facts.number("agreements")
      tally.undocumented = try facts.number("undocumented")
      tally.looks = try facts.number("looks")
      tally.left = try facts.number("left")
      tallies[try facts.entry] = tally
    case "documented":
      tallies[try facts.entry, default: Tally()].documented[try facts.text("row")] =
        try facts.number("count")
    case "witness":
      let witness = Witness(row: try facts.text("row"), contestant: try facts.contestant)
      witnesses[witness] = try facts.number("differs")
    case "absent": absent[try facts.contestant] = try facts.text("reason")
    case "finding":
      findings.append(Finding(entry: try facts.entry, index: try facts.number("script"), text: ""))
    case "|" where !findings.isEmpty:
      findings[findings.count - 1].text += facts.line.dropFirst(2) + "\n"
    default: throw Facts.Missing(what: "such fact as '\(facts.word)'")
    }
  }
}

/// One line of a report.
private struct Facts {
  struct Missing: Error { var what: String }

  var line: Substring
  var word: Substring { line.prefix { $0 != " " } }

  init(_ line: Substring) { self.line = line }

  /// A value: up to the next blank; of `reason` and `row`, which come last, up to the end.
  func text(_ name: String) throws(Missing) -> String {
    guard let range = line.firstRange(of: " \(name)=") else { throw Missing(what: name) }
    let rest = line[range.upperBound...]
    return String(name == "reason" || name == "row" ? rest : rest.prefix { $0 != " " })
  }

  func number<Value: FixedWidthInteger>(_ name: String) throws(Missing) -> Value {
    guard let value = Value(try text(name)) else { throw Missing(what: name) }
    return value
  }

  var contestant: ContestantName {
    get throws(Missing) {
      guard let name = ContestantName(rawValue: try text("who")) else { throw Missing(what: "who") }
      return name
    }
  }

  var part: Part {
    get throws(Missing) { Part(try contestant, on: try text("kernel")) }
  }

  var entry: Entry {
    get throws(Missing) { Entry(try part, version: try number("version")) }
  }
}
