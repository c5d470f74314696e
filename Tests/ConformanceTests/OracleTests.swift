import Conformance
import Testing

/// The oracle against rows of the specification that were observed on the native kernel.
@Suite("The oracle says what the kernel was seen to say")
struct OracleTests {
  static let ready: [Call] = [
    Call(.openContainer, into: 0), Call(.openGroup, into: 1, [3]),
    Call(.setContainer, on: 1, other: .descriptor(0)),
  ]

  static func map(_ iova: UInt64, _ size: UInt64, flags: UInt64 = 3) -> Call {
    Call(.mapDMA, on: 0, [32, Number(flags), .memory(0x1_4000), Number(iova), Number(size)])
  }
  static func unmap(_ iova: UInt64, _ size: UInt64, flags: UInt64 = 0) -> Call {
    Call(.unmapDMA, on: 0, [24, Number(flags), Number(iova), Number(size), 0, 0, 0])
  }

  /// A request against A=[0,4000) B=[4000,8000) C=[10000,12000); nil is EINVAL.
  struct Row: Sendable, CustomStringConvertible {
    var start: UInt64
    var size: UInt64
    var v2: UInt64?
    var v1: UInt64?
    var flags: UInt64 = 0
    var description: String { "[\(start), +\(size)) flags \(flags)" }
  }
  static let rows = [
    Row(start: 0, size: 0x4000, v2: 0x4000, v1: 0x4000),
    Row(start: 0, size: 0x8000, v2: 0x8000, v1: 0x8000),
    Row(start: 0, size: 0x2_0000, v2: 0xa000, v1: 0xa000),
    Row(start: 0, size: 0x1000, v2: nil, v1: 0x4000),
    Row(start: 0x1000, size: 0x1000, v2: nil, v1: 0),
    Row(start: 0x3000, size: 0x1000, v2: nil, v1: 0),
    Row(start: 0x2000, size: 0x6000, v2: nil, v1: 0),
    Row(start: 0, size: 0x5000, v2: nil, v1: 0x8000),
    Row(start: 0x8000, size: 0x9000, v2: nil, v1: 0x2000),
    Row(start: 0x1_1000, size: 0xf000, v2: nil, v1: 0),
    Row(start: 0x8000, size: 0x8000, v2: 0, v1: 0),
    Row(start: 0x1_0000, size: 0 &- 0x1_0000, v2: 0, v1: 0),
    Row(start: 0x1_0000, size: 0 &- 0x1_1000, v2: 0x2000, v1: 0x2000),
    Row(start: 0, size: 0, v2: nil, v1: nil),
    Row(start: 0x2_0000, size: 0x800, v2: nil, v1: nil),
    Row(start: 0x1_0000, size: 0 &- 0x1000, v2: nil, v1: nil),
    Row(start: 0, size: 0, v2: 0xa000, v1: 0xa000, flags: 2),
  ]

  @Test("UNMAP's worked examples", arguments: rows, [1, 3] as [UInt64])
  func unmapRow(_ row: Row, type: UInt64) {
    var oracle = Oracle(world: .lab)
    let calls =
      Self.ready + [
        Call(.setIOMMU, on: 0, [Number(type)]), Self.map(0, 0x4000), Self.map(0x4000, 0x4000),
        Self.map(0x1_0000, 0x2000),
      ]
    for call in calls { #expect(oracle.perform(call).result == 0, "\(call)") }
    let outcome = oracle.perform(Self.unmap(row.start, row.size, flags: row.flags))
    let expected = type == 1 ? row.v1 : row.v2
    #expect(outcome.result == (expected == nil ? -22 : 0))
    let size = (16..<24).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64(outcome.bytes[$1]) }
    #expect(size == expected ?? row.size, "an error leaves the structure alone")
  }

  /// Scripts of text: each line ends with the result that the kernel gave.
  @Test(
    "Order of closing, and what a container is good for in each state",
    arguments: Conversations.all)
  func conversation(_ conversation: Conversations.Conversation) throws {
    let (script, results) = try conversation.parsed()
    var oracle = Oracle(world: script.world)
    for (call, expected) in zip(script.calls, results) {
      #expect(oracle.perform(call).result == expected, "\(call)")
    }
  }

  @Test("GET_INFO's bytes on the lab's machine")
  func infoBytes() {
    var oracle = Oracle(world: .lab)
    for call in Self.ready + [Call(.setIOMMU, on: 0, [3])] { _ = oracle.perform(call) }
    let bytes = oracle.perform(Call(.getInfo, on: 0, [120])).bytes
    func word(_ at: Int) -> UInt64 {
      (at..<at + 8).reversed().reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
    }
    let expected: [UInt64] = [
      3 << 32 | 120, 0x4020_1000, 24, 56 << 32 | 0x1_0002, 0, 0x1000, 0x1000_0000,
      72 << 32 | 0x1_0003, 65535, 0x1_0001, 2, 0, 0xfedf_ffff, 0xfef0_0000, 0xffff_ffff_ffff,
      0xa5a5_a5a5_a5a5_a5a5,
    ]
    for (index, value) in expected.enumerated() {
      #expect(word(8 * index) == value, "\(8 * index)")
    }
  }
}
