import DMATypes
import Glibc
import Traces

/// The memory of a stopped process: what it could read and write itself, not what a tracer can.
struct RemoteMemory: TracedMemory {
  let process: Int32

  private struct Area {
    var start: UInt64
    var end: UInt64
    var access: DMAAccess
    /// Pages beyond the end of a file are not there.
    var isOfFile: Bool
  }

  func readable(at address: UserAddress, count: Int) -> [UInt8] {
    // The processor reads what may be written.
    let reach = reach(address, UInt64(count)) { !$0.access.isEmpty }
    return bytes(at: address.rawValue, count: Int(reach))
  }

  func present(at address: UserAddress, count: UInt64, for access: DMAAccess) -> UInt64 {
    reach(address, count) { $0.access.isSuperset(of: access) }
  }

  /// A word of eight bytes; nil where there is none.
  func word(at address: UInt64) -> UInt64? {
    let bytes = readable(at: UserAddress(address), count: 8)
    return bytes.count == 8 ? bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } : nil
  }

  /// Text that ends in a zero.
  func text(at address: UInt64) -> String {
    String(
      decoding: readable(at: UserAddress(address), count: 4096).prefix { $0 != 0 }, as: UTF8.self)
  }

  /// How many of `count` bytes lie in areas that a test allows, from the first on.
  private func reach(_ address: UserAddress, _ count: UInt64, _ allows: (Area) -> Bool) -> UInt64 {
    let start = address.rawValue
    let (sum, wraps) = start.addingReportingOverflow(count)
    let end = wraps ? .max : sum
    var at = start
    for area in areas() where area.end > at && area.start < end {
      guard area.start <= at, allows(area) else { break }
      let last = min(area.end, end)
      if area.isOfFile {
        let there = backed(from: at, to: last)
        at += there
        if at < last { break }
      } else {
        at = last
      }
    }
    return min(at - start, count)
  }

  /// How many bytes from `start` on have pages behind them.
  private func backed(from start: UInt64, to end: UInt64) -> UInt64 {
    var at = start
    while at < end {
      if bytes(at: at, count: 1).isEmpty { break }
      at = min((at | 4095) + 1, end)
    }
    return at - start
  }

  private func bytes(at address: UInt64, count: Int) -> [UInt8] {
    guard count > 0 else { return [] }
    let descriptor = unsafe open("/proc/\(process)/mem", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: count)
    let got = unsafe pread(descriptor, &bytes, count, off_t(bitPattern: address))
    return got < 0 ? [] : Array(bytes[..<got])
  }

  private func areas() -> [Area] {
    ProcFile.text("/proc/\(process)/maps").split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ", maxSplits: 5)
      guard words.count > 4, let dash = words[0].firstIndex(of: "-"),
        let start = UInt64(words[0][..<dash], radix: 16),
        let end = UInt64(words[0][words[0].index(after: dash)...], radix: 16)
      else { return nil }
      var access: DMAAccess = []
      if words[1].contains("r") { access.insert(.read) }
      if words[1].contains("w") { access.insert(.write) }
      return Area(start: start, end: end, access: access, isOfFile: words[4] != "0")
    }
  }
}

extension off_t {
  init(bitPattern number: UInt64) { self = off_t(Int64(bitPattern: number)) }
}
