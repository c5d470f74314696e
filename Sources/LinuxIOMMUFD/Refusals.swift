internal import DMATypes

// What the kernel's newer calls answer, as type1 answers in the same place. The shim has decided by
// type1's rules before; these are the cases that only the kernel knows.

extension Errno {
  /// A BIND of ours that was refused, as SET_CONTAINER reports it: somebody else has the device
  /// open, which an iommufd says is invalid.
  var asClaimRefusal: Errno { self == .invalidArgument ? .busy : self }

  /// An ATTACH or a table refused: mappings stand in a reserved region or beyond the aperture.
  var asAttachRefusal: Errno { self == .addressInUse ? .invalidArgument : self }

  /// A MAP refused. The shim lets no mapping through that leaves the usable ranges, save when a
  /// first table is filled with what was mapped before there was one: there type1 hears from the
  /// IOMMU driver, which VT-d's answers with EFAULT.
  var asMapRefusal: Errno {
    switch self {
    case .invalidArgument, .addressInUse: .badAddress
    case .overflow: .invalidArgument
    default: self
    }
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
