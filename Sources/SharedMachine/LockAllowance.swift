internal import CLinux
internal import DMATypes
internal import Synchronization

/// How many pages this process may still pin: `RLIMIT_MEMLOCK`, unless CAP_IPC_LOCK lifts it.
///
/// Software pins nothing, but a MAP that the limit forbids is refused as type1 refuses it. What
/// counts is what all of the process's mappings name, in every container, and what it has locked
/// itself: `vfio_pin_pages_remote()`.
final class LockLimit: Sendable {
  private let pages = Atomic<UInt64>(.max)

  /// Pages that were found to be allowed and have not been pinned since: as long as they last,
  /// nobody needs to count. What is unpinned meanwhile comes back at the next count.
  private let credit = Atomic<UInt64>(0)

  init() { refresh() }

  /// Asks again: the limit, the capability or what the program has locked itself may have changed.
  func refresh() {
    credit.store(0, ordering: .relaxed)
    // CAP_IPC_LOCK; RLIM_INFINITY
    let bytes = clinux_has_capability(14) != 0 ? UInt64.max : clinux_lock_limit()
    pages.store(bytes == .max ? .max : bytes >> 12, ordering: .relaxed)
  }

  /// The limit in pages; nil when there is none.
  @inline(__always) var value: UInt64? {
    let pages = pages.load(ordering: .relaxed)
    return pages == .max ? nil : pages
  }

  /// Takes the whole credit: nobody else spends it meanwhile.
  func takeCredit() -> UInt64 { credit.exchange(0, ordering: .relaxed) }
  /// Gives back what was not spent.
  func giveCredit(_ pages: UInt64) { credit.wrappingAdd(pages, ordering: .relaxed) }

  /// What is left of a limit when `charged` pages are mapped.
  func allowance(of limit: UInt64, charged: UInt64) -> UInt64 {
    let used = charged + clinux_locked_bytes() >> 12
    return used < limit ? limit - used : 0
  }
}

/// What the next call in a container may take; the container's lock guards it.
final class LockAllowance: @unchecked Sendable {
  /// The pages that a MAP may pin; `.max` where there is no limit. A MAP takes what it pins.
  var pages = UInt64.max
  /// The places that no mapping names, found before addresses are given up.
  var freePlaces: Set<UInt8> = []
  /// A descriptor of this process for each file that mappings name, if it is one still.
  var files: [MemoryOwner: Int32] = [:]
}
