import LegacyVFIO
import RecordedLayouts
import Testing

@testable import UAPI

private let layouts: [LayoutExample] = [
  .init("vfio_group_status", GroupStatusLayout.self, ["argsz": \.argsz, "flags": \.flags]),
  .init(
    "vfio_iommu_type1_info", InfoLayout.self,
    [
      "argsz": \.argsz, "flags": \.flags, "iova_pgsizes": \.iovaPageSizes,
      "cap_offset": \.capabilityOffset,
    ]),
  .init(
    "vfio_info_cap_header", CapabilityHeaderLayout.self,
    ["id": \.id, "version": \.version, "next": \.next]),
  .init(
    "vfio_iommu_type1_info_cap_migration", MigrationCapabilityLayout.self,
    [
      "flags": \.flags, "pgsize_bitmap": \.pageSizes,
      "max_dirty_bitmap_size": \.maximumBitmapBytes,
    ]),
  .init(
    "vfio_iommu_type1_info_cap_iova_range", RangesCapabilityLayout.self, ["nr_iovas": \.count]),
  .init("vfio_iova_range", RangeLayout.self, ["start": \.start, "end": \.last]),
  .init(
    "vfio_iommu_type1_dma_map", MapLayout.self,
    [
      "argsz": \.argsz, "flags": \.flags, "vaddr": \.vaddr, "iova": \.iova, "size": \.size,
    ]),
  .init(
    "vfio_iommu_type1_dma_unmap", UnmapLayout.self,
    ["argsz": \.argsz, "flags": \.flags, "iova": \.iova, "size": \.size]),
  .init("vfio_bitmap", BitmapLayout.self, ["pgsize": \.pgsize, "size": \.size, "data": \.data]),
  .init("vfio_iommu_type1_dirty_bitmap", DirtyLayout.self, ["argsz": \.argsz, "flags": \.flags]),
  .init(
    "vfio_iommu_type1_dirty_bitmap_get", DirtyGetLayout.self,
    ["iova": \.iova, "size": \.size, "bitmap": \.bitmap]),
]

@Suite struct LayoutTests {
  @Test("A structure lies as the kernel's", arguments: layouts)
  func lies(example: LayoutExample) throws {
    #expect(try example.differences(from: recordedLayouts()) == [])
  }

  @Test("The number of available mappings is padded to 8 bytes in the chain")
  func available() throws {
    let table = try recordedLayouts()
    let path = \AvailableCapabilityLayout.available
    #expect(
      table["vfio_iommu_type1_info_dma_avail.avail"]?.first
        == MemoryLayout<AvailableCapabilityLayout>.offset(of: path))
    #expect(table["vfio_iommu_type1_info_dma_avail"] == [12])
    #expect(MemoryLayout<AvailableCapabilityLayout>.size == 16)
  }

  @Test("The ioctl numbers are the kernel's")
  func numbers() throws {
    let table = try recordedLayouts()
    let container: [(String, Int)] = (0x3b00...0x3bff).compactMap { number in
      let name: String
      switch ContainerCodec.command(of: UInt32(number)) {
      case .getAPIVersion: name = "VFIO_GET_API_VERSION"
      case .checkExtension: name = "VFIO_CHECK_EXTENSION"
      case .setIOMMU: name = "VFIO_SET_IOMMU"
      case .getInfo: name = "VFIO_IOMMU_GET_INFO"
      case .map: name = "VFIO_IOMMU_MAP_DMA"
      case .unmap: name = "VFIO_IOMMU_UNMAP_DMA"
      case .dirtyPages: name = "VFIO_IOMMU_DIRTY_PAGES"
      case .unknown: return nil
      }
      return (name, number)
    }
    let group: [(String, Int)] = (0x3b00...0x3bff).compactMap { number in
      let name: String
      switch GroupCodec.command(of: UInt32(number)) {
      case .getStatus: name = "VFIO_GROUP_GET_STATUS"
      case .setContainer: name = "VFIO_GROUP_SET_CONTAINER"
      case .unsetContainer: name = "VFIO_GROUP_UNSET_CONTAINER"
      case .getDevice: name = "VFIO_GROUP_GET_DEVICE_FD"
      case .unknown: return nil
      }
      return (name, number)
    }
    #expect(container.count == 7 && group.count == 4)
    for (name, number) in container + group { #expect(table[name] == [number], "\(name)") }
  }
}
