internal import DMATypes
internal import LegacyVFIO

/// One mapping's part of a bitmap: `update_user_bitmap()`.
///
/// The mapping's first page is bit `shift` of the word at `address`. A first word that it shares
/// with what comes before keeps all that stands there; the words that follow are overwritten whole.
struct DirtyReport {
  /// The mapping.
  let range: IOVARange
  /// How many pages it has.
  let pageCount: Int
  /// Where its first page is in the first word, 0..<64.
  let shift: Int
  /// Where the first word lies.
  let address: UserAddress

  /// A mapping that starts at `base` or above it, where the bitmap at `data` begins.
  init(of range: IOVARange, pageBytes: UInt64, from base: IOVA, to data: UserAddress) {
    let pageShift = UInt64(pageBytes.trailingZeroBitCount)
    let offset = (range.start.rawValue - base.rawValue) >> pageShift
    self.range = range
    pageCount = Int(truncatingIfNeeded: range.size >> pageShift)
    shift = Int(offset & 63)
    address = data.advanced(by: (offset >> 6) << 3)
  }

  /// How many words it touches.
  var wordCount: Int { (shift + pageCount + 63) >> 6 }

  /// Which bits of a word are its own.
  private func mask(ofWord index: Int) -> UInt64 {
    let below = index == 0 ? lowBits(shift) : 0
    return index == wordCount - 1 ? lowBits(shift + pageCount - index << 6) & ~below : ~below
  }

  /// What stands in front of it in its first word.
  private func keptBits(in memory: some DirtyBitmapMemory) throws(Errno) -> UInt64 {
    shift == 0 ? 0 : try memory.word(at: address)
  }

  /// Writes it with every page the same.
  func write(allDirty: Bool, to memory: some DirtyBitmapMemory) throws(Errno) {
    let bits: UInt64 = allDirty ? .max : 0
    let first = try keptBits(in: memory) | bits & mask(ofWord: 0)
    try memory.fill(address, with: first, count: 1)
    guard wordCount > 1 else { return }
    let last = bits & mask(ofWord: wordCount - 1)
    let inner = last == bits ? wordCount - 1 : wordCount - 2
    try memory.fill(address.advanced(by: 8), with: bits, count: inner)
    if last != bits {
      try memory.fill(address.advanced(by: UInt64(wordCount - 1) << 3), with: last, count: 1)
    }
  }

  /// Writes it with the pages of a set dirty.
  func write(
    _ pages: DirtyPages, pageBytes: UInt64, to memory: some DirtyBitmapMemory
  ) throws(Errno) {
    guard pages.intersects(range) else { return try write(allDirty: false, to: memory) }
    let first = firstPage(pageBytes: pageBytes)
    guard pageBytes == 1 << 12, first & 63 == 0 else {
      return try writeShifted(pages, pageBytes: pageBytes, to: memory)
    }
    // The set's words are the report's: only the ends need a look.
    let start = first >> 6
    var inner = 0..<wordCount
    if shift != 0 {
      let own = pages.word(at: start) & mask(ofWord: 0)
      try memory.fill(address, with: try keptBits(in: memory) | own, count: 1)
      inner = 1..<wordCount
    }
    let tail = mask(ofWord: wordCount - 1)
    if tail != .max, !inner.isEmpty { inner = inner.lowerBound..<wordCount - 1 }
    var at = address.advanced(by: UInt64(inner.lowerBound) << 3)
    try pages.forEachPiece(wordsFrom: start &+ UInt64(inner.lowerBound), count: inner.count) {
      (piece) throws(Errno) in
      switch piece.block {
      case nil: try memory.fill(at, with: 0, count: piece.words.count)
      case .full: try memory.fill(at, with: .max, count: piece.words.count)
      case .words(let words): try memory.store(words.span.extracting(piece.words), at: at)
      }
      at = at.advanced(by: UInt64(piece.words.count) << 3)
    }
    if inner.upperBound < wordCount {
      try memory.fill(
        at, with: pages.word(at: start &+ UInt64(inner.upperBound)) & tail, count: 1)
    }
  }

  /// The same where the report's words are not the set's.
  private func writeShifted(
    _ pages: DirtyPages, pageBytes: UInt64, to memory: some DirtyBitmapMemory
  ) throws(Errno) {
    let kept = try keptBits(in: memory)
    var buffer: [UInt64] = []
    buffer.reserveCapacity(DirtyPages.blockWords + 1)
    var done = 0
    while done < wordCount {
      let count = min(DirtyPages.blockWords, wordCount - done)
      fill(&buffer, wordsFrom: done, count: count, of: pages, pageBytes: pageBytes)
      if done == 0 { buffer[0] = buffer[0] & mask(ofWord: 0) | kept }
      if done + count == wordCount, wordCount > 1 {
        buffer[count - 1] &= mask(ofWord: wordCount - 1)
      }
      try memory.store(
        buffer.span.extracting(0..<count), at: address.advanced(by: UInt64(done) << 3))
      done += count
    }
  }

  /// The page that bit 0 of the first word stands for. It may lie before page 0: page numbers wrap
  /// as addresses do.
  private func firstPage(pageBytes: UInt64) -> UInt64 {
    let pageShift = UInt64(pageBytes.trailingZeroBitCount)
    return (range.start.rawValue >> pageShift &- UInt64(shift)) & (UInt64.max >> pageShift)
  }

  /// Reads off a set the pages that words of the report stand for, the mapping's neighbours among
  /// them.
  func fill(
    _ buffer: inout [UInt64], wordsFrom index: Int, count: Int, of pages: DirtyPages,
    pageBytes: UInt64
  ) {
    buffer.removeAll(keepingCapacity: true)
    let pageShift = UInt64(pageBytes.trailingZeroBitCount)
    let first =
      (firstPage(pageBytes: pageBytes) &+ UInt64(index) << 6) & (UInt64.max >> pageShift)
    if pageShift > 12 {
      for word in 0..<UInt64(count) {
        buffer.append(coarseWord(first &+ word << 6, of: pages, pageShift))
      }
      return
    }
    let offset = first & 63
    pages.append(wordsFrom: first >> 6, count: offset == 0 ? count : count + 1, to: &buffer)
    if offset == 0 { return }
    for word in 0..<count {
      buffer[word] = buffer[word] >> offset | buffer[word + 1] << (64 - offset)
    }
  }

  /// One word where a page is several of the set's.
  private func coarseWord(_ first: UInt64, of pages: DirtyPages, _ pageShift: UInt64) -> UInt64 {
    (0..<64 as Range<UInt64>).reduce(0) { word, bit in
      let start = (first &+ bit) << pageShift
      let page = IOVARange(start: IOVA(start), last: IOVA(start | (1 << pageShift - 1)))
      return pages.intersects(page) ? word | 1 << bit : word
    }
  }
}

extension ContainerState {
  /// Reports one mapping's pages. Nothing is cleaned yet.
  ///
  /// What the report leaves behind the bitmap is answered; nil when nothing changes there. It stays
  /// behind after `EFAULT` too, which is why that comes as a value.
  func report(
    _ range: IOVARange, from base: IOVA, to data: UserAddress, in memory: some DirtyBitmapMemory
  ) -> (failure: Errno?, left: StaleBits?) {
    let pageBytes = pageSizes.smallestBytes
    let report = DirtyReport(of: range, pageBytes: pageBytes, from: base, to: data)
    if reporting.contains(.staleBits) {
      var bitmap = KernelBitmap(report, staleBits[range.start] ?? StaleBits())
      bitmap.set(report.ownWords(of: countsEveryPage ? nil : dirtyPages, pageBytes: pageBytes))
      let failure = bitmap.write(to: memory)
      return (failure, bitmap.left)
    }
    do throws(Errno) {
      if countsEveryPage || dirtyPages.isEmpty {
        try report.write(allDirty: countsEveryPage, to: memory)
      } else {
        try report.write(dirtyPages, pageBytes: pageBytes, to: memory)
      }
      return (nil, nil)
    } catch {
      return (error, nil)
    }
  }
}
