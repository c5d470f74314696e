import CLinux
import DMATypes
import Traces

/// The memory that a replaying process has for the regions of a trace. What a call was told to be
/// there is there when the call is made again, and what was not is not.
struct ReplayMemory {
  private struct Region {
    var start: UInt64
    var byteCount: UInt64
    /// For registers, mapped by a call of the trace: how many were mapped before. Their memory is
    /// not for us to arrange.
    var mappedAs: Int?
    var isMapped: Bool { mappedAs != nil }
  }

  // PROT_READ | PROT_WRITE; MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE.
  private static let open: Int32 = 3
  private static let flags: Int32 = 0x4022

  private var regions: [Int: Region] = [:]
  private var mappedCount = 0
  /// What calls of the trace mapped and have not unmapped.
  private var mapped: [Range<UInt64>] = []

  /// Reserves what a plan asks for; throws `ENOMEM` and the like.
  init(_ plan: RegionPlan) throws(Errno) {
    for (number, extent) in plan.extents {
      let byteCount = pages(extent)
      let start = clinux_libc_mmap(0, byteCount + RegionPlan.pageBytes, 0, Self.flags, -1, 0)
      guard start >= 0 else { throw Errno(rawValue: Int32(-start)) }
      regions[number] = Region(start: UInt64(start), byteCount: byteCount)
    }
  }

  /// The address of a place; 0 in a region that no call of the trace sized.
  func address(_ region: Int, _ offset: UInt64) -> UInt64 {
    regions[region].map { $0.start + offset } ?? 0
  }

  /// What the trace calls an address.
  func name(_ address: UInt64) -> TracedValue {
    func contains(_ region: Region) -> Bool {
      address >= region.start && address - region.start < region.byteCount
    }
    // What was unmapped may have been mapped anew, by another name: the newest is meant.
    let found = regions.filter { contains($0.value) }
      .max { ($0.value.mappedAs ?? -1) < ($1.value.mappedAs ?? -1) }
    guard let found else { return .hex(address) }
    return .memory(region: found.key, offset: address - found.value.start)
  }

  /// A call of the trace mapped a region, which lies where the kernel put it, or a part of one.
  mutating func bind(
    _ region: Int, at offset: UInt64, to address: UInt64, byteCount: UInt64, isPart: Bool
  ) {
    let known = isPart ? regions[region]?.byteCount : nil
    let byteCount = pages(byteCount)
    regions[region] = Region(
      start: address &- offset, byteCount: max(offset &+ byteCount, known ?? 0),
      mappedAs: mappedCount)
    mappedCount += 1
    unbind(address, byteCount: byteCount)
    mapped.append(address..<address + byteCount)
  }

  /// A call of the trace unmapped memory, or moved it away.
  mutating func unbind(_ address: UInt64, byteCount: UInt64) {
    mapped = mapped.flatMap { range -> [Range<UInt64>] in
      let gone = (address..<address + pages(byteCount)).clamped(to: range)
      guard !gone.isEmpty else { return [range] }
      return [range.lowerBound..<gone.lowerBound, gone.upperBound..<range.upperBound]
        .filter { !$0.isEmpty }
    }
  }

  /// Unmaps what calls of the trace mapped, as the end of a process does.
  func end() {
    for range in mapped {
      _ = clinux_libc_munmap(range.lowerBound, range.upperBound - range.lowerBound)
    }
  }

  /// Puts bytes into memory that is there, and zeros behind them.
  func fill(_ place: TracedValue?, _ bytes: [UInt8], _ byteCount: UInt64) {
    guard case .memory(let number, let offset)? = place, let region = regions[number],
      byteCount <= region.byteCount - min(offset, region.byteCount)
    else { return }
    let all = bytes + [UInt8](repeating: 0, count: max(0, Int(byteCount) - bytes.count))
    // SAFETY: the region is ours; what is not there answers EFAULT.
    _ = unsafe all.withUnsafeBytes { from in
      unsafe clinux_copy(
        UnsafeMutableRawPointer(bitPattern: UInt(region.start + offset)), from.baseAddress,
        Int(byteCount))
    }
  }

  /// Makes memory what a call of the trace found: there, or there up to `present`.
  func arrange(_ place: TracedValue?, _ byteCount: UInt64, present: UInt64) {
    guard case .memory(let number, let offset)? = place, let region = regions[number],
      !region.isMapped, offset < region.byteCount
    else { return }
    let page = RegionPlan.pageBytes
    let start = region.start + offset & ~(page - 1)
    let end = region.start + region.byteCount
    let there = min(pages(region.start + offset + present), end)
    if present > 0, there > start { _ = clinux_libc_mprotect(start, there - start, Self.open) }
    let gone = present > 0 ? there : start
    if present < byteCount, gone < end { _ = clinux_libc_mprotect(gone, end - gone, 0) }
  }
}

func pages(_ byteCount: UInt64) -> UInt64 {
  (byteCount + RegionPlan.pageBytes - 1) & ~(RegionPlan.pageBytes - 1)
}

/// Memory for one call: pages, and then one page that is not there.
struct CallMemory: ~Copyable {
  private let start: UInt64
  private let byteCount: UInt64

  init(byteCount: Int) throws(Errno) {
    self.byteCount = pages(UInt64(max(byteCount, 1)))
    let page = RegionPlan.pageBytes
    let start = clinux_libc_mmap(0, self.byteCount + page, 3, 0x22, -1, 0)
    guard start >= 0 else { throw Errno(rawValue: Int32(-start)) }
    self.start = UInt64(start)
    _ = clinux_libc_mprotect(self.start + self.byteCount, page, 0)
  }

  deinit { _ = clinux_libc_munmap(start, byteCount + RegionPlan.pageBytes) }

  /// Where the memory begins.
  var address: UInt64 { start }
  /// The address of the page that is not there.
  var nowhere: UInt64 { start + byteCount }

  /// Puts bytes at the start, or so that memory ends with them; answers where.
  func put(_ bytes: [UInt8], atEnd: Bool = false) -> UInt64 {
    let place = atEnd ? nowhere - UInt64(bytes.count) : start
    // SAFETY: `init` mapped at least as many bytes.
    _ = unsafe bytes.withUnsafeBytes { from in
      unsafe clinux_copy(
        UnsafeMutableRawPointer(bitPattern: UInt(place)), from.baseAddress, bytes.count)
    }
    return place
  }

  /// From now on it can only be read.
  func close() { _ = clinux_libc_mprotect(start, byteCount, 1) }
}
