internal import CLinux
internal import Synchronization

/// How many pages this process may still pin: `RLIMIT_MEMLOCK`, unless CAP_IPC_LOCK lifts it.
///
/// Software pins nothing, but a MAP that the limit forbids is refused as type1 refuses it. What
/// counts is what all of the process's mappings name, in every container, and what it has locked
/// itself: `vfio_pin_pages_remote()`.
final class LockLimit: Sendable {
  private let pages = Atomic<UInt64>(.max)

  init() { refresh() }

  /// Asks again: the limit or the capability may have changed.
  func refresh() {
    // CAP_IPC_LOCK; RLIM_INFINITY
    let bytes = clinux_has_capability(14) != 0 ? UInt64.max : clinux_lock_limit()
    pages.store(bytes == .max ? .max : bytes >> 12, ordering: .relaxed)
  }

  /// The limit in pages; nil when there is none.
  @inline(__always) var value: UInt64? {
    let pages = pages.load(ordering: .relaxed)
    return pages == .max ? nil : pages
  }

  /// What is left of a limit when `charged` pages are mapped.
  func allowance(of limit: UInt64, charged: UInt64) -> UInt64 {
    let used = charged + clinux_locked_bytes() >> 12
    return used < limit ? limit - used : 0
  }
}

/// The pages that the next MAP in a container may pin; the container's lock guards it.
final class LockAllowance: @unchecked Sendable {
  /// `.max` where there is no limit.
  var pages = UInt64.max
}
