internal import CLinux
public import DMATypes
public import LegacyVFIO

/// The calling program's memory as a place for dirty bits: a bad address is `EFAULT`.
public struct CallerBitmaps: DirtyBitmapMemory, Sendable {
  /// The memory of whoever calls.
  @inlinable public init() {}

  /// Reads a word, like the kernel's `copy_from_user`.
  public func word(at address: UserAddress) throws(Errno) -> UInt64 {
    var word: UInt64 = 0
    try CallerMemory.load(from: address, into: &word)
    return word
  }

  /// Writes words, like the kernel's `copy_to_user`.
  public func store(_ words: Span<UInt64>, at address: UserAddress) throws(Errno) {
    // SAFETY: the words live through the copy.
    let failure = unsafe words.withUnsafeBytes { bytes in
      unsafe clinux_copy(
        UnsafeMutableRawPointer(bitPattern: UInt(address.rawValue)), bytes.baseAddress, bytes.count)
    }
    guard failure == 0 else { throw .badAddress }
  }

  /// Writes the same word `count` times.
  public func fill(_ address: UserAddress, with word: UInt64, count: Int) throws(Errno) {
    guard count == 0 || clinux_fill(address.rawValue, word, count) == 0 else { throw .badAddress }
  }
}
