/// The order in which a directory's names are listed.
///
/// Programs print groups and devices as `readdir` hands them out. sysfs hands names out by their
/// hash (`kernfs_name_hash`), which is the same at every boot, and devtmpfs the newest first. A
/// tmpfs lists by age, so that names made in the right order are listed in the right order.
extension PlatformView {
  /// `entries` in the order in which a tmpfs must be given them to list as the kernel does.
  ///
  /// - Parameter listsNewestFirst: whether the tmpfs lists the newest name first, or the oldest.
  /// - Returns: the entries, parents before their children.
  public func entries(listsNewestFirst: Bool) -> [ViewEntry] {
    let entries = entries
    let keys = entries.enumerated().map { age, entry in
      let isNode = if case .node = entry.content { true } else { false }
      let names = entry.path.utf8.split(separator: UInt8(ascii: "/"))
      return names.enumerated().map { depth, name -> Int in
        let place = isNode && depth == names.count - 1 ? -age : Self.hash(ofName: name)
        return listsNewestFirst ? -place : place
      }
    }
    return entries.indices
      .sorted { keys[$0].lexicographicallyPrecedes(keys[$1]) }
      .map { entries[$0] }
  }

  /// Where sysfs lists a name among its siblings, ascending.
  static func hash(ofName name: some Sequence<UInt8>) -> Int {
    let sum = name.reduce(into: 0 as UInt64) { sum, byte in
      let byte = UInt64(byte)
      sum = (sum &+ (byte << 4) &+ (byte >> 4)) &* 11
    }
    // The upper half of the product with 2⁶⁴ / φ², without the highest bit.
    let folded = Int((sum &* 0x61c8_8646_80b5_83eb) >> 32 & 0x7fff_ffff)
    // The ends are kept for the directory's own entries.
    return folded < 2 ? folded + 2 : min(folded, 0x7fff_fffe)
  }
}
