internal import CLinux

/// Blocks of one size for structures that are searched at random: among many of them a processor
/// misses its address cache (TLB) more often than its data caches, so blocks lie together, and runs
/// of two megabytes that are full become one huge page each.
///
/// The memory held follows the blocks in use: pages come as blocks first touch them, and a run
/// without blocks goes. The first 128 KiB come from `malloc`, because most pools stay small.
///
/// All blocks are freed before the pool goes. A value, because a class's variables would be checked
/// for exclusive access again, which costs as much as the rest.
@safe public struct BlockPool: ~Copyable, Sendable {
  /// A run of addresses. SAFETY: `base` is mapped from `init` to `unmap`, and every block in it is
  /// handed out once until it is freed.
  private struct Run {
    let base: UInt
    /// Blocks handed out and not freed.
    var used = 0
    /// Blocks ever handed out.
    var touched = 0
    /// The last block freed, which holds the one freed before it; 0 for none.
    var freed: UInt = 0
  }

  private static let runBytes: UInt = 2 << 20
  private static let smallBytes = 128 << 10

  private let blockBytes: Int
  private var smallBlocks = 0
  /// A block of `malloc`'s that was freed and is kept: what fills and empties one block in turn
  /// would ask for it each time. 0 for none.
  private var spare: UInt = 0
  private var runs: [Run] = []
  /// No run before it has room.
  private var firstWithRoom = 0

  /// Runs of two megabytes that hold blocks.
  var runCount: Int { runs.count }

  /// A pool of blocks of `blockBytes` each, aligned to 16.
  public init(blockBytes: Int) { self.blockBytes = (blockBytes + 15) & ~15 }

  deinit { unsafe UnsafeMutableRawPointer(bitPattern: spare)?.deallocate() }

  /// A block, whose content is whatever it is.
  public mutating func allocate() -> UnsafeMutableRawPointer {
    if smallBlocks * blockBytes < Self.smallBytes { return unsafe allocateSmall() }
    while firstWithRoom < runs.count, runs[firstWithRoom].used == blocksPerRun {
      firstWithRoom += 1
    }
    guard firstWithRoom < runs.count || addRun() else { return unsafe allocateSmall() }
    runs[firstWithRoom].used += 1
    if let block = unsafe UnsafeMutableRawPointer(bitPattern: runs[firstWithRoom].freed) {
      runs[firstWithRoom].freed = unsafe block.load(as: UInt.self)
      return unsafe block
    }
    let run = runs[firstWithRoom]
    runs[firstWithRoom].touched += 1
    // Its last block but one has been filled: hardly a page of it is not there.
    if run.touched == blocksPerRun - 1 { clinux_collapse(UInt64(run.base), UInt64(Self.runBytes)) }
    return unsafe UnsafeMutableRawPointer(
      bitPattern: run.base + UInt(run.touched * blockBytes)
    ).unsafelyUnwrapped
  }

  /// Takes back a block that `allocate` handed out.
  public mutating func free(_ block: UnsafeMutableRawPointer) {
    guard let index = run(of: UInt(bitPattern: block)) else {
      smallBlocks -= 1
      guard spare != 0 else {
        spare = UInt(bitPattern: block)
        return
      }
      return unsafe block.deallocate()
    }
    unsafe block.storeBytes(of: runs[index].freed, as: UInt.self)
    runs[index].freed = UInt(bitPattern: block)
    runs[index].used -= 1
    firstWithRoom = min(firstWithRoom, index)
    if runs[index].used == 0 {
      _ = clinux_unmap(UInt64(runs[index].base), UInt64(Self.runBytes))
      runs.remove(at: index)
    }
  }

  private var blocksPerRun: Int { Int(Self.runBytes) / blockBytes }

  private mutating func allocateSmall() -> UnsafeMutableRawPointer {
    smallBlocks += 1
    if let block = unsafe UnsafeMutableRawPointer(bitPattern: spare) {
      spare = 0
      return unsafe block
    }
    return .allocate(byteCount: blockBytes, alignment: 16)
  }

  /// The run that holds an address, by bisection.
  private func run(of address: UInt) -> Int? {
    var (low, high) = (0, runs.count)
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].base <= address { low = middle + 1 } else { high = middle }
    }
    return low > 0 && address - runs[low - 1].base < Self.runBytes ? low - 1 : nil
  }

  /// Maps a run at a multiple of its size, in the order of addresses. False when there is no room.
  private mutating func addRun() -> Bool {
    let size = UInt64(Self.runBytes)
    // PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE; twice as much, to cut
    // an aligned run out of it.
    let mapped = clinux_map(0, 2 * size, 3, 0x4022, -1, 0)
    guard mapped > 0 || mapped <= -4096 else { return false }
    let start = UInt64(bitPattern: mapped)
    let base = (start + size - 1) & ~(size - 1)
    if base > start { _ = clinux_unmap(start, base - start) }
    if base < start + size { _ = clinux_unmap(base + size, start + size - base) }
    let index = runs.firstIndex { $0.base > UInt(base) } ?? runs.count
    runs.insert(Run(base: UInt(base)), at: index)
    firstWithRoom = index
    return true
  }
}
