internal import DMATypes
internal import LegacyVFIO

/// The bits behind a mapping's last page in the kernel's own bitmap of it, up to two words.
///
/// A report shifts that bitmap in place and then clears only the mapping's own bits: what was
/// shifted beyond them stays, and the next report shows it.
public struct StaleBits: Hashable, Sendable, BitwiseCopyable {
  /// The word of the bit behind the last page, the mapping's own bits left out.
  public var low: UInt64 = 0
  /// The word after it.
  public var high: UInt64 = 0
  /// None.
  public init() {}
  /// States both words.
  public init(low: UInt64, high: UInt64) { (self.low, self.high) = (low, high) }
}

/// A mapping's bitmap as `update_user_bitmap()` of Linux 6.12 handles it, stale bits and all.
///
/// Only `--bug-compatible` comes here: it is as plain as the original.
struct KernelBitmap {
  private let report: DirtyReport
  /// The pages' words and the one more that shifting needs.
  private var words: [UInt64]

  /// A bitmap whose own bits are clear.
  init(_ report: DirtyReport, _ stale: StaleBits) {
    self.report = report
    words = Array(repeating: 0, count: (report.pageCount + 63) >> 6 + 1)
    let tail = report.pageCount >> 6
    words[tail] = stale.low
    if tail + 1 < words.count { words[tail + 1] = stale.high }
  }

  /// Sets the mapping's own bits.
  mutating func set(_ own: [UInt64]) {
    for (index, bits) in own.enumerated() {
      words[index] |= bits & lowBits(report.pageCount - index << 6)
    }
  }

  /// Shifts it to its place, takes in what stands in the first word, and writes it.
  mutating func write(to memory: some DirtyBitmapMemory) -> Errno? {
    let shift = UInt64(report.shift)
    do throws(Errno) {
      if shift != 0 {
        for index in (0..<report.wordCount).reversed() {
          words[index] = words[index] << shift | (index > 0 ? words[index - 1] >> (64 - shift) : 0)
        }
        words[0] |= try memory.word(at: report.address)
      }
      try memory.store(words.span.extracting(0..<report.wordCount), at: report.address)
      return nil
    } catch {
      return error
    }
  }

  /// What stays when the mapping's own bits are cleared.
  var left: StaleBits {
    let tail = report.pageCount >> 6
    return StaleBits(
      low: words[tail] & ~lowBits(report.pageCount & 63),
      high: tail + 1 < words.count ? words[tail + 1] : 0)
  }
}

extension DirtyReport {
  /// The mapping's own pages from bit 0 on, whatever bits they are reported in; nil stands for all.
  func ownWords(of pages: DirtyPages?, pageBytes: UInt64) -> [UInt64] {
    let count = (pageCount + 63) >> 6
    guard let pages else { return Array(repeating: .max, count: count) }
    var words: [UInt64] = []
    DirtyReport(of: range, pageBytes: pageBytes, from: range.start, to: UserAddress(0))
      .fill(&words, wordsFrom: 0, count: count, of: pages, pageBytes: pageBytes)
    return Array(words.prefix(count))
  }
}
