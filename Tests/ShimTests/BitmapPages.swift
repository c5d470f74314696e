import DMATypes
import LegacyVFIO

/// A program's bitmap of whole words from address 0 on, of which some can be written.
final class BitmapPages: DirtyBitmapMemory, @unchecked Sendable {
  var words: [UInt64]
  /// Words from here on are not there.
  var end: Int
  /// How many words were written, whatever the number of calls.
  var writtenCount = 0

  init(_ words: [UInt64] = Array(repeating: 0, count: 64)) {
    self.words = words
    end = words.count
  }

  func word(at address: UserAddress) throws(Errno) -> UInt64 {
    guard address.rawValue / 8 < end else { throw .badAddress }
    return words[Int(address.rawValue / 8)]
  }

  func store(_ span: Span<UInt64>, at address: UserAddress) throws(Errno) {
    for index in span.indices {
      try fill(address.advanced(by: UInt64(index) * 8), with: span[index], count: 1)
    }
  }

  func fill(_ address: UserAddress, with word: UInt64, count: Int) throws(Errno) {
    for index in 0..<count {
      let place = Int(address.rawValue / 8) + index
      guard place < end else { throw .badAddress }
      words[place] = word
      writtenCount += 1
    }
  }
}
