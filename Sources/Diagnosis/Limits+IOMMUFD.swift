extension Limit {
  /// Every limit of every backend.
  public static let all = iommufd + software

  private static func kernel(
    _ capability: Capability, _ grade: Grade, _ section: String, _ text: String,
    unless exception: Exception? = nil
  ) -> Limit {
    Limit(.iommufd, capability, grade, "iommufd-\(section)", text, unless: exception)
  }

  /// What Linux 6.12 keeps from a shim over its iommufd.
  static let iommufd = [
    kernel(
      .permissions, .atACost, "permissions",
      "the administrator grants /dev/iommu and cdevs besides: /dev/vfio/vfio is for everyone"),
    kernel(
      .ownership, .atACost, "early-binding",
      "SET_CONTAINER opens and resets a device of the group, which type1 leaves to GET_DEVICE_FD"),
    kernel(
      .ownership, .approximate, "foreign-openers",
      "a program outside ioasid that holds the group is noticed at SET_CONTAINER, not at open"),
    kernel(
      .ownership, .approximate, "viability",
      "GET_STATUS judges by the members' drivers; SET_CONTAINER asks the kernel"),
    kernel(
      .ownership, .atACost, "unsafe-interrupts",
      "with interrupts that are not isolated, SET_IOMMU is EPERM; until then the group is free"),
    kernel(
      .descriptors, .approximate, "descriptor-looks",
      "calls past glibc see files of the run, and a device as a character device"),
    kernel(
      .descriptors, .atACost, "second-descriptor",
      "a second descriptor of a device shares position and status flags with the first"),
    kernel(
      .sysfs, .approximate, "sysfs",
      "sysfs is the machine's: without kernel groups there is no /sys/class/vfio"),
    kernel(
      .processes, .atACost, "processes",
      "a descriptor works in another process only if that one runs under ioasid too"),
    kernel(
      .processes, .approximate, "last-holder",
      "a container ends with the last process that used it, whoever else has its descriptors"),
    Limit(
      .iommufd, .callers, .impossible, "libc-only",
      "static programs, Go without cgo and others that go past glibc open no node"),
    Limit(
      .iommufd, .callers, .impossible, "32-bit",
      "32-bit programs open no node: iommufd has no 32-bit calls"),
    kernel(
      .lockedMemory, .approximate, "locked-memory",
      "locked memory is charged to the user, all processes together: ENOMEM may come early",
      unless: .processesAreCharged),
    kernel(
      .lockedMemory, .impossible, "vmlck",
      "VmLck and VmPin in /proc differ: iommufd raises VmPin, type1 VmLck"),
    kernel(
      .lockedMemory, .atACost, "map-fault",
      "a MAP that fails looks at the memory a second time, to tell ENOMEM from EFAULT"),
    kernel(
      .barMappings, .impossible, "bar-mappings",
      "MAP of a device's BAR is EFAULT: the kernel pins no such memory for iommufd (--p2p)"),
    kernel(
      .mapping, .approximate, "beyond-aperture",
      "a mapping beyond the IOMMU's reach fails at attach, perhaps with another error"),
    kernel(
      .mapping, .approximate, "last-page",
      "the page that ends at 2⁶⁴ is never usable, also where an IOMMU reaches it"),
    kernel(
      .addressUpdates, .approximate, "address-update",
      "locked memory stays charged to the process that mapped first"),
    kernel(
      .dirtyPages, .approximate, "hardware-dirty-bits",
      "the IOMMU's own dirty bits are not asked: every mapped page is dirty, as type1 has it"),
    kernel(
      .dirtyPages, .approximate, "mediated-dirty-pages",
      "with mediated devices alone every mapped page is dirty; type1 reports the pinned ones"),
    kernel(
      .deviceLifetime, .approximate, "unplugging",
      "unbinding a device waits for its container too, and its group's node stays"),
    kernel(
      .deviceLifetime, .atACost, "last-close",
      "the last close of a device is followed by a second open and reset, to keep the group"),
    kernel(
      .deviceLifetime, .atACost, "mapped-bars",
      "whether a mapped BAR keeps a device open is asked through a second open of its node"),
    kernel(
      .tokens, .impossible, "vf-token",
      "a virtual function's token is checked for its form only: cdevs compare none"),
    kernel(
      .resets, .impossible, "hot-reset-proof",
      "groups in another container are no proof for a hot reset: each container is its own owner"),
    kernel(
      .kvm, .atACost, "kvm",
      "KVM is given cdevs for a group: they stay open and bound in KVM until taken back"),
    kernel(
      .mediatedDevices, .impossible, "mediated-pins",
      "pins inside the kernel follow iommufd's rules: no 512-page bound, no EACCES in version 1"),
    kernel(
      .noIOMMU, .impossible, "no-iommu",
      "no-IOMMU groups have no cdev: only a kernel with legacy VFIO serves them"),
    kernel(
      .otherArchitectures, .impossible, "other-architectures",
      "x86-64 only: type 6 never nests, SPAPR and EEH are refused as on any PC"),
  ]
}
