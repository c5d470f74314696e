import Foundation
import SeededRandom
import Synchronization
import Testing

@testable import Conformance
@testable import SharedMachine

/// Calls of threads in one container, each with the time from its beginning to its end: there must
/// be an order of single moments within those times in which the oracle answers the same.
@Suite(.serialized) struct LinearizabilityTests {
  @Test(
    "Eight threads in one container do as if one after another", arguments: [1, 3] as [UInt64],
    0..<4 as Range<UInt64>)
  func eightThreads(type: UInt64, batch: UInt64) throws {
    let run = try Run(mappingLimit: Self.limit)
    let client = try Client(in: run, type: type)
    let machines = [client.machine, try run.process()]
    let memory = Pages(4)
    for seed in batch * 25..<(batch + 1) * 25 {
      let history = history(seed: seed, threadCount: 8, client, machines, memory)
      #expect(Self.isLinearizable(history, type: type), "seed \(seed), type \(type):\n\(history)")
      _ = client.unmap(0, all: true)
    }
  }

  @Test("A search takes an order that the times allow, and no other")
  func search() {
    func call(_ work: Work, _ times: ClosedRange<Int>, _ result: Int) -> TimedCall {
      TimedCall(work: work, times: times, result: result)
    }
    let map = Work.map(0, 1)
    // Both succeeded, so an UNMAP was between; there is time for it only in the first.
    let unmap = Work.unmap(0, 1)
    #expect(
      Self.isLinearizable([call(map, 0...1, 0), call(map, 4...5, 0), call(unmap, 2...6, 4096)]))
    #expect(
      !Self.isLinearizable([call(map, 0...1, 0), call(map, 4...5, 0), call(unmap, 6...7, 4096)]))
    #expect(Self.isLinearizable([call(map, 0...2, 0), call(map, 1...3, -17)]))
    #expect(Self.isLinearizable([call(map, 0...2, -17), call(map, 1...3, 0)]))
    #expect(!Self.isLinearizable([call(map, 0...1, -17), call(map, 2...3, 0)]))
    #expect(!Self.isLinearizable([call(map, 0...2, -17), call(map, 1...3, -17)]))
  }

  // MARK: - Histories

  private static let limit: UInt32 = 5

  /// What a thread asks for, in pages.
  enum Work: Hashable, Sendable {
    case map(UInt64, UInt64)
    case unmap(UInt64, UInt64)
    case unmapAll
  }

  /// A call as it was made, and its result: bytes of an UNMAP, or −errno.
  struct TimedCall: Hashable, Sendable {
    var work: Work
    var times: ClosedRange<Int>
    var result: Int
  }

  private func history(
    seed: UInt64, threadCount: Int, _ client: Client, _ machines: [Machine], _ memory: Pages
  ) -> [TimedCall] {
    let clock = Atomic(0)
    let ready = Atomic(0)
    let calls = Calls()
    threads(threadCount) { thread in
      var random = SplitMix64(seed: seed &* 64 &+ UInt64(thread))
      let works = (0..<3).map { _ in Self.work(&random) }
      var own: [TimedCall] = []
      ready.add(1, ordering: .acquiringAndReleasing)
      // Nobody begins before all are there, or each would be alone.
      while ready.load(ordering: .acquiring) < threadCount { sched_yield() }
      for work in works {
        let start = clock.add(1, ordering: .sequentiallyConsistent).oldValue
        let result = Self.perform(work, client, machines[thread % machines.count], memory)
        let end = clock.add(1, ordering: .sequentiallyConsistent).oldValue
        own.append(TimedCall(work: work, times: start...end, result: result))
      }
      calls.add(own)
    }
    return calls.all.sorted { $0.times.lowerBound < $1.times.lowerBound }
  }

  private static func work(_ random: inout SplitMix64) -> Work {
    let (page, count) = (random.next() % 6, random.next() % 3 + 1)
    switch random.next() % 9 {
    case 0: return .unmapAll
    case 1...3: return .unmap(page, count)
    default: return .map(page, count)
    }
  }

  private static func perform(
    _ work: Work, _ client: Client, _ machine: Machine, _ memory: Pages
  ) -> Int {
    switch work {
    case .map(let page, let count):
      client.map(page << 12, pages: count, memory.address, by: machine)
    case .unmap(let page, let count): client.unmap(page << 12, pages: count, by: machine)
    case .unmapAll: client.unmap(0, all: true, by: machine)
    }
  }

  // MARK: - The search

  /// Whether the oracle, asked in some order that the times allow, answers as was answered.
  static func isLinearizable(_ history: [TimedCall], type: UInt64 = 3) -> Bool {
    var world = World.lab
    world.entryLimit = limit
    var oracle = Oracle(world: world)
    for call in [
      Call(.openContainer, into: 0), Call(.openGroup, into: 1, [3]),
      Call(.setContainer, on: 1, other: .descriptor(0)), Call(.setIOMMU, on: 0, [Number(type)]),
    ] { #expect(oracle.perform(call).result == 0) }
    var search = Search(history: history)
    return search.finishes(oracle, left: Set(history.indices))
  }

  /// Wing and Gong's search, which remembers where it has been.
  private struct Search {
    struct Position: Hashable {
      var left: Set<Int>
      /// Starts and sizes.
      var mappings: [UInt64: UInt64]
    }
    let history: [TimedCall]
    var seen: Set<Position> = []

    init(history: [TimedCall]) { self.history = history }

    mutating func finishes(_ oracle: Oracle, left: Set<Int>) -> Bool {
      if left.isEmpty { return true }
      let mappings = oracle.containers[0].mappings.map { ($0.iova.start, $0.size) }
      let position = Position(left: left, mappings: Dictionary(uniqueKeysWithValues: mappings))
      guard seen.insert(position).inserted else { return false }
      let firstEnd = left.map { history[$0].times.upperBound }.min() ?? 0
      for index in left.sorted() where history[index].times.lowerBound < firstEnd {
        var next = oracle
        guard answer(&next, history[index].work) == history[index].result else { continue }
        if finishes(next, left: left.subtracting([index])) { return true }
      }
      return false
    }

    private func answer(_ oracle: inout Oracle, _ work: Work) -> Int {
      switch work {
      case .map(let page, let count):
        let numbers = [32, 3, 0x2000_0000_0000, Number(page << 12), Number(count << 12)]
        return Int(oracle.perform(Call(.mapDMA, on: 0, numbers)).result)
      case .unmap(let page, let count):
        return unmap(&oracle, [24, 0, Number(page << 12), Number(count << 12), 0, 0, 0])
      case .unmapAll: return unmap(&oracle, [24, 2, 0, 0, 0, 0, 0])
      }
    }

    private func unmap(_ oracle: inout Oracle, _ numbers: [Number]) -> Int {
      let outcome = oracle.perform(Call(.unmapDMA, on: 0, numbers))
      guard outcome.result == 0 else { return Int(outcome.result) }
      return (16..<24).reversed().reduce(0) { $0 << 8 | Int(outcome.bytes[$1]) }
    }
  }
}

/// What threads add to; the lock is one that the thread sanitizer knows.
private final class Calls: @unchecked Sendable {
  private let lock = NSLock()
  private var calls: [LinearizabilityTests.TimedCall] = []
  func add(_ more: [LinearizabilityTests.TimedCall]) { lock.withLock { calls += more } }
  var all: [LinearizabilityTests.TimedCall] { lock.withLock { calls } }
}
