/// What a call did, as far as a program can see it.
public struct Outcome: Hashable, Sendable {
  /// What the call returned: a result, or minus an error number. Descriptors are reported as 0.
  public var result: Int64
  /// The caller's structure afterwards, and behind it the beginning of a bitmap that it names;
  /// empty when there is none, or when the call ended in EFAULT: how much of the structure was
  /// copied before the fault is nobody's promise.
  public var bytes: [UInt8] = []

  /// A result.
  public init(_ result: Int64, bytes: [UInt8] = []) {
    self.result = result
    self.bytes = result == -14 ? [] : bytes
  }
}

/// One implementation of the legacy interface, driven by the lines of a script.
public protocol Contestant {
  /// Where the script's memory lies.
  var memoryBase: UInt64 { get }
  /// Makes one call.
  mutating func perform(_ call: Call) -> Outcome
}

/// The memory of scripts: 8 MiB, of which some pages can be written, some read, some neither.
public enum ScriptMemory {
  /// What the program may do with a page.
  public enum Page: Hashable, Sendable { case missing, readable, writable }

  /// Bytes in all.
  public static let byteCount: UInt64 = 0x80_0000
  /// Pages 16…19 are a file mapping whose file ends after two pages.
  public static let filePages: Range<UInt64> = 16..<20

  /// What stands at an offset.
  public static func page(at offset: UInt64) -> Page {
    switch offset >> 12 {
    case 0..<8: .writable
    case 8..<12: .readable
    case 16..<18: .writable
    case 20..<32: .writable
    case 0x200..<0x600: .writable
    default: .missing  // 18 and 19 lie beyond the end of the file
    }
  }

  /// What the eight bytes at an aligned offset hold at the start.
  public static func word(at offset: UInt64) -> UInt64 {
    (offset ^ 0x5bd1_e995) &* 0x9e37_79b9_7f4a_7c15
  }
}

/// The caller's structure: 256 bytes with the fields of a call in them.
struct CallerStructure {
  static let byteCount = 256
  var bytes: [UInt8]
  /// How many of the bytes can be read.
  var readable: Int
  var isWritable: Bool

  /// Lays out a call's fields over a pattern; `base` is where the script's memory lies.
  init(_ call: Call, base: UInt64) {
    bytes = Array(repeating: 0xa5, count: Self.byteCount)
    for ((offset, count), number) in zip(call.verb.layout, call.numbers) {
      let value = number.resolved(base)
      for index in 0..<count {
        bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
      }
    }
    switch call.place {
    case .plain: (readable, isWritable) = (Self.byteCount, true)
    case .readOnly: (readable, isWritable) = (Self.byteCount, false)
    case .edge(let count): (readable, isWritable) = (min(count, Self.byteCount), true)
    case .absent: (readable, isWritable) = (0, false)
    }
  }

  /// UNMAP_DMA's bitmap; nil where it cannot be read.
  var bitmap: (pgsize: UInt64, bytes: UInt64, data: UInt64)? {
    guard let pgsize = load64(24), let bytes = load64(32), let data = load64(40) else { return nil }
    return (pgsize, bytes, data)
  }

  /// The bytes of a bitmap that belong to a call's outcome, up to the first that is missing.
  func writtenBitmap(of verb: Verb) -> (address: UInt64, count: Int)? {
    guard let flags = load32(4), let bitmap,
      verb == .dirtyPages && flags == 4 || verb == .unmapDMA && flags == 1
    else { return nil }
    return (bitmap.data, Int(min(bitmap.bytes, Self.bitmapBytesCompared)))
  }
  private static let bitmapBytesCompared: UInt64 = 256

  /// The bytes that a program could see.
  var visible: [UInt8] { Array(bytes.prefix(readable)) }
}
