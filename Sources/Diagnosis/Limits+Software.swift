extension Limit {
  private static func simulated(
    _ capability: Capability, _ grade: Grade, _ section: String, _ text: String
  ) -> Limit {
    Limit(.software, capability, grade, section, text)
  }

  /// What a backend without the kernel's powers cannot give.
  static let software = [
    simulated(
      .devices, .impossible, "device-kinds",
      "devices are simulated: PCI functions of the model edu"),
    simulated(
      .pinning, .impossible, "no-pinning",
      "a device reaches what stands at the mapped address now, not the page of the day of MAP"),
    simulated(
      .pinning, .impossible, "memory-of-the-dead",
      "mappings of a process that ended fault"),
    simulated(
      .lockedMemory, .approximate, "memlock", "RLIMIT_MEMLOCK bounds MAP, and VmLck stays 0"),
    simulated(
      .mapping, .approximate, "special-memory", "memory that the kernel never pins can be mapped"),
    simulated(
      .processes, .approximate, "other-processes",
      "another process's memory is reached only where ptrace would be allowed"),
    simulated(
      .callers, .impossible, "libc-only",
      "static programs, Go without cgo and others that go past glibc open no node"),
    simulated(.callers, .impossible, "32-bit", "32-bit programs open no node"),
    simulated(
      .descriptors, .approximate, "file-locks",
      "calls past glibc see files of the run; locks meet on one open file"),
    simulated(
      .sysfs, .approximate, "sysfs",
      "sysfs is a picture: two parameters count once written, and nothing else"),
    simulated(
      .deviceLifetime, .approximate, "timing", "a device acts at once, and raises every interrupt"),
    simulated(
      .kvm, .impossible, "kernel-consumers",
      "KVM, interrupt bypass and vhost refuse the descriptors"
    ),
    simulated(
      .tokens, .impossible, "device-kinds", "no simulated device is a virtual function"),
    simulated(
      .mediatedDevices, .approximate, "device-kinds",
      "mediated devices are those of drivers in user space (--mediated), not of kernel modules"),
    simulated(
      .noIOMMU, .approximate, "device-kinds",
      "devices without an IOMMU are given away as in the kernel, but their DMA reaches no memory"),
    simulated(
      .otherArchitectures, .impossible, "iommufd-other-architectures",
      "x86-64 only: SPAPR and EEH are refused as on any PC"),
  ]
}
