import AddressSpaces
import CLinux
import DMATypes
import Glibc
import SoftwareIOMMU

extension Bench {
  /// Bulk copies: a device's through its table, and a mediated driver's by `vfio_dma_rw`.
  mutating func addCopies() throws(Refusal) {
    for (name, bytes) in [("64K", 64 << 10), ("1M", 1 << 20), ("16M", 16 << 20)] {
      Progress.show("copies of \(name)")
      let copies = DeviceCopies(byteCount: bytes).measure(runs: effort.processes * effort.runs)
      add("device-read-\(name)", bytes, copies.map { ($0.plain, $0.read) })
      add("device-write-\(name)", bytes, copies.map { ($0.plain, $0.write) })
      let lines = try program.runDriver(["copies", "\(bytes)", "\(effort.runs)"])
        .all("run", of: 3)
      add("driver-read-\(name)", bytes, lines.map { ($0[0], $0[1]) })
      add("driver-write-\(name)", bytes, lines.map { ($0[0], $0[2]) })
    }
  }

  private mutating func add(_ name: String, _ bytes: Int, _ runs: [(plain: Double, ours: Double)]) {
    add(
      BenchRow(
        name: name, against: "the speed of memcpy", ratios: runs.map { $0.plain / $0.ours },
        figures: runs.map { Double(bytes) / $0.ours }, unit: "GB/s", goal: .share(0.9)))
  }
}

/// Copies between a buffer and mapped memory, in nanoseconds each.
private struct DeviceCopies {
  let byteCount: Int

  func measure(runs: Int) -> [(plain: Double, read: Double, write: Double)] {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 1 << 12)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 1 << 12)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 1)
    unsafe buffer.initializeMemory(as: UInt8.self, repeating: 1)
    defer {
      unsafe memory.deallocate()
      unsafe buffer.deallocate()
    }
    let group = GroupNumber(rawValue: 3)
    let range = IOVARange(start: IOVA(1 << 32), last: IOVA(1 << 32 + UInt64(byteCount) - 1))
    let mapping = Mapping(
      range: range,
      memory: MappedMemory(
        address: UserAddress(UInt64(UInt(bitPattern: memory.baseAddress))),
        access: [.read, .write], owner: MemoryOwner(rawValue: 0)))
    guard let space = try? LookUps.space(OwnMemory(), for: group, [mapping]) else { return [] }
    let rounds = max(4, 64 << 20 / byteCount)
    var results: [(plain: Double, read: Double, write: Double)] = []
    for run in -1..<runs {
      var times = (plain: 0.0, read: 0.0, write: 0.0)
      for _ in 0..<rounds {
        let start = LookUps.now()
        unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(memory))
        let copied = LookUps.now()
        try? unsafe space.iommu.read(buffer, from: range.start, by: group, mappings: space.mappings)
        let read = LookUps.now()
        try? unsafe space.iommu.write(
          UnsafeRawBufferPointer(buffer), to: range.start, by: group, mappings: space.mappings)
        let written = LookUps.now()
        times.plain += (copied - start) / Double(rounds)
        times.read += (read - copied) / Double(rounds)
        times.write += (written - read) / Double(rounds)
      }
      // The first is the warm-up. A fault would have copied nothing.
      if run >= 0, space.iommu.faultCount == 0 { results.append(times) }
    }
    return results
  }
}

/// This process's memory, reached as an engine reaches the program's: by copies that survive a bad
/// address.
struct OwnMemory: DMAMemory {
  func touch(_ address: UserAddress, byteCount: UInt64, access: DMAAccess) throws(Errno) {
    let there = clinux_touch_for_write(address.rawValue, Int(clamping: byteCount))
    guard there == Int(clamping: byteCount) else { throw .badAddress }
  }
  func read(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress, of owner: MemoryOwner
  ) throws(Errno) {
    let source = unsafe UnsafeRawPointer(bitPattern: UInt(address.rawValue))
    guard unsafe clinux_copy(bytes.baseAddress, source, bytes.count) == 0 else { throw .badAddress }
  }
  func write(
    _ bytes: UnsafeRawBufferPointer, to address: UserAddress, of owner: MemoryOwner
  ) throws(Errno) {
    let target = unsafe UnsafeMutableRawPointer(bitPattern: UInt(address.rawValue))
    guard unsafe clinux_copy(target, bytes.baseAddress, bytes.count) == 0 else { throw .badAddress }
  }
}
