public import AddressSpaces
public import DMATypes
public import LegacyVFIO

/// A session with the one caller and the one journal of its calls.
public struct DrivenContainer<
  Backend: AddressSpaceBackend, Journal: ContainerJournal, Bitmaps: DirtyBitmapMemory
>: ContainerServer {
  /// The container.
  public var session: ContainerSession<Backend>
  /// Who calls.
  public var caller: Caller
  /// What takes the events down.
  public var journal: Journal
  /// The caller's memory, for dirty bits.
  public var bitmaps: Bitmaps

  /// Joins the four.
  @inlinable public init(
    session: ContainerSession<Backend>, caller: Caller, journal: Journal, bitmaps: Bitmaps
  ) {
    self.session = session
    self.caller = caller
    self.journal = journal
    self.bitmaps = bitmaps
  }

  /// Makes the checks that come before the caller's structure is read.
  @inlinable public func admit(_ command: ContainerCommand) throws(Errno) {
    try session.admit(command)
  }

  /// Makes an admitted call.
  @inlinable public mutating func perform(
    _ request: ContainerRequest
  ) throws(Errno) -> ContainerReply {
    try session.perform(request, for: caller, bitmaps: bitmaps, journal: &journal)
  }

  /// Lets a group join.
  public mutating func join(_ facts: GroupFacts) throws(Errno) {
    try session.join(facts, for: caller, journal: &journal)
  }

  /// Lets a group leave.
  public mutating func leave(_ group: GroupNumber) { session.leave(group, journal: &journal) }
}
