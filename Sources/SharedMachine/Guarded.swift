internal import CLinux

/// A value of this process behind a lock of its own.
///
/// A lock of our own, not `Synchronization.Mutex`: the thread sanitizer sees into it, also where
/// threads have to wait.
@safe final class Guarded<Value>: @unchecked Sendable {
  // SAFETY: the lock's memory is ours from init to deinit and never moves.
  private let lock: UnsafeMutableRawPointer
  private var value: Value

  /// Guards a value.
  init(_ value: sending Value) {
    self.value = value
    let bytes = Int(CLINUX_LOCK_BYTES)
    unsafe lock = .allocate(byteCount: bytes, alignment: 16)
    unsafe lock.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
  }

  deinit { unsafe lock.deallocate() }

  /// Runs `body` with the value to itself.
  func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe _ = clinux_lock_take(lock)
    defer { unsafe clinux_lock_drop(lock) }
    return try body(&value)
  }

  /// The same when nobody has the value, else nil.
  func withLockIfAvailable<Result>(_ body: (inout Value) -> Result) -> Result? {
    guard unsafe clinux_lock_try(lock) != 0 else { return nil }
    defer { unsafe clinux_lock_drop(lock) }
    return body(&value)
  }
}
