public import DMATypes

/// Whoever answers container calls: the shim's session, the oracle, a recorder around either.
public protocol ContainerServer {
  /// Makes the checks that come before the caller's structure is read.
  func admit(_ command: ContainerCommand) throws(Errno)
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
