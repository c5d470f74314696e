// Prints sizes and offsets of the structures that legacy programs pass, as a C compiler lays them out.
// Fixtures/Layouts was recorded with it from the headers of Linux 6.12.
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stddef.h>
#include <stdio.h>

#define SIZE(type) printf("struct %s %zu\n", #type, sizeof(struct type))
#define FIELD(type, field) \
  printf("%s.%s %zu %zu\n", #type, #field, offsetof(struct type, field), sizeof(((struct type *)0)->field))
#define NUMBER(name) printf("ioctl %s %#x\n", #name, (unsigned)name)

int main(void) {
  NUMBER(VFIO_GET_API_VERSION);
  NUMBER(VFIO_CHECK_EXTENSION);
  NUMBER(VFIO_SET_IOMMU);
  NUMBER(VFIO_GROUP_GET_STATUS);
  NUMBER(VFIO_GROUP_SET_CONTAINER);
  NUMBER(VFIO_GROUP_UNSET_CONTAINER);
  NUMBER(VFIO_GROUP_GET_DEVICE_FD);
  NUMBER(VFIO_IOMMU_GET_INFO);
  NUMBER(VFIO_IOMMU_MAP_DMA);
  NUMBER(VFIO_IOMMU_UNMAP_DMA);
  NUMBER(VFIO_IOMMU_DIRTY_PAGES);

  SIZE(vfio_group_status);
  FIELD(vfio_group_status, argsz);
  FIELD(vfio_group_status, flags);

  SIZE(vfio_iommu_type1_info);
  FIELD(vfio_iommu_type1_info, argsz);
  FIELD(vfio_iommu_type1_info, flags);
  FIELD(vfio_iommu_type1_info, iova_pgsizes);
  FIELD(vfio_iommu_type1_info, cap_offset);

  SIZE(vfio_info_cap_header);
  FIELD(vfio_info_cap_header, id);
  FIELD(vfio_info_cap_header, version);
  FIELD(vfio_info_cap_header, next);

  SIZE(vfio_iommu_type1_info_cap_migration);
  FIELD(vfio_iommu_type1_info_cap_migration, flags);
  FIELD(vfio_iommu_type1_info_cap_migration, pgsize_bitmap);
  FIELD(vfio_iommu_type1_info_cap_migration, max_dirty_bitmap_size);

  SIZE(vfio_iommu_type1_info_dma_avail);
  FIELD(vfio_iommu_type1_info_dma_avail, avail);

  SIZE(vfio_iommu_type1_info_cap_iova_range);
  FIELD(vfio_iommu_type1_info_cap_iova_range, nr_iovas);

  SIZE(vfio_iova_range);
  FIELD(vfio_iova_range, start);
  FIELD(vfio_iova_range, end);

  SIZE(vfio_iommu_type1_dma_map);
  FIELD(vfio_iommu_type1_dma_map, argsz);
  FIELD(vfio_iommu_type1_dma_map, flags);
  FIELD(vfio_iommu_type1_dma_map, vaddr);
  FIELD(vfio_iommu_type1_dma_map, iova);
  FIELD(vfio_iommu_type1_dma_map, size);

  SIZE(vfio_iommu_type1_dma_unmap);
  FIELD(vfio_iommu_type1_dma_unmap, argsz);
  FIELD(vfio_iommu_type1_dma_unmap, flags);
  FIELD(vfio_iommu_type1_dma_unmap, iova);
  FIELD(vfio_iommu_type1_dma_unmap, size);

  SIZE(vfio_bitmap);
  FIELD(vfio_bitmap, pgsize);
  FIELD(vfio_bitmap, size);
  FIELD(vfio_bitmap, data);

  SIZE(vfio_iommu_type1_dirty_bitmap);
  FIELD(vfio_iommu_type1_dirty_bitmap, argsz);
  FIELD(vfio_iommu_type1_dirty_bitmap, flags);

  SIZE(vfio_iommu_type1_dirty_bitmap_get);
  FIELD(vfio_iommu_type1_dirty_bitmap_get, iova);
  FIELD(vfio_iommu_type1_dirty_bitmap_get, size);
  FIELD(vfio_iommu_type1_dirty_bitmap_get, bitmap);

  NUMBER(IOMMU_DESTROY);
  NUMBER(IOMMU_IOAS_ALLOC);
  NUMBER(IOMMU_IOAS_IOVA_RANGES);
  NUMBER(IOMMU_OPTION);
  NUMBER(IOMMU_VFIO_IOAS);
  NUMBER(IOMMU_HWPT_ALLOC);
  NUMBER(IOMMU_GET_HW_INFO);
  NUMBER(VFIO_DEVICE_BIND_IOMMUFD);
  NUMBER(VFIO_DEVICE_ATTACH_IOMMUFD_PT);
  NUMBER(VFIO_DEVICE_DETACH_IOMMUFD_PT);

  SIZE(iommu_destroy);
  FIELD(iommu_destroy, size);
  FIELD(iommu_destroy, id);

  SIZE(iommu_ioas_alloc);
  FIELD(iommu_ioas_alloc, size);
  FIELD(iommu_ioas_alloc, flags);
  FIELD(iommu_ioas_alloc, out_ioas_id);

  SIZE(iommu_iova_range);
  FIELD(iommu_iova_range, start);
  FIELD(iommu_iova_range, last);

  SIZE(iommu_ioas_iova_ranges);
  FIELD(iommu_ioas_iova_ranges, size);
  FIELD(iommu_ioas_iova_ranges, ioas_id);
  FIELD(iommu_ioas_iova_ranges, num_iovas);
  FIELD(iommu_ioas_iova_ranges, allowed_iovas);
  FIELD(iommu_ioas_iova_ranges, out_iova_alignment);

  SIZE(iommu_option);
  FIELD(iommu_option, size);
  FIELD(iommu_option, option_id);
  FIELD(iommu_option, op);
  FIELD(iommu_option, object_id);
  FIELD(iommu_option, val64);

  SIZE(iommu_vfio_ioas);
  FIELD(iommu_vfio_ioas, size);
  FIELD(iommu_vfio_ioas, ioas_id);
  FIELD(iommu_vfio_ioas, op);

  SIZE(iommu_hwpt_alloc);
  FIELD(iommu_hwpt_alloc, size);
  FIELD(iommu_hwpt_alloc, flags);
  FIELD(iommu_hwpt_alloc, dev_id);
  FIELD(iommu_hwpt_alloc, pt_id);
  FIELD(iommu_hwpt_alloc, out_hwpt_id);
  FIELD(iommu_hwpt_alloc, data_type);
  FIELD(iommu_hwpt_alloc, data_len);
  FIELD(iommu_hwpt_alloc, data_uptr);
  FIELD(iommu_hwpt_alloc, fault_id);

  SIZE(iommu_hw_info);
  FIELD(iommu_hw_info, size);
  FIELD(iommu_hw_info, flags);
  FIELD(iommu_hw_info, dev_id);
  FIELD(iommu_hw_info, data_len);
  FIELD(iommu_hw_info, data_uptr);
  FIELD(iommu_hw_info, out_data_type);
  FIELD(iommu_hw_info, out_capabilities);

  SIZE(vfio_device_bind_iommufd);
  FIELD(vfio_device_bind_iommufd, argsz);
  FIELD(vfio_device_bind_iommufd, flags);
  FIELD(vfio_device_bind_iommufd, iommufd);
  FIELD(vfio_device_bind_iommufd, out_devid);

  SIZE(vfio_device_attach_iommufd_pt);
  FIELD(vfio_device_attach_iommufd_pt, argsz);
  FIELD(vfio_device_attach_iommufd_pt, flags);
  FIELD(vfio_device_attach_iommufd_pt, pt_id);

  SIZE(vfio_device_detach_iommufd_pt);
  FIELD(vfio_device_detach_iommufd_pt, argsz);
  FIELD(vfio_device_detach_iommufd_pt, flags);
  return 0;
}
