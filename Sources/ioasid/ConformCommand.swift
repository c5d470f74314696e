import Conformance
import Glibc

/// `ioasid conform`: the same generated scripts on everybody who answers the legacy calls.
enum ConformCommand {
  struct Arguments: Equatable {
    /// Nil is everybody whom this machine has.
    var contestants: [ContestantName]?
    var campaign = Campaign()
    var shard = Shard.whole
    var script: String?
    var junit: String?
    var results: String?
  }

  static func run(_ words: [String]) throws(Refusal) {
    if words.first == "merge" { return try merge(Array(words.dropFirst())) }
    let arguments = try parse(words)
    if let path = arguments.script { return try replay(path, on: arguments.contestants) }
    let entrants = try entrants(arguments.contestants)
    var campaign = arguments.campaign
    campaign.world = entrants.world
    let comparison = Comparison(
      campaign, shard: arguments.shard, entrants: entrants.present, looks: entrants.looks,
      progress: Progress.show)
    var report = comparison.run()
    Progress.end()
    entrants.restore()
    report.absent = entrants.absent
    if let path = arguments.junit {
      try write(report.junit(shard: "\(arguments.shard)"), to: path)
    }
    if let path = arguments.results { try write("\(report)", to: path) }
    System.say(report.table, to: STDOUT_FILENO)
    if !report.isGood { exit(1) }
  }

  /// Who takes part. Somebody who was named and is not there is a refusal; others are only told of.
  private static func entrants(_ wanted: [ContestantName]?) throws(Refusal) -> Entrants {
    let entrants = Entrants(
      wanted ?? ContestantName.allCases, simulated: RunningMachine.simulatedGroups)
    if wanted != nil || entrants.present.isEmpty,
      let (name, reason) = entrants.absent.min(by: { $0.value < $1.value })
    {
      throw Refusal("no contestant \(name.rawValue) here: \(reason)")
    }
    return entrants
  }

  /// Adds up what several runs have found out.
  private static func merge(_ paths: [String]) throws(Refusal) {
    var junit: String?
    var files: [String] = []
    var rest = paths[...]
    while let word = rest.popFirst() {
      if word == "--junit" {
        guard let path = rest.popFirst() else {
          throw Refusal("--junit needs a value", status: Refusal.usage)
        }
        junit = path
      } else if word.hasPrefix("-") {
        throw Refusal("merge has no option '\(word)': see ioasid --help", status: Refusal.usage)
      } else {
        files.append(word)
      }
    }
    guard let first = files.first else {
      throw Refusal("merge needs the files that --results wrote", status: Refusal.usage)
    }
    var sum = try report(in: first)
    for file in files.dropFirst() {
      let next = try report(in: file)
      do throws(Report.Mismatch) { try sum.add(next) } catch {
        throw Refusal("cannot add \(file): \(error)")
      }
    }
    if let junit { try write(sum.junit(shard: "all"), to: junit) }
    System.say(sum.table, to: STDOUT_FILENO)
    for part in sum.missing { System.say("missing: \(part)\n", to: STDOUT_FILENO) }
    if !sum.isGood || !sum.missing.isEmpty { exit(1) }
  }

  private static func report(in path: String) throws(Refusal) -> Report {
    let text = try read(path)
    do throws(Report.Unreadable) { return try Report(parsing: text) } catch {
      throw Refusal("\(path) is no result of conform: \(error)")
    }
  }

  /// Runs one script from a file and shows the first difference of each contestant.
  private static func replay(_ path: String, on wanted: [ContestantName]?) throws(Refusal) {
    let text = try read(path)
    let entrants = try entrants(wanted)
    defer { entrants.restore() }
    let script: Script
    do throws(ScriptError) { script = try Script(parsing: text, on: entrants.world) } catch {
      throw Refusal("\(path): \(error)")
    }
    var differs = false
    for entrant in entrants.present where entrant.name != .oracle {
      let verdict = Comparison.verdict(of: script, on: entrant)
      differs = differs || verdict.isUndocumented
      System.say("\(entrant.name.rawValue): \(verdict.text)\n", to: STDOUT_FILENO)
    }
    if differs { exit(1) }
  }

  private static func read(_ path: String) throws(Refusal) -> String {
    do throws(System.Failure) {
      return String(decoding: try System.readFile(path), as: UTF8.self)
    } catch { throw Refusal("cannot read \(path): \(error.text)") }
  }

  private static func write(_ text: String, to path: String) throws(Refusal) {
    do throws(System.Failure) { try System.writeFile(path, Array(text.utf8), mode: 0o644) } catch {
      throw Refusal("cannot write \(path): \(error.text)")
    }
  }
}

extension ConformCommand {
  static func parse(_ words: [String]) throws(Refusal) -> Arguments {
    var arguments = Arguments()
    var rest = words[...]
    while let word = rest.popFirst() {
      let (name, joined) = RunCommand.split(word)
      func value() throws(Refusal) -> String {
        guard let value = joined ?? rest.popFirst() else {
          throw Refusal("\(name) needs a value", status: Refusal.usage)
        }
        return value
      }
      func number<Value: FixedWidthInteger>(from least: Value) throws(Refusal) -> Value {
        let text = try value()
        guard let number = Value(text), number >= least else {
          throw Refusal(
            "\(name) takes a number from \(least) on, not '\(text)'", status: Refusal.usage)
        }
        return number
      }
      switch name {
      case "--on": arguments.contestants = try contestants(value())
      case "--seed": arguments.campaign.seed = try number(from: 0)
      case "--scripts": arguments.campaign.scriptCount = try number(from: 1)
      case "--calls": arguments.campaign.callCount = try number(from: 1)
      case "--shard":
        let text = try value()
        guard let shard = Shard(text) else {
          throw Refusal(
            "--shard takes I/N with I from 1 to N, not '\(text)'", status: Refusal.usage)
        }
        arguments.shard = shard
      case "--script": arguments.script = try value()
      case "--junit": arguments.junit = try value()
      case "--results": arguments.results = try value()
      default:
        throw Refusal("conform has no option '\(word)': see ioasid --help", status: Refusal.usage)
      }
    }
    return arguments
  }

  private static func contestants(_ list: String) throws(Refusal) -> [ContestantName] {
    var names: [ContestantName] = []
    for word in list.split(separator: ",", omittingEmptySubsequences: false) {
      guard let name = ContestantName(rawValue: String(word)) else {
        let all = ContestantName.allCases.map(\.rawValue).joined(separator: ", ")
        throw Refusal("no contestant '\(word)': choose of \(all)", status: Refusal.usage)
      }
      if !names.contains(name) { names.append(name) }
    }
    return names
  }
}
