internal import CLinux
internal import DMATypes
internal import Synchronization

/// A file of the machine mapped shared: words that every process of a run sees.
///
/// Offsets are in bytes from the file's start. Unmapped with the last reference.
@safe final class SharedMemory: @unchecked Sendable {
  private let base: UnsafeMutableRawPointer
  /// The bytes mapped.
  let byteCount: Int

  /// Maps `byteCount` bytes of an open file, which may be closed afterwards.
  init(descriptor: Int32, byteCount: Int) throws(Errno) {
    // PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE
    let address = clinux_map(0, UInt64(byteCount), 3, 0x4001, descriptor, 0)
    guard address > 0 || address <= -4096,
      let base = unsafe UnsafeMutableRawPointer(bitPattern: Int(address))
    else { throw Errno(rawValue: Int32(-address)) }
    unsafe self.base = base
    self.byteCount = byteCount
  }

  deinit { unsafe _ = clinux_unmap(UInt64(UInt(bitPattern: base)), UInt64(byteCount)) }

  /// The file's words, for as long as this is kept: to look at them counts no reference.
  @inline(__always) var words: Words { unsafe Words(base: base) }

  @inline(__always)
  subscript(offset: Int) -> UInt64 {
    get { words[offset] }
    set { words[offset] = newValue }
  }

  /// The value that lies at an offset, in place; the caller holds the lock that guards it.
  @inline(__always)
  func with<Value: BitwiseCopyable, Result, Failure: Error>(
    _ type: Value.Type, at offset: Int, _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // SAFETY: the layout of the file keeps this place for one Value, aligned to 16 bytes.
    try unsafe body(&(base + offset).assumingMemoryBound(to: Value.self).pointee)
  }

  /// Where an offset stands in this process, for as long as this is kept.
  func pointer(at offset: Int) -> UnsafeMutableRawPointer { unsafe base + offset }

  /// Copies bytes out of the file.
  func bytes(at offset: Int, count: Int) -> [UInt8] {
    unsafe [UInt8](UnsafeRawBufferPointer(start: base + offset, count: count))
  }

  /// The lock at a 16-byte aligned offset.
  func lock(at offset: Int) -> SharedLock { unsafe SharedLock(address: base + offset) }

  /// Gives whole pages back to the file system; they read as zeros from then on.
  func forget(_ offset: Int, byteCount: Int) {
    unsafe _ = clinux_punch(UInt64(UInt(bitPattern: base + offset)), UInt64(byteCount))
  }

  /// Lets pages to come be huge ones wherever all of one lies in `bytes`, and small ones elsewhere
  /// in `whole`.
  func allowHugePages(in bytes: Range<Int>, of whole: Range<Int>) {
    let huge = 2 << 20
    let first = (bytes.lowerBound + huge - 1) & ~(huge - 1)
    let end = bytes.upperBound & ~(huge - 1)
    func allow(_ bytes: Range<Int>, _ answer: Int32) {
      let start = unsafe UInt64(UInt(bitPattern: base + bytes.lowerBound))
      clinux_allow_huge_pages(start, UInt64(bytes.count), answer)
    }
    allow(whole, 0)
    if first < end { allow(first..<end, 1) }
  }
}

extension SharedMemory {
  /// The words of a mapping, which somebody else keeps.
  @safe struct Words: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    fileprivate init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    /// The word at an 8-byte aligned offset.
    @inline(__always)
    subscript(offset: Int) -> UInt64 {
      get {
        // SAFETY: every offset is a constant or checked against the capacity stated at creation.
        unsafe (base + offset).load(as: UInt64.self)
      }
      nonmutating set { unsafe (base + offset).storeBytes(of: newValue, as: UInt64.self) }
    }

    /// Reads a word that another process publishes, and with it all that was written before.
    @inline(__always)
    func loadAcquiring(_ offset: Int) -> UInt64 {
      unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self).pointee
        .load(ordering: .acquiring)
    }

    /// Publishes a word, and with it all that was written before.
    @inline(__always)
    func storeReleasing(_ offset: Int, _ value: UInt64) {
      unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self).pointee
        .store(value, ordering: .releasing)
    }
  }
}

/// Lets locks use 48 bytes of each thread, 0 at first, that lie so far from its thread pointer.
public func useThreadWords(_ offset: Int64) { clinux_lock_use(offset) }

/// A robust lock in shared memory, free where that is zeroed; it lives as long as the mapping that
/// it lies in.
@safe struct SharedLock: @unchecked Sendable {
  private let address: UnsafeMutableRawPointer

  fileprivate init(address: UnsafeMutableRawPointer) { unsafe self.address = address }

  /// Takes the lock; true when its last holder died with it.
  @inline(__always) @discardableResult
  func take() -> Bool { unsafe clinux_lock_take(address) != 0 }
  /// Drops the lock.
  @inline(__always) func drop() { unsafe clinux_lock_drop(address) }
  /// Before code of somebody else's, which may take robust mutexes of its own: what this thread
  /// holds passes on whatever that does.
  static func settle() { clinux_lock_settle() }
}
