extension Report {
  /// The report as a JUnit file: a case for each row of the table and each documented difference.
  public func junit(shard: String) -> String {
    var cases: [(name: String, body: String?)] = []
    for (entry, tally) in tallies.sorted(by: { $0.key < $1.key }) {
      let found = findings.filter { $0.entry == entry }.map(\.text)
      let failure =
        tally.undocumented == 0
        ? nil
        : element(
          "failure", "\(tally.undocumented) undocumented differences",
          found.joined(separator: "\n"))
      cases.append(("\(entry)", failure))
    }
    for (witness, count) in witnesses.sorted(by: { $0.key < $1.key }) {
      let failure = count > 0 ? nil : element("failure", "no longer differs", "")
      cases.append(("\(witness.contestant.rawValue), documented: \(witness.row)", failure))
    }
    for (name, reason) in absent.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      cases.append((name.rawValue, "<skipped message=\"\(Self.escaped(reason))\"/>"))
    }
    let suite = Self.escaped("ioasid conform, shard \(shard), seed \(seed)")
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
    text += "  <testsuite name=\"\(suite)\" tests=\"\(cases.count)\""
    text += " failures=\"\(cases.count { $0.body?.hasPrefix("<failure") ?? false })\""
    text += " skipped=\"\(absent.count)\" errors=\"0\">\n"
    for (name, body) in cases {
      text += "    <testcase classname=\"conform\" name=\"\(Self.escaped(name))\""
      text += body.map { ">\($0)</testcase>\n" } ?? "/>\n"
    }
    return text + "  </testsuite>\n</testsuites>\n"
  }

  private func element(_ name: String, _ message: String, _ text: String) -> String {
    "<\(name) message=\"\(Self.escaped(message))\">\(Self.escaped(text))</\(name)>"
  }

  /// Text as XML has it; what XML cannot hold becomes a question mark.
  static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "\n", "\t": out.unicodeScalars.append(scalar)
      case _ where scalar.value < 0x20 || (0xfffe...0xffff).contains(scalar.value): out += "?"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
