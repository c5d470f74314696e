public import DMATypes

/// A refusal, named; each case cites the kernel function that refuses so.
///
/// A refused request has had no effect.
public enum Rule: Error, Hashable, Sendable, CaseIterable {
  // MARK: Any container call

  /// The call needs an IOMMU driver and none is set: `vfio_fops_unl_ioctl()`.
  case containerHasNoDriver
  /// type1 does not know the number: `vfio_iommu_type1_ioctl()`.
  case unknownContainerCall
  /// The noiommu driver knows no call: `vfio_noiommu_ioctl()`.
  case noIOMMUKnowsNoCall
  /// Dirty tracking belongs to version 2: `vfio_iommu_type1_dirty_pages()`.
  case dirtyPagesInVersion1

  // MARK: SET_IOMMU

  /// No group has joined yet: `vfio_ioctl_set_iommu()`.
  case driverWithoutGroups
  /// A driver is set already, the same or another: `vfio_ioctl_set_iommu()`.
  case driverAlreadySet
  /// No driver claims the type: `vfio_ioctl_set_iommu()`.
  case driverTypeUnknown
  /// The number is an extension of type1 but no type: `vfio_iommu_type1_open()`.
  case driverTypeIsExtension
  /// The noiommu driver wants CAP_SYS_RAWIO: `vfio_noiommu_open()`.
  case noIOMMUDriverNeedsRawIO

  // MARK: MAP_DMA

  /// READ or WRITE together with VADDR, or none of the three: `vfio_dma_do_map()`.
  case mapFlagsContradict
  /// Empty, or not a multiple of the smallest page: `vfio_dma_do_map()`.
  case mapUnaligned
  /// The bus or the memory addresses wrap past 2⁶⁴: `vfio_dma_do_map()`.
  case mapWraps
  /// A new address for a mapping that is not there: `vfio_dma_do_map()`.
  case newAddressWithoutMapping
  /// A new address for a mapping that was not invalidated, or has other ends: `vfio_dma_do_map()`.
  case newAddressMismatch
  /// Some address of the range is mapped already: `vfio_dma_do_map()`.
  case mapOverlaps
  /// `dma_entry_limit` mappings exist: `vfio_dma_do_map()`.
  case mapLimitReached
  /// Not wholly inside one usable range: `vfio_iommu_iova_dma_valid()`.
  case mapOutsideUsableRanges

  // MARK: UNMAP_DMA

  /// Addresses cannot go away under a mediated device: `vfio_dma_do_unmap()`.
  case invalidationWithEmulatedGroup
  /// Empty, or not a multiple of the smallest page: `vfio_dma_do_unmap()`.
  case unmapUnaligned
  /// The range wraps past 2⁶⁴: `vfio_dma_do_unmap()`.
  case unmapWraps
  /// ALL takes neither an address nor a size: `vfio_dma_do_unmap()`.
  case unmapAllWithRange
  /// Dirty bits are asked for and tracking is off: `vfio_dma_do_unmap()`.
  case unmapDirtyWithoutTracking
  /// A mapping reaches over an end of the range: `vfio_dma_do_unmap()`, version 2.
  case unmapCutsMapping
  /// A bit must stand for the smallest page: `vfio_dma_do_unmap()`.
  case unmapDirtyPageSizeDiffers
  /// An address of the range is invalid already: `vfio_dma_do_unmap()`.
  case addressAlreadyInvalid

  // MARK: DIRTY_PAGES

  /// More pages than a bitmap counts, 2³¹−1: `vfio_dma_bitmap_alloc()`.
  case mappingTooLargeToTrack
  /// The range wraps or ends at 2⁶⁴: `vfio_iommu_type1_dirty_pages()`.
  case dirtyRangeWraps
  /// A bit must stand for the smallest page: `vfio_iommu_type1_dirty_pages()`.
  case dirtyPageSizeDiffers
  /// Empty, or not a multiple of the smallest page: `vfio_iommu_type1_dirty_pages()`.
  case dirtyRangeUnaligned
  /// Tracking is off: `vfio_iommu_type1_dirty_pages()`.
  case dirtyTrackingIsOff
  /// A mapping reaches over an end of the range: `vfio_iova_dirty_bitmap()`.
  case dirtyRangeCutsMapping

  // MARK: A group joins

  /// A group without an IOMMU wants CAP_SYS_RAWIO: `vfio_container_attach_group()`.
  case noIOMMUGroupNeedsRawIO
  /// Groups with and without an IOMMU do not mix: `vfio_container_attach_group()`.
  case groupKindsMix
  /// A native driver or another owner holds a member: `iommu_group_claim_dma_owner()`.
  case groupNotViable
  /// Some mapping's address is invalid: `vfio_iommu_type1_attach_group()`.
  case attachWhileAddressInvalid
  /// The group is in the container already: `vfio_iommu_type1_attach_group()`.
  case groupAlreadyAttached
  /// No IOMMU stands behind the group: `vfio_iommu_domain_alloc()`.
  case groupHasNoIOMMU
  /// The IOMMU driver does not nest: `iommu_enable_nesting()`.
  case nestingRefused
  /// The aperture misses the usable ranges or a mapping: `vfio_iommu_aper_conflict()`.
  case apertureConflicts
  /// A mapping lies in a reserved region: `vfio_iommu_resv_conflict()`.
  case reservedRegionIsMapped
  /// No usable address would be left: `vfio_iommu_resv_exclude()`.
  case noUsableAddressLeft
  /// Devices can forge interrupts: `vfio_iommu_type1_attach_group()`.
  case interruptsNotIsolated

  // MARK: Groups and their devices

  /// No device of the group is bound to VFIO: `vfio_group_fops_open()`.
  case groupHasNoDevice
  /// Opening a group without an IOMMU wants CAP_SYS_RAWIO: `vfio_group_fops_open()`.
  case groupOpenNeedsRawIO
  /// The group is open already: `vfio_group_fops_open()`.
  case groupAlreadyOpen
  /// No such call on a group: `vfio_group_fops_unl_ioctl()`.
  case unknownGroupCall
  /// The container's descriptor is not open: `vfio_group_ioctl_set_container()`.
  case containerDescriptorClosed
  /// The group has a container: `vfio_group_ioctl_set_container()`.
  case groupHasContainer
  /// The descriptor is no container: `vfio_group_ioctl_set_container()`.
  case notAContainer
  /// The group has no container: `vfio_group_ioctl_unset_container()`.
  case groupHasNoContainer
  /// A device of the group is open: `vfio_group_ioctl_unset_container()`.
  case groupDeviceIsOpen
  /// No device of the group has the name: `vfio_device_get_from_name()`.
  case deviceNotFound
  /// Something behind the name is no option, or is given twice: `vfio_pci_core_match()`.
  case deviceOptionUnknown
  /// The token is no UUID: `vfio_pci_core_match()`.
  case deviceTokenMalformed
  /// The device takes no token: `vfio_pci_validate_vf_token()`.
  case deviceTakesNoToken
  /// The group has no container: `vfio_df_group_open()`.
  case deviceWithoutContainer
  /// The container has no driver: `vfio_device_group_use_iommu()`.
  case deviceBeforeDriver
  /// A device without an IOMMU wants CAP_SYS_RAWIO: `vfio_device_group_use_iommu()`.
  case deviceNeedsRawIO

  // MARK: Mediated devices pin and access memory

  /// No page is asked for: `vfio_pin_pages()`.
  case pinOfNothing
  /// The driver could not be told to let go: `vfio_pin_pages()`.
  case pinWithoutUnmapHook
  /// More pages than one call may pin, or fewer than none: `vfio_device_container_pin_pages()`.
  case pinOfTooManyPages
  /// Version 1 does not pin for drivers: `vfio_iommu_type1_pin_pages()`.
  case pinInVersion1
  /// Some mapping's address is invalid: `vfio_iommu_type1_pin_pages()`.
  case pinWhileAddressInvalid
  /// A page is not mapped: `vfio_iommu_type1_pin_pages()`.
  case pinNotMapped
  /// The mapping does not allow all that is asked for: `vfio_iommu_type1_pin_pages()`.
  case pinExceedsAccess
  /// The mapping's unmapping failed because a driver held on to it; as `iopt_unmap_iova_range()`
  /// leaves an area without new access.
  case pinInFailedUnmap
  /// Drivers still hold pages after all rounds: `iopt_unmap_iova_range()`. At this point
  /// `vfio_dma_do_unmap()` stops the kernel.
  case unmapOfHeldPages
  /// The driver has nothing to copy: `vfio_dma_rw()`.
  case copyOfNothing
  /// Some mapping's address is invalid: `vfio_iommu_type1_dma_rw()`.
  case copyWhileAddressInvalid
  /// An address is not mapped: `vfio_iommu_type1_dma_rw_chunk()`.
  case copyNotMapped
  /// Not readable, or to be written and not writable: `vfio_iommu_type1_dma_rw_chunk()`.
  case copyExceedsAccess
  /// The process that mapped the memory is gone: `vfio_iommu_type1_dma_rw_chunk()`.
  case copyOfTheDead
  /// The memory is another process's: `vfio_iommu_type1_dma_rw_chunk()`.
  case copyInAnotherProcess
}

extension Rule {
  /// What type1 of Linux 6.12 answers.
  public var errno: Errno {
    switch self {
    case .containerHasNoDriver, .driverWithoutGroups, .driverAlreadySet, .driverTypeIsExtension,
      .mapFlagsContradict, .mapUnaligned, .mapWraps, .newAddressMismatch, .mapOutsideUsableRanges,
      .unmapUnaligned, .unmapWraps, .unmapAllWithRange, .unmapDirtyWithoutTracking,
      .unmapDirtyPageSizeDiffers, .addressAlreadyInvalid, .mappingTooLargeToTrack,
      .dirtyRangeCutsMapping, .unmapCutsMapping, .dirtyRangeWraps, .dirtyPageSizeDiffers,
      .dirtyRangeUnaligned, .dirtyTrackingIsOff, .groupAlreadyAttached, .nestingRefused,
      .apertureConflicts, .reservedRegionIsMapped, .noUsableAddressLeft, .groupHasContainer,
      .groupHasNoContainer, .deviceOptionUnknown, .deviceTokenMalformed, .deviceTakesNoToken,
      .deviceWithoutContainer, .deviceBeforeDriver, .pinOfNothing, .pinWithoutUnmapHook,
      .pinNotMapped, .copyOfNothing, .copyNotMapped:
      .invalidArgument
    case .unknownContainerCall, .noIOMMUKnowsNoCall, .unknownGroupCall:
      .notTypewriter
    case .noIOMMUDriverNeedsRawIO, .noIOMMUGroupNeedsRawIO, .groupKindsMix, .groupNotViable,
      .interruptsNotIsolated, .groupOpenNeedsRawIO, .deviceNeedsRawIO, .pinExceedsAccess,
      .copyExceedsAccess, .copyOfTheDead:
      .notPermitted
    case .driverTypeUnknown, .groupHasNoIOMMU, .groupHasNoDevice, .deviceNotFound: .noDevice
    case .invalidationWithEmulatedGroup, .attachWhileAddressInvalid, .groupAlreadyOpen,
      .groupDeviceIsOpen, .pinWhileAddressInvalid, .copyWhileAddressInvalid:
      .busy
    case .dirtyPagesInVersion1, .pinInVersion1: .accessDenied
    case .pinOfTooManyPages: .tooBig
    case .pinInFailedUnmap, .unmapOfHeldPages: .deadlock
    case .copyInAnotherProcess: .badAddress
    case .newAddressWithoutMapping: .notFound
    case .mapOverlaps: .exists
    case .mapLimitReached: .noSpace
    case .containerDescriptorClosed: .badDescriptor
    case .notAContainer: .wrongDescriptor
    }
  }
}
