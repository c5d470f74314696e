internal import AddressSpaces
internal import CLinux
internal import DMATypes
internal import UAPI

/// The memory of this process, which is all there is to map.
struct ProcessMemory: DMAMemory {
  static let owner = MemoryOwner(rawValue: 0)

  func touch(_ address: UserAddress, byteCount: UInt64, access: DMAAccess) throws(Errno) {
    guard CallerMemory.touch(address, byteCount: byteCount, access: access) == byteCount else {
      throw .badAddress
    }
  }

  func read(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress, of owner: MemoryOwner
  ) throws(Errno) { try unsafe CallerMemory.read(bytes, from: address) }

  func write(
    _ bytes: UnsafeRawBufferPointer, to address: UserAddress, of owner: MemoryOwner
  ) throws(Errno) { try unsafe CallerMemory.write(bytes, to: address) }
}

/// A lock of this process that may be held across calls.
@safe final class Lock: @unchecked Sendable {
  // SAFETY: ours from init to deinit, and never moved.
  private let memory: UnsafeMutableRawPointer

  init() {
    let count = Int(CLINUX_LOCK_BYTES)
    unsafe memory = .allocate(byteCount: count, alignment: 16)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: count)
  }

  deinit { unsafe memory.deallocate() }

  /// Runs `body` with the lock held.
  func holding<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe _ = clinux_lock_take(memory)
    defer { unsafe clinux_lock_drop(memory) }
    return try body()
  }
}
