internal import AddressSpaces
internal import DMATypes
internal import MachineFile
internal import Shim
internal import SimulatedPlatform
internal import SoftwareIOMMU

// Peer to peer: DMA of one device into registers of another that are mapped for it.
//
// A device's lock is held while it does DMA, and the other one's is needed: two devices that reach
// each other would wait for ever. So once a run has such a mapping, whoever takes a device's lock
// takes the peers' lock first and holds it to the end; who began before there was one finds no
// peer, as if the MAP had come later. The container's lock comes after a device's: it is let go
// before the peer is touched.

/// Whether some container of the run maps registers: set before the first such mapping shows, and
/// for good.
struct PeerFlag: Sendable {
  private let memory: SharedMemory
  private let offset: Int

  init(memory: SharedMemory, sharedOffset: Int) {
    self.memory = memory
    offset = sharedOffset + SharedRegion.hasPeers
  }

  var isSet: Bool { memory.words.loadAcquiring(offset) != 0 }
  func set() { memory.words.storeReleasing(offset, 1) }
}

/// Where a piece of a device's access leads.
enum DMAPiece {
  /// That many bytes of memory were copied.
  case memory(Int)
  /// Perhaps registers that this process has mapped, if the memory is this process's: a device's
  /// place in `Machine.units`, where in its BAR, and how many bytes there are at most.
  case registers(unit: Int, offset: UInt64, byteCount: UInt64, of: MemoryOwner)
}

extension DeviceUnitEnvironment {
  /// The registers that an address leads to, or how many bytes there are before the next.
  func peer(
    at address: IOVA, access: DMAAccess, by group: GroupNumber, in session: MachineSession
  ) -> (piece: DMAPiece?, memoryBytes: Int) {
    let found = session.backend.software.translate(
      address, access: access, by: group, mappings: session.mappings)
    guard let found else { return (nil, .max) }
    guard let entry = machine.trapped.containing(found.address.rawValue) else {
      let next = machine.trapped.next(after: found.address.rawValue)
      return (nil, next.map { Int(clamping: $0 - found.address.rawValue) } ?? .max)
    }
    let distance = found.address.rawValue - entry.start
    let piece = DMAPiece.registers(
      unit: entry.device, offset: entry.offset + distance,
      byteCount: min(found.byteCount, entry.last - found.address.rawValue + 1), of: found.owner)
    return (piece, .max)
  }

  /// The device behind registers, if it is another one and they are mapped by this process.
  func peer(_ index: Int, of owner: MemoryOwner) throws(Errno) -> DeviceUnit {
    let container = machine.container(ofGroupAt: unit.group)
    guard container != 0, try machine.replica(container).isOwn(owner) else {
      machine.tell("\(unit.name): DMA into registers that another process has mapped")
      throw .badAddress
    }
    guard index != unit.index else {
      machine.tell("\(unit.name): DMA into its own registers")
      throw .badAddress
    }
    return machine.units[index]
  }
}

extension DeviceUnit {
  /// Another device reads registers: all ones where memory decoding is off, as the bus has it.
  func readByPeer(_ machine: Machine, _ bytes: UnsafeMutableRawBufferPointer, offset: UInt64) {
    withStateOfPeer(machine) { state, _ in
      Self.forEachAccess(offset, bytes.count) { at, range in
        let value = (try? device.load(offset: at, width: range.count, &state)) ?? ~0
        for index in range {
          unsafe bytes[index] = UInt8(
            truncatingIfNeeded: value >> UInt64(8 * (index - range.lowerBound)))
        }
      }
    }
  }

  /// Another device writes registers: nothing happens where memory decoding is off. What it starts
  /// here does DMA of its own, but reaches no third device.
  func writeByPeer(_ machine: Machine, _ bytes: UnsafeRawBufferPointer, offset: UInt64) {
    withStateOfPeer(machine) { state, environment in
      Self.forEachAccess(offset, bytes.count) { at, range in
        let value = range.reversed().reduce(0) { unsafe $0 << 8 | UInt64(bytes[$1]) }
        try? device.store(value, offset: at, width: range.count, &state, in: environment)
      }
    }
  }

  /// Cuts a run of bytes into the widest aligned accesses, of at most eight.
  private static func forEachAccess(
    _ offset: UInt64, _ count: Int, _ body: (UInt64, Range<Int>) -> Void
  ) {
    var done = 0
    while done < count {
      let at = offset + UInt64(done)
      var width = 8
      while width > count - done || at % UInt64(width) != 0 { width /= 2 }
      body(at, done..<done + width)
      done += width
    }
  }
}
