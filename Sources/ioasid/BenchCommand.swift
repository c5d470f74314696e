import Glibc
import PlatformFile
import SimulatedPlatform

/// `ioasid bench`: measures what the product promises about speed and memory.
///
/// The measuring is done by a plain C program beside the tool, run as any program is. Every figure
/// stands beside one measured in the same run, so that a slow machine slows both.
enum BenchCommand {
  /// How much to measure.
  struct Effort {
    /// Processes for each row, and runs in each of them.
    var processes = 3
    var runs = 9
    var starts = 60
    var pairs = 15
    /// Mappings in containers of those sizes.
    var middle = 65_000
    var large = 1_000_000
    /// Pages of 4 KiB that dirty bitmaps count: a terabyte of them.
    var trackedPages = 1 << 28
    /// What the busy neighbour maps.
    var neighbourBytes = 1 << 30
    static let quick = Effort(
      processes: 1, runs: 1, starts: 1, pairs: 1, middle: 6_500, large: 20_000,
      trackedPages: 1 << 20, neighbourBytes: 1 << 24)
  }

  static func run(_ words: [String]) throws(Refusal) {
    if words.contains("--on") { return try CostCommand.run(words) }
    var effort = Effort()
    var printsJSON = false
    for word in words {
      switch word {
      case "--json": printsJSON = true
      case "--quick": effort = .quick
      default:
        throw Refusal("bench has no option '\(word)': see ioasid --help", status: Refusal.usage)
      }
    }
    var bench = Bench(effort: effort, program: try BenchProgram())
    try bench.measure()
    let report = BenchReport(rows: bench.rows, isQuick: effort.processes == 1)
    System.say(printsJSON ? report.json : report.table, to: STDOUT_FILENO)
  }
}

/// The measuring under way.
struct Bench {
  let effort: BenchCommand.Effort
  let program: BenchProgram
  private(set) var rows: [BenchRow] = []

  init(effort: BenchCommand.Effort, program: BenchProgram) {
    self.effort = effort
    self.program = program
  }

  mutating func add(_ row: BenchRow) { rows.append(row) }

  mutating func measure() throws(Refusal) {
    let small = try calls(1000, passes: 40, goal: nil)
    let middle = try calls(effort.middle, passes: 8, goal: 1.3)
    let large = try calls(effort.large, passes: 4, goal: 2.5)
    addGrowth("map", small.map, large.map)
    addGrowth("unmap", small.unmap, large.unmap)
    let scattered = try calls(effort.middle, isScattered: true, passes: 8, goal: nil)
    addMemory("dense", middle)
    addMemory("scattered", scattered)
    try addLookUps()
    try addPins()
    try addCopies()
    try addDirtyPages()
    try addThreads()
    try addForeignIoctl()
    try addStart()
    try addResidentMemory()
    Progress.end()
  }

  /// What one size of container gave.
  private struct Calls {
    let count: Int
    var map: [Double] = []
    var unmap: [Double] = []
    var filledBytes: [Double] = []
    var churnedBytes: [Double] = []
    var filledJournal: [Double] = []
    var churnedJournal: [Double] = []
  }

  private mutating func calls(
    _ count: Int, isScattered: Bool = false, passes: Int, goal: Double?
  ) throws(Refusal) -> Calls {
    var calls = Calls(count: count)
    var nanoseconds: (map: [Double], unmap: [Double]) = ([], [])
    let name = isScattered ? "\(count)-scattered" : "\(count)"
    let batch = count == 1000 ? count : count / 16
    for process in 1...effort.processes {
      Progress.show("\(name) mappings, process \(process) of \(effort.processes)")
      let lines = try program.run(
        ["dma", "\(count)", isScattered ? "1" : "0", "\(effort.runs)", "\(passes)", "\(batch)"],
        inRun: true)
      for run in lines.all("run", of: 3) {
        nanoseconds.map.append(run[1])
        nanoseconds.unmap.append(run[2])
        calls.map.append(run[1] / run[0])
        calls.unmap.append(run[2] / run[0])
      }
      for run in lines.all("filled", of: 3) {
        calls.filledBytes.append(run[1] / run[0])
        calls.filledJournal.append(run[2])
      }
      for run in lines.all("churned", of: 3) {
        calls.churnedBytes.append(run[1] / run[0])
        calls.churnedJournal.append(run[2])
      }
    }
    for (call, ratios, times) in [
      ("map", calls.map, nanoseconds.map), ("unmap", calls.unmap, nanoseconds.unmap),
    ] {
      rows.append(
        BenchRow(
          name: "\(call)-\(name)", against: "a no-op ioctl on /dev/null", ratios: ratios,
          figures: times, unit: "ns", goal: goal.map { .ratio($0) }))
    }
    return calls
  }

  /// How much slower a call is among a million mappings than among a thousand.
  private mutating func addGrowth(_ call: String, _ small: [Double], _ large: [Double]) {
    let base = Statistics(small).median
    rows.append(
      BenchRow(
        name: "\(call)-growth", against: "the same among 1000 mappings",
        ratios: large.map { $0 / base }, goal: .ratio(3)))
  }

  /// What a mapping takes, over the 24 bytes of its start, end and memory.
  private mutating func addMemory(_ name: String, _ calls: Calls) {
    for (when, bytes) in [("", calls.filledBytes), ("-after-churn", calls.churnedBytes)] {
      rows.append(
        BenchRow(
          name: "memory-\(name)\(when)", against: "three words", ratios: bytes.map { $0 / 24 },
          figures: bytes, unit: "bytes a mapping", goal: .figure(64)))
    }
    rows.append(
      BenchRow(
        name: "journal-\(name)-after-churn", against: "the journal before",
        ratios: zip(calls.churnedJournal, calls.filledJournal).map { $0 / $1 },
        figures: calls.churnedJournal.map { $0 / Double(calls.count) }, unit: "bytes a mapping"))
  }

  private mutating func addLookUps() throws(Refusal) {
    for (count, goal) in [(effort.middle, 10.0), (effort.large, 20.0)] {
      Progress.show("look-ups among \(count) mappings")
      let runs = try LookUps.measure(count, runs: effort.processes * effort.runs)
      rows.append(
        BenchRow(
          name: "look-up-\(count)", against: "a no-op ioctl on /dev/null",
          ratios: runs.map { $0.lookUp / $0.noop }, figures: runs.map(\.lookUp), unit: "ns",
          goal: .figure(goal)))
    }
  }

  /// The same program with and without us, in turn, the order changing.
  private mutating func addForeignIoctl() throws(Refusal) {
    var (ratios, differences): ([Double], [Double]) = ([], [])
    for pair in 0..<effort.pairs {
      Progress.show("other ioctls, pair \(pair + 1) of \(effort.pairs)")
      var medians = [0.0, 0.0]
      for inRun in pair % 2 == 0 ? [false, true] : [true, false] {
        let lines = try program.run(["ioctl", "21"], inRun: inRun)
        medians[inRun ? 1 : 0] = Statistics(lines.all("run", of: 1).map { $0[0] }).median
      }
      ratios.append(medians[1] / medians[0])
      differences.append(medians[1] - medians[0])
    }
    rows.append(
      BenchRow(
        name: "other-ioctl", against: "the same without ioasid", ratios: ratios,
        figures: differences, unit: "ns more", goal: .figure(2)))
  }

  private mutating func addStart() throws(Refusal) {
    Progress.show("process starts")
    let runs = try program.run(["starts", "\(effort.starts)"], inRun: true).all("run", of: 2)
    rows.append(
      BenchRow(
        name: "process-start", against: "the same without the preload",
        ratios: runs.map { $0[1] / $0[0] }, figures: runs.map { ($0[1] - $0[0]) / 1e6 },
        unit: "ms more", goal: .figure(0.15)))
  }

  private mutating func addResidentMemory() throws(Refusal) {
    var (ratios, differences): ([Double], [Double]) = ([], [])
    for pair in 0..<effort.pairs {
      Progress.show("resident memory, pair \(pair + 1) of \(effort.pairs)")
      func resident(_ inRun: Bool) throws(Refusal) -> Double {
        try program.run(["rest"], inRun: inRun).all("resident", of: 1).first?[0] ?? 0
      }
      let (without, with) = (try resident(false), try resident(true))
      ratios.append(with / without)
      differences.append((with - without) / 1000)
    }
    rows.append(
      BenchRow(
        name: "resident-memory", against: "the same without ioasid", ratios: ratios,
        figures: differences, unit: "KB more", goal: .figure(100)))
  }
}
