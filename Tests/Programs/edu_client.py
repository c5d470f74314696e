"""A stock Python client of the legacy interface: os, fcntl, mmap and struct, nothing else."""
import fcntl
import mmap
import os
import struct
import time

BDF = b"0000:00:05.0"
GROUP_GET_STATUS, SET_CONTAINER, GET_DEVICE_FD = 0x3B67, 0x3B68, 0x3B6A
CHECK_EXTENSION, SET_IOMMU, MAP_DMA, UNMAP_DMA = 0x3B65, 0x3B66, 0x3B71, 0x3B72
DEVICE_GET_INFO, GET_REGION_INFO, SET_IRQS, IOMMU_GET_INFO = 0x3B6B, 0x3B6C, 0x3B6E, 0x3B70

container = os.open("/dev/vfio/vfio", os.O_RDWR)
print("type1v2:", fcntl.ioctl(container, CHECK_EXTENSION, 3))
number = os.path.basename(os.readlink(f"/sys/bus/pci/devices/{BDF.decode()}/iommu_group"))
print("group:", number)
print("its devices:", sorted(os.listdir(f"/sys/kernel/iommu_groups/{number}/devices")))
group = os.open(f"/dev/vfio/{number}", os.O_RDWR)
print("status:", struct.unpack("II", fcntl.ioctl(group, GROUP_GET_STATUS, struct.pack("II", 8, 0))))
fcntl.ioctl(group, SET_CONTAINER, struct.pack("i", container))
fcntl.ioctl(container, SET_IOMMU, 3)
info = fcntl.ioctl(container, IOMMU_GET_INFO, struct.pack("IIQII", 24, 0, 0, 0, 0))
print("info:", struct.unpack("IIQII", info))
device = fcntl.ioctl(group, GET_DEVICE_FD, bytearray(BDF + b"\0"))
print("device:", struct.unpack("IIII", fcntl.ioctl(device, DEVICE_GET_INFO,
                                                    struct.pack("IIII", 16, 0, 0, 0)))[1:])
region = struct.unpack("IIIIQQ", fcntl.ioctl(device, GET_REGION_INFO,
                                             struct.pack("IIIIQQ", 32, 0, 7, 0, 0, 0)))
print("config:", region)
print("identity: %04x:%04x" % struct.unpack("HH", os.pread(device, 4, region[5])))
os.pwrite(device, struct.pack("H", 0x0106), region[5] + 4)

shared = os.memfd_create("buffers")
os.ftruncate(shared, 8192)
memory = mmap.mmap(shared, 8192)
memory[:4096] = bytes(i * 5 % 256 for i in range(4096))
# Where it lies, without ctypes: the kernel lists it by name.
with open("/proc/self/maps") as maps:
    address = next(int(line.split("-")[0], 16) for line in maps if "memfd:buffers" in line)
fcntl.ioctl(container, MAP_DMA, struct.pack("IIQQQ", 32, 3, address, 0x40000000, 8192))
try:
    fcntl.ioctl(container, MAP_DMA, struct.pack("IIQQQ", 32, 3, address, 0x40001000, 4096))
except OSError as error:
    print("again:", error.strerror)

bar = mmap.mmap(device, 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=0)
registers = memoryview(bar).cast("I")
print("identification: %#x" % registers[0])
registers[1] = 0x01020304
print("liveness: %#x" % registers[1])
registers[2] = 7
while registers[8] & 1:
    time.sleep(0.001)
print("7! =", registers[2])


def dma(source, target, count, command):
    """One transfer, waited for; through pwrite, so that both ways are used."""
    for place, value in ((0x80, source), (0x88, target), (0x90, count), (0x98, command)):
        os.pwrite(device, struct.pack("I", value), place)
    while struct.unpack("I", os.pread(device, 4, 0x98))[0] & 1:
        time.sleep(0.001)


dma(0x40000000, 0x40000, 4000, 1)
dma(0x40000, 0x40001000, 4000, 3)
print("copied:", memory[:4000] == memory[4096:8096], memory[8096:].count(0))

if hasattr(os, "eventfd"):
    event = os.eventfd(0)
    fcntl.ioctl(device, SET_IRQS, struct.pack("IIIIIi", 24, 4 | 32, 1, 0, 1, event))
    registers[0x60 // 4] = 1
    print("interrupts:", os.eventfd_read(event))
    registers[0x64 // 4] = 1
answer = fcntl.ioctl(container, UNMAP_DMA, struct.pack("IIQQ", 24, 0, 0x40000000, 8192))
print("unmapped:", struct.unpack("IIQQ", answer)[3])
registers.release()
bar.close()
os.close(device)
os.close(group)
os.close(container)
print("done")
