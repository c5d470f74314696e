import AddressSpaces
import DMATypes
import LegacyVFIO
import Shim

/// A driver that gives back everything it is asked for, once it hears.
struct Stubborn: MediatedDrivers {
  /// How often it does not hear.
  var times: Int
  /// What it holds.
  var held: [UnpinRequest] = []
  /// The mappings that it was told of.
  var told: [IOVARange] = []
  /// The mappings that stayed because of it.
  var failed: [IOVARange] = []

  init(times: Int = 0) { self.times = times }

  mutating func letGo(of mapping: IOVARange) -> [UnpinRequest] {
    told.append(mapping)
    guard times == 0 else {
      times -= 1
      return []
    }
    let given = held.filter { request in
      (0..<UInt64(request.count)).contains {
        mapping.contains(IOVA(request.iova.rawValue + $0 << 12))
      }
    }
    held.removeAll { given.contains($0) }
    return given
  }

  mutating func unmapFailed(_ mapping: IOVARange) { failed.append(mapping) }
}

extension DrivenContainer
where Backend == RecordingBackend, Journal == EventList, Bitmaps == BitmapPages {
  /// Pins as a driver of group 7 does.
  @discardableResult
  mutating func pin(
    _ iova: UInt64, _ count: Int, protection: UInt32 = 3, group: UInt32 = 7
  ) throws(Errno) -> [PinnedPages] {
    try session.pin(
      PinRequest(
        group: GroupNumber(rawValue: group), iova: IOVA(iova), count: count,
        protection: protection),
      journal: &journal)
  }

  @discardableResult
  mutating func unpin(_ iova: UInt64, _ count: Int) -> Bool {
    session.unpin(UnpinRequest(iova: IOVA(iova), count: count), journal: &journal)
  }

  /// Copies as a driver does in the process that maps; why it ended, or nil.
  mutating func read(_ bytes: inout [UInt8], _ iova: UInt64) -> Errno? {
    bytes.withUnsafeMutableBytes { buffer in
      do throws(Errno) {
        try session.read(buffer, from: IOVA(iova), for: caller.owner, journal: &journal)
        return nil
      } catch {
        return error
      }
    }
  }

  /// Asks drivers before an UNMAP.
  mutating func letGo(
    _ start: UInt64, _ size: UInt64, _ drivers: inout Stubborn
  ) throws(Errno) {
    try session.letGo(
      before: UnmapRequest(
        all: false, invalidatesAddress: false, bitmap: nil, iova: IOVA(start), size: size),
      drivers: &drivers, journal: &journal)
  }
}
