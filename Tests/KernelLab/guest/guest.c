// A whole operating system for one question: does the edu device that QEMU passes through work?
// Started by QEMU's multiboot loader in 32-bit mode without paging, so that an address in a pointer
// is the address that the device must be given. Prints on the first serial port and ends QEMU
// through isa-debug-exit: status 33 when every edu found did what it should, 35 when not.
#include <stdint.h>

asm(".section .text.first, \"ax\"\n"
    ".align 4\n"
    ".long 0x1badb002, 0, -0x1badb002\n"  // the multiboot header: magic, flags, checksum
    ".globl start\n"
    "start: mov $stack + 4096, %esp\n"
    "call guest\n");

enum { address_port = 0xcf8, data_port = 0xcfc, serial = 0x3f8, exit_port = 0xf4 };
enum { vendor_and_device = 0x11e81234, command = 0x04, bar0 = 0x10, memory = 2, bus_master = 4 };
enum { id = 0x00, liveness = 0x04, factorial = 0x08, status = 0x20, computing = 1 };
enum { source = 0x80, destination = 0x88, count = 0x90, dma = 0x98, start_dma = 1, to_memory = 2 };
enum { buffer = 0x40000, bytes = 1000 };

static char stack[4096] __attribute__((aligned(16), used));
static uint8_t sent[bytes], received[bytes];

static void out8(uint16_t port, uint8_t value) { asm volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
static void out32(uint16_t port, uint32_t value) { asm volatile("outl %0, %1" ::"a"(value), "Nd"(port)); }
static uint32_t in32(uint16_t port) {
  uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static void say(const char *text) {
  while (*text) out8(serial, *text++);
}
static void say_number(uint32_t value, uint32_t base, int digits) {
  if (value >= base || digits > 1) say_number(value / base, base, digits - 1);
  out8(serial, "0123456789abcdef"[value % base]);
}

// The register of PCI configuration space at `offset` of function `where`: bus, slot, function.
static uint32_t configuration(uint32_t where, uint32_t offset) {
  out32(address_port, 0x80000000u | where << 8 | offset);
  return in32(data_port);
}
static void configure(uint32_t where, uint32_t offset, uint32_t value) {
  out32(address_port, 0x80000000u | where << 8 | offset);
  out32(data_port, value);
}

static void transfer(volatile uint32_t *registers, uint32_t from, uint32_t to, uint32_t direction) {
  registers[source / 4] = from;
  registers[destination / 4] = to;
  registers[count / 4] = bytes;
  registers[dma / 4] = start_dma | direction;
  while (registers[dma / 4] & start_dma) {}
}

// Tries all that an edu can do; whether it did.
static int try_device(uint32_t where) {
  configure(where, command, configuration(where, command) | memory | bus_master);
  volatile uint32_t *registers = (volatile uint32_t *)(configuration(where, bar0) & ~15u);
  say("edu at ");
  say_number(where >> 8, 16, 2);
  say(":");
  say_number(where >> 3 & 31, 16, 2);
  say(".0: id 0x");
  uint32_t identity = registers[id / 4];
  say_number(identity, 16, 8);
  registers[liveness / 4] = 0x12345678;
  uint32_t inverted = registers[liveness / 4];
  say(", inverts 0x12345678 to 0x");
  say_number(inverted, 16, 8);

  registers[factorial / 4] = 10;
  while (registers[status / 4] & computing) {}
  uint32_t product = registers[factorial / 4];
  say(", 10! is ");
  say_number(product, 10, 1);

  int different = 0;
  for (int i = 0; i < bytes; i++) sent[i] = i * 7 + where, received[i] = 0;
  transfer(registers, (uint32_t)sent, buffer, 0);
  transfer(registers, buffer, (uint32_t)received, to_memory);
  for (int i = 0; i < bytes; i++) different += sent[i] != received[i];
  say(", DMA there and back: ");
  say_number(bytes - different, 10, 1);
  say(" of ");
  say_number(bytes, 10, 1);
  say(" bytes are equal\n");
  return identity == 0x010000ed && inverted == ~0x12345678u && product == 3628800 && !different;
}

void guest(void) {
  int found = 0, worked = 0;
  for (uint32_t where = 0; where < 0x10000; where += 8) {
    if (configuration(where, 0) != vendor_and_device) continue;
    found += 1;
    worked += try_device(where);
  }
  say_number(worked, 10, 1);
  say(" of ");
  say_number(found, 10, 1);
  say(" edu devices work\n");
  out8(exit_port, found > 0 && worked == found ? 16 : 17);
  for (;;) asm volatile("hlt");
}
