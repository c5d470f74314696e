public import DMATypes

/// Which container call is made: all that is known before the caller's structure is read.
public enum ContainerCommand: Hashable, Sendable {
  case getAPIVersion, checkExtension, setIOMMU, getInfo, map, unmap, dirtyPages
  /// Any number that type1 does not know, SPAPR's and EEH's among them.
  case unknown
}

/// A container call with its arguments, argsz and flag bits already found in order.
public enum ContainerRequest: Hashable, Sendable {
  /// VFIO_GET_API_VERSION.
  case getAPIVersion
  /// VFIO_CHECK_EXTENSION, the extension passed by value.
  case checkExtension(UInt64)
  /// VFIO_SET_IOMMU, the type passed by value.
  case setIOMMU(UInt64)
  /// VFIO_IOMMU_GET_INFO.
  case getInfo
  /// VFIO_IOMMU_MAP_DMA.
  case map(MapRequest)
  /// VFIO_IOMMU_UNMAP_DMA.
  case unmap(UnmapRequest)
  /// VFIO_IOMMU_DIRTY_PAGES.
  case dirtyPages(DirtyPagesRequest)
}

/// The fields of `struct vfio_iommu_type1_dma_map`.
public struct MapRequest: Hashable, Sendable, BitwiseCopyable {
  // One byte, so that the whole request goes in registers as it is.
  @usableFromInline var bits: UInt8
  /// `vaddr`, any number.
  public var address: UserAddress
  /// `iova`, any number.
  public var iova: IOVA
  /// `size` in bytes, any number.
  public var size: UInt64

  /// States the fields.
  @inlinable public init(
    access: DMAAccess, replacesAddress: Bool, address: UserAddress, iova: IOVA, size: UInt64
  ) {
    bits = access.rawValue | (replacesAddress ? 4 : 0)
    self.address = address
    self.iova = iova
    self.size = size
  }

  /// READ and WRITE.
  @inlinable public var access: DMAAccess {
    get { DMAAccess(rawValue: bits & 3) }
    set { bits = bits & 4 | newValue.rawValue }
  }
  /// VADDR: give an invalidated mapping a new address.
  @inlinable public var replacesAddress: Bool {
    get { bits & 4 != 0 }
    set { bits = bits & 3 | (newValue ? 4 : 0) }
  }
}

/// The fields of `struct vfio_bitmap`.
public struct BitmapArgument: Hashable, Sendable, BitwiseCopyable {
  /// `pgsize`: bytes that one bit stands for.
  public var pageBytes: UInt64
  /// `size` of the bitmap in bytes.
  public var size: UInt64
  /// `data`: where the words lie.
  public var data: UserAddress

  /// States the fields.
  @inlinable public init(pageBytes: UInt64, size: UInt64, data: UserAddress) {
    self.pageBytes = pageBytes
    self.size = size
    self.data = data
  }
}

/// The fields of `struct vfio_iommu_type1_dma_unmap`.
public struct UnmapRequest: Hashable, Sendable, BitwiseCopyable {
  /// ALL: every mapping.
  public var all: Bool
  /// VADDR: invalidate addresses, keep the mappings.
  public var invalidatesAddress: Bool
  /// GET_DIRTY_BITMAP: where the dirty bits go.
  public var bitmap: BitmapArgument?
  /// `iova`, any number.
  public var iova: IOVA
  /// `size` in bytes, any number.
  public var size: UInt64

  /// States the fields.
  @inlinable public init(
    all: Bool = false, invalidatesAddress: Bool = false, bitmap: BitmapArgument? = nil,
    iova: IOVA, size: UInt64
  ) {
    self.all = all
    self.invalidatesAddress = invalidatesAddress
    self.bitmap = bitmap
    self.iova = iova
    self.size = size
  }
}

/// VFIO_IOMMU_DIRTY_PAGES with exactly one of its flags.
public enum DirtyPagesRequest: Hashable, Sendable {
  /// START.
  case start
  /// STOP.
  case stop
  /// GET_BITMAP over `size` bytes from `iova`.
  case getBitmap(iova: IOVA, size: UInt64, bitmap: BitmapArgument)
}

/// What a container call answers when it is granted.
public enum ContainerReply: Hashable, Sendable {
  /// A plain result.
  case value(Int)
  /// What GET_INFO writes.
  case info(Type1Info)
  /// What UNMAP_DMA writes into `size`: the bytes of the mappings that went.
  case unmapped(UInt64)
}

/// The content of GET_INFO, before it is laid out.
public struct Type1Info: Hashable, Sendable {
  /// `iova_pgsizes`.
  public var pageSizes: PageSizes
  /// The smallest page size of the migration capability, in bytes.
  public var dirtyPageBytes: UInt64
  /// Mappings that may still be made.
  public var mappingsAvailable: UInt32
  /// Usable addresses, ascending; empty means that the capability is absent.
  public var ranges: [IOVARange]

  /// States the content.
  public init(
    pageSizes: PageSizes, dirtyPageBytes: UInt64, mappingsAvailable: UInt32, ranges: [IOVARange]
  ) {
    self.pageSizes = pageSizes
    self.dirtyPageBytes = dirtyPageBytes
    self.mappingsAvailable = mappingsAvailable
    self.ranges = ranges
  }
}
