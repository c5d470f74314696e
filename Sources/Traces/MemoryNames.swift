/// Names for places in a program's memory.
///
/// A number that can be an address and lies in no region yet begins a new one, at its page. What a
/// call that succeeded says of the size becomes the region's: a wild size never swallows its
/// neighbours. A mapping that the kernel placed is a region of its own, whatever was there before.
public struct MemoryNames: Sendable {
  private static let pageBytes: UInt64 = 4096
  /// No program has memory below: `vm.mmap_min_addr`.
  private static let lowest: UInt64 = 0x10000
  /// Nor above, with four levels of page tables.
  private static let end: UInt64 = 1 << 47 - 4096

  private struct Region {
    let start: UInt64
    var byteCount: UInt64
    /// How many mappings the trace had seen with its last one; 0 for memory of other origin.
    var mappedAs = 0
  }

  private var regions: [Region] = []
  private var mappedCount = 0

  /// No names yet.
  public init() {}

  /// The place of an address, or the number itself when it cannot be memory.
  public mutating func name(_ address: UInt64) -> TracedValue {
    guard address >= Self.lowest, address < Self.end else { return .hex(address) }
    if let index = index(of: address) {
      return .memory(region: index + 1, offset: address - regions[index].start)
    }
    let start = address & ~(Self.pageBytes - 1)
    regions.append(Region(start: start, byteCount: Self.pageBytes))
    return .memory(region: regions.count, offset: address - start)
  }

  /// The region of an address reaches as far as this many bytes from there.
  public mutating func extend(_ address: UInt64, byteCount: UInt64) {
    guard let index = index(of: address), byteCount < Self.end else { return }
    let reach = address - regions[index].start + byteCount
    regions[index].byteCount = max(regions[index].byteCount, reach)
  }

  /// The place of a mapping that was made at an address, with a length in bytes. Where the kernel
  /// chose the place it begins a region, which has an earlier one's name if that began there;
  /// where the program did, it lies in the region that reaches there.
  public mutating func name(
    mapping address: UInt64, byteCount: UInt64, chosenByKernel: Bool
  ) -> TracedValue {
    let known =
      chosenByKernel ? regions.firstIndex { $0.start == address } : index(of: address)
    let index = known ?? regions.count
    if known == nil { regions.append(Region(start: address, byteCount: 0)) }
    let offset = address - regions[index].start
    let earlier = chosenByKernel ? 0 : regions[index].byteCount
    regions[index].byteCount = max(Self.pageBytes, earlier, offset + byteCount)
    mappedCount += 1
    regions[index].mappedAs = mappedCount
    return .memory(region: index + 1, offset: offset)
  }

  /// The region that was mapped last, or else named first, of those that reach there.
  private func index(of address: UInt64) -> Int? {
    var found: Int?
    for (index, region) in regions.enumerated()
    where address >= region.start && address - region.start < region.byteCount {
      if found.map({ regions[$0].mappedAs < region.mappedAs }) ?? true { found = index }
    }
    return found
  }
}
