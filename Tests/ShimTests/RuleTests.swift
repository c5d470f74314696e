import AddressSpaces
import DMATypes
import LegacyVFIO
import Shim
import Testing

/// One way into each refusal.
struct RuleCase: Sendable, CustomTestStringConvertible {
  var rule: Rule
  var errno: Int32
  var world: @Sendable () throws -> Container
  var ask: @Sendable (ContainerState, Caller) throws -> Void
  var testDescription: String { "\(rule)" }

  init(
    _ rule: Rule, _ errno: Int32,
    _ world: @escaping @Sendable () throws -> Container = { try Container([group()]) },
    _ ask: @escaping @Sendable (ContainerState, Caller) throws -> Void
  ) {
    (self.rule, self.errno, self.world, self.ask) = (rule, errno, world, ask)
  }

  /// A request that is refused.
  static func request(
    _ rule: Rule, _ errno: Int32, _ request: ContainerRequest,
    in world: @escaping @Sendable () throws -> Container = { try Container([group()]) }
  ) -> Self {
    Self(rule, errno, world) { state, caller in _ = try state.plan(request, for: caller) }
  }

  /// A group that is refused.
  static func join(
    _ rule: Rule, _ errno: Int32, _ facts: GroupFacts,
    in world: @escaping @Sendable () throws -> Container = { try Container([group(1)]) }
  ) -> Self {
    Self(rule, errno, world) { state, caller in _ = try state.plan(joining: facts, for: caller) }
  }

  /// A group call that is refused.
  static func decision(
    _ rule: Rule, _ errno: Int32, _ ask: @escaping @Sendable () throws -> Void
  ) -> Self {
    Self(rule, errno) { _, _ in try ask() }
  }
}

private let caller = Caller(owner: MemoryOwner(rawValue: 0))
private let noIOMMUAllowed = ModuleParameters(allowsNoIOMMU: true)
private let bitmap = BitmapArgument(pageBytes: 0x1000, size: 8, data: UserAddress(0x1000))
private let page = range(0x1000, 0x1fff)

@Sendable private func withPage(_ groups: GroupFacts...) throws -> Container {
  var container = try Container(groups)
  try container.map(page)
  return container
}

@Sendable private func tracked(_ mapped: IOVARange) throws -> Container {
  var container = try Container([group()])
  try container.map(mapped)
  _ = try container.perform(.dirtyPages(.start))
  return container
}

@Sendable private func withInvalidPage() throws -> Container {
  var container = try withPage(group(1))
  _ = try container.perform(unmapRequest(0x1000, 0x1000, invalidates: true))
  return container
}

private func map(
  access: DMAAccess = .read, replaces: Bool = false, at address: UInt64 = 0x1000,
  iova: UInt64 = 0x1000, size: UInt64 = 0x1000
) -> ContainerRequest {
  .map(
    MapRequest(
      access: access, replacesAddress: replaces, address: UserAddress(address), iova: IOVA(iova),
      size: size))
}

private func dirty(
  _ iova: UInt64 = 0, _ size: UInt64 = 0x1000, pageBytes: UInt64 = 0x1000
) -> ContainerRequest {
  .dirtyPages(
    .getBitmap(
      iova: IOVA(iova), size: size,
      bitmap: BitmapArgument(pageBytes: pageBytes, size: 8, data: UserAddress(0x1000))))
}

private let driverCases: [RuleCase] = [
  .request(.containerHasNoDriver, 22, .getInfo) { try Container([group()], type: 0) },
  RuleCase(.unknownContainerCall, 25) { state, _ in try state.admit(.unknown) },
  .request(.noIOMMUKnowsNoCall, 25, .getInfo) {
    try Container([group(0, .noIOMMU)], type: 8, parameters: noIOMMUAllowed)
  },
  .request(.dirtyPagesInVersion1, 13, .dirtyPages(.start)) { try Container([group()], type: 1) },
  .request(.driverWithoutGroups, 22, .setIOMMU(3)) { try Container([], type: 0) },
  .request(.driverAlreadySet, 22, .setIOMMU(3)),
  .request(.driverTypeUnknown, 19, .setIOMMU(2)) { try Container([group()], type: 0) },
  .request(.driverTypeIsExtension, 22, .setIOMMU(9)) { try Container([group()], type: 0) },
  RuleCase(
    .noIOMMUDriverNeedsRawIO, 1,
    { try Container([group(0, .noIOMMU)], type: 0, parameters: noIOMMUAllowed) },
    { state, _ in _ = try state.plan(.setIOMMU(8), for: caller) }),
]

private let mappingCases: [RuleCase] = [
  .request(.mapFlagsContradict, 22, map(access: [])),
  .request(.mapUnaligned, 22, map(at: 0x1800)),
  .request(.mapWraps, 22, map(iova: 0 &- 0x1000, size: 0x2000)),
  .request(.newAddressWithoutMapping, 2, map(access: [], replaces: true)),
  .request(.newAddressMismatch, 22, map(access: [], replaces: true)) { try withPage(group()) },
  .request(.mapOverlaps, 17, map()) { try withPage(group()) },
  .request(.mapLimitReached, 28, map()) {
    try Container([group()], parameters: ModuleParameters(mappingLimit: 0))
  },
  .request(.mapOutsideUsableRanges, 22, map(iova: 0xfee0_0000)),
  .request(.invalidationWithEmulatedGroup, 16, unmapRequest(1, 1, invalidates: true)) {
    try Container([group(), group(9, .emulated)])
  },
  .request(.unmapUnaligned, 22, unmapRequest(0x800, 0x1000)),
  .request(.unmapWraps, 22, unmapRequest(0 &- 0x1000, 0x2000)),
  .request(.unmapAllWithRange, 22, unmapRequest(0, 0x1000, all: true)),
  .request(.unmapDirtyWithoutTracking, 22, unmapRequest(0, 0x1000, bitmap: bitmap)),
  .request(.unmapCutsMapping, 22, unmapRequest(0, 0x2000)) {
    var container = try Container([group()])
    try container.map(range(0x1000, 0x2fff))
    return container
  },
  .request(
    .unmapDirtyPageSizeDiffers, 22,
    unmapRequest(
      0, 0x2000, bitmap: BitmapArgument(pageBytes: 0x2000, size: 8, data: UserAddress(0)))
  ) { try tracked(page) },
  .request(.addressAlreadyInvalid, 22, unmapRequest(all: true, invalidates: true)) {
    try withInvalidPage()
  },
  .request(.mappingTooLargeToTrack, 22, .dirtyPages(.start)) {
    var container = try Container([group(9, .emulated)])
    try container.map(range(0, 0x7ff_ffff_ffff))
    return container
  },
  .request(.dirtyRangeWraps, 22, dirty(0 &- 0x1000)),
  .request(.dirtyPageSizeDiffers, 22, dirty(pageBytes: 0x2000)),
  .request(.dirtyRangeUnaligned, 22, dirty(0x800)),
  .request(.dirtyTrackingIsOff, 22, dirty()),
  .request(.dirtyRangeCutsMapping, 22, dirty()) { try tracked(range(0, 0x1fff)) },
]

private let joinCases: [RuleCase] = [
  RuleCase(
    .noIOMMUGroupNeedsRawIO, 1, { try Container([], type: 0) },
    { state, _ in _ = try state.plan(joining: group(0, .noIOMMU), for: caller) }),
  .join(.groupKindsMix, 1, group(0, .noIOMMU)),
  .join(.groupNotViable, 1, group(2, viable: false)),
  .join(.attachWhileAddressInvalid, 16, group(2)) {
    var container = try withPage(group(1))
    var memory = MappedMemory(address: UserAddress(0), access: .read, owner: caller.owner)
    memory.addressIsInvalid = true
    container.session.adopt(.readdressed(start: page.start, memory))
    return container
  },
  .join(.groupAlreadyAttached, 22, group(1)),
  .join(.groupHasNoIOMMU, 19, group(2, iommu: nil)),
  RuleCase(
    .nestingRefused, 22, { try Container([group()], type: 0) },
    { state, caller in _ = try state.plan(.setIOMMU(6), for: caller) }),
  .join(.apertureConflicts, 22, group(2, iommu: iommu(aperture: range(0x10_0000, 0xffff_ffff)))) {
    try withPage(group(1))
  },
  .join(.reservedRegionIsMapped, 22, group(2, reserved: [.init(range: page, kind: .direct)])) {
    try withPage(group(1))
  },
  .join(.noUsableAddressLeft, 22, group(2, reserved: [.init(range: .all, kind: .reserved)])),
  .join(.interruptsNotIsolated, 1, group(2, safe: false)),
]

private let open = GroupState(isOpen: true)
private let joined = GroupState(
  isOpen: true, container: ContainerNumber(rawValue: 1), openDeviceCount: 1)

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

private let groupCases: [RuleCase] = [
  .decision(.groupHasNoDevice, 19) {
    var facts = group()
    facts.devices = []
    try open.checkOpen(of: facts, for: caller)
  },
  .decision(.groupOpenNeedsRawIO, 1) { try open.checkOpen(of: group(0, .noIOMMU), for: caller) },
  .decision(.groupAlreadyOpen, 16) { try open.checkOpen(of: group(), for: caller) },
  .decision(.unknownGroupCall, 25) { try open.admit(.unknown) },
  .decision(.containerDescriptorClosed, 9) { _ = try joined.plan(settingContainer: .closed) },
  .decision(.groupHasContainer, 22) { _ = try joined.plan(settingContainer: .otherFile) },
  .decision(.notAContainer, 77) { _ = try open.plan(settingContainer: .otherFile) },
  .decision(.groupHasNoContainer, 22) { _ = try open.planUnsettingContainer() },
  .decision(.groupDeviceIsOpen, 16) { _ = try joined.planUnsettingContainer() },
  .decision(.deviceNotFound, 19) { _ = try group().device(named: bytes("0000:00:06.0")) },
  .decision(.deviceOptionUnknown, 22) { _ = try group().device(named: bytes("0000:00:05.0 x")) },
  .decision(.deviceTokenMalformed, 22) {
    _ = try group().device(named: bytes("0000:00:05.0 vf_token=1"))
  },
  .decision(.deviceTakesNoToken, 22) {
    _ = try group().device(
      named: bytes("0000:00:05.0 vf_token=bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3"))
  },
  .decision(.deviceWithoutContainer, 22) {
    try open.checkDeviceOpen(of: group(), driver: .none, isFirstOpen: true, for: caller)
  },
  .decision(.deviceBeforeDriver, 22) {
    try joined.checkDeviceOpen(of: group(), driver: .none, isFirstOpen: true, for: caller)
  },
  .decision(.deviceNeedsRawIO, 1) {
    try joined.checkDeviceOpen(
      of: group(0, .noIOMMU), driver: .noIOMMU, isFirstOpen: true, for: caller)
  },
]

@Sendable private func pinned(type: UInt64 = 3) throws -> Container {
  var container = try Container([group(7, .emulated)], type: type)
  try container.map(page)
  if type == 3 { _ = try container.pin(0x1000, 1) }
  return container
}

/// A pin, up to the page that refuses it.
private func pin(
  _ rule: Rule, _ errno: Int32, iova: UInt64 = 0x1000, count: Int = 1, protection: UInt32 = 3,
  hasUnmapHook: Bool = true, in world: @escaping @Sendable () throws -> Container = { try pinned() }
) -> RuleCase {
  RuleCase(rule, errno, world) { state, _ in
    let plan = try state.plan(
      pinning: PinRequest(
        group: GroupNumber(rawValue: 7), iova: IOVA(iova), count: count, protection: protection,
        hasUnmapHook: hasUnmapHook))
    if let refusal = plan.refusal { throw refusal }
  }
}

/// A copy by a driver, up to the address that refuses it.
private func copy(
  _ rule: Rule, _ errno: Int32, iova: UInt64 = 0x1000, count: UInt64 = 8, owner: UInt8 = 5,
  in world: @escaping @Sendable () throws -> Container = { try pinned() }
) -> RuleCase {
  RuleCase(rule, errno, world) { state, _ in
    let plan = try state.plan(
      copying: count, at: IOVA(iova), access: .write, by: MemoryOwner(rawValue: owner))
    if let refusal = plan.refusal { throw refusal }
  }
}

@Sendable private func invalidated() throws -> Container {
  var container = try withPage(group())
  _ = try container.perform(unmapRequest(0x1000, 0x1000, invalidates: true))
  return container
}

private let pinCases: [RuleCase] = [
  pin(.pinOfNothing, 22, count: 0),
  pin(.pinWithoutUnmapHook, 22, hasUnmapHook: false),
  pin(.pinOfTooManyPages, 7, count: 513),
  pin(.pinOfTooManyPages, 7, count: -1),
  pin(.pinInVersion1, 13, in: { try pinned(type: 1) }),
  pin(.pinWhileAddressInvalid, 16, in: { try invalidated() }),
  pin(.pinNotMapped, 22, count: 2),
  pin(.pinExceedsAccess, 1, protection: 4),
  pin(
    .pinInFailedUnmap, 35,
    in: {
      var container = try pinned()
      var stubborn = Stubborn(times: .max)
      #expect(
        errno { () throws(Errno) in try container.letGo(0x1000, 0x1000, &stubborn) } == .deadlock)
      return container
    }),
  RuleCase(.unmapOfHeldPages, 35, { try pinned() }) { state, _ in
    try state.checkLetGo(of: page)
  },
  copy(.copyOfNothing, 22, count: 0),
  copy(.copyWhileAddressInvalid, 16, in: { try invalidated() }),
  copy(.copyNotMapped, 22, iova: 0x1ffc),
  copy(
    .copyExceedsAccess, 1,
    in: {
      var container = try Container([group(7, .emulated)])
      _ = try container.perform(
        .map(
          MapRequest(
            access: .write, replacesAddress: false, address: UserAddress(0), iova: IOVA(0x1000),
            size: 0x1000)))
      return container
    }),
  copy(.copyInAnotherProcess, 14, owner: 6),
  RuleCase(.copyOfTheDead, 1, { try pinned() }) { state, _ in
    let plan = try state.plan(
      copying: 8, at: IOVA(0x1000), access: .read, by: MemoryOwner(rawValue: 6),
      isAlive: { _ in false })
    if let refusal = plan.refusal { throw refusal }
  },
]

private let cases = driverCases + mappingCases + joinCases + groupCases + pinCases

@Suite struct RuleTests {
  @Test("Every refusal has a way in")
  func complete() {
    #expect(Set(cases.map(\.rule)) == Set(Rule.allCases))
  }

  @Test("A refusal is the named one, with the kernel's errno", arguments: cases)
  func refuses(example: RuleCase) throws {
    let container = try example.world()
    #expect(throws: example.rule) { try example.ask(container.state, container.caller) }
    #expect(example.rule.errno.rawValue == example.errno)
  }
}
