/// Which part of a run's scripts is one machine's.
public struct Shard: Hashable, Sendable, CustomStringConvertible {
  /// Which part, from 1 to `count`.
  public let number: Int
  /// Parts in all.
  public let count: Int

  /// States a part; nil unless 1 ≤ number ≤ count.
  public init?(_ number: Int, of count: Int) {
    guard number >= 1, number <= count else { return nil }
    (self.number, self.count) = (number, count)
  }
  /// Reads `2/5`.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let number = parts[0], let count = parts[1] else { return nil }
    self.init(number, of: count)
  }
  /// Everything.
  public static let whole = Shard()
  private init() { (number, count) = (1, 1) }
  /// As it is read.
  public var description: String { "\(number)/\(count)" }
  /// Whether the script with this index, counted from 0, is one of this part's.
  public func contains(_ index: Int) -> Bool { index % count == number - 1 }
}

/// What a run is made of: the same campaign gives the same scripts on every machine.
public struct Campaign: Hashable, Sendable {
  /// Where the scripts come from.
  public var seed: UInt64
  /// Scripts in all, over every shard.
  public var scriptCount: Int
  /// Calls a script has at least; the last ones may close and open everything anew.
  public var callCount: Int
  /// The machine that the scripts are written for.
  public var world: World

  /// States a campaign.
  public init(
    seed: UInt64 = 1, scriptCount: Int = 200, callCount: Int = 120, world: World = .lab
  ) {
    self.seed = seed
    self.scriptCount = scriptCount
    self.callCount = callCount
    self.world = world
  }

  /// The script with an index, counted from 0.
  public func script(_ index: Int) -> Script {
    var numbers = SeededNumbers(seed: seed &+ UInt64(index) &* 0xd134_2543_de82_ef95)
    return SeededGenerator.script(seed: numbers.next(), length: callCount, on: world)
  }

  /// The indices of a shard's scripts. Those from `scriptCount` on are the ledger's witnesses.
  func indices(of shard: Shard, witnesses: Int) -> [Int] {
    (0..<scriptCount + witnesses).filter(shard.contains)
  }
}

extension Script {
  /// Which type1 the script is about: that of its first SET_IOMMU.
  public var version: Int {
    calls.first { $0.verb == .setIOMMU }?.numbers.first == 1 ? 1 : 2
  }
}
