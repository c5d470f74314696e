import LegacyVFIO
import UAPI

/// What an ioctl takes beside its number.
enum ArgumentLayout: Sendable {
  /// Nothing that anybody looks at.
  case none
  /// A number, passed by value.
  case value(NameTable)
  /// A pointer to a descriptor.
  case descriptor
  /// A pointer to text that ends in a zero.
  case text
  case structure(StructureLayout)
}

/// An ioctl of one kind of file.
struct RequestLayout: Sendable {
  let number: UInt32
  let name: String
  let argument: ArgumentLayout
}

/// A request without a name: its number may say how many bytes it reads and writes, as
/// `_IOC(direction, type, nr, size)` has it. Drivers' own requests do.
struct UnnamedRequest {
  /// Bytes that the kernel reads; 0 for a number that says nothing of it.
  let inputCount: Int
  /// Bytes that the kernel writes.
  let outputCount: Int

  init(_ number: UInt32) {
    let size = Int(number >> 16 & 0x3fff)
    let isShown = size <= TracedBytes.maximum
    inputCount = isShown && number >> 30 & 1 != 0 ? size : 0
    outputCount = isShown && number >> 31 != 0 ? size : 0
  }
}

/// Every call that has a name, and what each may say.
enum Vocabulary {
  static let container: [RequestLayout] = [
    .init(number: 0x3b64, name: "VFIO_GET_API_VERSION", argument: .none),
    .init(number: 0x3b65, name: "VFIO_CHECK_EXTENSION", argument: .value(extensions)),
    .init(number: 0x3b66, name: "VFIO_SET_IOMMU", argument: .value(extensions)),
    .init(number: 0x3b70, name: "VFIO_IOMMU_GET_INFO", argument: .structure(.containerInfo)),
    .init(number: 0x3b71, name: "VFIO_IOMMU_MAP_DMA", argument: .structure(.map)),
    .init(number: 0x3b72, name: "VFIO_IOMMU_UNMAP_DMA", argument: .structure(.unmap)),
    .init(number: 0x3b75, name: "VFIO_IOMMU_DIRTY_PAGES", argument: .structure(.dirtyPages)),
  ]
  static let group: [RequestLayout] = [
    .init(number: 0x3b67, name: "VFIO_GROUP_GET_STATUS", argument: .structure(.groupStatus)),
    .init(number: 0x3b68, name: "VFIO_GROUP_SET_CONTAINER", argument: .descriptor),
    .init(number: 0x3b69, name: "VFIO_GROUP_UNSET_CONTAINER", argument: .none),
    .init(number: 0x3b6a, name: "VFIO_GROUP_GET_DEVICE_FD", argument: .text),
  ]
  static let device: [RequestLayout] = [
    .init(number: 0x3b6b, name: "VFIO_DEVICE_GET_INFO", argument: .structure(.deviceInfo)),
    .init(number: 0x3b6c, name: "VFIO_DEVICE_GET_REGION_INFO", argument: .structure(.regionInfo)),
    .init(number: 0x3b6d, name: "VFIO_DEVICE_GET_IRQ_INFO", argument: .structure(.interruptInfo)),
    .init(number: 0x3b6e, name: "VFIO_DEVICE_SET_IRQS", argument: .structure(.setInterrupts)),
    .init(number: 0x3b6f, name: "VFIO_DEVICE_RESET", argument: .none),
    .init(
      number: 0x3b70, name: "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO",
      argument: .structure(.hotResetInfo)),
    .init(number: 0x3b71, name: "VFIO_DEVICE_PCI_HOT_RESET", argument: .structure(.hotReset)),
    .init(number: 0x3b74, name: "VFIO_DEVICE_IOEVENTFD", argument: .structure(.ioEvent)),
    .init(number: 0x3b75, name: "VFIO_DEVICE_FEATURE", argument: .structure(.feature)),
    .init(number: 0x3b76, name: "VFIO_DEVICE_BIND_IOMMUFD", argument: .structure(.bind)),
  ]

  /// Extensions; those that are IOMMU types are SET_IOMMU's choices too.
  private static let extensions = NameTable(
    mask: .max,
    choices: [
      1: "VFIO_TYPE1_IOMMU", 2: "VFIO_SPAPR_TCE_IOMMU", 3: "VFIO_TYPE1v2_IOMMU",
      4: "VFIO_DMA_CC_IOMMU", 5: "VFIO_EEH", 6: "VFIO_TYPE1_NESTING_IOMMU",
      7: "VFIO_SPAPR_TCE_v2_IOMMU", 8: "VFIO_NOIOMMU_IOMMU", 9: "VFIO_UNMAP_ALL",
      10: "VFIO_UPDATE_VADDR",
    ])
  private static let openFlags = NameTable(
    mask: 3, choices: [0: "O_RDONLY", 1: "O_WRONLY", 2: "O_RDWR"],
    bits: [
      0o100: "O_CREAT", 0o200: "O_EXCL", 0o400: "O_NOCTTY", 0o1000: "O_TRUNC", 0o2000: "O_APPEND",
      0o4000: "O_NONBLOCK", 0o200000: "O_DIRECTORY", 0o400000: "O_NOFOLLOW",
      0o2000000: "O_CLOEXEC",
    ])
  private static let protections = NameTable(bits: [1: "READ", 2: "WRITE", 4: "EXEC"])
  private static let mapFlags = NameTable(
    mask: 15, choices: [1: "SHARED", 2: "PRIVATE", 3: "SHARED_VALIDATE"],
    bits: [0x10: "FIXED", 0x20: "ANONYMOUS", 0x100000: "FIXED_NOREPLACE"])
  private static let remapFlags = NameTable(bits: [1: "MAYMOVE", 2: "FIXED", 4: "DONTUNMAP"])

  static func requests(of handle: TracedHandle) -> [RequestLayout] {
    switch handle {
    case .container: container
    case .group: group
    case .device: device
    case .event: []
    }
  }

  static func request(_ number: UInt32, on handle: TracedHandle) -> RequestLayout? {
    requests(of: handle).first { $0.number == number }
  }

  /// The arguments of a call that come by name, in order.
  static func named(_ operation: TracedOperation) -> [(name: String, format: FieldFormat)] {
    switch operation {
    case .open: [("flags", .names(openFlags))]
    case .read, .write: [("count", .hex)]
    case .pread, .pwrite: [("count", .hex), ("offset", .hex)]
    case .mmap:
      [
        ("address", .address), ("length", .hex), ("prot", .names(protections)),
        ("flags", .names(mapFlags)), ("offset", .hex),
      ]
    case .munmap: [("length", .hex)]
    case .mprotect: [("length", .hex), ("prot", .names(protections))]
    case .mremap:
      [
        ("length", .hex), ("new_length", .hex), ("flags", .names(remapFlags)),
        ("new_address", .address),
      ]
    case .load: [("count", .hex)]
    case .close, .ioctl, .store, .exit: []
    }
  }
}
