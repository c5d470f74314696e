import AddressSpaces
import DMATypes
import LegacyVFIO
import Shim
import Testing

/// Requests that break two rules or more: the first of them answers.
@Suite struct OrderTests {
  private func refusal(
    _ request: ContainerRequest, in container: Container
  ) -> Rule? {
    do throws(Rule) {
      _ = try container.state.plan(request, for: container.caller)
      return nil
    } catch {
      return error
    }
  }

  @Test("MAP: overlap, then the limit, then the usable ranges")
  func map() throws {
    var container = try Container([group()], parameters: ModuleParameters(mappingLimit: 1))
    try container.map(range(0xfedf_f000, 0xfedf_ffff))
    let outside = range(0xfee0_0000, 0xfee0_0fff)
    #expect(
      refusal(.map(mapRequest(range(0xfedf_f000, 0xfee0_0fff))), in: container) == .mapOverlaps)
    #expect(refusal(.map(mapRequest(outside)), in: container) == .mapLimitReached)
    _ = try container.perform(unmapRequest(all: true))
    #expect(refusal(.map(mapRequest(outside)), in: container) == .mapOutsideUsableRanges)
    #expect(
      refusal(.map(mapRequest(range(0xfedf_f000, 0xfee0_0fff))), in: container)
        == .mapOutsideUsableRanges)
  }

  @Test("MAP: flags, then alignment, then wrapping")
  func mapShape() throws {
    let container = try Container([group()])
    func map(_ access: DMAAccess, _ replaces: Bool, _ address: UInt64, _ size: UInt64) -> Rule? {
      refusal(
        .map(
          MapRequest(
            access: access, replacesAddress: replaces, address: UserAddress(address),
            iova: IOVA(0 &- 0x1000), size: size)), in: container)
    }
    #expect(map(.read, true, 1, 0) == .mapFlagsContradict)
    #expect(map([], false, 1, 0) == .mapFlagsContradict)
    #expect(map(.write, false, 0, 0x1800) == .mapUnaligned)
    #expect(map(.write, false, 0, 0) == .mapUnaligned)
    #expect(map(.write, false, 0, 0x2000) == .mapWraps)
    // Ending exactly at 2⁶⁴ is no wrap, in either space.
    #expect(map(.write, false, 0 &- 0x1000, 0x1000) == .mapOutsideUsableRanges)
    #expect(map([], true, 0 &- 0x1000, 0x1000) == .newAddressWithoutMapping)
  }

  @Test("UNMAP: emulated groups, alignment, tracking, cutting")
  func unmap() throws {
    var container = try Container([group(), group(9, .emulated)])
    try container.map(range(0x1000, 0x2fff))
    let bitmap = BitmapArgument(pageBytes: 0x1000, size: 8, data: UserAddress(0))
    #expect(
      refusal(unmapRequest(0x800, 0, invalidates: true), in: container)
        == .invalidationWithEmulatedGroup)
    #expect(refusal(unmapRequest(0x800, 0, all: true), in: container) == .unmapUnaligned)
    #expect(refusal(unmapRequest(0x1000, 0, all: true), in: container) == .unmapAllWithRange)
    #expect(
      refusal(unmapRequest(0x1000, 0x1000, bitmap: bitmap), in: container)
        == .unmapDirtyWithoutTracking)
    #expect(refusal(unmapRequest(0x1000, 0x1000), in: container) == .unmapCutsMapping)
    container.leave(GroupNumber(rawValue: 9))
    #expect(
      refusal(unmapRequest(0x1000, 0x1000, invalidates: true), in: container)
        == .unmapCutsMapping)
    #expect(
      refusal(unmapRequest(0x1000, 0x2000, invalidates: true), in: container) == nil)
    _ = try container.perform(unmapRequest(0x1000, 0x2000, invalidates: true))
    #expect(
      refusal(unmapRequest(0x1000, 0x1000, invalidates: true), in: container)
        == .unmapCutsMapping)
    #expect(
      refusal(unmapRequest(0x1000, 0x2000, invalidates: true), in: container)
        == .addressAlreadyInvalid)
    _ = try container.perform(.dirtyPages(.start))
    #expect(
      refusal(
        unmapRequest(
          0x1000, 0x1000, bitmap: BitmapArgument(pageBytes: 1, size: 8, data: UserAddress(0))),
        in: container) == .unmapDirtyPageSizeDiffers)
  }

  @Test("A group that joins: its kind, its viability, then what type1 says of it")
  func join() throws {
    let container = try Container([group(1)])
    func refusal(_ facts: GroupFacts) -> Rule? {
      do throws(Rule) {
        _ = try container.state.plan(joining: facts, for: container.caller)
        return nil
      } catch {
        return error
      }
    }
    let everything = hole
    #expect(refusal(group(0, .noIOMMU, viable: false)) == .groupKindsMix)
    #expect(refusal(group(2, viable: false, safe: false)) == .groupNotViable)
    #expect(refusal(group(2, reserved: [everything], safe: false)) == .noUsableAddressLeft)
    #expect(refusal(group(2, safe: false)) == .interruptsNotIsolated)
    #expect(refusal(group(2)) == nil)
    // An emulated group has nothing to claim and nothing to check.
    #expect(refusal(group(9, .emulated, viable: false, safe: false)) == nil)
  }

  private let hole = ReservedRegion(range: .all, kind: .reserved)

  @Test("GET_INFO counts down and up with the mappings")
  func info() throws {
    var container = try Container([group()], parameters: ModuleParameters(mappingLimit: 10))
    // The limit is read when the driver is set.
    container.session.parameters.mappingLimit = 3
    try container.map(range(0, 0xfff))
    guard case .info(let info) = try container.perform(.getInfo) else { return }
    #expect(info.mappingsAvailable == 9)
    #expect(info.dirtyPageBytes == 0x1000)
    #expect(info.ranges == container.state.usableRanges)
  }
}
