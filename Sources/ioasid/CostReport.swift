/// What calls cost through the shim, beside the bare kernel's and native type1's.
struct CostReport {
  struct Line {
    var call: String
    var row: Costs.Row
    var shim: Double
    /// IOMMU_IOAS_MAP or IOMMU_IOAS_UNMAP on an iommufd of the program's own.
    var bare: Double
    /// MAP_DMA or UNMAP_DMA on that iommufd, which asks the kernel for a little less.
    var sent: Double
    /// Native type1's; nil where it was not measured.
    var native: Double?
    /// What the ratio to native may be at most.
    var goal: Double?
    /// How many calls the figures are of: the goal is for one.
    var calls = 1.0

    /// What the shim adds to what it asks of the kernel.
    var own: Double { shim - sent }
    /// What a program pays over one that was ported.
    var overBare: Double { shim - bare }
    var ratio: Double? { native.map { shim / $0 } }
    var floor: Double? { native.map { bare / $0 } }
    var meetsGoals: Bool {
      max(own, overBare) <= calls * CostReport.ownMost
        && (ratio.flatMap { ratio in goal.map { ratio <= $0 } } ?? true)
    }
    var name: String { "\(call) \(CostReport.words(row.bytes)), \(row.live) live" }
  }

  /// The instructions that the shim may add to a call, whatever its size and whichever way the bare
  /// kernel is asked.
  static let ownMost = 500.0
  /// On fresh pages, by size: the most that a call may cost over native type1's.
  private static let goals: [UInt64: (map: Double, unmap: Double)] = [
    4 << 10: (2.0, 2.05), 64 << 10: (0.90, 1.22), 2 << 20: (0.485, 0.80),
    256 << 20: (0.465, 0.77),
  ]
  /// The size whose runs are many enough for what comes once in twenty thousand calls.
  private static let manyRuns: UInt64 = 4 << 10

  let arena: String
  let noop: Double?
  private(set) var lines: [Line] = []

  init(arena: String, shim costs: Costs, native: Costs) {
    self.arena = arena
    noop = costs.noop
    for row in costs.rows {
      guard let shim = costs.least("legacy", row), let bare = costs.least("bare", row),
        let sent = costs.least("sent", row)
      else { continue }
      let other = native.least("legacy", row)
      let goal = arena == "fresh" ? Self.goals[row.bytes] : nil
      lines.append(
        Line(
          call: "MAP", row: row, shim: shim.map, bare: bare.map, sent: sent.map,
          native: other?.map, goal: goal?.map))
      lines.append(
        Line(
          call: "UNMAP", row: row, shim: shim.unmap, bare: bare.unmap, sent: sent.unmap,
          native: other?.unmap, goal: goal?.unmap))
    }
    for row in costs.rows where row.bytes == Self.manyRuns {
      guard let shim = costs.meanPair("legacy", row), let bare = costs.meanPair("bare", row),
        let sent = costs.meanPair("sent", row)
      else { continue }
      lines.append(
        Line(
          call: "both", row: row, shim: shim, bare: bare, sent: sent,
          native: native.meanPair("legacy", row), calls: 2))
    }
  }

  var table: String {
    var cells = [
      [
        "call", "shim", "legacy call sent", "shim's own", "bare kernel", "over it",
        "native type1", "ratio", "floor", "goal", "",
      ]
    ]
    for line in lines {
      cells.append([
        line.name, whole(line.shim), whole(line.sent), whole(line.own), whole(line.bare),
        whole(line.overBare), line.native.map(whole) ?? "", line.ratio.map(ratio) ?? "",
        line.floor.map(ratio) ?? "", line.goal.map { "≤ \(ratio($0))" } ?? "",
        line.meetsGoals ? "met" : "missed",
      ])
    }
    return TextTable.lines(cells) + "\n" + notes
  }

  private var notes: String {
    """
    Nanoseconds a call; on a machine that counts instructions for nanoseconds, instructions.
    Memory: \(arena) pages. A no-op ioctl alone: \(noop.map(whole) ?? "?"). Legacy call sent:
    MAP_DMA and UNMAP_DMA, as the shim sends them, to an iommufd of the program's own, over the same
    memory in the same process; bare kernel: IOMMU_IOAS_MAP and IOMMU_IOAS_UNMAP there, which a
    ported program calls. Each the least of many runs: one without a timer tick. "both": a MAP and
    its UNMAP, the mean of all runs, with ticks and what comes once in many calls. Ratio: shim over
    native type1; floor: bare kernel over native type1. Goals: the ratio, and at most
    \(whole(Self.ownMost)) a call over either.

    """
  }

  var json: String {
    let objects = lines.map { line in
      var fields = [
        "\"call\": \"\(line.call)\"", "\"bytes\": \(line.row.bytes)", "\"live\": \(line.row.live)",
        "\"shim\": \(whole(line.shim))", "\"bare\": \(whole(line.bare))",
        "\"sent\": \(whole(line.sent))",
      ]
      if let native = line.native { fields.append("\"native\": \(whole(native))") }
      if let goal = line.goal { fields.append("\"goalRatio\": \(goal)") }
      fields.append("\"isMet\": \(line.meetsGoals)")
      return "    {" + fields.joined(separator: ", ") + "}"
    }
    return """
      {
        "arena": "\(arena)",
        "rows": [
      \(objects.joined(separator: ",\n"))
        ]
      }

      """
  }

  static func words(_ bytes: UInt64) -> String {
    bytes >= 1 << 20 ? "\(bytes >> 20)M" : "\(bytes >> 10)K"
  }

  private func whole(_ number: Double) -> String { "\(Int(number.rounded()))" }
  private func ratio(_ number: Double) -> String { "\((number * 1000).rounded() / 1000)" }
}
