/// One line on which ioasid is known to differ from Linux 6.12, and why. Each is asserted to be
/// there still, word for word: a line that becomes right is taken off the list.
struct DocumentedDifference: Sendable {
  /// The recording.
  var program: String
  /// The line, counted from 1.
  var line: Int
  /// What the kernel printed.
  var kernel: String
  /// What ioasid prints.
  var ioasid: String
  /// The reason.
  var reason: String

  init(_ program: String, _ line: Int, kernel: String, ioasid: String, _ reason: String) {
    self.program = program
    self.line = line
    self.kernel = kernel
    self.ioasid = ioasid
    self.reason = reason
  }

  // Both: MIGRATION.md says which calls are granted and which end in ENOTTY so far.
  private static let dirty = "what DIRTY_PAGES would be granted is ENOTTY so far"
  private static let vaddr = "what VADDR would be granted is ENOTTY so far"

  static let all: [Self] = [
    Self(
      "later-dirty", 13,
      kernel: "stop: 0",
      ioasid: "stop: -1 ENOTTY", dirty),
    Self(
      "later-dirty", 14,
      kernel: "start: 0",
      ioasid: "start: -1 ENOTTY", dirty),
    Self(
      "later-dirty", 15,
      kernel: "start again: 0",
      ioasid: "start again: -1 ENOTTY", dirty),
    Self(
      "later-dirty", 16,
      kernel: "get: 0",
      ioasid: "get: -1 EINVAL", dirty),
    Self(
      "later-dirty", 17,
      kernel: "bitmap 0xf",
      ioasid: "bitmap 0", dirty),
    Self(
      "later-dirty", 22,
      kernel: "get NULL: -1 EFAULT",
      ioasid: "get NULL: -1 EINVAL", dirty),
    Self(
      "later-dirty", 25,
      kernel: "stop: 0",
      ioasid: "stop: -1 ENOTTY", dirty),
    Self(
      "later-dirty", 27,
      kernel: "UNMAP_DMA(VADDR, iova 0x10000, size 0x4000) = 0, size 0x4000",
      ioasid: "UNMAP_DMA(VADDR, iova 0x10000, size 0x4000) = -1 ENOTTY, size 0x4000", vaddr),
    Self(
      "later-dirty", 28,
      kernel: "UNMAP_DMA(VADDR, iova 0x10000, size 0x4000) = -1 EINVAL, size 0x4000",
      ioasid: "UNMAP_DMA(VADDR, iova 0x10000, size 0x4000) = -1 ENOTTY, size 0x4000", vaddr),
    Self(
      "later-dirty", 30,
      kernel: "container: VFIO_IOMMU_MAP_DMA(&m) = 0",
      ioasid: "container: VFIO_IOMMU_MAP_DMA(&m) = -1 EINVAL", vaddr),
    Self(
      "later-dirty", 59,
      kernel: "UNMAP_DMA(VADDR, iova 0x10000, size 0x4000) = 0, size 0x4000",
      ioasid: "UNMAP_DMA(VADDR, iova 0x10000, size 0x4000) = -1 ENOTTY, size 0x4000", vaddr),
    Self(
      "later-dirty", 60,
      kernel: "UNMAP_DMA(VADDR, iova 0x10000, size 0x4000) = -1 EINVAL, size 0x4000",
      ioasid: "UNMAP_DMA(VADDR, iova 0x10000, size 0x4000) = -1 ENOTTY, size 0x4000", vaddr),
    Self(
      "later-dirty", 62,
      kernel: "container: VFIO_IOMMU_MAP_DMA(&m) = 0",
      ioasid: "container: VFIO_IOMMU_MAP_DMA(&m) = -1 EINVAL", vaddr),
  ]
}
