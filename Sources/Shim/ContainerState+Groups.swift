public import AddressSpaces
public import DMATypes

/// A granted SET_CONTAINER.
public struct JoinPlan: Hashable, Sendable {
  /// The group.
  public var facts: GroupFacts
  /// Whether the group's ownership must be claimed: only where an IOMMU stands behind it.
  public var claims: Bool
  /// How it is attached; nil while the container has no type1 driver.
  public var attachment: Attachment?
}

/// What a group's departure takes with it.
public struct LeavePlan: Hashable, Sendable {
  /// The group.
  public var number: GroupNumber
  /// Whether its ownership is given back.
  public var releases: Bool
  /// The domain whose table it leaves, by its index in `ContainerState.domains`.
  public var domain: Int?
  /// Whether that domain goes with it.
  public var removesDomain: Bool
  /// Whether no table is left, so that nothing stays reachable.
  public var unmapsAll: Bool
  /// Whether the driver goes too: the last group leaves.
  public var removesDriver: Bool
}

/// The numbers that VFIO_CHECK_EXTENSION and VFIO_SET_IOMMU share.
enum ExtensionNumber {
  static let type1: UInt64 = 1
  static let type1v2: UInt64 = 3
  static let coherency: UInt64 = 4
  static let nesting: UInt64 = 6
  static let noIOMMU: UInt64 = 8
  static let unmapAll: UInt64 = 9
  static let updateAddress: UInt64 = 10
}

extension ContainerState {
  /// Decides whether a group may join: `vfio_container_attach_group()`.
  public func plan(joining facts: GroupFacts, for caller: Caller) throws(Rule) -> JoinPlan {
    if facts.kind == .noIOMMU, !caller.hasRawIO { throw .noIOMMUGroupNeedsRawIO }
    if !groups.isEmpty, isNoIOMMU != (facts.kind == .noIOMMU) { throw .groupKindsMix }
    let claims = facts.kind == .physical
    if claims, !facts.isViable { throw .groupNotViable }
    guard group(facts.number) == nil else { throw .groupAlreadyAttached }
    return JoinPlan(
      facts: facts, claims: claims,
      attachment: driver.isType1 ? try plan(attaching: facts) : nil)
  }

  /// Finds what a departure takes along: `vfio_group_detach_container()`. Nil for a group that is
  /// not inside.
  public func plan(leaving number: GroupNumber) -> LeavePlan? {
    guard let facts = group(number) else { return nil }
    let domain = domains.firstIndex { $0.members.contains(number) }
    let removesDomain = domain.map { domains[$0].members.count == 1 } ?? false
    return LeavePlan(
      number: number, releases: facts.kind == .physical, domain: domain,
      removesDomain: removesDomain, unmapsAll: removesDomain && domains.count == 1,
      removesDriver: groups.count == 1)
  }

  /// Decides SET_IOMMU: `vfio_ioctl_set_iommu()`.
  func plan(settingDriver type: UInt64, for caller: Caller) throws(Rule) -> DriverPlan {
    guard !groups.isEmpty else { throw .driverWithoutGroups }
    guard driver == .none else { throw .driverAlreadySet }
    var next = self
    next.mappingLimit = parameters.mappingLimit
    if isNoIOMMU {
      guard type == ExtensionNumber.noIOMMU, parameters.allowsNoIOMMU else {
        throw .driverTypeUnknown
      }
      guard caller.hasRawIO else { throw .noIOMMUDriverNeedsRawIO }
      return DriverPlan(driver: .noIOMMU, mappingLimit: 0, attachments: [])
    }
    switch type {
    case ExtensionNumber.type1: next.driver = .version1
    case ExtensionNumber.type1v2: next.driver = .version2
    case ExtensionNumber.nesting: next.driver = .version2Nesting
    // The walk over drivers takes any extension that type1 answers for a type it may open.
    case ExtensionNumber.unmapAll: throw .driverTypeIsExtension
    default: throw .driverTypeUnknown
    }
    var attachments: [Attachment] = []
    for facts in groups.reversed() {
      attachments.append(try next.plan(attaching: facts))
      next.attach(facts)
    }
    return DriverPlan(
      driver: next.driver, mappingLimit: next.mappingLimit, attachments: attachments)
  }

  /// What CHECK_EXTENSION answers: `vfio_container_ioctl_check_extension()`.
  func answer(toExtension number: UInt64) -> Int {
    let offersNoIOMMU = parameters.allowsNoIOMMU && (groups.isEmpty || isNoIOMMU)
    if driver == .none, number == ExtensionNumber.noIOMMU { return offersNoIOMMU ? 1 : 0 }
    if isNoIOMMU { return driver == .noIOMMU && number == ExtensionNumber.noIOMMU ? 1 : 0 }
    return switch number {
    case ExtensionNumber.type1, ExtensionNumber.type1v2, ExtensionNumber.nesting,
      ExtensionNumber.unmapAll:
      1
    case ExtensionNumber.updateAddress: driver.isType1 && !hasEmulatedGroup ? 1 : 0
    case ExtensionNumber.coherency:
      driver.isType1 && domains.allSatisfy(\.facts.enforcesCoherency) ? 1 : 0
    default: 0
    }
  }
}
