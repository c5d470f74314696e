internal import CLinux
internal import DMATypes
import Glibc
internal import UAPI

/// Real memory laid out as `ScriptMemory` says, and a place for the caller's structures.
///
/// SAFETY, for the whole file: every address is one this object mapped and keeps until it goes.
@safe public final class ScriptArena {
  /// Where the script's memory lies, on a 2 MiB boundary.
  public let base: UInt64
  private let reservation: UnsafeMutableRawPointer
  private let reservedBytes: Int
  /// Two writable pages, then nothing; `readOnlyBytes` further on the same pages, only readable.
  private let structures: UInt64
  private let readOnlyBytes: UInt64 = 0x8000
  /// A page for what passes through a real device on a look.
  let lookPage: UInt64
  private var dirtied: Set<UInt64> = []
  private var writtenPages: Set<UInt64> = []
  /// Where bitmaps were asked for, as offsets.
  private var bitmaps: [Range<UInt64>] = []

  private static let pageBytes = 4096
  private static let hugeBytes = 0x20_0000
  /// The largest bitmap that type1 takes: one that begins in the script's memory ends where
  /// nothing is, and not in somebody else's.
  private static let bitmapMaximum = 0x1000_0000

  /// Maps everything; nil when the machine has no memory for it.
  public init?() {
    CallerMemory.installFaultGuard()
    let total = Int(ScriptMemory.byteCount)
    reservedBytes = total + 2 * Self.hugeBytes + Self.bitmapMaximum
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let start = unsafe mmap(nil, reservedBytes, PROT_NONE, flags, -1, 0),
      unsafe start != MAP_FAILED
    else { return nil }
    unsafe reservation = start
    let address = UInt64(UInt(bitPattern: start))
    base = (address + UInt64(Self.hugeBytes) - 1) & ~UInt64(Self.hugeBytes - 1)
    structures = base + ScriptMemory.byteCount
    lookPage = structures + 2 * readOnlyBytes
    guard mapPages(), mapFiles() else { return nil }
    guard unsafe mprotect(pointer(lookPage), Self.pageBytes, PROT_READ | PROT_WRITE) == 0 else {
      return nil
    }
  }

  deinit { unsafe munmap(reservation, reservedBytes) }

  /// Makes every page what `ScriptMemory` says it is, filled with its pattern.
  private func mapPages() -> Bool {
    for page in 0..<ScriptMemory.byteCount >> 12 where !ScriptMemory.filePages.contains(page) {
      let kind = ScriptMemory.page(at: page << 12)
      guard kind != .missing else { continue }
      let here = unsafe pointer(base + page << 12)
      guard unsafe mprotect(here, Self.pageBytes, PROT_READ | PROT_WRITE) == 0 else { return false }
      fill(page)
      if kind == .readable {
        guard unsafe mprotect(here, Self.pageBytes, PROT_READ) == 0 else { return false }
      }
    }
    return true
  }

  private func fill(_ page: UInt64) {
    unsafe Self.pattern.withUnsafeBytes { bytes in
      unsafe pointer(base + page << 12).copyMemory(
        from: bytes.baseAddress.unsafelyUnwrapped + Int(page << 12), byteCount: Self.pageBytes)
    }
  }
  /// Every word as it is at the start: scripts are many.
  private static let pattern = stride(from: 0, to: ScriptMemory.byteCount, by: 8)
    .map { ScriptMemory.word(at: $0) }

  private func restore(_ offset: UInt64) {
    unsafe pointer(base + offset).storeBytes(
      of: ScriptMemory.word(at: offset), as: UInt64.self)
  }

  /// Maps the file that ends early, and the structures' pages twice.
  private func mapFiles() -> Bool {
    let pages = ScriptMemory.filePages
    let whole = PROT_READ | PROT_WRITE
    guard
      mapFile(bytes: 2 * Self.pageBytes, at: [(base + pages.lowerBound << 12, pages.count, whole)]),
      mapFile(
        bytes: 2 * Self.pageBytes,
        at: [(structures, 2, whole), (structures + readOnlyBytes, 2, PROT_READ)])
    else { return false }
    for page in pages where ScriptMemory.page(at: page << 12) != .missing { fill(page) }
    return true
  }

  private func mapFile(bytes: Int, at places: [(address: UInt64, pages: Int, rights: Int32)])
    -> Bool
  {
    let descriptor = clinux_make_memory_file()
    guard descriptor >= 0 else { return false }
    defer { _ = clinux_close(descriptor) }
    guard ftruncate(descriptor, bytes) == 0 else { return false }
    for place in places {
      let mapped = unsafe mmap(
        pointer(place.address), place.pages * Self.pageBytes, place.rights,
        MAP_SHARED | MAP_FIXED, descriptor, 0)
      guard unsafe mapped != MAP_FAILED else { return false }
    }
    return true
  }

  /// Only for addresses of this object's own.
  private func pointer(_ address: UInt64) -> UnsafeMutableRawPointer {
    unsafe reservation + Int(address - UInt64(UInt(bitPattern: reservation)))
  }

  // MARK: - Structures

  /// Puts bytes where a script wants its structure; the address to pass.
  func place(_ bytes: [UInt8], at place: Place) -> UInt64 {
    switch place {
    case .plain:
      store(bytes, at: structures)
      return structures
    case .readOnly:
      store(bytes, at: structures)
      return structures + readOnlyBytes
    case .edge(let count):
      let head = Array(bytes.prefix(count))
      let address = structures + UInt64(2 * Self.pageBytes - head.count)
      store(head, at: address)
      return address
    case .absent(let address): return address
    }
  }

  /// What to pass as a call's argument: a plain number, or where its structure, name or descriptor
  /// was put. `descriptor` tells the number that a file of the script has here, −1 for none.
  func argument(
    of call: Call, _ structure: CallerStructure, descriptor: (Other) -> Int32
  ) -> UInt64 {
    switch call.verb {
    case .checkExtension, .setIOMMU: return call.numbers[0].value
    case .getAPIVersion, .unsetContainer: return 0
    case .ioctl: return 0 &- 4096
    case .getDeviceFD: return place(Array(call.name.utf8) + [0], at: call.place)
    case .setContainer:
      let number = descriptor(call.other)
      let bytes = (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
      return place(bytes, at: call.place)
    default: return place(structure.bytes, at: call.place)
    }
  }

  /// What stands there after the call.
  func bytes(_ count: Int, at address: UInt64) -> [UInt8] {
    guard count > 0 else { return [] }
    return unsafe Array(UnsafeRawBufferPointer(start: pointer(address), count: count))
  }

  private func store(_ bytes: [UInt8], at address: UInt64) {
    unsafe pointer(address).copyMemory(from: bytes, byteCount: bytes.count)
  }

  /// What a call did, given its structure as it was and where it was put.
  func outcome(
    _ result: Int64, of call: Call, _ structure: CallerStructure, at argument: UInt64
  ) -> Outcome {
    let bitmap = structure.writtenBitmap(of: call.verb)
    var bits: [UInt8] = []
    if let bitmap, bitmap.address &- base < ScriptMemory.byteCount {
      bits = CallerMemory.readable(at: UserAddress(bitmap.address), count: bitmap.count)
      if result == 0 || result == -14, let size = structure.bitmap?.bytes {
        let start = (bitmap.address &- base) & ~7
        bitmaps.append(start..<min(start + size + 8, ScriptMemory.byteCount))
      }
    }
    guard !call.verb.layout.isEmpty, result != -14 else { return Outcome(result) }
    return Outcome(result, bytes: bytes(structure.readable, at: argument) + bits)
  }

  // MARK: - Devices' writes

  /// The first word of `lookPage`.
  var lookWord: UInt64 {
    get { word(at: lookPage) }
    set { unsafe pointer(lookPage).storeBytes(of: newValue, as: UInt64.self) }
  }

  /// Whether the program can read at an address: in the script's memory, where a page is.
  func isReadable(_ address: UInt64) -> Bool {
    let offset = address &- base
    return offset < ScriptMemory.byteCount && ScriptMemory.page(at: offset) != .missing
  }

  /// The word at an aligned address where the program can read.
  func word(at address: UInt64) -> UInt64 {
    unsafe pointer(address).load(as: UInt64.self)
  }

  /// Remembers that a device wrote the word at an address.
  func noteWrite(at address: UInt64) { dirtied.insert(address &- base) }
  /// A driver wrote, wherever it was mapped.
  func noteWrites() {
    for page in 0..<ScriptMemory.byteCount >> 12
    where ScriptMemory.page(at: page << 12) == .writable { writtenPages.insert(page) }
  }

  /// Gives every word that a device or a report wrote its first value back.
  func restore() {
    for page in writtenPages { fill(page) }
    writtenPages = []
    for offset in dirtied where offset < ScriptMemory.byteCount { restore(offset) }
    dirtied = []
    for bitmap in bitmaps {
      for offset in stride(from: bitmap.lowerBound, to: bitmap.upperBound, by: 8)
      where ScriptMemory.page(at: offset) == .writable { restore(offset) }
    }
    bitmaps = []
  }
}
