import Glibc

/// `ioasid bench --on native|iommufd`: what MAP_DMA and UNMAP_DMA cost on a real kernel.
///
/// Two boots make one table: the lines that `--on native` prints on a kernel with type1 are what
/// `--on iommufd --native FILE` stands its own figures beside. On a machine that counts
/// instructions for nanoseconds (`Tests/KernelLab/run --count-instructions`) they repeat.
enum CostCommand {
  struct Arguments: Equatable {
    enum Kernel: String { case native, iommufd }
    var kernel = Kernel.native
    var arena = "fresh"
    var group = ""
    var device: String?
    var native: String?
    var printsJSON = false
  }

  static func run(_ words: [String]) throws(Refusal) {
    let arguments = try parse(words)
    let program = try BenchProgram.path()
    var command = [program.measuring, "costs", arguments.arena, arguments.group]
    if let device = arguments.device { command.append(device) }
    switch arguments.kernel {
    case .native:
      System.say(try System.output(of: command), to: STDOUT_FILENO)
    case .iommufd:
      var native = Costs(lines: "")
      if let path = arguments.native {
        do {
          native = Costs(lines: String(decoding: try System.readFile(path), as: UTF8.self))
        } catch {
          throw Refusal("cannot read \(path): \(error.text)")
        }
        guard !native.isEmpty else {
          throw Refusal("\(path) holds no costs: write it with ioasid bench --on native")
        }
      }
      let output = try System.output(
        of: [program.tool, "run", "--backend", "iommufd", "--"] + command)
      let report = CostReport(
        arena: arguments.arena, shim: Costs(lines: output), native: native)
      System.say(arguments.printsJSON ? report.json : report.table, to: STDOUT_FILENO)
    }
  }

  static func parse(_ words: [String]) throws(Refusal) -> Arguments {
    var arguments = Arguments()
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--json" {
        arguments.printsJSON = true
        continue
      }
      guard ["--on", "--arena", "--group", "--device", "--native"].contains(word) else {
        throw Refusal(
          "bench --on has no option '\(word)': see ioasid --help", status: Refusal.usage)
      }
      guard let value = rest.popFirst() else {
        throw Refusal("\(word) needs a value", status: Refusal.usage)
      }
      switch word {
      case "--arena": arguments.arena = value
      case "--group": arguments.group = value
      case "--device": arguments.device = value
      case "--native": arguments.native = value
      default:
        guard let kernel = Arguments.Kernel(rawValue: value) else {
          throw Refusal(
            "bench measures on native or iommufd, not '\(value)'", status: Refusal.usage)
        }
        arguments.kernel = kernel
      }
    }
    try check(arguments)
    return arguments
  }

  private static func check(_ arguments: Arguments) throws(Refusal) {
    guard ["fresh", "huge", "scattered"].contains(arguments.arena) else {
      throw Refusal(
        "no arena '\(arguments.arena)': choose fresh, huge or scattered", status: Refusal.usage)
    }
    guard UInt32(arguments.group) != nil else {
      throw Refusal(
        "bench --on needs --group N, a group bound to vfio-pci: see ioasid doctor",
        status: Refusal.usage)
    }
    guard arguments.kernel == .native || arguments.device != nil else {
      throw Refusal(
        "bench --on iommufd needs --device ADDRESS, a device of another group, for the bare calls",
        status: Refusal.usage)
    }
    guard arguments.kernel == .iommufd || arguments.native == nil && !arguments.printsJSON else {
      throw Refusal(
        "bench --on native prints lines for --native of another run, and takes neither --native "
          + "nor --json", status: Refusal.usage)
    }
  }
}

/// The lines of one run: `SIDE-BYTES-LIVE MAP UNMAP`, each a mean of calls, several of a name.
struct Costs {
  struct Row: Hashable {
    var bytes: UInt64
    var live: Int
  }
  struct Figures: Equatable {
    var map: Double
    var unmap: Double
  }

  private var sides: [Substring: [Row: [Figures]]] = [:]
  /// Every row in the order of the lines.
  private(set) var rows: [Row] = []
  private(set) var noop: Double?

  init(lines: String) {
    for line in lines.split(separator: "\n") {
      let words = line.split(separator: " ")
      let figures = words.dropFirst().compactMap { Double($0) }
      if words.first == "noop", let figure = figures.first { noop = figure }
      let name = words.first?.split(separator: "-") ?? []
      guard name.count == 3, figures.count == 2, let bytes = UInt64(name[1]),
        let live = Int(name[2])
      else { continue }
      let row = Row(bytes: bytes, live: live)
      if !rows.contains(row) { rows.append(row) }
      sides[name[0], default: [:]][row, default: []].append(
        Figures(map: figures[0], unmap: figures[1]))
    }
  }

  var isEmpty: Bool { rows.isEmpty }

  /// The least of one side's runs: the one that no timer tick of the kernel's fell into.
  func least(_ side: Substring, _ row: Row) -> Figures? {
    guard let runs = sides[side]?[row], let first = runs.first else { return nil }
    return runs.reduce(first) { least, run in
      Figures(map: min(least.map, run.map), unmap: min(least.unmap, run.unmap))
    }
  }

  /// The mean of a MAP and its UNMAP over all runs, with whatever comes once in many calls.
  func meanPair(_ side: Substring, _ row: Row) -> Double? {
    guard let runs = sides[side]?[row] else { return nil }
    return runs.reduce(0) { $0 + $1.map + $1.unmap } / Double(runs.count)
  }
}
