// What the conversations about dirty pages share.
#ifndef DIRTY_H
#define DIRTY_H
#include "conversation.h"

// DIRTY_PAGES with every number given.
MAYBE int dirty_call(int container, uint32_t argsz, uint32_t flags, uint64_t iova, uint64_t size,
                     uint64_t page, uint64_t bytes, void *data) {
  unsigned char area[64] = {0};
  struct vfio_iommu_type1_dirty_bitmap *d = (void *)area;
  d->argsz = argsz;
  d->flags = flags;
  struct vfio_iommu_type1_dirty_bitmap_get g = {iova, size, {page, bytes, data}};
  memcpy(area + 8, &g, sizeof g);
  return ioctl(container, VFIO_IOMMU_DIRTY_PAGES, d);
}

MAYBE int tracking(int container, int on) {
  return dirty_call(container, 8, on ? 1 : 2, 0, 0, 0, 0, NULL);
}

// UNMAP_DMA with a bitmap; `size` comes back as the kernel left it.
MAYBE int unmap_dirty(int container, uint64_t iova, uint64_t *size, uint64_t page, uint64_t bytes,
                      void *data) {
  unsigned char area[64] = {0};
  struct vfio_iommu_type1_dma_unmap *u = (void *)area;
  u->argsz = 48;
  u->flags = 1;
  u->iova = iova;
  u->size = *size;
  struct vfio_bitmap bitmap = {page, bytes, data};
  memcpy(area + 24, &bitmap, sizeof bitmap);
  int result = ioctl(container, VFIO_IOMMU_UNMAP_DMA, u);
  *size = u->size;
  return result;
}

MAYBE void say_words(const uint64_t *words, int count) {
  char text[256];
  int used = 0;
  for (int i = 0; i < count; i++)
    used += snprintf(text + used, sizeof text - (size_t)used, " %#llx",
                     (unsigned long long)words[i]);
  say("  words%s", text);
}

// GET_BITMAP over words that hold `before`, and what they hold then.
MAYBE void get(int container, const char *what, uint64_t iova, uint64_t size, uint64_t before) {
  APART uint64_t words[5];
  for (int i = 0; i < 5; i++) words[i] = before;
  int count = (int)((size / PAGE + 63) / 64);
  int result = dirty_call(container, 48, 4, iova, size, PAGE, 8 * (uint64_t)count, words);
  say("%s: %s", what, outcome(result));
  say_words(words, count + 1);
}

MAYBE void unmap_get(int container, const char *what, uint64_t iova, uint64_t size,
                     uint64_t before) {
  APART uint64_t words[5];
  uint64_t answer = size;
  for (int i = 0; i < 5; i++) words[i] = before;
  int count = (int)((size / PAGE + 63) / 64);
  int result = unmap_dirty(container, iova, &answer, PAGE, 8 * (uint64_t)count, words);
  say("%s: %s, size %#llx", what, outcome(result), (unsigned long long)answer);
  say_words(words, count + 1);
}
#endif
