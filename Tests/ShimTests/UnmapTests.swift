import AddressSpaces
import DMATypes
import LegacyVFIO
import Shim
import Testing

/// The worked examples of both versions, observed row by row on Linux 6.12.
///
/// Mapped are [0, 0x4000), [0x4000, 0x8000) and [0x10000, 0x12000).
struct UnmapExample: Sendable, CustomTestStringConvertible {
  var start: UInt64
  var size: UInt64
  /// The bytes that go; nil for EINVAL.
  var version2: UInt64?
  var version1: UInt64?
  var testDescription: String { "\(String(start, radix: 16)) + \(String(size, radix: 16))" }

  init(_ start: UInt64, to end: UInt64, _ version2: UInt64?, _ version1: UInt64?) {
    (self.start, self.size) = (start, end &- start)
    (self.version2, self.version1) = (version2, version1)
  }
}

private let examples: [UnmapExample] = [
  .init(0, to: 0x4000, 0x4000, 0x4000),
  .init(0, to: 0x8000, 0x8000, 0x8000),
  .init(0, to: 0x20000, 0xa000, 0xa000),
  .init(0, to: 0x1000, nil, 0x4000),
  .init(0x1000, to: 0x2000, nil, 0),
  .init(0x3000, to: 0x4000, nil, 0),
  .init(0x2000, to: 0x8000, nil, 0),
  .init(0, to: 0x5000, nil, 0x8000),
  .init(0x8000, to: 0x11000, nil, 0x2000),
  .init(0x11000, to: 0x20000, nil, 0),
  .init(0x8000, to: 0x10000, 0, 0),
  .init(0x10000, to: 0, 0, 0),
  .init(0x11000, to: 0, nil, 0),
  .init(0x10000, to: 0 &- 0x1000, 0x2000, 0x2000),
  .init(0x1000, to: 0x1000, nil, nil),
  .init(0x20000, to: 0x20800, nil, nil),
  .init(0x20800, to: 0x21800, nil, nil),
  .init(0x2000, to: 0x1000, nil, nil),
]

@Suite struct UnmapTests {
  private func world(type: UInt64) throws -> Container {
    var container = try Container([group()], type: type)
    try container.map(range(0, 0x3fff))
    try container.map(range(0x4000, 0x7fff))
    try container.map(range(0x10000, 0x11fff))
    return container
  }

  @Test("UNMAP removes what type1 removes", arguments: examples, [UInt64(3), 1])
  func removes(example: UnmapExample, type: UInt64) throws {
    var container = try world(type: type)
    let before = container.state
    let expected = type == 3 ? example.version2 : example.version1
    guard let expected else {
      #expect(
        errno { () throws(Errno) in try container.unmap(example.start, example.size) }
          == .invalidArgument)
      #expect(container.state == before)
      return
    }
    #expect(try container.unmap(example.start, example.size) == expected)
    let left = container.state.mappings.reduce(0) { $0 + $1.range.size }
    #expect(left == 0xa000 - expected)
    #expect(container.state.mappingsAvailable == 65535 - UInt32(container.state.mappings.count))
    let backend = container.session.backend.content.spaces.values.first?.keys.sorted()
    #expect(backend == container.state.mappings.map(\.range.start))
  }

  @Test("UNMAP with ALL removes everything, and 0 bytes of nothing", arguments: [UInt64(3), 1])
  func all(type: UInt64) throws {
    var container = try world(type: type)
    #expect(try container.perform(unmapRequest(all: true)) == .unmapped(0xa000))
    #expect(try container.perform(unmapRequest(all: true)) == .unmapped(0))
    #expect(container.state.mappings.isEmpty)
  }

  @Test("Only ALL removes a mapping that ends at 2⁶⁴")
  func top() throws {
    var container = try Container([group(9, .emulated)])
    let page: UInt64 = 0 &- 0x1000
    try container.map(range(page, .max))
    try container.map(range(0x1000, 0x1fff))
    #expect(errno { () throws(Errno) in try container.map(range(page, .max)) } == .exists)
    #expect(try container.unmap(page, 0x1000) == 0)
    #expect(try container.unmap(0x1000, 0x1000) == 0x1000)
    #expect(try container.perform(unmapRequest(all: true)) == .unmapped(0x1000))
  }

  @Test("A version 1 range that begins inside a mapping leaves those behind it")
  func version1StopsAtTheFirst() throws {
    var container = try world(type: 1)
    #expect(try container.unmap(0x2000, 0x20000) == 0)
    #expect(container.state.mappings.count == 3)
  }
}
