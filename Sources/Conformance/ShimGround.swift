public import AddressSpaces
public import DMATypes
public import Shim
public import SoftwareIOMMU
public import UAPI

/// A container of the shim with its backend, for one process and no longer than a script.
public typealias ScriptedContainer<Backend: AddressSpaceBackend> =
  DrivenContainer<Backend, NoJournal, CallerBitmaps>

/// What makes the containers of a `ShimContestant` real.
public protocol ShimGround {
  /// The backend of one container.
  associatedtype Backend: AddressSpaceBackend

  /// A backend for a new container; refuses as open(2) of the container's node does.
  func makeBackend() throws(Errno) -> Backend
  /// What is known of a group that is about to join the backend's container.
  func prepare(_ facts: GroupFacts, on backend: inout Backend) throws(Errno) -> GroupFacts
  /// What a device of the group reads; the word halved, so that it is no error number.
  func read(
    _ iova: IOVA, by group: GroupNumber, in container: ScriptedContainer<Backend>,
    of arena: ScriptArena
  ) -> Outcome
  /// A device of the group writes a word.
  func write(
    _ word: UInt64, to iova: IOVA, by group: GroupNumber,
    in container: ScriptedContainer<Backend>, of arena: ScriptArena
  ) -> Outcome
  /// One call of a container whose open drivers can be asked to let go: its result, or −errno.
  func serve(
    _ number: UInt32, _ argument: UInt64, by container: inout ScriptedContainer<Backend>,
    asking drivers: inout ScriptedDrivers
  ) -> Int
  /// What the driver of a group's device is told to do.
  func perform(
    _ call: Call, byDriverOf group: GroupNumber, of drivers: inout ScriptedDrivers,
    in container: inout ScriptedContainer<Backend>, of arena: ScriptArena
  ) -> Outcome
  /// The device of a group is closed: its driver gives back what it holds.
  func closeDriver(
    of group: GroupNumber, of drivers: inout ScriptedDrivers,
    in container: inout ScriptedContainer<Backend>)
}

extension ShimGround {
  /// What a world says of its groups is known from the start.
  public func prepare(
    _ facts: GroupFacts, on backend: inout Backend
  ) throws(Errno) -> GroupFacts { facts }
  /// Without a way into spaces there are no pins, and nobody is asked.
  public func serve(
    _ number: UInt32, _ argument: UInt64, by container: inout ScriptedContainer<Backend>,
    asking drivers: inout ScriptedDrivers
  ) -> Int { ContainerCodec.serve(number, argument, by: &container) }
  /// `ENOTTY`.
  public func perform(
    _ call: Call, byDriverOf group: GroupNumber, of drivers: inout ScriptedDrivers,
    in container: inout ScriptedContainer<Backend>, of arena: ScriptArena
  ) -> Outcome { Outcome(-errnoNOTTY) }
  /// Nothing is held.
  public func closeDriver(
    of group: GroupNumber, of drivers: inout ScriptedDrivers,
    in container: inout ScriptedContainer<Backend>
  ) {}
}

/// Containers of the software IOMMU, whose devices are this process.
public struct SoftwareGround: ShimGround {
  /// States nothing.
  public init() {}

  /// A software IOMMU over the program's memory.
  public func makeBackend() -> SoftwareIOMMU<ProgramMemory> {
    SoftwareIOMMU(memory: ProgramMemory())
  }

  /// Reads through the group's table.
  public func read(
    _ iova: IOVA, by group: GroupNumber,
    in container: ScriptedContainer<SoftwareIOMMU<ProgramMemory>>, of arena: ScriptArena
  ) -> Outcome {
    var word: UInt64 = 0
    let session = container.session
    return unsafe withWord(&word) { bytes throws(DMAFault) in
      unsafe try session.backend.read(bytes, from: iova, by: group, mappings: session.mappings)
    } ?? Outcome(Int64(word >> 1))
  }

  /// Writes through the group's table.
  public func write(
    _ word: UInt64, to iova: IOVA, by group: GroupNumber,
    in container: ScriptedContainer<SoftwareIOMMU<ProgramMemory>>, of arena: ScriptArena
  ) -> Outcome {
    var word = word
    let (backend, mappings) = (container.session.backend, container.session.mappings)
    let fault = unsafe withWord(&word) { bytes throws(DMAFault) in
      unsafe try backend.write(
        UnsafeRawBufferPointer(bytes), to: iova, by: group, mappings: mappings)
    }
    if let fault { return fault }
    if let to = backend.translate(iova, access: .write, by: group, mappings: mappings) {
      arena.noteWrite(at: to.address.rawValue)
    }
    return Outcome(0)
  }

  /// What a faulting body comes to; nil without a fault.
  private func withWord(
    _ word: inout UInt64, _ body: (UnsafeMutableRawBufferPointer) throws(DMAFault) -> Void
  ) -> Outcome? {
    // SAFETY: the buffer is the word, for as long as the body runs.
    unsafe withUnsafeMutableBytes(of: &word) { (bytes) -> Outcome? in
      do throws(DMAFault) {
        unsafe try body(bytes)
        return nil
      } catch {
        return Outcome(-Int64(Errno.badAddress.rawValue))
      }
    }
  }
}

extension ShimContestant where Ground == SoftwareGround {
  /// A machine in memory, at rest, over memory whose words hold their first values again.
  public convenience init(world: World, arena: ScriptArena, manner: DirtyManner = .clean) {
    self.init(world: world, arena: arena, ground: SoftwareGround(), manner: manner)
  }
}

/// The runner's own memory, as devices reach it.
public struct ProgramMemory: DMAMemory {
  /// Asks for every page.
  public func touch(
    _ address: UserAddress, byteCount: UInt64, access: DMAAccess
  ) throws(Errno) {
    guard CallerMemory.touch(address, byteCount: byteCount, access: access) >= byteCount else {
      throw .badAddress
    }
  }
  /// Copies out of memory.
  public func read(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress, of owner: MemoryOwner
  ) throws(Errno) { unsafe try CallerMemory.read(bytes, from: address) }
  /// Copies into memory.
  public func write(
    _ bytes: UnsafeRawBufferPointer, to address: UserAddress, of owner: MemoryOwner
  ) throws(Errno) { unsafe try CallerMemory.write(bytes, to: address) }
}
