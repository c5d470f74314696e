/// Makes a failing script small: drops runs of lines, then simplifies what is left, for as long as
/// it still fails.
public struct Shrinker {
  private let fails: (Script) -> Bool

  /// A shrinker for scripts of which `fails` says that they (still) fail.
  public init(fails: @escaping (Script) -> Bool) { self.fails = fails }

  /// The smallest failing script found; the script itself when it does not fail.
  public func shrink(_ script: Script) -> Script {
    guard fails(script) else { return script }
    var best = script
    while true {
      let before = best
      dropLines(&best)
      simplifyLines(&best)
      if best == before { return best }
    }
  }

  private func dropLines(_ best: inout Script) {
    var count = best.calls.count / 2
    while count > 0 {
      // From the end: late lines need early ones, not the other way about.
      var start = best.calls.count - count
      while start >= 0 {
        var candidate = best
        candidate.calls.removeSubrange(start..<start + count)
        if fails(candidate) { best = candidate }
        start = min(start - count, best.calls.count - count)
      }
      count /= 2
    }
  }

  private func simplifyLines(_ best: inout Script) {
    for line in best.calls.indices {
      for simpler in Self.simpler(best.calls[line]) {
        var candidate = best
        candidate.calls[line] = simpler
        if fails(candidate) { best = candidate }
      }
    }
  }

  /// Simpler lines to try, each different in one thing.
  private static func simpler(_ call: Call) -> [Call] {
    var lines: [Call] = []
    if call.place != .plain {
      var line = call
      line.place = .plain
      lines.append(line)
    }
    for (index, number) in call.numbers.enumerated() {
      for value in simpler(number) {
        var line = call
        line.numbers[index] = value
        lines.append(line)
      }
    }
    return lines
  }

  private static func simpler(_ number: Number) -> [Number] {
    var values: [Number] = []
    for value in [0, 1, 0x1000, 0x2000, 0x1_0000, number.value / 2 & ~0xfff]
    where value < number.value {
      values.append(number.inMemory ? .memory(value) : Number(value))
    }
    if number.inMemory && number.value > 0x1_4000 { values.append(.memory(0x1_4000)) }
    return values
  }
}
