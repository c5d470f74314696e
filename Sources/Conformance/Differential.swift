/// The first place where two contestants differ on a script.
public struct Difference: Hashable, Sendable, CustomStringConvertible {
  /// The script, ending with the line where they differ.
  public var script: Script
  /// What the first says: the one that is believed.
  public var expected: Outcome
  /// What the second says.
  public var actual: Outcome

  /// The script, and below it what each of the two says of its last line; how many bytes they saw
  /// where that is not the same.
  public var description: String {
    let counts = (expected.bytes.count, actual.bytes.count)
    let (one, other) =
      counts.0 == counts.1 ? ("", "") : (" of \(counts.0) bytes", " of \(counts.1) bytes")
    return "\(script)# expected \(expected)\(one)\n# actual   \(actual)\(other)\n"
  }
}

extension Difference {
  /// What two differences have in common that one cause explains: the version of type1, the call,
  /// and what of its outcome is not as it should be.
  public struct Kind: Hashable, Sendable {
    /// What of an outcome differs.
    public enum Aspect: Hashable, Sendable {
      /// One is refused and the other is not, or with another number; 0 where nothing is refused.
      case errors(expected: Int64, actual: Int64)
      /// Both are granted, with results that differ: what a device read, how many were pinned.
      case results
      /// The first byte that differs lies in this field of the structure, or behind all of them.
      case field(Int)
    }
    /// 1 or 2.
    public var version: Int
    /// The call.
    public var verb: Verb
    /// What differs.
    public var aspect: Aspect
  }

  /// What this one is.
  public var kind: Kind {
    let verb = script.calls.last?.verb ?? .close
    return Kind(version: script.version, verb: verb, aspect: aspect(of: verb))
  }

  private func aspect(of verb: Verb) -> Kind.Aspect {
    guard expected.result == actual.result else {
      let errors = (max(0, -expected.result), max(0, -actual.result))
      return errors == (0, 0) ? .results : .errors(expected: errors.0, actual: errors.1)
    }
    let both = zip(expected.bytes, actual.bytes)
    let same = both.prefix { $0 == $1 }.count
    // The layout says where a program's own numbers lie; GET_INFO's header has more fields.
    let ends = verb == .getInfo ? [4, 8, 16, 20, 24] : verb.layout.map { $0.offset + $0.count }
    return .field(ends.count { $0 <= same })
  }
}

extension Outcome: CustomStringConvertible {
  /// The result, and the structure's bytes as words where they are not the filling pattern: the
  /// last is shorter where the bytes are no whole words.
  public var description: String {
    guard self != .unseen else { return "unseen" }
    var text = result < 0 ? "errno \(-result)" : "\(result)"
    for start in stride(from: 0, to: bytes.count, by: 4) {
      let word = bytes[start..<min(start + 4, bytes.count)]
      guard word.contains(where: { $0 != 0xa5 }) else { continue }
      text += " \(start):" + String(word.reversed().reduce(0) { $0 << 8 | UInt32($1) }, radix: 16)
    }
    return text
  }
}

extension Script {
  /// Runs the script, then looks at what devices reach; the first difference, if there is one.
  public func firstDifference(
    _ first: inout some Contestant, _ second: inout some Contestant
  ) -> Difference? {
    defer { second.finish() }
    var done = Script(world: world, calls: [])
    for call in calls + probes {
      done.calls.append(call)
      let (expected, actual) = (first.perform(call), second.perform(call))
      if expected != actual && actual != .unseen {
        return Difference(script: done, expected: expected, actual: actual)
      }
    }
    return nil
  }

  /// What every device reads at both ends of the last mappings asked for, and just outside.
  var probes: [Call] {
    var iovas: [UInt64] = []
    for call in calls.reversed() where call.verb == .mapDMA {
      let (iova, size) = (call.numbers[3].value, call.numbers[4].value)
      for iova in [iova, iova &+ size &- 8, iova &- 8, iova &+ size] where !iovas.contains(iova) {
        iovas.append(iova)
      }
      if iovas.count > 32 { break }
    }
    let devices = world.groups.filter { $0.iommu != nil }.flatMap { $0.devices.prefix(1) }
    return devices.flatMap { name in
      iovas.map { Call(.deviceRead, [Number($0 & ~7)], name: name) }
    }
  }
}

/// Runs scripts against the oracle and reports the first difference as small as it gets.
public struct DifferentialRunner<Product: Contestant> {
  private let makeProduct: (World) -> Product
  private let manner: DirtyManner

  /// A runner for one implementation; `makeProduct` gives it at rest.
  public init(manner: DirtyManner = .clean, makeProduct: @escaping (World) -> Product) {
    self.manner = manner
    self.makeProduct = makeProduct
  }

  /// Whether and where the two differ.
  public func difference(_ script: Script) -> Difference? {
    var product = makeProduct(script.world)
    var oracle = Oracle(world: script.world, memoryBase: product.memoryBase, manner: manner)
    return script.firstDifference(&oracle, &product)
  }

  /// The first difference over many scripts, shrunken; nil when there is none.
  public func firstDifference(_ scripts: some Sequence<Script>) -> Difference? {
    for script in scripts {
      guard let found = difference(script) else { continue }
      let small = Shrinker { difference($0)?.kind == found.kind }.shrink(found.script)
      return difference(small) ?? found
    }
    return nil
  }
}
