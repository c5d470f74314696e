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
}
