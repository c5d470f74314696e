/// The page that ends at 2⁶⁴, on machines whose IOMMU reaches it: type1 gives it away and then
/// loses it, the shim over iommufd does not give it away.
extension Ledger {
  static let lastPage = [
    LedgerRow(
      "last-page-in-info", of: [.iommufd, .run], section: "iommufd-last-page",
      "GET_INFO's last range ends one page before 2⁶⁴",
      on: \.reachesLastPage,
      witness: ready + "f0 GET_INFO argsz=4096\n"
    ) { at in
      at.isType1(.getInfo) && at.errors([0], [0])
        && at.expected.bytes.count == at.actual.bytes.count
        && zip(words(at.expected), words(at.actual)).allSatisfy { expected, actual in
          expected == actual || expected == .max && actual == .max - 0x1000
        }
    },
    LedgerRow(
      "last-page-in-map", of: [.iommufd, .run], section: "iommufd-last-page",
      "MAP up to 2⁶⁴ is EINVAL", partsWays: true,
      on: \.reachesLastPage,
      witness: ready + """
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0xfffffffffffff000 size=0x1000
        """
    ) { $0.isType1(.mapDMA) && $0.call.endsAtTop && $0.errors([0, errnoFAULT], [errnoINVAL]) },
    LedgerRow(
      "lost-last-page", of: [.native], section: "top-of-the-address-space",
      "mappings that end at 2⁶⁴ are no longer found, nor some of those beside them",
      partsWays: true, on: \.reachesLastPage,
      witness: ready + """
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0xfffffffffffff000 size=0x1000
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x1000 size=0x1000
        f0 UNMAP_DMA argsz=24 flags=0 iova=0x1000 size=0x1000 pgsize=0 bytes=0 data=0
        """
    ) { at in
      (at.isType1(.mapDMA) || at.isType1(.unmapDMA) || at.isType1(.dirtyPages))
        && (at.call.endsAtTop
          || at.past.contains { $0.outcome.result == 0 && $0.call.endsAtTop })
    },
  ]

  /// Whether native type1 is not asked. It takes a mapping that overlaps another of which one ends
  /// at 2⁶⁴; where the IOMMU gives both up at once, as virtio's does, `vfio_unmap_unpin()` is past
  /// the top then, and goes through all addresses below. A look could not give its page back.
  static func isTooMuch(
    _ call: Call, _ expected: Outcome, after past: [(call: Call, outcome: Outcome)]
  ) -> Bool {
    let isLook = call.verb.isLook
    guard isLook || call.verb == .mapDMA && expected.result == -errnoEXIST else { return false }
    return call.endsAtTop || past.contains { $0.outcome.result == 0 && $0.call.endsAtTop }
  }

  /// What stands in a structure, eight bytes each.
  private static func words(_ outcome: Outcome) -> [UInt64] {
    stride(from: 0, to: outcome.bytes.count, by: 8).map { start in
      outcome.bytes[start..<min(start + 8, outcome.bytes.count)].reversed()
        .reduce(0) { $0 << 8 | UInt64($1) }
    }
  }
}

extension Call {
  /// Whether the call is a MAP of addresses up to 2⁶⁴.
  fileprivate var endsAtTop: Bool {
    guard verb == .mapDMA else { return false }
    let (iova, size) = (numbers[3].value, numbers[4].value)
    return size != 0 && iova &+ size == 0
  }
}
