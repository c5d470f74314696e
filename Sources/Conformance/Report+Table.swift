extension Report {
  /// The table for people, and below it everything that differs.
  public var table: String {
    var lines: [[String]] = [
      ["contestant", "scripts", "calls", "agree", "documented", "undocumented", "looks", "left"]
    ]
    for (entry, tally) in tallies.sorted(by: { $0.key < $1.key }) {
      let isYardstick = entry.part.contestant == .oracle
      lines.append([
        "\(entry)", "\(tally.scripts)", "\(tally.calls)",
        isYardstick ? "the measure" : "\(tally.agreements)",
        "\(tally.documented.values.reduce(0, +))", "\(tally.undocumented)", "\(tally.looks)",
        "\(tally.left)",
      ])
    }
    return Self.columns(lines) + "\n" + notes
  }

  private static func columns(_ lines: [[String]]) -> String {
    let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      let cells = zip(line, widths).enumerated().map { index, cell in
        let fill = String(repeating: " ", count: cell.1 - cell.0.count)
        return index == 0 ? cell.0 + fill : fill + cell.0
      }
      return cells.joined(separator: "  ") + "\n"
    }.joined()
  }

  private var notes: String {
    var text =
      "Seed \(seed), \(scriptCount) scripts of \(callCount) calls on the machine '\(world)'."
      + " Every call is compared with the\noracle's answer to it: result, error number and each"
      + " byte of the caller's structure. looks: what a device reads or\nwrites through the"
      + " map. left: calls not made because a documented difference had parted the states,\nor"
      + " because native type1 would never end.\n"
    if let native = nativeSentence { text += native }
    for (name, reason) in absent.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      text += "skipped: \(name.rawValue): \(reason)\n"
    }
    text += documentedText
    for witness in stale {
      text +=
        "no longer differs: \(witness.contestant.rawValue) and \(witness.row):"
        + " take it out of the ledger\n"
    }
    for finding in findings {
      text +=
        "\nundocumented: \(finding.entry),"
        + " script \(finding.index); replay with ioasid conform --script FILE\n\(finding.text)"
    }
    return text
  }

  /// Others are compared with native type1 through the oracle, as far as that equals it.
  private var nativeSentence: String? {
    let native = tallies.filter { $0.key.part.contestant == .native }.values
    let calls = native.reduce(0) { $0 + $1.calls }
    guard calls > 0, native.allSatisfy({ $0.calls == $0.agreements }) else { return nil }
    return "Native type1 and the oracle gave the same \(calls) answers: who agrees with one agrees"
      + " with the other.\n"
  }

  private var documentedText: String {
    var counts: [String: Int] = [:]
    for tally in tallies.values { counts.merge(tally.documented, uniquingKeysWith: +) }
    let shown = Set(counts.keys).union(witnesses.keys.map(\.row))
    let rows = Ledger.rows.filter { shown.contains($0.name) }
    guard !rows.isEmpty else { return "" }
    var text = "\nDocumented differences, with their sections of MIGRATION.md:\n"
    let lines = rows.map { row in
      [row.name, "\(counts[row.name] ?? 0)", "#" + row.section, row.text]
    }
    let widths = (0..<3).map { column in lines.map { $0[column].count }.max() ?? 0 }
    for line in lines {
      let cells = zip(line, widths).map { cell, width in
        cell + String(repeating: " ", count: width - cell.count)
      }
      text += cells.joined(separator: "  ") + "  " + line[3] + "\n"
    }
    return text
  }
}
