import DMATypes
import Testing
import UAPI

@Suite("The caller's memory")
struct CallerMemoryTests {
  @Test(
    "A copy that fails has copied every byte before the one that is not there",
    arguments: [1, 5, 8, 13, 127, 128, 200, 256])
  func prefix(present: Int) {
    for count in [present + 1, present + 9, 300] {
      let memory = Memory()
      let data = (0..<count).map { UInt8(truncatingIfNeeded: $0 | 1) }
      let end = UserAddress(memory.tail(present))
      #expect(throws: Errno.badAddress) {
        try data.withUnsafeBytes { try CallerMemory.write($0, to: end) }
      }
      #expect(memory.bytes(present) == Array(data.prefix(present)))
      #expect(memory.isUntouched(before: present))
      var back = [UInt8](repeating: 0, count: count)
      #expect(throws: Errno.badAddress) {
        try back.withUnsafeMutableBytes { try CallerMemory.read($0, from: end) }
      }
      #expect(back == Array(data.prefix(present)) + Array(repeating: 0, count: count - present))
    }
  }

  /// The sizes of MAP_DMA and UNMAP_DMA, which are copied in larger pieces, and one of neither.
  @Test("So has a structure's", arguments: 0..<32)
  func structures(present: Int) {
    let words: (UInt64, UInt64, UInt64, UInt64) = (0x0101, 0x0202, 0x0303, 0x0404)
    check((words.0, words.1, words.2, words.3), (0, 0, 0, 0), present)
    if present < 24 { check((words.0, words.1, words.2), (0, 0, 0), present) }
    if present < 16 { check((words.0, words.1), (0, 0), present) }
  }

  private func check<Value: BitwiseCopyable>(_ value: Value, _ zero: Value, _ present: Int) {
    let bytes = withUnsafeBytes(of: value) { Array($0) }
    let memory = Memory()
    let end = UserAddress(memory.tail(present))
    #expect(throws: Errno.badAddress) { try CallerMemory.store(value, to: end) }
    #expect(memory.bytes(present) == Array(bytes.prefix(present)))
    #expect(memory.isUntouched(before: present))
    var back = zero
    #expect(throws: Errno.badAddress) { try CallerMemory.load(from: end, into: &back) }
    let found = withUnsafeBytes(of: back) { Array($0) }
    #expect(found.prefix(present) == bytes.prefix(present))
    #expect(found.dropFirst(present).allSatisfy { $0 == 0 })
    // All of it there, at the very end.
    let whole = UserAddress(memory.put(zero))
    #expect(throws: Never.self) { try CallerMemory.store(value, to: whole) }
    #expect(memory.bytes(bytes.count) == bytes)
    #expect(throws: Never.self) { try CallerMemory.load(from: whole, into: &back) }
    #expect(withUnsafeBytes(of: back) { Array($0) } == bytes)
  }
}
