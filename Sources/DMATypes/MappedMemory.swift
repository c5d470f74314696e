/// The memory behind a mapping, in one word: the address of a processor page, and twelve bits of
/// what goes with it.
public struct MappedMemory: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// Bits 63…12 the address, 11…5 the owner, 2 address invalid, 1 write, 0 read.
  public var rawValue: UInt64
  /// Wraps the word.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Memory of `owner` at a page-aligned address.
  @inlinable public init(address: UserAddress, access: DMAAccess, owner: MemoryOwner) {
    rawValue = address.rawValue | UInt64(access.rawValue) | UInt64(owner.rawValue) << 5
  }

  /// The page-aligned address in the owner's memory.
  @inlinable public var address: UserAddress { UserAddress(rawValue & ~0xfff) }
  /// What devices may do.
  @inlinable public var access: DMAAccess { DMAAccess(rawValue: UInt8(rawValue & 3)) }
  /// Whose memory it is.
  @inlinable public var owner: MemoryOwner { MemoryOwner(rawValue: UInt8(rawValue >> 5 & 0x7f)) }
  /// Whether UNMAP with VADDR took the address away; the pages stay reachable for devices.
  @inlinable public var addressIsInvalid: Bool {
    get { rawValue & 4 != 0 }
    set { rawValue = rawValue & ~4 | (newValue ? 4 : 0) }
  }
}
