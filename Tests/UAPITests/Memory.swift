import DMATypes
import Glibc
import LegacyVFIO
import UAPI

/// Two pages of a program's memory with nothing behind them, and a canary in every byte.
final class Memory {
  static let pageBytes = 4096
  static let canary: UInt8 = 0xa5
  private let base: UnsafeMutableRawPointer

  init() {
    CallerMemory.installFaultGuard()
    base = mmap(
      nil, 3 * Self.pageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    mprotect(base + 2 * Self.pageBytes, Self.pageBytes, PROT_NONE)
    memset(base, Int32(Self.canary), 2 * Self.pageBytes)
  }

  deinit { munmap(base, 3 * Self.pageBytes) }

  /// The address `count` bytes before the end.
  func tail(_ count: Int) -> UInt64 { UInt64(UInt(bitPattern: base)) + 8192 - UInt64(count) }

  /// Makes the second page read-only.
  func protect() { mprotect(base + Self.pageBytes, Self.pageBytes, PROT_READ) }

  /// Puts the first `count` bytes of a structure at the end.
  func put(_ layout: some BitwiseCopyable, count: Int? = nil) -> UInt64 {
    withUnsafeBytes(of: layout) { bytes in
      let bytes = UnsafeRawBufferPointer(rebasing: bytes.prefix(count ?? bytes.count))
      (base + 8192 - bytes.count).copyMemory(
        from: bytes.baseAddress ?? .init(base), byteCount: bytes.count)
      return tail(bytes.count)
    }
  }

  /// The last `count` bytes.
  func bytes(_ count: Int) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: base + 8192 - count, count: count))
  }

  /// Puts bytes `count` before the end.
  func fill(_ bytes: [UInt8], from count: Int) -> UInt64 {
    UnsafeMutableRawBufferPointer(start: base + 8192 - count, count: bytes.count)
      .copyBytes(from: bytes)
    return tail(count)
  }

  /// Whether everything before the last `count` bytes is untouched.
  func isUntouched(before count: Int) -> Bool {
    UnsafeRawBufferPointer(start: base, count: 8192 - count).allSatisfy { $0 == Self.canary }
  }
}

/// A server that grants everything with a set answer and remembers what it was asked.
struct Scripted: ContainerServer {
  var reply = ContainerReply.value(0)
  var refusal: Errno?
  var asked: [ContainerRequest] = []

  func admit(_ command: ContainerCommand) throws(Errno) { if let refusal { throw refusal } }
  mutating func perform(_ request: ContainerRequest) throws(Errno) -> ContainerReply {
    asked.append(request)
    return reply
  }
}

func littleEndian(_ values: UInt64..., bytes: Int) -> [UInt8] {
  values.flatMap { value in (0..<bytes).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
}
