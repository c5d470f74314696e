import RecordedLayouts
import Testing

@testable import LinuxIOMMUFD

private let layouts: [LayoutExample] = [
  .init("iommu_destroy", DestroyLayout.self, ["size": \.size, "id": \.id]),
  .init(
    "iommu_ioas_alloc", SpaceAllocateLayout.self,
    ["size": \.size, "flags": \.flags, "out_ioas_id": \.space]),
  .init("iommu_iova_range", UsableRangeLayout.self, ["start": \.start, "last": \.last]),
  .init(
    "iommu_ioas_iova_ranges", UsableRangesLayout.self,
    [
      "size": \.size, "ioas_id": \.space, "num_iovas": \.count, "allowed_iovas": \.ranges,
      "out_iova_alignment": \.alignment,
    ]),
  .init(
    "iommu_option", OptionLayout.self,
    [
      "size": \.size, "option_id": \.option, "op": \.operation, "object_id": \.object,
      "val64": \.value,
    ]),
  .init(
    "iommu_vfio_ioas", CompatibilitySpaceLayout.self,
    ["size": \.size, "ioas_id": \.space, "op": \.operation]),
  .init(
    "iommu_hwpt_alloc", TableAllocateLayout.self,
    [
      "size": \.size, "flags": \.flags, "dev_id": \.device, "pt_id": \.parent,
      "out_hwpt_id": \.table, "data_type": \.dataType, "data_len": \.dataByteCount,
      "data_uptr": \.data, "fault_id": \.faultQueue,
    ]),
  .init(
    "iommu_hw_info", HardwareInfoLayout.self,
    [
      "size": \.size, "flags": \.flags, "dev_id": \.device, "data_len": \.dataByteCount,
      "data_uptr": \.data, "out_data_type": \.dataType, "out_capabilities": \.capabilities,
    ]),
  .init(
    "vfio_device_bind_iommufd", BindLayout.self,
    ["argsz": \.argsz, "flags": \.flags, "iommufd": \.iommufd, "out_devid": \.device]),
  .init(
    "vfio_device_attach_iommufd_pt", AttachLayout.self,
    ["argsz": \.argsz, "flags": \.flags, "pt_id": \.table]),
  .init(
    "vfio_device_detach_iommufd_pt", DetachLayout.self, ["argsz": \.argsz, "flags": \.flags]),
]

@Suite struct LayoutTests {
  @Test("A structure lies as the kernel's, and says its own size", arguments: layouts)
  func lies(example: LayoutExample) throws {
    #expect(try example.differences(from: recordedLayouts()) == [])
  }

  @Test("A request says the size of its structure")
  func sizes() {
    #expect(DestroyLayout(id: 1).size == 8)
    #expect(Int(SpaceAllocateLayout().size) == MemoryLayout<SpaceAllocateLayout>.size)
    let ranges = UsableRangesLayout(space: 1, count: 0, ranges: 0)
    #expect(Int(ranges.size) == MemoryLayout<UsableRangesLayout>.size)
    let option = OptionLayout(option: 0, operation: 0)
    #expect(Int(option.size) == MemoryLayout<OptionLayout>.size)
    let space = CompatibilitySpaceLayout(space: 1, operation: 0)
    #expect(Int(space.size) == MemoryLayout<CompatibilitySpaceLayout>.size)
    let table = TableAllocateLayout(device: 1, parent: 1)
    #expect(Int(table.size) == MemoryLayout<TableAllocateLayout>.size)
    #expect(Int(HardwareInfoLayout(device: 1).size) == MemoryLayout<HardwareInfoLayout>.size)
    #expect(Int(BindLayout(iommufd: 1).argsz) == MemoryLayout<BindLayout>.size)
    #expect(Int(AttachLayout(table: 1).argsz) == MemoryLayout<AttachLayout>.size)
    #expect(Int(DetachLayout().argsz) == MemoryLayout<DetachLayout>.size)
    let file = FileMapLayout(flags: 0, space: 1, file: 3, start: 0, length: 1, iova: 0)
    #expect(Int(file.size) == MemoryLayout<FileMapLayout>.size)
    #expect(Int(FeatureLayout(flags: 0).argsz) == MemoryLayout<FeatureLayout>.size)
    let export = RegionExportLayout(region: 0, offset: 0, length: 1)
    #expect(Int(export.argsz) == MemoryLayout<RegionExportLayout>.size)
    // Behind the feature's own 8 bytes: region, flags of open(2), 0, how many ranges, the ranges.
    #expect(MemoryLayout<RegionExportLayout>.offset(of: \.region) == 8)
    #expect(MemoryLayout<RegionExportLayout>.offset(of: \.rangeCount) == 20)
    #expect(MemoryLayout<RegionExportLayout>.offset(of: \.offset) == 24)
    #expect(export.flags == 0x1_000b)
  }

  @Test("The numbers of calls are the kernel's")
  func numbers() throws {
    let table = try recordedLayouts()
    let numbers = [
      "IOMMU_DESTROY": CallNumber.destroy, "IOMMU_IOAS_ALLOC": CallNumber.allocateSpace,
      "IOMMU_IOAS_IOVA_RANGES": CallNumber.usableRanges, "IOMMU_OPTION": CallNumber.option,
      "IOMMU_VFIO_IOAS": CallNumber.compatibilitySpace,
      "IOMMU_HWPT_ALLOC": CallNumber.allocateTable,
      "IOMMU_GET_HW_INFO": CallNumber.hardwareInfo,
      "VFIO_CHECK_EXTENSION": CallNumber.checkExtension, "VFIO_IOMMU_GET_INFO": CallNumber.info,
      "VFIO_IOMMU_MAP_DMA": CallNumber.map, "VFIO_IOMMU_UNMAP_DMA": CallNumber.unmap,
      "VFIO_DEVICE_BIND_IOMMUFD": CallNumber.bind,
      "VFIO_DEVICE_ATTACH_IOMMUFD_PT": CallNumber.attach,
      "VFIO_DEVICE_DETACH_IOMMUFD_PT": CallNumber.detach,
    ]
    for (name, number) in numbers { #expect(table[name] == [Int(number)], "\(name)") }
  }
}
