import SeededRandom
import Testing

@testable import DMATypes

struct BlockPoolTests {
  private static let sizes = [800, 1024, 4104, 70_000]

  /// Enough blocks to fill a few runs of two megabytes.
  private func count(_ blockBytes: Int) -> Int { (7 << 20) / blockBytes }

  @Test(arguments: sizes)
  func blocksDoNotOverlapAndAreAligned(_ blockBytes: Int) {
    var pool = BlockPool(blockBytes: blockBytes)
    let blocks = (0..<count(blockBytes)).map { _ in pool.allocate() }
    // Both ends of each, so that an overlap of any two shows.
    let ends = [0, blockBytes - 8]
    for (number, block) in blocks.enumerated() {
      for end in ends { block.storeBytes(of: number, toByteOffset: end, as: Int.self) }
    }
    for (number, block) in blocks.enumerated() {
      #expect(UInt(bitPattern: block) % 16 == 0)
      #expect(ends.allSatisfy { block.load(fromByteOffset: $0, as: Int.self) == number })
    }
    for block in blocks { pool.free(block) }
  }

  @Test(arguments: sizes)
  func runsGoWithTheirLastBlock(_ blockBytes: Int) {
    var pool = BlockPool(blockBytes: blockBytes)
    var random = SplitMix64(seed: 21)
    let blocks = (0..<count(blockBytes)).map { _ in pool.allocate() }
    #expect(pool.runCount >= 3)
    for block in blocks.shuffled(using: &random) { pool.free(block) }
    #expect(pool.runCount == 0)
  }

  @Test(arguments: sizes)
  func freedBlocksAreUsedBeforeNewRuns(_ blockBytes: Int) {
    var pool = BlockPool(blockBytes: blockBytes)
    var random = SplitMix64(seed: 22)
    var blocks = (0..<count(blockBytes)).map { _ in pool.allocate() }
    let most = pool.runCount
    for _ in 0..<20 {
      blocks.shuffle(using: &random)
      for _ in 0..<blocks.count / 2 { pool.free(blocks.removeLast()) }
      while blocks.count < count(blockBytes) { blocks.append(pool.allocate()) }
      #expect(pool.runCount <= most + 1)
      #expect(Set(blocks).count == blocks.count)
    }
    for block in blocks { pool.free(block) }
    #expect(pool.runCount == 0)
  }

  @Test func aSmallPoolHasNoRun() {
    var pool = BlockPool(blockBytes: 800)
    let blocks = (0..<100).map { _ in pool.allocate() }
    #expect(pool.runCount == 0)
    for block in blocks { pool.free(block) }
  }
}
