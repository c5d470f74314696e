#!/usr/bin/env python3
"""Lists what a machine shows of its VFIO devices, a line a file: path, type, mode, content or target.

Run in the kernel lab after binding 0000:00:05.0, 0000:00:06.0, 0000:02:01.0 and 0000:02:02.0 to
vfio-pci in this order (linux-6.12.txt: the native kernel), or 0000:00:05.0 and 0000:02:01.0 only
(linux-6.12-pure.txt: the one without legacy VFIO). Files of devices that are the lab's own are left
out: see `foreign`.
"""

import os
import re
import stat

ROOTS = """/dev/vfio /sys/bus/pci /sys/class/iommu /sys/class/pci_bus /sys/class/vfio
/sys/class/vfio-dev /sys/devices/pci0000:00 /sys/devices/virtual/iommu /sys/devices/virtual/vfio
/sys/kernel/iommu_groups /sys/module/vfio /sys/module/vfio_iommu_type1 /sys/module/vfio_pci"""

# The lab's host bridge, disk, south bridge, test IOMMU and the drivers built into its kernel; its
# device at 00:06.0 is an e1000e, of which only the links to it are compared.
foreign = re.compile(
    r"0000:00:(00\.0|01\.0|1f\.\d)|0000:00:06\.0/|QEMU0002|iommufd_selftest|iommu_groups/[015](/|$)"
    r"|drivers/(8250_\w+|exar_serial|mei_me|serial|virtio-pci)"
)


def content(path, size):
    if re.fullmatch(r"resource\d", os.path.basename(path)):
        return f"{size} bytes"
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return ""  # write-only
    if os.path.basename(path) == "config":
        return data.rstrip(b"\0").hex() + f" of {len(data)}"
    return data.decode("ascii").replace("\n", "\\n")


def show(path):
    if foreign.search(path):
        return
    status = os.lstat(path)
    mode = "%04o" % stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        print(path, "link", os.readlink(path), sep="\t")
    elif stat.S_ISCHR(status.st_mode):
        numbers = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
        print(path, "char", mode, numbers, sep="\t")
    elif stat.S_ISDIR(status.st_mode):
        print(path, "dir", mode, sep="\t")
        for name in sorted(os.listdir(path)):
            show(path + "/" + name)
    else:
        print(path, "file", mode, content(path, status.st_size), sep="\t")


for root in ROOTS.split():
    if os.path.lexists(root):  # a kernel without legacy VFIO lacks some
        show(root)
