import AddressSpaces
import DMATypes
import Foundation
import MediatedDevices
import Testing

/// A driver that keeps what it pins until it is told to let go. A deaf one does not hear.
private final class Keeper: MediatedDriver {
  var held: [(iova: IOVA, count: Int)] = []
  var told: [IOVARange] = []
  var failed: [IOVARange] = []
  var isDeaf = false
  /// What a pin inside `dmaUnmap` was refused with.
  var refusal: Errno?

  func dmaUnmap(_ mapping: IOVARange, of device: MediatedDevice) {
    told.append(mapping)
    do throws(Errno) {
      _ = try device.pinPages(at: mapping.start, count: 1, protection: 1)
    } catch { refusal = error }
    guard !isDeaf else { return }
    for pages in held where mapping.contains(pages.iova) {
      device.unpinPages(at: pages.iova, count: pages.count)
    }
    held.removeAll { mapping.contains($0.iova) }
  }

  func unmapFailed(_ mapping: IOVARange, of device: MediatedDevice) { failed.append(mapping) }

  func ioctl(
    _ device: MediatedDevice, command: UInt32, argument: UInt64
  ) throws(Errno) -> Int {
    let iova = IOVA(argument)
    let pages = try device.pinPages(at: iova, count: Int(command), protection: 3)
    held.append((iova, Int(command)))
    return pages.count
  }
}

/// Pages of this process, and the legacy calls that map them.
private final class Client {
  let container = MediatedContainer()
  let memory: UnsafeMutableRawPointer
  let pageCount: Int

  init(pages: Int) {
    pageCount = pages
    memory = .allocate(byteCount: pages << 12, alignment: 4096)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: pages << 12)
  }

  deinit { memory.deallocate() }

  func setDriver() -> Int { container.ioctl(0x3b66, 3) }

  func map(_ iova: UInt64, pages: UInt64, from first: Int = 0) -> Int {
    var call: [UInt64] = [
      32 | 3 << 32, UInt64(UInt(bitPattern: memory + first << 12)), iova, pages << 12,
    ]
    return call.withUnsafeMutableBytes {
      container.ioctl(0x3b71, UInt64(UInt(bitPattern: $0.baseAddress)))
    }
  }

  func unmap(_ iova: UInt64, pages: UInt64) -> Int {
    var call: [UInt64] = [24, iova, pages << 12]
    return call.withUnsafeMutableBytes {
      container.ioctl(0x3b72, UInt64(UInt(bitPattern: $0.baseAddress)))
    }
  }
}

@Suite struct MediatedDevicesTests {
  @Test("A driver in Swift pins, copies, and lets go when its client unmaps")
  func life() throws {
    let client = Client(pages: 8)
    let driver = Keeper()
    let device = try client.container.register(driver)
    #expect(throws: Errno.invalidArgument) { try device.open() }
    #expect(client.setDriver() == 0 && client.map(0x10000, pages: 8) == 0)
    #expect(throws: Errno.invalidArgument) {
      try device.pinPages(at: IOVA(0x10000), count: 1, protection: 3)
    }
    try device.open()
    let pages = try device.pinPages(at: IOVA(0x11800), count: 2, protection: 3)
    let base = UInt64(UInt(bitPattern: client.memory))
    #expect(pages.map(\.rawValue) == [base + 0x1000, base + 0x2000])
    device.unpinPages(at: IOVA(0x11800), count: 2)

    var word: UInt64 = 0xfeed
    try withUnsafeBytes(of: &word) { try device.write($0, to: IOVA(0x13ffc)) }
    word = 0
    try withUnsafeMutableBytes(of: &word) { try device.read($0, from: IOVA(0x13ffc)) }
    #expect(word == 0xfeed && client.memory.load(fromByteOffset: 0x3ffc, as: UInt16.self) == 0xfeed)

    #expect(device.ioctl(3, 0x12000) == 3)
    #expect(client.unmap(0x10000, pages: 8) == 0)
    #expect(driver.told == [IOVARange(start: IOVA(0x10000), last: IOVA(0x17fff))])
    #expect(driver.refusal == .deadlock && driver.held.isEmpty)
    #expect(device.ioctl(3, 0x12000) == -22)
    device.close()
    #expect(device.ioctl(3, 0x12000) == -22)
  }

  @Test("A driver that accepts no software space is none for a legacy container")
  func accepts() {
    final class Shared: MediatedDriver {
      var accepts: AcceptedAttachments { .pasid }
      func dmaUnmap(_ mapping: IOVARange, of device: MediatedDevice) {}
    }
    #expect(throws: Errno.invalidArgument) { try MediatedContainer().register(Shared()) }
  }

  @Test("A deaf driver makes the unmap EDEADLK, and is told so")
  func deaf() throws {
    let client = Client(pages: 4)
    let driver = Keeper()
    let device = try client.container.register(driver)
    #expect(client.setDriver() == 0 && client.map(0x10000, pages: 4) == 0)
    try device.open()
    #expect(device.ioctl(1, 0x10000) == 1)
    driver.isDeaf = true
    #expect(client.unmap(0x10000, pages: 4) == -35)
    #expect(driver.told.count == 11 && driver.failed.count == 1)
    #expect(device.ioctl(1, 0x11000) == -35)
    driver.isDeaf = false
    #expect(client.unmap(0x10000, pages: 4) == 0)
  }

  @Test("Threads that map, unmap and pin never wait for each other for ever, and none loses count")
  func threads() throws {
    let client = Client(pages: 64)
    let driver = Keeper()
    let device = try client.container.register(driver)
    #expect(client.setDriver() == 0)
    try device.open()
    nonisolated(unsafe) let shared = client
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      let base = UInt64(thread + 1) << 24
      for round in 0..<200 {
        let failure = shared.map(base, pages: 16, from: thread * 16)
        precondition(failure == 0)
        _ = device.ioctl(UInt32(round % 5 + 1), base + UInt64(round % 7) << 12)
        precondition(shared.unmap(base, pages: 16) == 0)
      }
    }
    #expect(driver.held.isEmpty)
  }
}
