internal import CLinux
internal import DMATypes

/// The processes that have mapped memory in one container: 128 places of three words each in the
/// container's file. Guarded by the container's lock.
struct OwnerTable {
  static let places = 128
  static let byteCount = places * 24

  private let memory: SharedMemory
  private let offset: Int

  /// The table at an offset of the container's file.
  init(memory: SharedMemory, offset: Int) {
    self.memory = memory
    self.offset = offset
  }

  /// One process: 0 pid means that the place was never taken.
  ///
  /// A place can also stand for a file, for the time in which a process has given up the addresses
  /// of its pages there: then the pid is negative, and mappings name offsets in the file.
  struct Entry: Equatable {
    var pid: Int32
    /// A file's device number.
    var tokenAddress: UInt64
    /// A file's inode number.
    var token: UInt64

    init(pid: Int32, tokenAddress: UInt64, token: UInt64) {
      (self.pid, self.tokenAddress, self.token) = (pid, tokenAddress, token)
    }

    /// A file; `keeper` is who gave up the addresses, and is charged still.
    init(device: UInt64, inode: UInt64, keeper: MemoryOwner) {
      self.init(pid: -1 - Int32(keeper.rawValue), tokenAddress: device, token: inode)
    }

    /// Who gave up the addresses of a file's pages; nil for a process.
    var keeper: MemoryOwner? { pid < 0 ? MemoryOwner(rawValue: UInt8(~pid & 0x7f)) : nil }
  }

  subscript(_ owner: MemoryOwner) -> Entry {
    get {
      let at = offset + Int(owner.rawValue) * 24
      return Entry(
        pid: Int32(truncatingIfNeeded: memory[at]), tokenAddress: memory[at + 8],
        token: memory[at + 16])
    }
    nonmutating set {
      let at = offset + Int(owner.rawValue) * 24
      memory[at] = UInt64(UInt32(bitPattern: newValue.pid))
      memory[at + 8] = newValue.tokenAddress
      memory[at + 16] = newValue.token
    }
  }

  /// This process's place, taking one if it has none. A place whose process is gone is taken over
  /// when `isUnused` says that no mapping names it.
  ///
  /// Throws `ENOMEM` when 128 live processes hold mappings.
  func place(
    of process: ProcessIdentity, isUnused: (MemoryOwner) -> Bool
  ) throws(Errno) -> MemoryOwner {
    try place(
      of: Entry(pid: process.pid, tokenAddress: process.tokenAddress, token: process.token),
      isUnused: isUnused)
  }

  /// The place of a process or a file, as above.
  func place(of own: Entry, isUnused: (MemoryOwner) -> Bool) throws(Errno) -> MemoryOwner {
    var abandoned: MemoryOwner?
    for number in 0..<UInt8(Self.places) {
      let owner = MemoryOwner(rawValue: number)
      let entry = self[owner]
      if entry == own { return owner }
      if entry.pid == 0 {
        self[owner] = own
        return owner
      }
      if abandoned == nil, !Self.isAlive(entry), isUnused(owner) { abandoned = owner }
    }
    guard let abandoned else { throw .noMemory }
    self[abandoned] = own
    return abandoned
  }

  /// Whether the process still has the memory in which it maps.
  static func isAlive(_ entry: Entry) -> Bool {
    // A file's place counts for as long as a mapping names it.
    if entry.keeper != nil { return false }
    var nothing: UInt8 = 0
    return unsafe clinux_read_process(
      entry.pid, entry.tokenAddress, entry.token, entry.tokenAddress, &nothing, 1) == 0
  }
}
