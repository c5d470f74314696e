internal import CLinux

/// One look at what a real edu reaches: the device carries eight bytes between the address in
/// question and a page that is mapped for the moment.
struct RealLook: ~Copyable {
  private let device: Int32
  private let space: Int32
  private let arena: ScriptArena

  private static let pageBytes: UInt64 = 0x1000
  /// Below 4 GiB, where edu reaches, and where scripts seldom map.
  private static let ownAddress: UInt64 = 0xd000_0000
  /// No word of the script's memory; neither is 0.
  private static let untouched: UInt64 = 0x5ca1_ab1e_0ddb_a11d

  /// Whether edu reaches the address, and it is not the look's own.
  static func isPossible(at iova: UInt64) -> Bool {
    iova < 1 << 32 && iova &- ownAddress >= pageBytes
  }

  /// Looks with a device descriptor, which it takes over; `space` takes MAP_DMA and UNMAP_DMA.
  init(device: Int32, space: Int32, arena: ScriptArena) {
    (self.device, self.space, self.arena) = (device, space, arena)
  }

  /// The word that the device reads, halved so that it is no error number; EFAULT when it cannot,
  /// and unseen when the device is no edu or nothing more can be mapped.
  consuming func read(_ iova: UInt64) -> Outcome {
    guard let edu = EduDevice(device: device), mapOwnPage() else { return .unseen }
    defer { unmapOwnPage() }
    // A read that faults leaves the device's memory as it was, or full of zeros.
    arena.lookWord = Self.untouched
    guard edu.read(from: Self.ownAddress, count: 8), edu.read(from: iova, count: 8),
      edu.write(to: Self.ownAddress, count: 8)
    else { return .unseen }
    let word = arena.lookWord
    guard word == Self.untouched || word == 0 else { return Outcome(Int64(bitPattern: word >> 1)) }
    return carries(edu) ? Outcome(-errnoFAULT) : .unseen
  }

  /// Has the device write a word that should come to stand at `place` in the program's memory.
  consuming func write(_ word: UInt64, to iova: UInt64, expecting place: UInt64) -> Outcome {
    guard let edu = EduDevice(device: device), mapOwnPage() else { return .unseen }
    defer { unmapOwnPage() }
    arena.lookWord = word
    guard edu.read(from: Self.ownAddress, count: 8), edu.write(to: iova, count: 8) else {
      return .unseen
    }
    guard arena.word(at: place) == word else {
      return carries(edu) ? Outcome(-errnoFAULT) : .unseen
    }
    arena.noteWrite(at: place)
    return Outcome(0)
  }

  /// Whether the device carries a word there and back at all: behind QEMU's amd-iommu one on a
  /// conventional bus does not, with native type1 neither.
  private func carries(_ edu: borrowing EduDevice) -> Bool {
    let word = Self.untouched ^ 1
    arena.lookWord = word
    guard edu.read(from: Self.ownAddress, count: 8) else { return false }
    arena.lookWord = 0
    return edu.write(to: Self.ownAddress, count: 8) && arena.lookWord == word
  }

  private func mapOwnPage() -> Bool {
    let call = Call(
      .mapDMA, [32, 3, Number(arena.lookPage), Number(Self.ownAddress), Number(Self.pageBytes)])
    return issue(0x3b71, call)
  }

  private func unmapOwnPage() {
    _ = issue(
      0x3b72, Call(.unmapDMA, [24, 0, Number(Self.ownAddress), Number(Self.pageBytes), 0, 0, 0]))
  }

  private func issue(_ request: UInt64, _ call: Call) -> Bool {
    let argument = arena.place(CallerStructure(call, base: 0).bytes, at: .plain)
    return KernelCalls.ioctl(space, request, argument) == 0
  }
}
