// The structures of <linux/vfio.h> that container and group calls point at, stated once. Every
// field is a fixed-width integer at its natural alignment, so Swift lays them out as C does;
// Fixtures/Layouts holds what a C compiler says.

/// `struct vfio_iommu_type1_info`.
public struct InfoLayout: BitwiseCopyable, Sendable {
  /// Bytes that the caller has, and then needs.
  public var argsz: UInt32 = 0
  /// `VFIO_IOMMU_INFO_*`.
  public var flags: UInt32 = 0
  /// Page sizes, bit n for 2ⁿ bytes.
  public var iovaPageSizes: UInt64 = 0
  /// Where the first capability lies, from the structure's start; 0 for none.
  public var capabilityOffset: UInt32 = 0
  /// Zero.
  public var padding: UInt32 = 0
  /// All zero.
  public init() {}
}

/// `struct vfio_info_cap_header`.
public struct CapabilityHeaderLayout: BitwiseCopyable, Sendable {
  /// Which capability.
  public var id: UInt16
  /// Its version.
  public var version: UInt16
  /// Where the next lies, from the start of the structure that heads the chain; 0 for none.
  public var next: UInt32
  /// States the fields.
  public init(id: UInt16, version: UInt16, next: UInt32) {
    self.id = id
    self.version = version
    self.next = next
  }
}

/// `struct vfio_iommu_type1_info_cap_migration`.
public struct MigrationCapabilityLayout: BitwiseCopyable, Sendable {
  /// Id 2.
  public var header: CapabilityHeaderLayout
  /// Zero.
  public var flags: UInt32 = 0
  private var hole: UInt32 = 0
  /// The one page size that dirty bits stand for.
  public var pageSizes: UInt64
  /// The largest bitmap in bytes.
  public var maximumBitmapBytes: UInt64
  /// States the fields.
  public init(header: CapabilityHeaderLayout, pageSizes: UInt64, maximumBitmapBytes: UInt64) {
    self.header = header
    self.pageSizes = pageSizes
    self.maximumBitmapBytes = maximumBitmapBytes
  }
}

/// `struct vfio_iommu_type1_info_dma_avail`, as long as the chain makes it: 4 bytes longer.
public struct AvailableCapabilityLayout: BitwiseCopyable, Sendable {
  /// Id 3.
  public var header: CapabilityHeaderLayout
  /// Mappings that may still be made.
  public var available: UInt32
  private var padding: UInt32 = 0
  /// States the fields.
  public init(header: CapabilityHeaderLayout, available: UInt32) {
    self.header = header
    self.available = available
  }
}

/// `struct vfio_iommu_type1_info_cap_iova_range` before its ranges.
public struct RangesCapabilityLayout: BitwiseCopyable, Sendable {
  /// Id 1.
  public var header: CapabilityHeaderLayout
  /// How many ranges follow.
  public var count: UInt32
  private var reserved: UInt32 = 0
  /// States the fields.
  public init(header: CapabilityHeaderLayout, count: UInt32) {
    self.header = header
    self.count = count
  }
}

/// `struct vfio_iova_range`.
public struct RangeLayout: BitwiseCopyable, Sendable {
  /// The first address.
  public var start: UInt64
  /// The last address, inclusive.
  public var last: UInt64
  /// States the fields.
  public init(start: UInt64, last: UInt64) {
    self.start = start
    self.last = last
  }
}

/// `struct vfio_iommu_type1_dma_map`.
@frozen public struct MapLayout: BitwiseCopyable, Sendable {
  /// Bytes of the structure.
  public var argsz: UInt32 = 0
  /// `VFIO_DMA_MAP_FLAG_*`.
  public var flags: UInt32 = 0
  /// The memory.
  public var vaddr: UInt64 = 0
  /// Where devices find it.
  public var iova: UInt64 = 0
  /// How much, in bytes.
  public var size: UInt64 = 0
  /// All zero.
  @inlinable public init() {}
}

/// `struct vfio_iommu_type1_dma_unmap` without `data`.
@frozen public struct UnmapLayout: BitwiseCopyable, Sendable {
  /// Bytes of the structure.
  public var argsz: UInt32 = 0
  /// `VFIO_DMA_UNMAP_FLAG_*`.
  public var flags: UInt32 = 0
  /// Where to begin.
  public var iova: UInt64 = 0
  /// How much, in bytes; then how much went.
  public var size: UInt64 = 0
  /// All zero.
  @inlinable public init() {}
}

/// `struct vfio_bitmap`.
public struct BitmapLayout: BitwiseCopyable, Sendable {
  /// Bytes that one bit stands for.
  public var pgsize: UInt64 = 0
  /// The bitmap's size in bytes.
  public var size: UInt64 = 0
  /// Where it lies.
  public var data: UInt64 = 0
  /// All zero.
  public init() {}
}

/// `struct vfio_iommu_type1_dirty_bitmap` without `data`.
public struct DirtyLayout: BitwiseCopyable, Sendable {
  /// Bytes of the structure.
  public var argsz: UInt32 = 0
  /// `VFIO_IOMMU_DIRTY_PAGES_FLAG_*`.
  public var flags: UInt32 = 0
  /// All zero.
  public init() {}
}

/// `struct vfio_iommu_type1_dirty_bitmap_get`.
public struct DirtyGetLayout: BitwiseCopyable, Sendable {
  /// Where to begin.
  public var iova: UInt64 = 0
  /// How much, in bytes.
  public var size: UInt64 = 0
  /// Where the bits go.
  public var bitmap = BitmapLayout()
  /// All zero.
  public init() {}
}

/// `struct vfio_group_status`.
public struct GroupStatusLayout: BitwiseCopyable, Sendable {
  /// Bytes of the structure.
  public var argsz: UInt32 = 0
  /// `VFIO_GROUP_FLAGS_*`.
  public var flags: UInt32 = 0
  /// All zero.
  public init() {}
}
