import Conformance
public import Traces

/// Performs a trace against the oracle, which knows containers and groups and no device.
public enum OracleReplay {
  /// Performs all of it, or all up to the first difference, on the lab's machine, its emulated
  /// devices included: on the one without an IOMMU where the trace speaks of such groups.
  public static func run(_ lines: [TraceLine], untilDifference: Bool) -> ReplayReport {
    let isUnprotected = lines.contains { $0.call?.opensUnprotectedGroup ?? false }
    var oracle = OracleConversation(world: isUnprotected ? .unprotected : .labWithPins)
    var report = ReplayReport()
    for (index, line) in lines.enumerated() {
      guard let call = line.call else { continue }
      guard let got = oracle.perform(call) else {
        report.notCovered[call.name, default: 0] += 1
        continue
      }
      report.callCount += 1
      guard got != call else { continue }
      report.differences.append(
        .init(line: index + 1, expected: call.description, got: got.description))
      if untilDifference { break }
    }
    return report
  }
}

extension TracedCall {
  fileprivate var opensUnprotectedGroup: Bool {
    guard operation == .open, case .text(let path)? = arguments.first?.value else { return false }
    return path.starts(with: "/dev/vfio/noiommu-".utf8)
  }

  /// What is called: the request of an ioctl, or the system call.
  fileprivate var name: String {
    guard operation == .ioctl, arguments.count > 1 else { return operation.rawValue }
    return arguments[1].value.description
  }
}
