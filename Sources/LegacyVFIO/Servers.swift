public import DMATypes

/// Whoever answers container calls: the shim's session, the oracle, a recorder around either.
public protocol ContainerServer {
  /// Makes the checks that come before the caller's structure is read.
  mutating func admit(_ command: ContainerCommand) throws(Errno)
  /// Makes an admitted call.
  mutating func perform(_ request: ContainerRequest) throws(Errno) -> ContainerReply
}

/// Whoever answers a group's calls.
public protocol GroupServer {
  /// Makes the checks that come before the argument is read.
  func admit(_ command: GroupCommand) throws(Errno)
  /// Makes an admitted call.
  mutating func perform(_ request: GroupRequest) throws(Errno) -> GroupReply
}

/// Where a program wants its dirty bits: 64-bit words in its memory, at any address.
public protocol DirtyBitmapMemory {
  /// Reads a word; `EFAULT` where it cannot be read.
  func word(at address: UserAddress) throws(Errno) -> UInt64
  /// Writes words; `EFAULT` where one cannot be written, those before it perhaps written.
  func store(_ words: Span<UInt64>, at address: UserAddress) throws(Errno)
  /// Writes the same word `count` times; `EFAULT` as in `store`.
  func fill(_ address: UserAddress, with word: UInt64, count: Int) throws(Errno)
}
