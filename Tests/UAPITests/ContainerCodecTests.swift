import DMATypes
import LegacyVFIO
import Testing
import UAPI

private let number: (map: UInt32, unmap: UInt32, info: UInt32, dirty: UInt32) = (
  0x3b71, 0x3b72, 0x3b70, 0x3b75
)

private func range(_ start: UInt64, _ last: UInt64) -> IOVARange {
  IOVARange(start: IOVA(start), last: IOVA(last))
}

private func mapLayout(argsz: UInt32 = 32, flags: UInt32 = 3) -> MapLayout {
  var layout = MapLayout()
  layout.argsz = argsz
  layout.flags = flags
  (layout.vaddr, layout.iova, layout.size) = (0x7000, 0x1000, 0x2000)
  return layout
}

private func unmapLayout(argsz: UInt32 = 24, flags: UInt32 = 0) -> UnmapLayout {
  var layout = UnmapLayout()
  layout.argsz = argsz
  layout.flags = flags
  (layout.iova, layout.size) = (0x1000, 0x2000)
  return layout
}

/// UNMAP with a bitmap behind it.
private struct UnmapWithBitmap: BitwiseCopyable {
  var head = unmapLayout(argsz: 48, flags: 1)
  var bitmap = BitmapLayout()
  init(pgsize: UInt64 = 0x1000, size: UInt64 = 8, data: UInt64 = 0x10000) {
    (bitmap.pgsize, bitmap.size, bitmap.data) = (pgsize, size, data)
  }
}

/// DIRTY_PAGES with GET_BITMAP.
private struct DirtyWithRange: BitwiseCopyable {
  var head = DirtyLayout()
  var get = DirtyGetLayout()
  init(argsz: UInt32 = 48, pgsize: UInt64 = 0x1000, size: UInt64 = 8, data: UInt64 = 0x10000) {
    (head.argsz, head.flags) = (argsz, 4)
    (get.iova, get.size) = (0x1000, 0x2000)
    (get.bitmap.pgsize, get.bitmap.size, get.bitmap.data) = (pgsize, size, data)
  }
}

@Suite struct ContainerCodecTests {
  @Test("A refusal before the structure is read leaves a wild pointer alone")
  func admission() {
    var server = Scripted(refusal: .invalidArgument)
    #expect(ContainerCodec.serve(0x3b71, 1, by: &server) == -22)
    #expect(ContainerCodec.serve(0x1234, .max, by: &server) == -22)
    #expect(server.asked.isEmpty)
  }

  @Test("Numbers passed by value arrive whole")
  func values() {
    var server = Scripted(reply: .value(1))
    #expect(ContainerCodec.serve(0x3b65, .max, by: &server) == 1)
    #expect(ContainerCodec.serve(0x3b66, 3, by: &server) == 1)
    #expect(ContainerCodec.serve(0x3b64, .max, by: &server) == 1)
    #expect(server.asked == [.checkExtension(.max), .setIOMMU(3), .getAPIVersion])
  }

  @Test("MAP: a structure that ends early is EFAULT at every size", arguments: 0...40)
  func mapSizes(size: Int) {
    let memory = Memory()
    var server = Scripted()
    let layout = mapLayout(argsz: UInt32(size))
    if size < 32 {
      // The structure cut by the end of memory, whatever argsz says.
      #expect(ContainerCodec.serve(number.map, memory.put(layout, count: size), by: &server) == -14)
    }
    let expected = size < 32 ? -22 : 0
    #expect(ContainerCodec.serve(number.map, memory.put(layout), by: &server) == expected)
    #expect(memory.isUntouched(before: 32))
    #expect(server.asked.count == (size < 32 ? 0 : 1))
  }

  @Test("MAP: flags are read bit by bit", arguments: 0...15 as ClosedRange<UInt32>)
  func mapFlags(flags: UInt32) {
    let memory = Memory()
    var server = Scripted()
    let result = ContainerCodec.serve(
      number.map, memory.put(mapLayout(flags: flags)), by: &server)
    #expect(result == (flags > 7 ? -22 : 0))
    guard flags < 8 else { return }
    #expect(
      server.asked == [
        .map(
          MapRequest(
            access: DMAAccess(rawValue: UInt8(flags & 3)), replacesAddress: flags & 4 != 0,
            address: UserAddress(0x7000), iova: IOVA(0x1000), size: 0x2000))
      ])
  }

  @Test("UNMAP writes the bytes that went, and nothing else", arguments: 0...32)
  func unmapSizes(size: Int) {
    let memory = Memory()
    var server = Scripted(reply: .unmapped(0x5000))
    let layout = unmapLayout(argsz: UInt32(size), flags: 0)
    if size < 24 {
      #expect(
        ContainerCodec.serve(number.unmap, memory.put(layout, count: size), by: &server) == -14)
    }
    let expected = size < 24 ? -22 : 0
    #expect(ContainerCodec.serve(number.unmap, memory.put(layout), by: &server) == expected)
    let written: UInt64 = size < 24 ? 0x2000 : 0x5000
    #expect(
      memory.bytes(24)
        == littleEndian(UInt64(size), 0, bytes: 4) + littleEndian(0x1000, written, bytes: 8))
    #expect(memory.isUntouched(before: 24))
  }

  @Test("UNMAP: the effect stands when the answer cannot be written")
  func unmapReadOnly() {
    let memory = Memory()
    var server = Scripted(reply: .unmapped(0x2000))
    let address = memory.put(unmapLayout())
    memory.protect()
    #expect(ContainerCodec.serve(number.unmap, address, by: &server) == -14)
    #expect(server.asked.count == 1)
  }

  @Test("UNMAP: GET_DIRTY stands alone", arguments: [3, 5, 7, 8] as [UInt32])
  func unmapFlags(flags: UInt32) {
    let memory = Memory()
    var server = Scripted()
    let address = memory.put(unmapLayout(argsz: 48, flags: flags))
    #expect(ContainerCodec.serve(number.unmap, address, by: &server) == -22)
  }

  @Test("UNMAP: the bitmap is checked before the server is asked")
  func unmapBitmap() {
    let memory = Memory()
    var server = Scripted(reply: .unmapped(0))
    func serve(_ layout: UnmapWithBitmap, count: Int = 48) -> Int {
      ContainerCodec.serve(number.unmap, memory.put(layout, count: count), by: &server)
    }
    var short = UnmapWithBitmap()
    short.head.argsz = 47
    #expect(serve(short) == -22)
    #expect(serve(UnmapWithBitmap(), count: 40) == -14)
    #expect(serve(UnmapWithBitmap(data: 1 << 63)) == -22)
    #expect(serve(UnmapWithBitmap(size: 0)) == -22)
    #expect(serve(UnmapWithBitmap(size: 7)) == -22)
    #expect(serve(UnmapWithBitmap(size: 0x1000_0001)) == -22)
    #expect(serve(UnmapWithBitmap(pgsize: 0)) == -22)
    #expect(serve(UnmapWithBitmap(pgsize: 0x4000)) == -22)
    #expect(server.asked.isEmpty)
    #expect(serve(UnmapWithBitmap()) == 0)
    #expect(server.asked.count == 1)
  }

  @Test("DIRTY_PAGES: exactly one known flag", arguments: 0...15 as ClosedRange<UInt32>)
  func dirtyFlags(flags: UInt32) {
    let memory = Memory()
    var server = Scripted()
    var layout = DirtyWithRange()
    layout.head.flags = flags
    let result = ContainerCodec.serve(number.dirty, memory.put(layout), by: &server)
    #expect(result == ([1, 2, 4].contains(flags) ? 0 : -22))
    #expect(memory.isUntouched(before: 48))
  }

  @Test("DIRTY_PAGES: sizes and the range's bitmap", arguments: 0...56)
  func dirtySizes(size: Int) {
    let memory = Memory()
    var server = Scripted()
    let layout = DirtyWithRange(argsz: UInt32(size))
    if size < 8 {
      #expect(
        ContainerCodec.serve(number.dirty, memory.put(layout, count: size), by: &server) == -14)
    } else if size < 48 {
      // Enough by argsz, and cut by the end of memory.
      let cut = memory.put(DirtyWithRange(argsz: 48), count: size)
      #expect(ContainerCodec.serve(number.dirty, cut, by: &server) == -14)
    }
    let expected = size < 48 ? -22 : 0
    #expect(ContainerCodec.serve(number.dirty, memory.put(layout), by: &server) == expected)
    let wrong = [
      DirtyWithRange(pgsize: 0), DirtyWithRange(size: 0), DirtyWithRange(data: .max),
      DirtyWithRange(pgsize: 0x8000),
    ]
    for layout in wrong {
      #expect(ContainerCodec.serve(number.dirty, memory.put(layout), by: &server) == -22)
    }
  }
}

/// GET_INFO of the lab's container: two ranges, so 120 bytes are needed.
private let labInfo = Type1Info(
  pageSizes: PageSizes(rawValue: 0x4020_1000), dirtyPageBytes: 0x1000, mappingsAvailable: 65535,
  ranges: [range(0, 0xfedf_ffff), range(0xfef0_0000, 0xffff_ffff_ffff)])

private let labChain: [UInt8] =
  littleEndian(2, 1, bytes: 2) + littleEndian(56, 0, 0, bytes: 4)
  + littleEndian(0x1000, 0x1000_0000, bytes: 8)
  + littleEndian(3, 1, bytes: 2) + littleEndian(72, 65535, 0, bytes: 4)
  + littleEndian(1, 1, bytes: 2) + littleEndian(0, 2, 0, bytes: 4)
  + littleEndian(0, 0xfedf_ffff, 0xfef0_0000, 0xffff_ffff_ffff, bytes: 8)

@Suite struct InfoCodecTests {
  @Test("GET_INFO writes what fits and no byte more", arguments: 0...136)
  func sizes(argsz: Int) {
    let memory = Memory()
    var server = Scripted(reply: .info(labInfo))
    let before = [UInt8](repeating: 0x5a, count: 144)
    let address = memory.fill(before, from: 144)
    _ = memory.fill(littleEndian(UInt64(argsz), bytes: 4), from: 144)
    let result = ContainerCodec.serve(0x3b70, address, by: &server)
    let after = memory.bytes(144)
    #expect(memory.isUntouched(before: 144))
    guard argsz >= 16 else {
      #expect(result == -22)
      #expect(after == littleEndian(UInt64(argsz), bytes: 4) + before.dropFirst(4))
      return
    }
    #expect(result == 0)
    let fits = argsz >= 120
    let head =
      littleEndian(fits ? UInt64(argsz) : 120, 3, bytes: 4) + littleEndian(0x4020_1000, bytes: 8)
      + littleEndian(fits ? 24 : 0, 0, bytes: 4)
    let written = Array(head.prefix(argsz)) + (fits ? labChain : [])
    #expect(after == written + before.dropFirst(written.count))
  }

  @Test("GET_INFO writes the bytes that Linux 6.12 wrote")
  func recordedBytes() {
    // One mapping made, on the lab's VT-d, argsz 120.
    let recorded =
      "780000000300000000102040000000001800000000000000"
      + "0200010038000000000000000000000000100000000000000000001000000000"
      + "0300010048000000feff000000000000" + "01000100000000000200000000000000"
      + "0000000000000000ffffdffe000000000000f0fe00000000ffffffffffff0000"
    let memory = Memory()
    var info = labInfo
    info.mappingsAvailable = 65534
    var server = Scripted(reply: .info(info))
    let address = memory.fill(littleEndian(120, bytes: 4), from: 120)
    #expect(ContainerCodec.serve(0x3b70, address, by: &server) == 0)
    let hexadecimal = memory.bytes(120).map { byte in
      String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }
    #expect(hexadecimal.joined() == recorded)
  }

  @Test("GET_INFO without ranges has no third capability")
  func withoutRanges() {
    let memory = Memory()
    var info = labInfo
    info.ranges = []
    var server = Scripted(reply: .info(info))
    let address = memory.fill(littleEndian(72, bytes: 4), from: 72)
    #expect(ContainerCodec.serve(0x3b70, address, by: &server) == 0)
    let expected = labChain[..<36] + littleEndian(0, 65535, 0, bytes: 4)
    #expect(memory.bytes(48) == Array(expected))
  }

  @Test("GET_INFO reads 16 bytes, and a chain that cannot be written is EFAULT")
  func faults() {
    let memory = Memory()
    var server = Scripted(reply: .info(labInfo))
    #expect(ContainerCodec.serve(0x3b70, memory.tail(15), by: &server) == -14)
    let head = littleEndian(.max, 0, 0, 0, bytes: 4)
    #expect(ContainerCodec.serve(0x3b70, memory.fill(head, from: 16), by: &server) == -14)
    // A structure of 24 bytes and a chain that ends one byte early: nothing is said of it.
    let address = memory.fill(head, from: 119)
    #expect(ContainerCodec.serve(0x3b70, address, by: &server) == -14)
    #expect(Array(memory.bytes(119).prefix(16)) == head)
    // Only what argsz claims is written: 16 bytes at the very end suffice.
    let short = memory.fill(littleEndian(16, 0, 0, 0, bytes: 4), from: 16)
    #expect(ContainerCodec.serve(0x3b70, short, by: &server) == 0)
    #expect(memory.bytes(16).prefix(8) == littleEndian(120, 3, bytes: 4)[...])
  }
}
