// Prints sizes and offsets of the structures that legacy programs pass, as a C compiler lays them out.
// Fixtures/Layouts was recorded with it from the headers of Linux 6.12.
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
  return 0;
}
