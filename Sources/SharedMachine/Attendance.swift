internal import CLinux
internal import DMATypes

// A process that ends tells nobody, and its groups leave their containers with it. A container
// whose groups this process has open itself cannot lose them so; for others it looks before it
// serves a call, because type1 has forgotten everything when the last group is gone.

/// How many descriptors of this process hold each group open, by the group's place in
/// `Machine.groups`.
final class Attendance: Sendable {
  private let counts: Guarded<[Int: Int]>

  init() { counts = Guarded([:]) }

  /// What a parent had when fork made this process.
  init(forkedFrom parent: Attendance) {
    let known = parent.counts.withLockIfAvailable { $0 } ?? [:]
    counts = Guarded(known)
  }

  func holds(_ index: Int) -> Bool { counts.withLock { $0[index, default: 0] > 0 } }

  /// One more, or one less; whether none is left.
  func count(_ index: Int, by difference: Int) -> Bool {
    counts.withLock { counts in
      counts[index, default: 0] = max(0, counts[index, default: 0] + difference)
      return counts[index] == 0
    }
  }
}

/// A container's call that waits for its thread to have room for it.
struct PostponedCall: Sendable {
  var replica: ContainerReplica
  var number: UInt64
  var argument: UInt64
}

extension ContainerReplica {
  /// What `serve` answers where it must first be seen which groups are left: no result of a call.
  /// The thread makes it then by `Machine.servePostponed`, with room for more than the call takes.
  public static let isPostponed = -4096

  @inline(never)
  func postpone(_ number: UInt64, _ argument: UInt64, _ machine: Machine) -> Int {
    let call = PostponedCall(replica: self, number: number, argument: argument)
    machine.postponed.withLock { $0[clinux_thread(), default: []].append(call) }
    return Self.isPostponed
  }

  /// The same, which looks where it must.
  public func serveLooking(_ number: UInt64, _ argument: UInt64, in machine: Machine) -> Int {
    let result = serve(number, argument) { machine }
    return _slowPath(result == Self.isPostponed) ? machine.servePostponed() : result
  }
}

extension Machine {
  /// Makes the call that this thread was told to wait with, the last one first: a signal's handler
  /// may have come in between with one of its own.
  public func servePostponed() -> Int {
    let call = postponed.withLock { calls in
      let thread = clinux_thread()
      defer { if calls[thread]?.isEmpty ?? false { calls[thread] = nil } }
      return calls[thread]?.popLast()
    }
    guard let call else { return -Int(Errno.invalidArgument.rawValue) }
    guard call.replica.belongs(to: self) else {
      return call.replica.serveInChild(call.number, call.argument, self)
    }
    look(after: call.replica)
    return call.replica.serve(call.number, call.argument, counting: self)
  }
}

extension Machine {
  /// What a file of this process keeps open.
  func group(heldBy file: OpenFile) -> Int? {
    switch file.kind {
    case .container: nil
    case .group(let index): index
    case .device(let index): units[index].group
    case .mediated(let index): mediated[index].group
    case .kernelDevice(let index): kernel?.devices[index].group
    }
  }

  /// A file was opened or taken over by this process.
  func attend(_ file: OpenFile) {
    if let index = group(heldBy: file) { _ = attendance.count(index, by: 1) }
  }

  /// It is closed. With a group's last one, what this process knows of containers is doubtful.
  func leave(_ file: OpenFile) {
    guard let index = group(heldBy: file), attendance.count(index, by: -1) else { return }
    for replica in knownReplicas { replica.doubt(true) }
  }

  /// Sees to it that the groups of a container are those that somebody has open.
  func look(after replica: ContainerReplica) {
    replica.doubt(false)
    for index in groups.indices
    where container(ofGroupAt: index) == replica.number && !attendance.holds(index) {
      replica.doubt(true)
      if Descriptor.isHeld(files.group(groups[index])) == false { exclusively { $0.sweep() } }
    }
  }
}
