/// Names for places in a program's memory.
///
/// A number that can be an address and lies in no region yet begins a new one, at its page. What a call
/// that succeeded says of the size becomes the region's: a wild size never swallows its neighbours.
public struct MemoryNames: Sendable {
  private static let pageBytes: UInt64 = 4096
  /// No program has memory below: `vm.mmap_min_addr`.
  private static let lowest: UInt64 = 0x10000
  /// Nor above, with four levels of page tables.
  private static let end: UInt64 = 1 << 47 - 4096

  private var regions: [(start: UInt64, byteCount: UInt64)] = []

  /// No names yet.
  public init() {}

  /// The place of an address, or the number itself when it cannot be memory.
  public mutating func name(_ address: UInt64) -> TracedValue {
    guard address >= Self.lowest, address < Self.end else { return .hex(address) }
    if let index = index(of: address) {
      return .memory(region: index + 1, offset: address - regions[index].start)
    }
    let start = address & ~(Self.pageBytes - 1)
    regions.append((start, Self.pageBytes))
    return .memory(region: regions.count, offset: address - start)
  }

  /// The region of an address reaches as far as this many bytes from there.
  public mutating func extend(_ address: UInt64, byteCount: UInt64) {
    guard let index = index(of: address), byteCount < Self.end else { return }
    let reach = address - regions[index].start + byteCount
    regions[index].byteCount = max(regions[index].byteCount, reach)
  }

  private func index(of address: UInt64) -> Int? {
    regions.firstIndex { address >= $0.start && address - $0.start < $0.byteCount }
  }
}
