import Testing

@testable import SimulatedPlatform

// Recorded on Linux 6.12.117 with QEMU 7.2's edu behind VT-d: 256 bytes after the first open, and
// what a register reads after all ones and after zeros were written to it.

private let recordedHeader: [UInt8] = [
  0x34, 0x12, 0xe8, 0x11, 0x03, 0x01, 0x10, 0x00, 0x10, 0x00, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x60, 0xfe, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf4, 0x1a, 0x00, 0x11,
  0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x01, 0x00, 0x00,
  0x05, 0x00, 0x80, 0x00,
]

/// A register, what it reads, and what it reads after ones and after zeros.
struct RecordedWrite: Sendable, CustomTestStringConvertible {
  var index: Int
  var width: Int
  var before: UInt64
  var ones: UInt64
  var zeros: UInt64
  var testDescription: String { "\(width) bytes at \(String(index, radix: 16))" }
}

private func row(
  _ index: Int, _ width: Int, _ before: UInt64, _ ones: UInt64, _ zeros: UInt64
) -> RecordedWrite {
  RecordedWrite(index: index, width: width, before: before, ones: ones, zeros: zeros)
}

private let recordedWrites: [RecordedWrite] =
  [
    row(0x04, 1, 0x03, 0x07, 0), row(0x05, 1, 0x01, 0x05, 0), row(0x0c, 1, 0, 0xff, 0),
    row(0x0d, 1, 0, 0, 0), row(0x0f, 1, 0, 0, 0), row(0x10, 1, 0, 0, 0),
    row(0x12, 1, 0x60, 0xf0, 0), row(0x13, 1, 0xfe, 0xff, 0), row(0x14, 1, 0, 0, 0),
    row(0x2c, 1, 0xf4, 0xf4, 0xf4), row(0x34, 1, 0x40, 0x40, 0x40),
    row(0x3c, 1, 0x0a, 0xff, 0), row(0x3d, 1, 0x01, 0x01, 0x01), row(0x40, 1, 5, 5, 5),
    row(0x41, 1, 0, 0, 0), row(0x42, 1, 0x80, 0x8e, 0), row(0x43, 1, 0, 0, 0),
    row(0x44, 1, 0, 0xff, 0), row(0x4d, 1, 0, 0xff, 0), row(0x4e, 1, 0, 0xff, 0),
    row(0xff, 1, 0, 0xff, 0),
    row(0x04, 2, 0x0103, 0x0507, 0), row(0x06, 2, 0x0010, 0x0010, 0x0010),
    row(0x0c, 2, 0, 0xff, 0), row(0x12, 2, 0xfe60, 0xfff0, 0), row(0x3c, 2, 0x010a, 0x01ff, 0x0100),
    row(0x40, 2, 5, 5, 5), row(0x42, 2, 0x0080, 0x008e, 0), row(0x4c, 2, 0, 0xffff, 0),
    row(0x00, 4, 0x11e8_1234, 0x11e8_1234, 0x11e8_1234),
    row(0x04, 4, 0x0010_0103, 0x0010_0507, 0x0010_0000),
    row(0x08, 4, 0x00ff_0010, 0x00ff_0010, 0x00ff_0010), row(0x0c, 4, 0, 0xff, 0),
    row(0x10, 4, 0xfe60_0000, 0xfff0_0000, 0), row(0x14, 4, 0, 0, 0), row(0x30, 4, 0, 0, 0),
    row(0x2c, 4, 0x1100_1af4, 0x1100_1af4, 0x1100_1af4), row(0x38, 4, 0, 0, 0),
    row(0x3c, 4, 0x010a, 0x01ff, 0x0100), row(0x40, 4, 0x0080_0005, 0x008e_0005, 5),
    row(0x4c, 4, 0, 0xffff_ffff, 0), row(0x50, 4, 0, 0xffff_ffff, 0),
  ]

@Suite("Config space, as Linux 6.12.117 shows QEMU 7.2's edu") struct ConfigSpaceTests {
  @Test("After open it reads as recorded")
  func afterOpen() throws {
    let bytes = try Bench().wholeConfig()
    #expect(bytes == recordedHeader + [UInt8](repeating: 0, count: 256 - recordedHeader.count))
  }

  @Test("A write keeps the recorded bits", arguments: recordedWrites)
  func writes(_ row: RecordedWrite) throws {
    let bench = try Bench()
    #expect(try bench.config(row.index, row.width) == row.before)
    try bench.setConfig(row.index, .max, row.width)
    #expect(try bench.config(row.index, row.width) == row.ones)
    try bench.setConfig(row.index, 0, row.width)
    #expect(try bench.config(row.index, row.width) == row.zeros)
  }

  @Test("Writing back what stood there restores all of it", arguments: [1, 2, 4])
  func restores(width: Int) throws {
    let bench = try Bench()
    let before = try bench.wholeConfig()
    for index in stride(from: 0, to: 256, by: width) {
      let old = try bench.config(index, width)
      try bench.setConfig(index, .max, width)
      try bench.setConfig(index, old, width)
    }
    #expect(try bench.wholeConfig() == before)
  }

  @Test("A read across capabilities is put together from pieces", arguments: 0x3c...0x52)
  func crossing(index: Int) throws {
    let bench = try Bench()
    for byte in 0x44..<0x60 { try bench.setConfig(byte, UInt64(byte)) }
    let whole = try bench.wholeConfig()
    let pieces = try bench.config(index, 6)
    for byte in 0..<6 {
      #expect(UInt8(truncatingIfNeeded: pieces >> (8 * UInt64(byte))) == whole[index + byte])
    }
  }

  @Test("Closing and opening again puts the header back, but not what edu does not reset")
  func reopened() throws {
    let bench = try Bench()
    #expect(bench.trigger(1, 10) == 0)
    try bench.setConfig(0x04, 0x07, 2)
    try bench.setConfig(0x0c, 0x10)
    try bench.setConfig(0x10, 0xdead_0000, 4)
    try bench.setConfig(0x3c, 0x77)
    try bench.setConfig(0x50, 0x1234_5678, 4)
    try bench.store(4, 0x55)
    #expect(try bench.config(0x10, 4) == 0xdea0_0000)
    bench.device.close(&bench.state, in: bench.world)
    #expect(bench.world.references[10] == 0)
    bench.device.open(&bench.state)
    #expect(try Array(bench.wholeConfig()[..<0x44]) == recordedHeader)
    #expect(try bench.config(0x50, 4) == 0x1234_5678)
    #expect(try bench.load(4) == 0xffff_ffaa)
  }
}
