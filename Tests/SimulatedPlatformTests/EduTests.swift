import DMATypes
import Testing

@testable import SimulatedPlatform

/// A load, and what QEMU 7.2 answered under Linux 6.12.117 through an mmap of the BAR.
struct RecordedLoad: Sendable, CustomTestStringConvertible {
  var offset: UInt64
  var width: Int
  var value: UInt64
  var testDescription: String { "\(width) bytes at \(String(offset, radix: 16))" }
}

private func row(_ offset: UInt64, _ width: Int, _ value: UInt64) -> RecordedLoad {
  RecordedLoad(offset: offset, width: width, value: value)
}

// After: liveness 0x12345678, factorial of 5, and three 8-byte DMA registers.
private let recordedLoads: [RecordedLoad] = [
  row(0x00, 1, 0), row(0x00, 2, 0), row(0x00, 4, 0x0100_00ed), row(0x00, 8, .max),
  row(0x01, 4, 0x8701_0000), row(0x02, 4, 0xa987_0100), row(0x03, 4, 0xcba9_8701),
  row(0x04, 4, 0xedcb_a987), row(0x06, 4, 0x0078_edcb), row(0x08, 4, 0x78),
  row(0x0c, 4, 0xffff_ffff), row(0x20, 4, 0), row(0x24, 4, 0), row(0x28, 4, 0xffff_ffff),
  row(0x60, 4, 0xffff_ffff), row(0x7c, 8, 0x5566_7788_ffff_ffff),
  row(0x7e, 4, 0x7788_ffff), row(0x7e, 8, 0x3344_5566_7788_ffff),
  row(0x80, 1, 0), row(0x80, 2, 0), row(0x80, 4, 0x5566_7788),
  row(0x80, 8, 0x1122_3344_5566_7788), row(0x81, 4, 0xff55_6677),
  row(0x81, 8, 0x0011_2233_4455_6677), row(0x82, 8, 0xff00_1122_3344_5566),
  row(0x84, 4, 0xffff_ffff), row(0x84, 8, 0xddee_ff00_1122_3344),
  row(0x88, 8, 0x99aa_bbcc_ddee_ff00), row(0x90, 4, 0x89ab_cdef), row(0x98, 8, 0),
  row(0x9c, 8, 0xffff_ffff_0000_0000), row(0xa0, 8, .max), row(0x40000, 4, 0xffff_ffff),
  row(0xffffc, 4, 0xffff_ffff),
]

@Suite("edu, as QEMU 7.2 makes it") struct EduTests {
  @Test("A load answers as recorded", arguments: recordedLoads)
  func loads(_ row: RecordedLoad) throws {
    let bench = try Bench()
    try bench.store(0x04, 0x1234_5678)
    try bench.store(0x08, 5)
    try bench.store(0x80, 0x1122_3344_5566_7788, 8)
    try bench.store(0x88, 0x99aa_bbcc_ddee_ff00, 8)
    try bench.store(0x90, 0x0123_4567_89ab_cdef, 8)
    #expect(try bench.load(row.offset, row.width) == row.value)
  }

  @Test(
    "A store of a width or alignment that no register takes changes nothing",
    arguments: [
      (4, 1), (4, 2), (6, 2), (4, 8), (0, 8), (5, 4), (0x80, 1), (0x80, 2), (0x84, 4), (0x7c, 8),
      (0x84, 8), (0x81, 8),
    ] as [(UInt64, Int)])
  func ignored(offset: UInt64, width: Int) throws {
    let bench = try Bench()
    try bench.store(0x04, 0x1234_5678)
    try bench.store(0x80, 0x1122_3344_5566_7788, 8)
    try bench.store(offset, 0x5555_5555_5555_5555, width)
    #expect(try bench.load(4) == 0xedcb_a987)
    #expect(try bench.load(0x80, 8) == 0x1122_3344_5566_7788)
    #expect(try bench.load(0x08) == 0)
  }

  @Test("A 4-byte store to a wide register clears its upper half")
  func narrowStore() throws {
    let bench = try Bench()
    try bench.store(0x80, .max, 8)
    try bench.store(0x80, 0xdead_beef, 4)
    #expect(try bench.load(0x80, 8) == 0xdead_beef)
  }

  @Test(
    "Factorials wrap at 32 bits",
    arguments: [
      (0, 1), (1, 1), (5, 120), (12, 479_001_600), (14, 1_278_945_280), (33, 2_147_483_648),
      (34, 0), (40, 0), (0xffff_ffff, 0),
    ] as [(UInt64, UInt64)])
  func factorials(number: UInt64, result: UInt64) throws {
    let bench = try Bench()
    try bench.store(0x08, number)
    #expect(try bench.load(0x08) == result)
    #expect(try bench.load(0x20) == 0)
  }

  @Test("Status keeps only its interrupt bit")
  func status() throws {
    let bench = try Bench()
    try bench.store(0x20, 0xffff_ffff)
    #expect(try bench.load(0x20) == 0x80)
    try bench.store(0x20, 0)
    #expect(try bench.load(0x20) == 0)
  }

  @Test("Raised causes stand until each is acknowledged")
  func causes() throws {
    let bench = try Bench()
    try bench.store(0x60, 0xffff_ffff)
    try bench.store(0x64, 0x0f0f_0f0f)
    #expect(try bench.load(0x24) == 0xf0f0_f0f0)
    #expect(try bench.config(0x06) == 0x18)
    try bench.store(0x64, 0xffff_ffff)
    #expect(try bench.load(0x24) == 0)
    #expect(try bench.config(0x06) == 0x10)
  }
}

@Suite("edu's DMA") struct EduDMATests {
  /// A bus master with one page of memory at 0x100000.
  private func bench() throws -> Bench {
    let bench = try Bench()
    bench.world.pages[0x100000] = (0..<4096).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
    try bench.setConfig(0x04, 0x07, 2)
    return bench
  }

  @Test("A whole buffer goes in and comes out", arguments: [1, 16, 4095, 4096] as [UInt64])
  func copies(count: UInt64) throws {
    let bench = try bench()
    let original = bench.world.pages[0x100000]
    try bench.dma(0x100000, 0x40000, count, 1)
    #expect(try bench.load(0x98, 8) == 0)
    bench.world.pages[0x100000] = [UInt8](repeating: 0, count: 4096)
    try bench.dma(0x40000, 0x100000, count, 3)
    #expect(try bench.load(0x98, 8) == 2)
    #expect(bench.world.pages[0x100000]?.prefix(Int(count)) == original?.prefix(Int(count)))
    #expect(bench.state.dmaFaultCount == 0)
  }

  @Test("A read that runs into an unmapped page brings zeros from there on")
  func crossingRead() throws {
    let bench = try bench()
    try bench.dma(0x100000, 0x40000, 4096, 1)
    bench.world.pages[0x100000] = [UInt8](repeating: 0x55, count: 4096)
    try bench.dma(0x100800, 0x40000, 0xfff, 1)
    try bench.dma(0x40000, 0x100000, 4096, 3)
    let page = try #require(bench.world.pages[0x100000])
    #expect(page[0x7ff] == 0x55 && page[0x800] == 0 && page[0xffe] == 0)
    #expect(bench.state.dmaFaultCount == 1)
  }

  @Test("A write that runs into an unmapped page stops there")
  func crossingWrite() throws {
    let bench = try bench()
    try bench.dma(0x100000, 0x40000, 4096, 1)
    bench.world.pages[0x100000] = [UInt8](repeating: 0xee, count: 4096)
    try bench.dma(0x40000, 0x100800, 4096, 3)
    let page = try #require(bench.world.pages[0x100000])
    #expect(page[0x7ff] == 0xee && page[0x800] == 1 && page[0x801] == 8)
    #expect(bench.state.dmaFaultCount == 1)
  }

  @Test("Without bus mastering nothing moves")
  func notMaster() throws {
    let bench = try bench()
    try bench.setConfig(0x04, 0x03, 2)
    let before = bench.world.pages[0x100000]
    try bench.dma(0x40000, 0x100000, 16, 3)
    #expect(bench.world.pages[0x100000] == before)
    #expect(bench.state.dmaFaultCount == 1)
  }

  @Test("An address above the mask is cut")
  func masked() throws {
    let bench = try bench()
    bench.world.pages[0x100000] = [UInt8](repeating: 0x66, count: 4096)
    try bench.dma(0x5_0010_0000, 0x40000, 16, 1)
    bench.world.pages[0x100000] = [UInt8](repeating: 0, count: 4096)
    try bench.dma(0x40000, 0x100000, 16, 3)
    #expect(bench.world.pages[0x100000]?[15] == 0x66)
  }

  @Test(
    "A range that is not within the device's memory moves nothing",
    arguments: [
      (0x3ffff, 1), (0x40000, 4097), (0x41001, 0), (0x40fff, 2), (0, 16), (.max, 16),
      (0x40000, .max),
    ] as [(UInt64, UInt64)])
  func outside(address: UInt64, count: UInt64) throws {
    let bench = try bench()
    let before = bench.world.pages[0x100000]
    try bench.dma(address, 0x100000, count, 3)
    try bench.dma(0x100000, address, count, 1)
    #expect(bench.world.pages[0x100000] == before)
    #expect(bench.state.dmaFaultCount == 2)
    #expect(try bench.load(0x98, 8) == 0)
  }

  @Test("A command keeps its other bits, and raises cause 0x100 when asked")
  func command() throws {
    let bench = try bench()
    #expect(bench.trigger(1, 10) == 0)
    try bench.dma(0x100000, 0x40000, 4, 0xfff1)
    #expect(try bench.load(0x98, 8) == 0xfff0)
    #expect(bench.world.take(10) == 0)
    try bench.dma(0x100000, 0x40000, 4, 5)
    #expect(try bench.load(0x24) == 0x100)
    #expect(bench.world.take(10) == 1)
    try bench.store(0x98, 0x10, 8)
    #expect(try bench.load(0x98, 8) == 4)
  }
}
