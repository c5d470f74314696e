import AddressSpaces
import CLinux
import DMATypes
import Glibc
import SoftwareIOMMU

extension Bench {
  /// Pages that a mediated driver pins: as the kernel's function has them, 512 a call, and through
  /// an access object, all at once.
  mutating func addPins() throws(Refusal) {
    Progress.show("pins")
    let pages = 16384
    var (pins, unpins): ([[Double]], [Double]) = ([], [])
    for _ in 0..<effort.processes {
      let lines = try program.runDriver(["pins", "\(pages)", "512", "\(effort.runs)"])
      for run in lines.all("run", of: 3) {
        pins.append([run[0], run[1]])
        unpins.append(run[2])
      }
    }
    add(
      BenchRow(
        name: "pin-512", against: "an atomic access to each page",
        ratios: pins.map { $0[1] / $0[0] }, figures: pins.map { $0[1] }, unit: "ns a page",
        goal: .figure(10)))
    add(
      BenchRow(
        name: "unpin-512", against: "an atomic access to each page",
        ratios: zip(unpins, pins).map { $0 / $1[0] }, figures: unpins, unit: "ns a page",
        goal: .figure(10)))
    let batches = AccessPins(pages: pages).measure(runs: effort.processes * effort.runs)
    add(
      BenchRow(
        name: "pin-access-\(pages)", against: "an atomic access to each page",
        ratios: batches.map { $0.pin / $0.touch }, figures: batches.map(\.pin), unit: "ns a page",
        goal: .figure(10)))
  }
}

/// Pins of one large batch through an access object, and what the processor itself takes to look at
/// each page.
private struct AccessPins {
  let pages: Int

  func measure(runs: Int) -> [(touch: Double, pin: Double)] {
    let byteCount = pages << 12
    let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 1 << 12)
    unsafe madvise(memory, byteCount, MADV_NOHUGEPAGE)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 1, count: byteCount)
    defer { unsafe memory.deallocate() }
    let address = UInt64(UInt(bitPattern: memory))
    var iommu = SoftwareIOMMU(memory: OwnMemory())
    guard let space = try? iommu.allocateSpace() else { return [] }
    var access = AccessObject(to: space)
    let range = IOVARange(start: IOVA(1 << 32), last: IOVA(1 << 32 + UInt64(byteCount) - 1))
    var mappings = RangeMap<MappedMemory>()
    mappings.insert(
      range,
      MappedMemory(
        address: UserAddress(address), access: [.read, .write], owner: MemoryOwner(rawValue: 0)))
    let rounds = 16
    let count = Double(pages * rounds)
    return (-1..<runs).compactMap { run in
      let start = LookUps.now()
      for _ in 0..<rounds { _ = clinux_touch_for_write(address, byteCount) }
      let middle = LookUps.now()
      for _ in 0..<rounds {
        _ = try? access.pin(range, access: .write, mappings: mappings, on: &iommu)
        access.unpin(range, mappings: mappings, on: &iommu)
      }
      let end = LookUps.now()
      // The first is the warm-up.
      return run < 0 ? nil : ((middle - start) / count, (end - middle) / count)
    }
  }
}
