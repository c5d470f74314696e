// A mediated device that pins, unpins and copies on command: the same driver as a module of Linux
// 6.12 and as a driver of `ioasid run --mediated`, so that one program asks both.
//
// The program includes it for `struct pins_command`; a driver defines PINS_DRIVER first, and
// `pins_word`, the first word of a pinned page.
#ifndef PINS_H
#define PINS_H

#include <linux/ioctl.h>
#include <linux/types.h>

enum {
  PINS_PIN = 1,     // count, iova, prot → result, first and last page's first word
  PINS_PIN_NOWHERE, // the same with no place for the pages
  PINS_UNPIN,       // count, iova
  PINS_READ,        // iova, length, data ← memory
  PINS_WRITE,       // iova, length, data → memory
  PINS_KEEP,        // the next `count` requests to let go are not heard
  PINS_TOLD,        // → result: requests to let go since the last question, the newest in iova, length
};

struct pins_command {
  __u32 operation;
  __s32 count;
  __u64 iova;
  __u64 length;
  __s32 prot;
  __s32 result;
  __u64 first, last;
  __u8 data[256];
};

#define PINS_COMMAND _IOWR(';', 200, struct pins_command)

#ifdef PINS_DRIVER

#include <linux/errno.h>

enum { PINS_MOST = 1024, PINS_HELD = 64 };

struct pins_state {
  __u64 told_iova, told_length;
  __s32 told, keep;
  // What is pinned: count 0 where the place is free.
  struct {
    __u64 iova;
    __s32 count;
  } held[PINS_HELD];
};

static int pins_is_full(const struct pins_state *state) {
  for (int i = 0; i < PINS_HELD; i++)
    if (!state->held[i].count) return 0;
  return 1;
}

static void pins_remember(struct pins_state *state, __u64 iova, __s32 count) {
  for (int i = 0; i < PINS_HELD; i++) {
    if (state->held[i].count) continue;
    state->held[i].iova = iova;
    state->held[i].count = count;
    return;
  }
}

static void pins_forget(struct pins_state *state, __u64 iova, __s32 count) {
  for (int i = 0; i < PINS_HELD; i++) {
    if (state->held[i].iova != iova || state->held[i].count != count) continue;
    state->held[i].count = 0;
    return;
  }
}

// The range goes away: whatever was pinned there is given back.
static void pins_let_go(struct vfio_device *device, struct pins_state *state, __u64 iova,
                        __u64 length) {
  state->told++;
  state->told_iova = iova;
  state->told_length = length;
  if (state->keep) {
    if (state->keep > 0) state->keep--;
    return;
  }
  for (int i = 0; i < PINS_HELD; i++) {
    __u64 start = state->held[i].iova, size = (__u64)state->held[i].count << 12;
    if (!size || start >= iova + length || start + size <= iova) continue;
    vfio_unpin_pages(device, start, state->held[i].count);
    state->held[i].count = 0;
  }
}

static void pins_perform(struct vfio_device *device, struct pins_state *state,
                         struct page **pages, struct pins_command *c) {
  c->result = 0;
  switch (c->operation) {
    case PINS_PIN:
      c->first = c->last = 0;
      // What is not remembered could never be let go.
      c->result = -ENOSPC;
      if (pins_is_full(state)) return;
      c->result = vfio_pin_pages(device, c->iova, c->count, c->prot, pages);
      if (c->result <= 0) return;
      pins_remember(state, c->iova, c->count);
      c->first = pins_word(device, pages[0]);
      c->last = pins_word(device, pages[c->result - 1]);
      return;
    case PINS_PIN_NOWHERE:
      c->result = vfio_pin_pages(device, c->iova, c->count, c->prot, 0);
      return;
    case PINS_UNPIN:
      vfio_unpin_pages(device, c->iova, c->count);
      pins_forget(state, c->iova, c->count);
      return;
    case PINS_READ:
    case PINS_WRITE:
      if (c->length > sizeof c->data) return;
      c->result = vfio_dma_rw(device, c->iova, c->data, c->length, c->operation == PINS_WRITE);
      return;
    case PINS_KEEP: state->keep = c->count; return;
    case PINS_TOLD:
      c->result = state->told;
      c->iova = state->told_iova;
      c->length = state->told_length;
      state->told = 0;
      return;
  }
}

#endif
#endif
