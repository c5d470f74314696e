import CLinux
public import DMATypes
public import Traces
import UAPI

/// Why a call of a trace cannot be made here.
struct Obstacle: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

/// What came of a trace that was performed again.
public struct ReplayReport: Hashable, Sendable {
  /// A call that was answered otherwise than the trace has it.
  public struct Difference: Hashable, Sendable {
    /// The line of the trace, from 1.
    public var line: Int
    /// What stands there.
    public var expected: String
    /// What it would be here, or why the call could not be made.
    public var got: String

    /// States one.
    public init(line: Int, expected: String, got: String) {
      self.line = line
      self.expected = expected
      self.got = got
    }
  }

  /// Calls made.
  public var callCount = 0
  /// In the order of the trace. What follows the first may only be an echo of it.
  public var differences: [Difference] = []
  /// Calls that the implementation has no word for, by name, with their number: the oracle's.
  public var notCovered: [String: Int] = [:]

  /// Nothing yet.
  public init() {}
}

/// Performs a trace against whatever answers this process's calls: the kernel, or a run of ours.
///
/// Each process of the trace is a process here, forked from the first at its first call, so that it
/// has what that one has. Calls are made one after the other, in the order of the lines.
public struct Replay: ~Copyable {
  private let lines: [TraceLine]
  private var first: ReplayProcess
  private var others = OtherProcesses()

  /// Makes room for what the trace speaks of. Throws the errno of mmap(2).
  public init(_ lines: [TraceLine]) throws(Errno) {
    self.lines = lines
    CallerMemory.installFaultGuard()
    first = try ReplayProcess(RegionPlan(lines.compactMap(\.call)))
  }

  /// Performs all of it, or all up to the first difference.
  public mutating func run(untilDifference: Bool) -> ReplayReport {
    var report = ReplayReport()
    for (index, line) in lines.enumerated() {
      guard let call = line.call else { continue }
      report.callCount += 1
      let expected = call.description
      let got = perform(call, index)
      if got == expected { continue }
      report.differences.append(.init(line: index + 1, expected: expected, got: got))
      if untilDifference { break }
    }
    others.end()
    return report
  }

  private mutating func perform(_ call: TracedCall, _ index: Int) -> String {
    guard call.process > 1 else { return Self.tell(first.perform(call)) }
    return others.perform(call, index, lines, forkedFrom: first)
  }

  static func tell(_ result: Result<TracedCall, Obstacle>) -> String {
    switch result {
    case .success(let call): call.description
    case .failure(let obstacle): "(not made: \(obstacle.reason))"
    }
  }
}

extension TraceLine {
  var call: TracedCall? {
    guard case .call(let call) = self else { return nil }
    return call
  }
}
