public import AddressSpaces
public import DMATypes

/// What a mediated driver asks for when it pins: `vfio_pin_pages()`.
public struct PinRequest: Hashable, Sendable, BitwiseCopyable {
  /// The device's group.
  public var group: GroupNumber
  /// The first page's address, odd or not: the page is remembered under it.
  public var iova: IOVA
  /// How many pages, 4 KiB apart; any number, as the driver gave it.
  public var count: Int
  /// What the driver will do: 1 read, 2 write, and whatever other bits it gave.
  public var protection: UInt32
  /// Whether the driver can be told to let go.
  public var hasUnmapHook: Bool

  /// States a request.
  public init(
    group: GroupNumber, iova: IOVA, count: Int, protection: UInt32, hasUnmapHook: Bool = true
  ) {
    self.group = group
    self.iova = iova
    self.count = count
    self.protection = protection
    self.hasUnmapHook = hasUnmapHook
  }

  /// The most pages that one call may pin: `VFIO_PIN_PAGES_MAX_ENTRIES`.
  public static var mostPages: Int { 512 }
}

/// What a mediated driver gives back: `vfio_unpin_pages()`.
public struct UnpinRequest: Hashable, Sendable, BitwiseCopyable {
  /// The first page's address, as it was pinned.
  public var iova: IOVA
  /// How many pages, 4 KiB apart; any number, as the driver gave it.
  public var count: Int

  /// States a request.
  public init(iova: IOVA, count: Int) {
    self.iova = iova
    self.count = count
  }
}

/// A granted pin, up to the page where it would be refused.
public struct PinPlan: Hashable, Sendable {
  /// The pages, in order; all of them when nothing refuses.
  public var pages: [PinnedPages]
  /// Those that nobody holds yet: their memory must be there.
  public var fresh: [PinnedPages]
  /// Whether the memory is charged to whoever mapped it: only where no table has pinned it.
  public var charges: Bool
  /// Why the page after them is refused. Type1 looks at memory page by page, so that missing memory
  /// before that page wins.
  public var refusal: Rule?
}

/// What an unpin gives back.
public struct UnpinPlan: Hashable, Sendable {
  /// The pages that are walked: up to the first that is not mapped. Nil when the call is ignored.
  public var run: PageRun?
  /// Those of them that nobody holds any more.
  public var released: [PinnedPages]
  /// Whether the kernel would log a warning: a wild count, or a page that is not mapped.
  public var isSuspicious: Bool
}

/// A part of a copy that lies in one mapping.
public struct CopyPart: Hashable, Sendable, BitwiseCopyable {
  /// The bus addresses.
  public var range: IOVARange
  /// Whose memory, and at which page-aligned address the mapping has it.
  public var memory: MappedMemory
  /// Where the first byte stands, in that memory.
  public var address: UserAddress
}

/// A granted copy, up to the address where it would be refused. What lies before that is copied.
public struct CopyPlan: Hashable, Sendable {
  /// The parts, ascending.
  public var parts: [CopyPart]
  /// Why the address after them is refused.
  public var refusal: Rule?
}

/// Whoever can ask the open mediated drivers of a container to let go of pages.
public protocol MediatedDrivers {
  /// Tells every open device that has a `dma_unmap` hook that a whole mapping goes away, and
  /// returns what they give back.
  mutating func letGo(of mapping: IOVARange) -> [UnpinRequest]
  /// They did not, in all rounds: the mapping stays.
  mutating func unmapFailed(_ mapping: IOVARange)
}
