public import DMATypes

/// A set of 4 KiB pages of bus addresses, kept as words and walked as words.
///
/// A block is 128 MiB of addresses: absent when none of its pages is in the set, one word when all
/// are, a bitmap otherwise. A terabyte of single pages takes 32 MiB, of whole blocks nothing much.
public struct DirtyPages: Hashable, Sendable {
  static let blockWords = 512
  static let blockShift: UInt64 = 15

  enum Block: Hashable, Sendable {
    case full
    case words([UInt64])
  }

  private(set) var blocks: [UInt64: Block] = [:]

  /// The empty set.
  public init() {}

  /// Whether no page is in it.
  @inlinable public var isEmpty: Bool { hasNoBlock }
  @usableFromInline var hasNoBlock: Bool { blocks.isEmpty }

  /// Adds every page that the range touches.
  public mutating func insert(_ range: IOVARange) { change(range, to: true) }

  /// Takes out every page that the range touches.
  public mutating func remove(_ range: IOVARange) {
    if !blocks.isEmpty { change(range, to: false) }
  }

  /// Whether every page that the range touches is in the set.
  public func contains(_ range: IOVARange) -> Bool {
    Self.parts(of: range).allSatisfy { part in
      switch blocks[part.block] {
      case nil: false
      case .full: true
      case .words(let words): part.masks.allSatisfy { words[$0] & $1 == $1 }
      }
    }
  }

  /// Whether some page that the range touches is in the set.
  public func intersects(_ range: IOVARange) -> Bool {
    Self.parts(of: range).contains { part in
      switch blocks[part.block] {
      case nil: false
      case .full: true
      case .words(let words): part.masks.contains { words[$0] & $1 != 0 }
      }
    }
  }

  /// Words of one block that stand side by side; no block where none of the pages is in the set.
  struct Piece {
    var block: Block?
    var words: Range<Int>
  }

  /// Calls for 64 pages a word, the lowest in bit 0, from page 64·`first` on. Beyond the last
  /// address the words go on at the first, as page numbers wrap.
  func forEachPiece<Failure: Error>(
    wordsFrom first: UInt64, count: Int, _ body: (Piece) throws(Failure) -> Void
  ) throws(Failure) {
    var (next, left) = (first, count)
    while left > 0 {
      let index = Int(next & UInt64(Self.blockWords - 1))
      let part = Swift.min(left, Self.blockWords - index)
      let block = blocks[next >> (Self.blockShift - 6)]
      try body(Piece(block: block, words: index..<index + part))
      next = (next + UInt64(part)) & (1 << 46 - 1)
      left -= part
    }
  }

  /// Appends words as above.
  func append(wordsFrom first: UInt64, count: Int, to words: inout [UInt64]) {
    forEachPiece(wordsFrom: first, count: count) { piece in
      switch piece.block {
      case nil: words.append(contentsOf: repeatElement(0, count: piece.words.count))
      case .full: words.append(contentsOf: repeatElement(.max, count: piece.words.count))
      case .words(let block): words.append(contentsOf: block[piece.words])
      }
    }
  }

  /// One word as above.
  func word(at index: UInt64) -> UInt64 {
    switch blocks[index >> (Self.blockShift - 6)] {
    case nil: 0
    case .full: .max
    case .words(let words): words[Int(index & UInt64(Self.blockWords - 1))]
    }
  }

  /// The pages in it as runs, ascending; next to each other they are one.
  public var runs: [IOVARange] {
    var runs: [IOVARange] = []
    func add(_ first: UInt64, _ last: UInt64) {
      let range = IOVARange(start: IOVA(first << 12), last: IOVA(last << 12 | 0xfff))
      if let end = runs.last?.last.rawValue, end &+ 1 == range.start.rawValue {
        runs[runs.count - 1].last = range.last
      } else {
        runs.append(range)
      }
    }
    for (block, content) in blocks.sorted(by: { $0.key < $1.key }) {
      let base = block << Self.blockShift
      guard case .words(let words) = content else {
        add(base, base + 1 << Self.blockShift - 1)
        continue
      }
      for (index, word) in words.enumerated() where word != 0 {
        var rest = word
        var at = base + UInt64(index) << 6
        while rest != 0 {
          let skip = UInt64(rest.trailingZeroBitCount)
          rest >>= skip
          at += skip
          let length = UInt64((~rest).trailingZeroBitCount)
          add(at, at + length - 1)
          rest = length == 64 ? 0 : rest >> length
          at += length
        }
      }
    }
    return runs
  }

  /// The same in at most `most` runs, which take in the shortest gaps where there are more.
  public func runs(atMost most: Int) -> [IOVARange] {
    let all = runs
    guard all.count > most, most > 0 else { return all }
    let gaps = zip(all, all.dropFirst()).map { $1.start.rawValue - $0.last.rawValue }.sorted()
    let longestClosed = gaps[all.count - most - 1]
    return all.dropFirst().reduce(into: [all[0]]) { runs, next in
      if next.start.rawValue - runs[runs.count - 1].last.rawValue <= longestClosed {
        runs[runs.count - 1].last = next.last
      } else {
        runs.append(next)
      }
    }
  }

  // MARK: - Blocks

  /// The pages of one block that a range touches, counted from the block's first.
  struct Part {
    var block: UInt64
    var pages: Range<Int>

    /// The words that hold them, and which of their bits do.
    var masks: some Sequence<(word: Int, mask: UInt64)> {
      let pages = pages
      return (pages.lowerBound >> 6...(pages.upperBound - 1) >> 6).lazy.map { word in
        let start = Swift.max(pages.lowerBound, word << 6)
        let end = Swift.min(pages.upperBound, (word + 1) << 6)
        return (word, lowBits(end - start) << UInt64(start & 63))
      }
    }
  }

  static func parts(of range: IOVARange) -> some Sequence<Part> {
    let first = range.start.rawValue >> 12
    let last = range.last.rawValue >> 12
    return (first >> blockShift...last >> blockShift).lazy.map { block in
      let base = block << blockShift
      let start = Swift.max(first, base) - base
      let end = Swift.min(last - base, 1 << blockShift - 1)
      return Part(block: block, pages: Int(start)..<Int(end) + 1)
    }
  }

  private static func block(of address: IOVA) -> UInt64 { address.rawValue >> (12 + blockShift) }

  /// Takes out a range of more blocks than there are: each of these is asked, rather than those.
  private mutating func remove(_ range: IOVARange, spanning span: ClosedRange<UInt64>) {
    let ends = blocks.filter { $0.key == span.lowerBound || $0.key == span.upperBound }
    blocks = blocks.filter { !span.contains($0.key) }
    for (block, content) in ends {
      blocks[block] = content
      let start = block << (Self.blockShift + 12)
      let bytes: UInt64 = 1 << (Self.blockShift + 12)
      let whole = IOVARange(start: IOVA(start), last: IOVA(start + (bytes - 1)))
      if let part = whole.intersection(range) { change(part, to: false) }
    }
  }

  private mutating func change(_ range: IOVARange, to isIn: Bool) {
    let (first, last) = (Self.block(of: range.start), Self.block(of: range.last))
    if !isIn, last - first > UInt64(blocks.count) { return remove(range, spanning: first...last) }
    for part in Self.parts(of: range) {
      if part.pages.count == Self.blockWords << 6 {
        blocks[part.block] = isIn ? .full : nil
        continue
      }
      var words: [UInt64]
      switch blocks.removeValue(forKey: part.block) {
      case nil where !isIn: continue
      case nil: words = Array(repeating: 0, count: Self.blockWords)
      case .full where isIn:
        blocks[part.block] = .full
        continue
      case .full: words = Array(repeating: .max, count: Self.blockWords)
      case .words(let old): words = old
      }
      var mayBeUniform = true
      for (index, mask) in part.masks {
        words[index] = isIn ? words[index] | mask : words[index] & ~mask
        mayBeUniform = words[index] == (isIn ? .max : 0)
      }
      if mayBeUniform, words.allSatisfy({ $0 == (isIn ? .max : 0) }) {
        blocks[part.block] = isIn ? .full : nil
      } else {
        blocks[part.block] = .words(words)
      }
    }
  }
}

/// A word whose lowest `count` bits are set, 0…64 of them.
func lowBits(_ count: Int) -> UInt64 { count >= 64 ? .max : 1 << UInt64(count) - 1 }
