import DMATypes
import LegacyVFIO
import Testing
import UAPI

@testable import Traces

/// The names and structures of traces agree with the codecs that serve the calls.
@Suite("What a trace knows of calls")
struct LayoutTests {
  @Test("Container and group requests that the codecs know are named, and no others")
  func numbers() {
    for number in UInt32(0x3b00)...0x3bff {
      let container = Vocabulary.request(number, on: .container(1)) != nil
      #expect(container == (ContainerCodec.command(of: number) != .unknown))
      let group = Vocabulary.request(number, on: .group(1)) != nil
      #expect(group == (GroupCodec.command(of: number) != .unknown))
    }
  }

  /// All structures, by their requests.
  static let structures: [(String, StructureLayout)] =
    (Vocabulary.container + Vocabulary.group + Vocabulary.device).compactMap {
      guard case .structure(let layout) = $0.argument else { return nil }
      return ($0.name, layout)
    }

  @Test("What a program puts in is encoded as it was", arguments: structures.indices)
  func roundTrip(index: Int) throws {
    let (name, layout) = Self.structures[index]
    var generator = CallGenerator(seed: UInt64(index))
    for _ in 0..<200 {
      var numbers = Numbers()
      var content = (0..<64).map { _ in UInt8(truncatingIfNeeded: generator.next() % 48) }
      content.put(generator.next() % 64, at: 0, width: 4)
      content.put(generator.next() % 64, at: 4, width: 4)
      if content.count >= 20 { content.put(generator.next() % 8, at: 16, width: 4) }
      if content.count >= 12, name.contains("HOT") {
        content.put(generator.next() % 8, at: 8, width: 4)
      }
      let count = layout.inputByteCount(content)
      content = Array(content.prefix(count))
      let fields = layout.decode(content, &numbers)
      let bytes = try layout.encode(fields) { numbers.value(of: $0) }
      var again = Numbers()
      #expect(layout.decode(bytes, &again) == fields, "\(name)")
      // Only what the kernel never reads may be lost: output fields.
      for field in layout.fields where field.direction != .output {
        #expect(
          bytes.number(at: field.offset, width: field.width)
            == content.number(at: field.offset, width: field.width), "\(name).\(field.name)")
      }
    }
  }

  @Test("A structure that ends early says so at every length", arguments: structures.indices)
  func cut(index: Int) throws {
    let (name, layout) = Self.structures[index]
    var numbers = Numbers()
    for count in 0...layout.byteCount {
      let fields = layout.decode([UInt8](repeating: 0, count: count), &numbers)
      let isCut = fields.last?.value == .mark(.unreadable)
      #expect(isCut == (count < layout.byteCount), "\(name) \(count)")
      _ = try layout.encode(fields) { _ in 0 }
    }
  }

  @Test("Regions of memory are named when they first appear and grow with granted calls")
  func memory() {
    var names = MemoryNames()
    let base: UInt64 = 0x7f00_1234_5000
    #expect(names.name(0) == .hex(0))
    #expect(names.name(1 << 63) == .hex(1 << 63))
    #expect(names.name(base + 0x10) == .memory(region: 1, offset: 0x10))
    #expect(names.name(base + 0x1000) == .memory(region: 2, offset: 0))
    names.extend(base, byteCount: 0x1_0000)
    #expect(names.name(base + 0x3000) == .memory(region: 1, offset: 0x3000))
    names.extend(base, byteCount: .max)
    #expect(names.name(base + 0x10_0000) == .memory(region: 3, offset: 0))
  }

  @Test("A mapping placed by the kernel is a region of its own, and hides what was there")
  func mappings() {
    var names = MemoryNames()
    func mapped(_ address: UInt64, _ pages: UInt64, chosen: Bool = true) -> TracedValue {
      names.name(mapping: address, byteCount: pages << 12, chosenByKernel: chosen)
    }
    let base: UInt64 = 0x7f00_1234_5000
    #expect(mapped(base + 0x3000, 1) == .memory(region: 1, offset: 0))
    #expect(mapped(base, 4) == .memory(region: 2, offset: 0))
    #expect(names.name(base + 0x3000) == .memory(region: 2, offset: 0x3000))
    #expect(mapped(base + 0x2000, 8) == .memory(region: 3, offset: 0))
    #expect(names.name(base + 0x3000) == .memory(region: 3, offset: 0x1000))
    #expect(mapped(base + 0x3000, 1) == .memory(region: 1, offset: 0), "its old name")
    #expect(names.name(base + 0x3000) == .memory(region: 1, offset: 0))
    #expect(mapped(base + 0x5000, 9, chosen: false) == .memory(region: 3, offset: 0x3000))
    #expect(names.name(base + 0xd000) == .memory(region: 3, offset: 0xb000))
    #expect(mapped(base, 1) == .memory(region: 2, offset: 0))
    #expect(names.name(base + 0x1000) == .memory(region: 4, offset: 0), "no longer of region 2")
  }

  /// Every number stands for itself.
  private struct Numbers: TraceNaming {
    mutating func name(address: UInt64) -> TracedValue {
      .memory(region: 1, offset: address)
    }
    mutating func name(descriptor: Int32) -> TracedValue {
      descriptor < 0 ? .decimal(Int64(descriptor)) : .handle(.group(UInt32(descriptor)))
    }
    mutating func extend(address: UInt64, byteCount: UInt64) {}
    func value(of value: TracedValue) -> UInt64 {
      switch value {
      case .memory(_, let offset): offset
      case .handle(.group(let number)): UInt64(number)
      default: 0
      }
    }
  }
}
