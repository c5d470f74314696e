internal import DMATypes

// What the kernel's newer calls answer, as type1 answers in the same place. The shim has decided by
// type1's rules before; these are the cases that only the kernel knows.

extension Errno {
  /// A BIND of ours that was refused, as SET_CONTAINER reports it: somebody else has the device
  /// open, which an iommufd says is invalid.
  var asClaimRefusal: Errno { self == .invalidArgument ? .busy : self }

  /// An ATTACH or a table refused: mappings stand in a reserved region or beyond the aperture.
  var asAttachRefusal: Errno { self == .addressInUse ? .invalidArgument : self }

  /// A MAP refused. What the shim lets through is within type1's own rules, so that what an iommufd
  /// calls invalid is memory that no program has (it ends at 2⁶⁴), or a bus address beyond the
  /// tables: mapped before there was one, which type1 leaves to the IOMMU driver when it fills its
  /// first table. VT-d's driver answers as memory does.
  var asMapRefusal: Errno {
    self == .invalidArgument || self == .overflow ? .badAddress : self
  }

  /// An UNMAP refused.
  var asUnmapRefusal: Errno { self == .overflow ? .invalidArgument : self }
}

extension Errno {
  /// What type1 answers to a MAP whose memory starts with `goodPages` that can be pinned, before
  /// one that cannot: it counts page by page against the limit while it pins, and what it meets
  /// first decides (`vfio_pin_pages_remote()`).
  static func ofMap(goodPages: UInt64, allowedPages: UInt64) -> Errno {
    goodPages > allowedPages ? .noMemory : .badAddress
  }
}
