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
/// Each process of the trace is a process here. Calls are made one after the other, in the order of
/// the lines. A trace does not say how a file came to a process that did not open it (fork, exec, a
/// socket): it is handed over when it is first needed, or before the last other process that has it
/// closes it. A process ends after its last line.
public struct Replay {
  private let lines: [TraceLine]
  private var first: ReplayProcess
  private var others: [Int: OtherProcess] = [:]
  /// Which files each process has.
  private var holdings: [Int: Set<TracedHandle>] = [:]
  /// The index of each process's last line.
  private var ends: [Int: Int] = [:]

  /// Makes room for what the trace speaks of, and its processes. Throws the errno of mmap(2) or
  /// fork(2).
  public init(_ lines: [TraceLine]) throws(Errno) {
    self.lines = lines
    CallerMemory.installFaultGuard()
    first = try ReplayProcess(RegionPlan(lines.compactMap(\.call)))
    for (index, line) in lines.enumerated() {
      if let process = line.call?.process { ends[process] = index }
    }
    for process in ends.keys where process > 1 {
      guard let other = OtherProcess(lines, like: first) else { throw Errno(rawValue: 11) }
      others[process] = other
    }
  }

  /// Performs all of it, or all up to the first difference.
  public mutating func run(untilDifference: Bool) -> ReplayReport {
    var report = ReplayReport()
    for (index, line) in lines.enumerated() {
      guard let call = line.call else { continue }
      report.callCount += 1
      let expected = call.description
      let got = perform(call, index)
      if got != expected {
        report.differences.append(.init(line: index + 1, expected: expected, got: got))
        if untilDifference { break }
      }
      if ends[call.process] == index { end(call.process, index) }
    }
    for other in others.values { other.end() }
    others = [:]
    return report
  }

  private mutating func perform(_ call: TracedCall, _ index: Int) -> String {
    for case .handle(let handle) in call.values {
      if case .event = handle { continue }
      provide(handle, to: call.process)
    }
    if call.operation == .close, let handle = call.handle {
      keep(handle, of: call.process, index)
      holdings[call.process]?.remove(handle)
    }
    if case .value(.handle(let handle)) = call.result {
      holdings[call.process, default: []].insert(handle)
    }
    guard call.process > 1 else { return Self.tell(first.perform(call)) }
    return others[call.process]?.perform(index) ?? "(not made: no such process)"
  }

  static func tell(_ result: Result<TracedCall, Obstacle>) -> String {
    switch result {
    case .success(let call): call.description
    case .failure(let obstacle): "(not made: \(obstacle.reason))"
    }
  }

  // MARK: - Files that come from elsewhere

  /// Sees to it that a process has a file, if any has.
  private mutating func provide(_ handle: TracedHandle, to process: Int) {
    guard holdings[process]?.contains(handle) != true else { return }
    for (holder, files) in holdings.sorted(by: { $0.key < $1.key }) where holder != process {
      guard let theirs = files.first(where: { $0.isSameFile(as: handle) }),
        let descriptor = give(theirs, of: holder)
      else { continue }
      if process == 1 {
        first.take(handle, descriptor)
      } else {
        others[process]?.take(handle, descriptor)
        if holder > 1 { _ = clinux_libc_close(descriptor) }
      }
      holdings[process, default: []].insert(handle)
      return
    }
  }

  /// A descriptor of a file that a process has; in the first process when another has it.
  private func give(_ handle: TracedHandle, of holder: Int) -> Int32? {
    guard holder == 1 else { return others[holder]?.give(handle) }
    return first.number(of: handle)
  }

  /// Before a process closes a file: hands it over to those that will use it.
  private mutating func keep(_ handle: TracedHandle, of process: Int, _ index: Int) {
    guard ends.count > 1 else { return }
    for line in lines[(index + 1)...] {
      guard let call = line.call else { continue }
      if call.process != process,
        call.values.contains(where: {
          if case .handle(let other) = $0 { other.isSameFile(as: handle) } else { false }
        })
      {
        provide(handle, to: call.process)
      }
      // From here on the name stands for another opening.
      if case .value(.handle(let opened)) = call.result, opened.isSameFile(as: handle) { return }
    }
  }

  private mutating func end(_ process: Int, _ index: Int) {
    for handle in holdings[process] ?? [] { keep(handle, of: process, index) }
    holdings[process] = nil
    if process == 1 {
      first.end()
    } else {
      others.removeValue(forKey: process)?.end()
    }
  }
}

extension TracedHandle {
  /// Whether two processes may call one file so: each counts its own opens of a device.
  fileprivate func isSameFile(as other: TracedHandle) -> Bool {
    guard case .device(let name, _) = self, case .device(let theirs, _) = other else {
      return self == other
    }
    return name == theirs
  }
}

extension TraceLine {
  var call: TracedCall? {
    guard case .call(let call) = self else { return nil }
    return call
  }
}
