import AddressSpaces
import DMATypes
import LegacyVFIO
import Shim
import Testing

/// Three groups behind IOMMUs that differ in page sizes, aperture, coherency and driver: Linux
/// commit 1ef3e2bc, "vfio/iommu_type1: Multi-IOMMU domain support".
private enum Three {
  static let groups = [
    group(3, iommu: iommu(coherent: true)),
    group(4, iommu: iommu(aperture: range(0, 0x7f_ffff_ffff), sizes: 0x20_1000)),
    group(
      6,
      iommu: iommu(
        driver: 2, aperture: range(0x10_0000, 0xff_ffff_ffff), sizes: 0x4001_1000, coherent: true)),
  ]
  static let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]

  /// The groups join in an order, `early` of them before SET_IOMMU, and mappings are made whenever
  /// there is a driver.
  static func steps(_ order: [Int], early: Int) -> [Step] {
    let joins = order.map { Step.join(groups[$0]) }
    let maps = order.indices.map { index in
      let start = 0x20_0000 + UInt64(index) << 16
      return Step.request(.map(mapRequest(range(start, start + 0x1fff))))
    }
    var steps = Array(joins[..<early]) + [.request(.setIOMMU(3)), maps[0]]
    for index in early..<order.count { steps += [joins[index], maps[index]] }
    return steps + [.request(unmapRequest(0x20_0000, 0x2000))]
  }
}

@Suite struct SeveralIOMMUsTests {
  @Test("Each gets a table, and all join, whoever comes first", arguments: Three.orders)
  func joining(_ order: [Int]) throws {
    for early in 1...3 {
      var container = try Container([], type: 0)
      for step in Three.steps(order, early: early) { #expect(step.apply(to: &container) == nil) }
      #expect(container.state.domains.count == 3)
      #expect(container.session.backend.content.tables.count == 3)
      #expect(container.state.pageSizes.rawValue == 0x1000)
      #expect(
        container.state.usableRanges == [
          range(0x10_0000, 0xfedf_ffff), range(0xfef0_0000, 0x7f_ffff_ffff),
        ])
      // DMA_CC: every table must enforce it.
      #expect(try container.perform(.checkExtension(4)) == .value(0))
      container.leave(GroupNumber(rawValue: 4))
      #expect(try container.perform(.checkExtension(4)) == .value(1))
      #expect(
        container.state.usableRanges == [
          range(0x10_0000, 0xfedf_ffff), range(0xfef0_0000, 0xff_ffff_ffff),
        ])
    }
  }

  @Test(
    "Whatever fails at whichever of them, all is as before, and goes on when it works again",
    arguments: Three.orders)
  func everyFailure(_ order: [Int]) throws {
    for early in 1...3 {
      var failing = 0
      while try fails(Three.steps(order, early: early), at: failing) { failing += 1 }
      // A space; a claim, a table and an attachment for each; MAPs and an UNMAP.
      #expect(failing == 1 + 3 * 3 + (4 - early) + 1)
    }
  }

  /// Runs the steps with one failing call; false when there are not so many.
  private func fails(_ steps: [Step], at failing: Int) throws -> Bool {
    var container = try Container([], type: 0)
    container.session.backend.failing = failing
    for step in steps {
      let before = container
      guard step.apply(to: &container) != nil else { continue }
      #expect(container.session.backend.failable == failing + 1)
      #expect(container.state == before.state)
      #expect(container.session.backend.content == before.session.backend.content)
      #expect(step.apply(to: &container) == nil)
    }
    #expect(container.state.domains.count == 3)
    return container.session.backend.failable > failing
  }
}
