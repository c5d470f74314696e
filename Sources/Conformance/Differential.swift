/// The first place where two contestants differ on a script.
public struct Difference: Hashable, Sendable, CustomStringConvertible {
  /// The script, ending with the line where they differ.
  public var script: Script
  /// What the first says: the one that is believed.
  public var expected: Outcome
  /// What the second says.
  public var actual: Outcome

  /// The script, and below it what each of the two says of its last line.
  public var description: String {
    "\(script)# expected \(expected)\n# actual   \(actual)\n"
  }
}

extension Outcome: CustomStringConvertible {
  /// The result, and the structure's bytes as words where they are not the filling pattern.
  public var description: String {
    var text = result < 0 ? "errno \(-result)" : "\(result)"
    for start in stride(from: 0, to: bytes.count - 3, by: 4) {
      let word = (0..<4).reduce(0 as UInt32) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }
      if word != 0xa5a5_a5a5 { text += " \(start):" + String(word, radix: 16) }
    }
    return text
  }
}

extension Script {
  /// Runs the script, then looks at what devices reach; the first difference, if there is one.
  public func firstDifference(
    _ first: inout some Contestant, _ second: inout some Contestant
  ) -> Difference? {
    var done = Script(world: world, calls: [])
    for call in calls + probes {
      done.calls.append(call)
      let (expected, actual) = (first.perform(call), second.perform(call))
      if expected != actual {
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
      let small = Shrinker { difference($0) != nil }.shrink(found.script)
      return difference(small) ?? found
    }
    return nil
  }
}
