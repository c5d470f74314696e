public import DMATypes

/// Pages that lie one behind the other in one process's memory.
public struct PinnedPages: Hashable, Sendable, BitwiseCopyable {
  /// Where they were asked for.
  public var run: PageRun
  /// The first page's memory, and what its mapping allows.
  public var memory: MappedMemory

  /// States pages.
  @inlinable public init(run: PageRun, memory: MappedMemory) {
    self.run = run
    self.memory = memory
  }

  /// Some of them.
  public func part(_ run: PageRun) -> Self {
    let skipped = (run.start.rawValue - self.run.start.rawValue) / PageSizes.processorPageBytes
    return Self(run: run, memory: self[skipped])
  }

  /// The memory of one of them, counted from 0.
  @inlinable public subscript(index: UInt64) -> MappedMemory {
    MappedMemory(rawValue: memory.rawValue &+ index &* PageSizes.processorPageBytes)
  }

  /// The pages as a part of their mapping; of pages at odd addresses, the pages under them.
  public var asMapping: Mapping {
    let start = IOVA(run.start.rawValue & ~(PageSizes.processorPageBytes - 1))
    let bytes = run.count * PageSizes.processorPageBytes
    return Mapping(
      range: IOVARange(start: start, last: IOVA(start.rawValue + (bytes - 1))), memory: memory)
  }
}
