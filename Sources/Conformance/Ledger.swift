/// Who can be compared.
public enum ContestantName: String, Hashable, Sendable, CaseIterable {
  /// The kernel's own type1.
  case native
  /// The kernel's emulation of it: an iommufd as /dev/vfio/vfio.
  case compat
  /// The whole product: the nodes of the `ioasid run` that this process is in, by plain calls.
  case run
  /// The shim over the kernel's iommufd.
  case iommufd
  /// The shim over the software IOMMU.
  case software
  /// The oracle, which the others are compared with.
  case oracle
}

/// A documented difference between a contestant and type1.
public struct LedgerRow: Sendable {
  /// A short name, unlike every other row's.
  public let name: String
  /// Who differs.
  public let contestants: Set<ContestantName>
  /// The anchor in MIGRATION.md that explains it.
  public let section: String
  /// The difference in a sentence.
  public let text: String
  /// Whether the two have different states from there on, so that later calls compare nothing.
  public let partsWays: Bool
  /// A script that shows the difference: run each time, so that a difference that has gone is
  /// noticed. The first line, which names the machine, goes without saying.
  public let witness: String
  /// Whether the witness shows anything on a machine: on others it is not run.
  let occurs: @Sendable (World) -> Bool
  let covers: @Sendable (Situation) -> Bool
}

/// The documented differences, all of them.
public enum Ledger {
  /// Every row; of two that cover a call the earlier counts.
  public static let rows: [LedgerRow] = staleBits + lastPage + emulation

  /// The row that covers a difference of a contestant.
  static func row(for situation: Situation, of contestant: ContestantName) -> LedgerRow? {
    rows.first { $0.contestants.contains(contestant) && $0.covers(situation) }
  }
}

extension LedgerRow {
  init(
    _ name: String, of contestants: Set<ContestantName>, section: String, _ text: String,
    partsWays: Bool = false, on occurs: @escaping @Sendable (World) -> Bool = \.isLab,
    witness: String, covers: @escaping @Sendable (Situation) -> Bool
  ) {
    self.name = name
    self.contestants = contestants
    self.section = section
    self.text = text
    self.partsWays = partsWays
    self.occurs = occurs
    self.witness = witness
    self.covers = covers
  }

  /// The witness as a script for a machine with the lab's groups.
  func script(on world: World) -> Script {
    do {
      return try Script(parsing: "world \(world.name) limit=\(limit)\n" + witness, on: world)
    } catch {
      preconditionFailure("the witness of \(name): \(error)")
    }
  }
  /// Witnesses that are about the limit of mappings reach it with the second.
  private var limit: Int { name.hasSuffix("limit") ? 1 : 65535 }
}

extension Ledger {
  /// Linux's own defect, which the shim repeats on demand: scripts that are compared with native
  /// type1 have an oracle with the defect, and only the witness has one without.
  static let staleBits = [
    LedgerRow(
      "stale-dirty-bits", of: [.native], section: "stale-dirty-bits",
      "bits above a mapping that shares a word stay from one GET_BITMAP to the next",
      partsWays: true,
      witness: ready + """
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x1000 size=0x3000
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x4000 size=0x2000
        f0 DIRTY_PAGES argsz=8 flags=1 iova=0 size=0 pgsize=0 bytes=0 data=0
        f0 DIRTY_PAGES argsz=48 flags=4 iova=0x1000 size=0x5000 pgsize=0x1000 bytes=8 data=m+0x0
        f0 DIRTY_PAGES argsz=48 flags=4 iova=0x1000 size=0x5000 pgsize=0x1000 bytes=8 data=m+0x0
        """
    ) { at in
      at.manner == .clean && (at.call.verb == .dirtyPages || at.call.verb == .unmapDMA)
        && at.errors([0], [0]) && at.expected.bytes.count == at.actual.bytes.count
        && zip(at.expected.bytes, at.actual.bytes).allSatisfy { $0 & $1 == $0 }
    }
  ]

  /// A container with group 3 and version 2.
  static let ready = """
    f0 = open-container
    f1 = open-group number=3
    f1 SET_CONTAINER f0
    f0 SET_IOMMU type=3

    """
}
