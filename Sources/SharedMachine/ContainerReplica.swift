internal import AddressSpaces
internal import DMATypes
internal import LegacyVFIO
internal import Shim
internal import UAPI

/// A container as this process sees it.
typealias MachineSession = ContainerSession<MachineBackend>

/// This process's copy of one container: a state and a software IOMMU, folded from the journal.
///
/// Everything here is guarded by the lock in the container's file, which threads of this process
/// share with other processes. Order: machine, device, container.
@safe public final class ContainerReplica: @unchecked Sendable {
  /// The container's number.
  let number: UInt64
  let process: ProcessIdentity
  private let limit: LockLimit
  private let lock: SharedLock
  // Raw, because the lock has seen to what Swift would check again at every access.
  // SAFETY: ours alone from init to deinit; touched with the lock held, and handed out to nobody.
  private let content: UnsafeMutablePointer<ReplicaContent>

  init(number: UInt64, file: JournalFile, machine: Machine) {
    self.number = number
    process = machine.process
    limit = machine.lockLimit
    lock = file.lock
    unsafe content = .allocate(capacity: 1)
    unsafe content.initialize(to: ReplicaContent(number: number, file: file, machine: machine))
  }

  deinit {
    unsafe content.deinitialize(count: 1)
    unsafe content.deallocate()
  }

  /// Whether this is the copy of the process that `machine` stands for.
  @inline(__always)
  func belongs(to machine: Machine) -> Bool { process.token == machine.process.token }

  /// Runs `body` on the container as every process left it. The journal it is handed publishes each
  /// event at once.
  func withSession<Result, Failure: Error>(
    _ body: (inout MachineSession, inout JournalWriter) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock.take()
    defer { lock.drop() }
    return try unsafe content.pointee.withSession(body)
  }

  /// The container in one word, which counts no reference.
  public var token: UInt64 {
    UInt64(UInt(bitPattern: unsafe Unmanaged.passUnretained(self).toOpaque()))
  }

  /// Serves an ioctl of the container: its result, or −errno, or `isPostponed`. Most take no
  /// more than the container's lock; `machine` is asked for by the others.
  @inline(__always)
  public func serve(_ number: UInt64, _ argument: UInt64, in machine: () -> Machine) -> Int {
    guard _fastPath(process.isCurrent) else { return postpone(number, argument, machine()) }
    lock.take()
    if _slowPath(limit.value != nil), unsafe content.pointee.countsPages {
      unsafe content.pointee.catchUp()
      let isDoubtful = unsafe content.pointee.isDoubtful
      lock.drop()
      return isDoubtful
        ? postpone(number, argument, machine()) : serve(number, argument, counting: machine())
    }
    let result = unsafe content.pointee.serve(UInt32(truncatingIfNeeded: number), argument)
    lock.drop()
    guard _slowPath(result == -Int(Errno.tryAgain.rawValue)) else { return result }
    return serveAgain(number, argument, in: machine())
  }

  /// A call that takes more: it must first be seen which groups are left, or drivers hold memory
  /// that it unmaps.
  @inline(never)
  private func serveAgain(_ number: UInt64, _ argument: UInt64, in machine: Machine) -> Int {
    lock.take()
    let isDoubtful = unsafe content.pointee.isDoubtful
    lock.drop()
    return isDoubtful
      ? postpone(number, argument, machine) : serveAskingDrivers(number, argument, in: machine)
  }

  private func countsPages() -> Bool {
    lock.take()
    defer { lock.drop() }
    return unsafe content.pointee.countsPages
  }

  /// Says whether the next call must look which groups are left.
  func doubt(_ isDoubtful: Bool) {
    lock.take()
    unsafe content.pointee.isDoubtful = isDoubtful
    lock.drop()
  }

  /// A child that fork made has a copy of its own.
  @inline(never)
  func serveInChild(_ number: UInt64, _ argument: UInt64, _ machine: Machine) -> Int {
    do throws(Errno) {
      return try machine.replica(self.number).serveLooking(number, argument, in: machine)
    } catch {
      return -Int(error.rawValue)
    }
  }

  @inline(never)
  func serve(_ number: UInt64, _ argument: UInt64, counting machine: Machine) -> Int {
    if limit.value != nil, countsPages(),
      ContainerCodec.command(of: UInt32(truncatingIfNeeded: number)) == .map
    {
      return map(number, argument, machine)
    }
    var unlimited = UInt64.max
    let result = serve(number, argument, allowance: &unlimited)
    guard result == -Int(Errno.tryAgain.rawValue) else { return result }
    return serveAskingDrivers(number, argument, in: machine)
  }

  /// Under a limit a MAP first spends what is known to be allowed. Only when that is too little is
  /// everything counted, before the lock is taken, because the count takes every container's.
  private func map(_ number: UInt64, _ argument: UInt64, _ machine: Machine) -> Int {
    var allowance = machine.lockLimit.takeCredit()
    var result = serve(number, argument, allowance: &allowance)
    if result == -Int(Errno.noMemory.rawValue) {
      allowance = machine.lockAllowance()
      result = serve(number, argument, allowance: &allowance)
    }
    machine.lockLimit.giveCredit(allowance)
    return result
  }

  private func serve(_ number: UInt64, _ argument: UInt64, allowance: inout UInt64) -> Int {
    lock.take()
    defer { lock.drop() }
    unsafe content.pointee.catchUp()
    unsafe content.pointee.rewriteIfLong()
    unsafe content.pointee.allowedPages = allowance
    defer {
      allowance = unsafe content.pointee.allowedPages
      unsafe content.pointee.allowedPages = .max
    }
    return unsafe ContainerCodec.serve(
      UInt32(truncatingIfNeeded: number), argument, by: &content.pointee)
  }
}

/// Serves an ioctl of the container with a token, which somebody keeps: `ContainerReplica.serve`.
public func serveContainer(
  _ token: UInt64, _ number: UInt64, _ argument: UInt64, in machine: () -> Machine
) -> Int {
  // SAFETY: the caller's word, that the container is kept.
  let container = unsafe Unmanaged<ContainerReplica>.fromOpaque(
    UnsafeRawPointer(bitPattern: UInt(token)).unsafelyUnwrapped)
  return unsafe container._withUnsafeGuaranteedRef { $0.serve(number, argument, in: machine) }
}

// Mediated drivers.
extension ContainerReplica {
  /// An UNMAP of memory that drivers hold. Their locks come before the container's, so it was let
  /// go and is taken again inside theirs.
  @inline(never)
  private func serveAskingDrivers(
    _ number: UInt64, _ argument: UInt64, in machine: Machine
  ) -> Int {
    while true {
      let units = machine.mediated.filter { machine.container(ofGroupAt: $0.group) == self.number }
      let result = MediatedUnit.exclusively(units[...], machine) { () -> Int? in
        lock.take()
        defer { lock.drop() }
        unsafe content.pointee.catchUp()
        // A device that came meanwhile may hold pages too: all are asked, or none.
        let groups = unsafe content.pointee.emulatedGroups
        guard
          groups.allSatisfy({ group in
            units.contains { machine.groups[$0.group].number == group }
          })
        else { return nil }
        SharedLock.settle()
        unsafe content.pointee.drivers = HeldDrivers(units: units)
        defer { unsafe content.pointee.drivers = nil }
        return unsafe ContainerCodec.serve(
          UInt32(truncatingIfNeeded: number), argument, by: &content.pointee)
      }
      if let result { return result }
    }
  }

  /// `vfio_pin_pages()`. Under a limit it is as with MAP.
  func pin(_ request: PinRequest, in machine: Machine) throws(Errno) -> [PinnedPages] {
    guard machine.lockLimit.value != nil else {
      var unlimited = UInt64.max
      return try pin(request, allowance: &unlimited).get()
    }
    var left = machine.lockLimit.takeCredit()
    var result = pin(request, allowance: &left)
    if result == .failure(.noMemory) {
      left = machine.lockAllowance()
      result = pin(request, allowance: &left)
    }
    machine.lockLimit.giveCredit(left)
    return try result.get()
  }

  private func pin(
    _ request: PinRequest, allowance: inout UInt64
  ) -> Result<[PinnedPages], Errno> {
    lock.take()
    defer { lock.drop() }
    unsafe content.pointee.catchUp()
    unsafe content.pointee.rewriteIfLong()
    unsafe content.pointee.allowance.pages = allowance
    defer {
      allowance = unsafe content.pointee.allowance.pages
      unsafe content.pointee.allowance.pages = .max
    }
    return Result { () throws(Errno) in try unsafe content.pointee.pin(request) }
  }

  /// `vfio_unpin_pages()`; true where the kernel would log a warning.
  func unpin(_ request: UnpinRequest) -> Bool {
    withSession { session, journal in session.unpin(request, journal: &journal) }
  }

  /// `vfio_dma_rw()`.
  func copy(
    _ bytes: UnsafeMutableRawBufferPointer, _ iova: IOVA, isWrite: Bool
  ) throws(Errno) {
    lock.take()
    defer { lock.drop() }
    unsafe content.pointee.catchUp()
    try unsafe content.pointee.copy(bytes, iova, isWrite: isWrite)
  }

  /// Whether an owner of memory is this process.
  func isOwn(_ owner: MemoryOwner) -> Bool {
    lock.take()
    defer { lock.drop() }
    return unsafe content.pointee.isOwn(owner)
  }
}

extension ContainerReplica {
  /// The pages that this process's mappings name, as type1 charges them: device memory is free.
  var chargedPages: UInt64 {
    lock.take()
    defer { lock.drop() }
    unsafe content.pointee.catchUp()
    return unsafe content.pointee.chargedPages
  }
}
