// The structures of <linux/iommufd.h> and of the device calls that go with it, stated once. Every
// field is a fixed-width integer at its natural alignment, so Swift lays them out as C does;
// Fixtures/Layouts holds what a C compiler says.

/// `struct iommu_destroy`.
struct DestroyLayout: BitwiseCopyable {
  var size: UInt32 = 8
  var id: UInt32
}

/// `struct iommu_ioas_alloc`.
struct SpaceAllocateLayout: BitwiseCopyable {
  var size: UInt32 = 12
  var flags: UInt32 = 0
  var space: UInt32 = 0
}

/// `struct iommu_iova_range`.
struct UsableRangeLayout: BitwiseCopyable {
  var start: UInt64 = 0
  var last: UInt64 = 0
}

/// `struct iommu_ioas_iova_ranges`.
struct UsableRangesLayout: BitwiseCopyable {
  var size: UInt32 = 32
  var space: UInt32
  /// How many ranges there is room for, then how many there are.
  var count: UInt32
  var reserved: UInt32 = 0
  /// Where the ranges go.
  var ranges: UInt64
  var alignment: UInt64 = 0
}

/// `struct iommu_option`.
struct OptionLayout: BitwiseCopyable {
  static let accounting: UInt32 = 0
  static let hugePages: UInt32 = 1
  static let set: UInt16 = 0
  static let get: UInt16 = 1

  var size: UInt32 = 24
  var option: UInt32
  var operation: UInt16
  var reserved: UInt16 = 0
  var object: UInt32 = 0
  var value: UInt64 = 0
}

/// `struct iommu_vfio_ioas`.
struct CompatibilitySpaceLayout: BitwiseCopyable {
  static let set: UInt16 = 1
  static let clear: UInt16 = 2

  var size: UInt32 = 12
  var space: UInt32
  var operation: UInt16
  var reserved: UInt16 = 0
}

/// `struct iommu_hwpt_alloc`.
struct TableAllocateLayout: BitwiseCopyable {
  var size: UInt32 = 48
  var flags: UInt32 = 0
  var device: UInt32
  /// The space that the table follows.
  var parent: UInt32
  var table: UInt32 = 0
  var reserved: UInt32 = 0
  var dataType: UInt32 = 0
  var dataByteCount: UInt32 = 0
  var data: UInt64 = 0
  var faultQueue: UInt32 = 0
  var reserved2: UInt32 = 0
}

/// `struct iommu_hw_info`.
struct HardwareInfoLayout: BitwiseCopyable {
  var size: UInt32 = 40
  var flags: UInt32 = 0
  var device: UInt32
  var dataByteCount: UInt32 = 0
  var data: UInt64 = 0
  var dataType: UInt32 = 0
  var reserved: UInt32 = 0
  var capabilities: UInt64 = 0
}

/// `struct vfio_device_bind_iommufd`.
struct BindLayout: BitwiseCopyable {
  var argsz: UInt32 = 16
  var flags: UInt32 = 0
  var iommufd: Int32
  var device: UInt32 = 0
}

/// `struct vfio_device_attach_iommufd_pt`.
struct AttachLayout: BitwiseCopyable {
  var argsz: UInt32 = 12
  var flags: UInt32 = 0
  /// A table or a space, then the table.
  var table: UInt32
}

/// `struct vfio_device_detach_iommufd_pt`.
struct DetachLayout: BitwiseCopyable {
  var argsz: UInt32 = 8
  var flags: UInt32 = 0
}

/// `struct iommu_ioas_map_file`, since Linux 6.13; of dma-bufs later.
struct FileMapLayout: BitwiseCopyable {
  static let isFixed: UInt32 = 1
  static let mayWrite: UInt32 = 2
  static let mayRead: UInt32 = 4

  var size: UInt32 = 40
  var flags: UInt32
  var space: UInt32
  var file: Int32
  /// Where in the file.
  var start: UInt64
  var length: UInt64
  var iova: UInt64
}

/// `struct vfio_device_feature` without data: the feature in bits 15…0, what to do with it above.
struct FeatureLayout: BitwiseCopyable {
  static let get: UInt32 = 1 << 16
  static let probe: UInt32 = 1 << 18
  /// `VFIO_DEVICE_FEATURE_DMA_BUF`.
  static let dmaBuffer: UInt32 = 11

  var argsz: UInt32 = 8
  var flags: UInt32
}

/// The same with `struct vfio_device_feature_dma_buf` and one range of a region.
struct RegionExportLayout: BitwiseCopyable {
  var argsz: UInt32 = 40
  var flags: UInt32 = FeatureLayout.get | FeatureLayout.dmaBuffer
  var region: UInt32
  /// As of open(2): O_RDWR | O_CLOEXEC.
  var openFlags: UInt32 = 0o2000002
  var reserved: UInt32 = 0
  var rangeCount: UInt32 = 1
  var offset: UInt64
  var length: UInt64
}

/// The numbers of the calls, as `_IO(';', n)` makes them.
enum CallNumber {
  static let destroy: UInt64 = 0x3b80
  static let allocateSpace: UInt64 = 0x3b81
  static let usableRanges: UInt64 = 0x3b84
  static let option: UInt64 = 0x3b87
  static let compatibilitySpace: UInt64 = 0x3b88
  static let allocateTable: UInt64 = 0x3b89
  static let hardwareInfo: UInt64 = 0x3b8a
  static let mapFile: UInt64 = 0x3b8f

  static let checkExtension: UInt64 = 0x3b65
  static let info: UInt64 = 0x3b70
  static let map: UInt64 = 0x3b71
  static let unmap: UInt64 = 0x3b72

  static let feature: UInt64 = 0x3b75
  static let bind: UInt64 = 0x3b76
  static let attach: UInt64 = 0x3b77
  static let detach: UInt64 = 0x3b78
}
