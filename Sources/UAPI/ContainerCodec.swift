public import DMATypes
public import LegacyVFIO

/// A container call read from the program, with what its answer needs of the structure.
public struct ContainerCall: Hashable, Sendable {
  /// What is asked.
  public var request: ContainerRequest
  /// `argsz` as it was read, once.
  public var argsz: UInt32 = 0
  /// `flags` as they were read.
  public var flags: UInt32 = 0
}

/// Container calls: numbers and structures ⇄ requests and replies.
///
/// The checks here are those that type1 makes while it reads, in its order; all others belong to
/// the server.
public enum ContainerCodec {
  /// VFIO_IOMMU_MAP_DMA.
  @inlinable public static var mapNumber: UInt32 { 0x3b71 }
  /// VFIO_IOMMU_UNMAP_DMA.
  @inlinable public static var unmapNumber: UInt32 { 0x3b72 }

  /// Which call an ioctl number is.
  public static func command(of number: UInt32) -> ContainerCommand {
    switch number {
    case 0x3b64: .getAPIVersion
    case 0x3b65: .checkExtension
    case 0x3b66: .setIOMMU
    case 0x3b70: .getInfo
    case mapNumber: .map
    case unmapNumber: .unmap
    case 0x3b75: .dirtyPages
    default: .unknown
    }
  }

  /// Answers one ioctl on a container: the result, or a negative errno.
  ///
  /// Refusals that need no structure come first, then those of reading it, then the server's; the
  /// answer is written last, so that a structure that cannot be written is `EFAULT` after the
  /// effect.
  public static func serve(
    _ number: UInt32, _ argument: UInt64, by server: inout some ContainerServer
  ) -> Int {
    let (command, argument) = (command(of: number), UserAddress(argument))
    do throws(Errno) {
      try server.admit(command)
      let call = try decode(command, argument)
      return try encode(try server.perform(call.request), to: call, argument)
    } catch {
      return -Int(error.rawValue)
    }
  }

  /// Reads a call; `argument` is a number or points at the structure, as the call has it.
  ///
  /// `ENOTTY` for an unknown call: the server should have refused it before.
  public static func decode(
    _ command: ContainerCommand, _ argument: UserAddress
  ) throws(Errno) -> ContainerCall {
    switch command {
    case .getAPIVersion: ContainerCall(request: .getAPIVersion)
    case .checkExtension: ContainerCall(request: .checkExtension(argument.rawValue))
    case .setIOMMU: ContainerCall(request: .setIOMMU(argument.rawValue))
    case .getInfo: try decodeInfo(argument)
    case .map: try decodeMap(argument)
    case .unmap: try decodeUnmap(argument)
    case .dirtyPages: try decodeDirty(argument)
    case .unknown: throw .notTypewriter
    }
  }

  /// Writes an answer where the call has one; the ioctl's result.
  public static func encode(
    _ reply: ContainerReply, to call: ContainerCall, _ argument: UserAddress
  ) throws(Errno) -> Int {
    switch reply {
    case .value(let value): return value
    case .info(let info):
      try encode(info, argsz: call.argsz, argument)
    case .unmapped(let byteCount):
      guard case .unmap(let request) = call.request else { return 0 }
      var layout = UnmapLayout()
      layout.argsz = call.argsz
      layout.flags = call.flags
      layout.iova = request.iova.rawValue
      layout.size = byteCount
      try CallerMemory.store(layout, to: argument)
    }
    return 0
  }

  /// The bytes of GET_INFO that are read, and the least `argsz`: up to `cap_offset`.
  static let infoMinimumBytes = 16

  private static func decodeInfo(_ argument: UserAddress) throws(Errno) -> ContainerCall {
    // Two words are read that nobody looks at: a structure that ends early is EFAULT.
    var head: (argsz: UInt32, flags: UInt32, pageSizes: UInt64) = (0, 0, 0)
    try CallerMemory.load(from: argument, into: &head)
    guard head.argsz >= infoMinimumBytes else { throw .invalidArgument }
    return ContainerCall(request: .getInfo, argsz: head.argsz, flags: head.flags)
  }

  private static func decodeMap(_ argument: UserAddress) throws(Errno) -> ContainerCall {
    let head = try mapHead(argument)
    return ContainerCall(request: .map(request(of: head)), argsz: head.argsz, flags: head.flags)
  }

  private static func bitmap(
    of head: UnmapLayout, _ argument: UserAddress
  ) throws(Errno) -> BitmapArgument {
    let headBytes = MemoryLayout<UnmapLayout>.size
    guard head.flags & 6 == 0, head.argsz >= headBytes + MemoryLayout<BitmapLayout>.size else {
      throw .invalidArgument
    }
    var bits = BitmapLayout()
    try CallerMemory.load(from: argument.advanced(by: UInt64(headBytes)), into: &bits)
    return try check(bits, covering: head.size)
  }

  private static func decodeUnmap(_ argument: UserAddress) throws(Errno) -> ContainerCall {
    let head = try unmapHead(argument)
    let request = try request(of: head, argument)
    return ContainerCall(request: .unmap(request), argsz: head.argsz, flags: head.flags)
  }

  private static func decodeDirty(_ argument: UserAddress) throws(Errno) -> ContainerCall {
    var layout = DirtyLayout()
    try CallerMemory.load(from: argument, into: &layout)
    let headBytes = MemoryLayout<DirtyLayout>.size
    guard layout.argsz >= headBytes else { throw .invalidArgument }
    let request: DirtyPagesRequest
    switch layout.flags {
    case 1: request = .start
    case 2: request = .stop
    case 4:
      guard layout.argsz >= headBytes + MemoryLayout<DirtyGetLayout>.size else {
        throw .invalidArgument
      }
      var get = DirtyGetLayout()
      try CallerMemory.load(from: argument.advanced(by: UInt64(headBytes)), into: &get)
      request = .getBitmap(
        iova: IOVA(get.iova), size: get.size, bitmap: try check(get.bitmap, covering: get.size))
    // Unknown bits, none and several are refused alike.
    default: throw .invalidArgument
    }
    return ContainerCall(
      request: .dirtyPages(request), argsz: layout.argsz, flags: layout.flags)
  }

  /// Checks a bitmap as its pointer and size alone allow: `access_ok()`, `verify_bitmap_size()`.
  ///
  /// A `pgsize` of 0 is undefined in the kernel; here it is refused.
  private static func check(
    _ bitmap: BitmapLayout, covering byteCount: UInt64
  ) throws(Errno) -> BitmapArgument {
    let (end, wraps) = bitmap.data.addingReportingOverflow(bitmap.size)
    guard !wraps, end <= userAddressMaximum, bitmap.pgsize != 0 else { throw .invalidArgument }
    let pages = byteCount >> UInt64(bitmap.pgsize.trailingZeroBitCount)
    let words = pages / 64 + (pages % 64 == 0 ? 0 : 1)
    guard pages != 0, bitmap.size >= words * 8, bitmap.size <= bitmapMaximumBytes else {
      throw .invalidArgument
    }
    return BitmapArgument(
      pageBytes: bitmap.pgsize, size: bitmap.size, data: UserAddress(bitmap.data))
  }

  /// The end of a program's addresses with four levels of page tables.
  private static let userAddressMaximum: UInt64 = 1 << 47 - 4096
  /// The largest bitmap that type1 fills: 2³¹−1 pages, rounded up.
  static let bitmapMaximumBytes: UInt64 = 0x1000_0000
}

// The two calls that programs make by the million, in parts for whoever makes them by the shortest
// way: what is read, what it asks, what is written.
extension ContainerCodec {
  /// Reads the structure of a MAP_DMA.
  @inlinable @inline(__always)
  public static func mapHead(_ argument: UserAddress) throws(Errno) -> MapLayout {
    var head = MapLayout()
    try CallerMemory.load(from: argument, into: &head)
    guard head.argsz >= MemoryLayout<MapLayout>.size, head.flags & ~7 == 0 else {
      throw .invalidArgument
    }
    return head
  }

  /// What a MAP_DMA asks.
  @inlinable @inline(__always)
  public static func request(of head: MapLayout) -> MapRequest {
    MapRequest(
      access: DMAAccess(rawValue: UInt8(truncatingIfNeeded: head.flags & 3)),
      replacesAddress: head.flags & 4 != 0, address: UserAddress(head.vaddr),
      iova: IOVA(head.iova), size: head.size)
  }

  /// Reads the structure of an UNMAP_DMA, as far as all have it.
  @inlinable @inline(__always)
  public static func unmapHead(_ argument: UserAddress) throws(Errno) -> UnmapLayout {
    var head = UnmapLayout()
    try CallerMemory.load(from: argument, into: &head)
    guard head.argsz >= MemoryLayout<UnmapLayout>.size, head.flags & ~7 == 0 else {
      throw .invalidArgument
    }
    return head
  }

  /// What an UNMAP_DMA asks; reads the rest of its structure.
  public static func request(
    of head: UnmapLayout, _ argument: UserAddress
  ) throws(Errno) -> UnmapRequest {
    UnmapRequest(
      all: head.flags & 2 != 0, invalidatesAddress: head.flags & 4 != 0,
      bitmap: head.flags & 1 != 0 ? try bitmap(of: head, argument) : nil, iova: IOVA(head.iova),
      size: head.size)
  }

  /// Writes the answer of an UNMAP_DMA, whose size is then what went.
  @inlinable @inline(__always)
  public static func answer(_ head: UnmapLayout, to argument: UserAddress) throws(Errno) {
    try CallerMemory.store(head, to: argument)
  }
}
