public import AddressSpaces
public import DMATypes

/// What SET_IOMMU made of a container.
public enum ContainerDriver: UInt8, Hashable, Sendable, BitwiseCopyable {
  /// Nothing yet: only GET_API_VERSION, CHECK_EXTENSION and SET_IOMMU answer.
  case none
  /// VFIO_TYPE1_IOMMU: UNMAP rounds to whole mappings or to nothing.
  case version1
  /// VFIO_TYPE1v2_IOMMU: UNMAP refuses to cut a mapping.
  case version2
  /// VFIO_TYPE1_NESTING_IOMMU: version 2, and no physical group on x86.
  case version2Nesting
  /// VFIO_NOIOMMU_IOMMU: nothing is mapped at all.
  case noIOMMU

  /// Whether mappings exist under this driver.
  @inlinable public var isType1: Bool { self != .none && self != .noIOMMU }
  /// Whether UNMAP rounds as version 1 does.
  @inlinable public var roundsUnmaps: Bool { self == .version1 }
}

/// The module parameters that a container looks at, as they stand when it looks.
public struct ModuleParameters: Hashable, Sendable {
  /// `vfio_iommu_type1.dma_entry_limit`: how many mappings a container may hold.
  public var mappingLimit: UInt32
  /// `vfio_iommu_type1.allow_unsafe_interrupts`: groups whose interrupts are not
  /// isolated may attach.
  public var allowsUnsafeInterrupts: Bool
  /// `vfio.enable_unsafe_noiommu_mode`.
  public var allowsNoIOMMU: Bool

  /// States the parameters; the defaults are the kernel's.
  public init(
    mappingLimit: UInt32 = 65535, allowsUnsafeInterrupts: Bool = false, allowsNoIOMMU: Bool = false
  ) {
    self.mappingLimit = mappingLimit
    self.allowsUnsafeInterrupts = allowsUnsafeInterrupts
    self.allowsNoIOMMU = allowsNoIOMMU
  }
}

/// Who makes a call.
public struct Caller: Hashable, Sendable, BitwiseCopyable {
  /// The container's number for the calling process: whose memory a MAP names.
  public var owner: MemoryOwner
  /// Whether CAP_SYS_RAWIO is effective.
  public var hasRawIO: Bool

  /// States the caller.
  @inlinable public init(owner: MemoryOwner, hasRawIO: Bool = false) {
    self.owner = owner
    self.hasRawIO = hasRawIO
  }
}

/// One hardware page table of a container and the groups that translate through it
/// (`struct vfio_domain`).
public struct TranslationDomain: Hashable, Sendable {
  /// What the table can do: fixed by the group it was made for, also after that group left.
  public let facts: IOMMUFacts
  /// The groups, in joining order; never empty.
  public internal(set) var members: [GroupNumber]

  init(facts: IOMMUFacts, members: [GroupNumber]) {
    self.facts = facts
    self.members = members
  }
}
