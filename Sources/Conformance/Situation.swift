/// A call on which a contestant and the oracle differ, and all that led to it.
public struct Situation {
  /// The call.
  public let call: Call
  /// The oracle as it was before the call.
  let oracle: Oracle
  /// The calls before it, with what they did according to the oracle.
  let past: [(call: Call, outcome: Outcome)]
  /// How the oracle reports dirty pages.
  let manner: DirtyManner
  /// What the oracle says.
  public let expected: Outcome
  /// What the contestant says.
  public let actual: Outcome
}

/// What the ledger asks of a situation.
extension Situation {
  /// The container that the call is made on; nil for other files.
  var container: OracleContainer? {
    guard case .container(let index) = oracle.files[call.on] else { return nil }
    return oracle.containers[index]
  }

  var isOnContainer: Bool { container != nil }
  /// Whether the container has no driver yet.
  var isBeforeDriver: Bool { container.map { $0.version == nil } ?? false }
  /// Whether type1 answers the call on this container.
  func isType1(_ verb: Verb) -> Bool {
    call.verb == verb && container.map { $0.version != nil } ?? false
  }
  var isVersion1: Bool { container?.version == 1 }

  /// The error number, or 0 for a success.
  var expectedError: Int64 { max(0, -expected.result) }
  var actualError: Int64 { max(0, -actual.result) }
  func errors(_ expected: Set<Int64>, _ actual: Set<Int64>) -> Bool {
    expected.contains(expectedError) && actual.contains(actualError)
  }

  /// A number of the call as the kernel sees it.
  func field(_ index: Int) -> UInt64 { call.numbers[index].resolved(oracle.memoryBase) }

  /// UNMAP's `size` in an outcome's structure; nil where nobody could see it.
  func size(in outcome: Outcome) -> UInt64? {
    guard outcome.bytes.count >= 24 else { return nil }
    return outcome.bytes[16..<24].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Whether the two structures are alike but for UNMAP's `size`.
  var differsInSizeOnly: Bool {
    var (one, other) = (expected.bytes, actual.bytes)
    guard one.count == other.count, one.count >= 24 else { return one.isEmpty || other.isEmpty }
    one.replaceSubrange(16..<24, with: other[16..<24])
    other = actual.bytes
    return one == other
  }

  /// Whether a device of a group in the call's container is open.
  var hasOpenDevice: Bool {
    guard case .container(let index) = oracle.files[call.on] else { return false }
    return oracle.groups.contains { $0.container == index && !$0.openDevices.isEmpty }
  }

  /// Whether some group or device was closed or taken out earlier.
  var somethingLeft: Bool {
    past.contains { line in
      line.outcome.result == 0 && (line.call.verb == .unsetContainer || line.call.verb == .close)
    }
  }
}
