// SPDX-License-Identifier: GPL-2.0-only
// Three IOMMUs for the lab's `edu` functions on a machine that has none, as ground truth for several
// of them behind one container: `Fixtures/Platforms/three-iommus.json` says the same of a simulated
// machine. The tables are kept, looked up and walked by nobody: devices' DMA is not translated, so no
// program may let one do any.
//
// Build against the lab's kernel tree: make -C TREE M=$PWD modules. Boot with --iommu none.
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/xarray.h>

struct hole {
  u64 start, bytes;
  enum iommu_resv_type type;
};

// What one IOMMU can do, and who is behind it.
struct unit {
  const char *name;
  const struct iommu_ops *ops;
  u64 first, last, page_sizes;
  bool coherent;
  struct hole holes[2];
  const char *functions[2];
  struct iommu_device iommu;
  struct iommu_group *group;
};

struct table {
  struct iommu_domain domain;
  const struct unit *unit;
  // The physical page behind each page that is mapped.
  struct xarray pages;
};

static struct unit *unit_of(struct device *device);

static struct table *from(struct iommu_domain *domain) {
  return container_of(domain, struct table, domain);
}

static int nowhere_attach(struct iommu_domain *domain, struct device *device) { return 0; }
static const struct iommu_domain_ops nowhere = {.attach_dev = nowhere_attach};
static struct iommu_domain identity = {.type = IOMMU_DOMAIN_IDENTITY, .ops = &nowhere};
static struct iommu_domain blocked = {.type = IOMMU_DOMAIN_BLOCKED, .ops = &nowhere};

// A table that reaches further than a device's IOMMU is of no use to it.
static int table_attach(struct iommu_domain *domain, struct device *device) {
  const struct unit *unit = unit_of(device), *other = from(domain)->unit;

  return other->first >= unit->first && other->last <= unit->last ? 0 : -EINVAL;
}

static size_t table_unmap(struct iommu_domain *domain, unsigned long iova, size_t page_bytes,
                          size_t count, struct iommu_iotlb_gather *gather) {
  size_t bytes;

  for (bytes = 0; bytes < page_bytes * count; bytes += PAGE_SIZE)
    if (!xa_erase(&from(domain)->pages, (iova + bytes) >> PAGE_SHIFT)) break;
  return bytes;
}

static int table_map(struct iommu_domain *domain, unsigned long iova, phys_addr_t at,
                     size_t page_bytes, size_t count, int access, gfp_t gfp, size_t *mapped) {
  struct table *table = from(domain);
  size_t bytes;
  int failure = 0;

  // As VT-d answers.
  if (iova < table->unit->first || iova + page_bytes * count - 1 > table->unit->last) return -EFAULT;
  for (bytes = 0; !failure && bytes < page_bytes * count; bytes += PAGE_SIZE)
    failure = xa_err(xa_store(&table->pages, (iova + bytes) >> PAGE_SHIFT,
                              xa_mk_value((at + bytes) >> PAGE_SHIFT), gfp));
  *mapped += failure ? 0 : bytes;
  return failure;
}

static phys_addr_t table_walk(struct iommu_domain *domain, dma_addr_t iova) {
  void *entry = xa_load(&from(domain)->pages, iova >> PAGE_SHIFT);

  return entry ? PFN_PHYS(xa_to_value(entry)) + offset_in_page(iova) : 0;
}

static bool table_enforce(struct iommu_domain *domain) { return from(domain)->unit->coherent; }

static void table_free(struct iommu_domain *domain) {
  xa_destroy(&from(domain)->pages);
  kfree(from(domain));
}

#define TABLE_OPS \
  .attach_dev = table_attach, .map_pages = table_map, .unmap_pages = table_unmap, \
  .iova_to_phys = table_walk, .enforce_cache_coherency = table_enforce, .free = table_free

static struct iommu_domain *table_alloc(struct device *device) {
  const struct unit *unit = unit_of(device);
  struct table *table = kzalloc(sizeof *table, GFP_KERNEL);

  if (!table) return NULL;
  xa_init(&table->pages);
  table->unit = unit;
  table->domain.pgsize_bitmap = unit->page_sizes;
  table->domain.geometry = (struct iommu_domain_geometry){unit->first, unit->last, true};
  return &table->domain;
}

static bool unit_capable(struct device *device, enum iommu_cap capability) {
  return capability == IOMMU_CAP_CACHE_COHERENCY ||
         (capability == IOMMU_CAP_ENFORCE_CACHE_COHERENCY && unit_of(device)->coherent);
}

static struct iommu_device *unit_probe(struct device *device) {
  struct unit *unit = unit_of(device);

  return unit ? &unit->iommu : ERR_PTR(-ENODEV);
}

// Everybody behind one IOMMU is in one group.
static struct iommu_group *unit_group(struct device *device) {
  struct unit *unit = unit_of(device);

  if (unit->group) return iommu_group_ref_get(unit->group);
  return unit->group = iommu_group_alloc();
}

static void unit_holes(struct device *device, struct list_head *list) {
  struct unit *unit = unit_of(device);

  for (int i = 0; i < ARRAY_SIZE(unit->holes) && unit->holes[i].bytes; i++) {
    struct iommu_resv_region *region = iommu_alloc_resv_region(
      unit->holes[i].start, unit->holes[i].bytes, 0, unit->holes[i].type, GFP_KERNEL);

    if (region) list_add_tail(&region->list, list);
  }
}

#define UNIT_OPS \
  .capable = unit_capable, .domain_alloc_paging = table_alloc, .probe_device = unit_probe, \
  .device_group = unit_group, .get_resv_regions = unit_holes, .owner = THIS_MODULE, \
  .identity_domain = &identity, .blocked_domain = &blocked, .default_domain = &identity

// type1 shares tables between IOMMUs of one driver: two of the three have the same.
static const struct iommu_domain_ops one_tables = {TABLE_OPS}, other_tables = {TABLE_OPS};
static const struct iommu_ops one_ops = {UNIT_OPS, .default_domain_ops = &one_tables};
static const struct iommu_ops other_ops = {UNIT_OPS, .default_domain_ops = &other_tables};

#define WINDOW {0xfee00000, 0x100000, IOMMU_RESV_MSI}

static struct unit units[] = {
  {"ioasid-one0", &one_ops, 0, (1ULL << 48) - 1, SZ_4K | SZ_2M | SZ_1G, true, {WINDOW},
   {"0000:00:05.0"}},
  {"ioasid-one1", &one_ops, 0, (1ULL << 39) - 1, SZ_4K | SZ_2M, false,
   {{0xa0000, 0x20000, IOMMU_RESV_RESERVED}, WINDOW}, {"0000:00:06.0"}},
  {"ioasid-other0", &other_ops, 0x100000, (1ULL << 40) - 1, SZ_4K | SZ_64K | SZ_1G, true, {WINDOW},
   {"0000:02:01.0", "0000:02:02.0"}},
};

static struct unit *unit_of(struct device *device) {
  for (int i = 0; i < ARRAY_SIZE(units); i++)
    for (int j = 0; j < ARRAY_SIZE(units[i].functions); j++)
      if (units[i].functions[j] && !strcmp(units[i].functions[j], dev_name(device)))
        return &units[i];
  return NULL;
}

// The core looks for devices when an IOMMU comes; they say which is theirs once it has.
static struct iommu_device last;

static int __init iommus_start(void) {
  for (int i = 0; i < ARRAY_SIZE(units); i++) {
    struct unit *unit = &units[i];
    int result = iommu_device_sysfs_add(&unit->iommu, NULL, NULL, "%s", unit->name);

    if (result) return result;
    unit->iommu.fwnode = fwnode_create_software_node(NULL, NULL);
    result = iommu_device_register(&unit->iommu, unit->ops, NULL);
    if (result) return result;
    for (int j = 0; j < ARRAY_SIZE(unit->functions) && unit->functions[j]; j++) {
      struct device *device = bus_find_device_by_name(&pci_bus_type, NULL, unit->functions[j]);

      result = device ? iommu_fwspec_init(device, unit->iommu.fwnode) : -ENODEV;
      put_device(device);
      if (result) return result;
    }
  }
  last.fwnode = fwnode_create_software_node(NULL, NULL);
  return iommu_device_register(&last, &one_ops, NULL);
}

// It stays: devices that are in a group never leave their IOMMU.
module_init(iommus_start);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Three IOMMUs that differ, for devices without one");
