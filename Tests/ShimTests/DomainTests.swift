import AddressSpaces
import DMATypes
import LegacyVFIO
import Shim
import Testing

private func hole(_ start: UInt64, _ last: UInt64, _ kind: ReservedRegion.Kind = .reserved)
  -> ReservedRegion
{
  ReservedRegion(range: range(start, last), kind: kind)
}

@Suite struct DomainTests {
  @Test("Groups share a table by driver and coherency, within their IOMMU's reach")
  func merging() throws {
    let container = try Container([
      group(1), group(2), group(3, iommu: iommu(coherent: true)), group(4, iommu: iommu(driver: 2)),
      group(5, iommu: iommu(aperture: range(0, 0xff_ffff_ffff))), group(6, .emulated),
    ])
    // SET_IOMMU attaches the newest first: 5's narrower table takes 2 and 1 in as well.
    let members = container.state.domains.map { $0.members.map(\.rawValue) }
    #expect(members == [[5, 2, 1], [4], [3]])
    #expect(container.session.backend.content.tables.count == 3)
    #expect(
      container.session.backend.calls.prefix(7) == [
        "claim 1", "claim 2", "claim 3", "claim 4", "claim 5", "space", "table for 5",
      ])
  }

  @Test("The lab's usable ranges leave the interrupt window out")
  func labRanges() throws {
    let container = try Container([group()])
    #expect(
      container.state.usableRanges == [
        range(0, 0xfedf_ffff), range(0xfef0_0000, 0xffff_ffff_ffff),
      ])
    #expect(container.state.pageSizes.rawValue == 0x4020_1000)
  }

  @Test("A direct-relaxable region stays usable")
  func relaxable() throws {
    let container = try Container([
      group(reserved: [hole(0x1000, 0x1fff, .directRelaxable), hole(0x3000, 0x3fff, .direct)])
    ])
    #expect(container.state.usableRanges.first == range(0, 0x2fff))
  }

  @Test("Page sizes are those that every domain knows, and small ones stand for the page")
  func pageSizes() throws {
    var container = try Container([group(1, iommu: iommu(sizes: 0x4020_1000))])
    try container.join(group(2, iommu: iommu(driver: 2, sizes: 0x20_1e00)))
    #expect(container.state.pageSizes.rawValue == 0x20_1000)
    container.leave(GroupNumber(rawValue: 2))
    #expect(container.state.pageSizes.rawValue == 0x4020_1000)
    // A group that joins a domain does not change them.
    try container.join(group(3, iommu: iommu(sizes: 0x1000)))
    #expect(container.state.pageSizes.rawValue == 0x4020_1000)
  }

  @Test("Reserved ends come back only when a domain goes")
  func reservedEnds() throws {
    let low = hole(0, 0xffff)
    var same = try Container([group(1)])
    try same.join(group(2, reserved: [low, interruptWindow]))
    same.leave(GroupNumber(rawValue: 2))
    #expect(same.state.usableRanges.first == range(0x1_0000, 0xfedf_ffff))

    var other = try Container([group(1)])
    try other.join(group(2, reserved: [low, interruptWindow], iommu: iommu(driver: 2)))
    other.leave(GroupNumber(rawValue: 2))
    #expect(other.state.usableRanges.first == range(0, 0xfedf_ffff))
  }

  @Test("An aperture that goes is given back")
  func aperture() throws {
    var container = try Container([group(1)])
    try container.join(group(2, iommu: iommu(driver: 2, aperture: range(0x1000, 0xffff_ffff))))
    #expect(
      container.state.usableRanges == [range(0x1000, 0xfedf_ffff), range(0xfef0_0000, 0xffff_ffff)])
    container.leave(GroupNumber(rawValue: 2))
    #expect(
      container.state.usableRanges == [
        range(0, 0xfedf_ffff), range(0xfef0_0000, 0xffff_ffff_ffff),
      ])
  }

  @Test("After the last physical group one range of everything is left to an emulated one")
  func emulatedStays() throws {
    var container = try Container([group(9, .emulated)])
    #expect(container.state.usableRanges.isEmpty)
    try container.map(range(0xfee0_0000, 0xfee0_0fff))
    #expect(container.session.backend.calls == ["space"])
    #expect(errno { () throws(Errno) in try container.join(group()) } == .invalidArgument)
    #expect(try container.unmap(0xfee0_0000, 0x1000) == 0x1000)
    try container.map(range(0x1000, 0x1fff))
    try container.join(group())
    #expect(container.session.backend.calls.suffix(3).last == "map 1000-1fff")
    container.leave(GroupNumber(rawValue: 3))
    #expect(container.state.usableRanges == [.all])
    #expect(container.state.pageSizes == .all)
    #expect(container.state.mappings.count == 1)
    #expect(container.session.backend.content.spaces.values.first?.isEmpty == true)
  }

  @Test("With the last group everything goes, and the container starts anew")
  func lastGroup() throws {
    var container = try Container([group(1), group(2)], type: 3)
    try container.map(range(0, 0xfff))
    container.leave(GroupNumber(rawValue: 1))
    #expect(errno { () throws(Errno) in try container.map(range(0, 0xfff)) } == .exists)
    container.leave(GroupNumber(rawValue: 2))
    #expect(container.state == ContainerState())
    #expect(container.session.backend.content == RecordingBackend.Content())
    #expect(errno { () throws(Errno) in try container.map(range(0, 0xfff)) } == .invalidArgument)
    try container.join(group(1))
    #expect(try container.perform(.setIOMMU(1)) == .value(0))
  }

  @Test("After a refused SET_IOMMU the groups stay and another type is taken")
  func retry() throws {
    var container = try Container([group()], type: 0)
    for (type, expected) in [
      (2, Errno.noDevice), (0, .noDevice), (4, .noDevice), (8, .noDevice), (10, .noDevice),
      (6, .invalidArgument), (9, .invalidArgument),
    ] as [(UInt64, Errno)] {
      #expect(errno { () throws(Errno) in try container.perform(.setIOMMU(type)) } == expected)
    }
    #expect(container.session.backend.content.claimed == [GroupNumber(rawValue: 3)])
    #expect(try container.perform(.setIOMMU(3)) == .value(0))
  }

  @Test("A nesting container takes emulated groups and no physical one")
  func nesting() throws {
    var container = try Container([group(9, .emulated)], type: 6)
    #expect(errno { () throws(Errno) in try container.join(group()) } == .invalidArgument)
    #expect(container.session.backend.content.claimed.isEmpty)
  }
}

/// CHECK_EXTENSION, by what is in the container.
@Suite struct ExtensionTests {
  private func answers(_ container: Container) throws -> [UInt64] {
    var container = container
    return try (0...12).filter { try container.perform(.checkExtension($0)) == .value(1) }
  }

  @Test("CHECK_EXTENSION without a driver")
  func withoutDriver() throws {
    let allowed = ModuleParameters(allowsNoIOMMU: true)
    #expect(try answers(Container([], type: 0)) == [1, 3, 6, 9])
    #expect(try answers(Container([], type: 0, parameters: allowed)) == [1, 3, 6, 8, 9])
    #expect(try answers(Container([group()], type: 0, parameters: allowed)) == [1, 3, 6, 9])
    #expect(
      try answers(Container([group(0, .noIOMMU)], type: 0, parameters: allowed)) == [8])
  }

  @Test("CHECK_EXTENSION with type1 set")
  func withType1() throws {
    #expect(try answers(Container([group()], type: 1)) == [1, 3, 6, 9, 10])
    #expect(
      try answers(Container([group(iommu: iommu(coherent: true))])) == [1, 3, 4, 6, 9, 10])
    #expect(
      try answers(Container([group(1, iommu: iommu(coherent: true)), group(2)]))
        == [1, 3, 6, 9, 10])
    #expect(try answers(Container([group(9, .emulated)])) == [1, 3, 4, 6, 9])
  }

  @Test("An extension number is 64 bits wide")
  func wide() throws {
    var container = try Container([group()])
    #expect(try container.perform(.checkExtension(1 << 32 | 1)) == .value(0))
    #expect(try container.perform(.getAPIVersion) == .value(0))
  }

  @Test("A container without an IOMMU answers only for its own type")
  func noIOMMU() throws {
    var container = try Container(
      [group(0, .noIOMMU)], type: 0, parameters: ModuleParameters(allowsNoIOMMU: true))
    #expect(errno { () throws(Errno) in try container.perform(.setIOMMU(3)) } == .noDevice)
    #expect(try container.perform(.setIOMMU(8)) == .value(0))
    #expect(errno { () throws(Errno) in try container.admit(.map) } == .notTypewriter)
    #expect(errno { () throws(Errno) in try container.join(group()) } == .notPermitted)
    #expect(container.session.backend.calls.isEmpty)
  }
}
