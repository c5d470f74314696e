/// One machine as scripts see it: plain numbers, shared by every contestant.
public struct World: Hashable, Sendable {
  /// A run of bus addresses, both ends inclusive.
  public struct Run: Hashable, Sendable {
    /// The first address.
    public var start: UInt64
    /// The last address, inclusive.
    public var last: UInt64
    /// States both ends.
    public init(_ start: UInt64, _ last: UInt64) {
      self.start = start
      self.last = last
    }
    /// Whether the two share an address.
    public func overlaps(_ other: Run) -> Bool { start <= other.last && other.start <= last }
    /// Whether all of `other` lies here.
    public func contains(_ other: Run) -> Bool { start <= other.start && other.last <= last }
  }

  /// One IOMMU: what a domain behind it can do.
  public struct IOMMU: Hashable, Sendable {
    /// Which driver: domains are shared only within one.
    public var driver: UInt32
    /// The addresses it translates.
    public var aperture: Run
    /// Bit n: pages of 2ⁿ bytes.
    public var pageSizes: UInt64
    /// Whether it enforces cache coherency.
    public var coherent: Bool
    /// Whether devices may read what is mapped for writing only, as Linux has it behind VT-d.
    public var readsWhatIsWritable = false
  }

  /// One IOMMU group.
  public struct Group: Hashable, Sendable {
    /// The group's number.
    public var number: UInt32
    /// Index into `iommus`; nil for the group of a mediated device, and without an IOMMU.
    public var iommu: Int?
    /// The devices' names, most recently registered first.
    public var devices: [String]
    /// Whether no native driver holds a member.
    public var viable = true
    /// Whether interrupts are isolated, or unsafe ones allowed.
    public var safeInterrupts = true
    /// Whether real devices have no IOMMU behind them: `enable_unsafe_noiommu_mode`.
    public var unprotected = false
    /// Reserved runs that no mapping may touch.
    public var reserved: [Run] = []
    /// Runs reserved only until a program takes the group: they restrict nothing.
    public var relaxable: [Run] = []
  }

  /// The name that a script's first line gives.
  public var name: String
  /// The IOMMUs.
  public var iommus: [IOMMU]
  /// The groups.
  public var groups: [Group]
  /// `dma_entry_limit`: mappings that one container may hold.
  public var entryLimit: UInt32
}

extension World {
  static let interruptWindow = Run(0xfee0_0000, 0xfeef_ffff)
  static let wide = IOMMU(
    driver: 1, aperture: Run(0, 0xffff_ffff_ffff), pageSizes: 0x4020_1000, coherent: true)

  /// The kernel lab's machine: one VT-d without snoop control, three groups, one of them of
  /// two devices.
  public static let lab = World(
    name: "lab",
    iommus: [
      IOMMU(
        driver: 1, aperture: Run(0, 0xffff_ffff_ffff), pageSizes: 0x4020_1000, coherent: false,
        readsWhatIsWritable: true)
    ],
    groups: [
      Group(number: 3, iommu: 0, devices: ["0000:00:05.0"], reserved: [interruptWindow]),
      Group(number: 4, iommu: 0, devices: ["0000:00:06.0"], reserved: [interruptWindow]),
      Group(
        number: 6, iommu: 0, devices: ["0000:02:02.0", "0000:02:01.0"],
        reserved: [interruptWindow]),
    ], entryLimit: 65535)

  /// The lab's machine with the emulated devices of its module.
  public static let labWithPins: World = {
    var world = lab
    world.name = "lab-pins"
    world.groups += [
      Group(number: 7, iommu: nil, devices: [PinsDriver.name]),
      Group(number: 8, iommu: nil, devices: [PinsDriver.deafName]),
    ]
    return world
  }()

  /// The lab's machine without an IOMMU, but with emulated devices: `--iommu none --mediated`.
  public static let unprotected = World(
    name: "unprotected", iommus: [],
    groups: [
      Group(number: 0, iommu: nil, devices: ["0000:00:05.0"], unprotected: true),
      Group(number: 1, iommu: nil, devices: ["0000:00:06.0"], unprotected: true),
      Group(number: 2, iommu: nil, devices: [PinsDriver.name]),
      Group(number: 3, iommu: nil, devices: [PinsDriver.deafName]),
    ], entryLimit: 65535)

  /// Two groups behind one wide IOMMU, one behind a narrow one that enforces no coherency, one
  /// behind another driver's that starts high, one behind a narrow coherent one, a mediated device,
  /// a group held by a native driver, one without interrupt isolation.
  public static let mixed = World(
    name: "mixed",
    iommus: [
      wide,
      IOMMU(driver: 1, aperture: Run(0, 0x7f_ffff_ffff), pageSizes: 0x20_1000, coherent: false),
      IOMMU(
        driver: 2, aperture: Run(0x10_0000, .max), pageSizes: 0xf_ffff_ffff_f800, coherent: true),
      IOMMU(driver: 1, aperture: Run(0, 0x7f_ffff_ffff), pageSizes: 0x20_1000, coherent: true),
    ],
    groups: [
      Group(number: 3, iommu: 0, devices: ["0000:00:05.0"], reserved: [interruptWindow]),
      Group(
        number: 6, iommu: 0, devices: ["0000:02:02.0", "0000:02:01.0"],
        reserved: [interruptWindow], relaxable: [Run(0x20_0000, 0x20_ffff)]),
      Group(
        number: 9, iommu: 1, devices: ["0001:00:01.0"],
        reserved: [interruptWindow, Run(0xa_0000, 0xb_ffff)]),
      Group(
        number: 12, iommu: 2, devices: ["0002:00:01.0"],
        reserved: [Run(0xfd_0000_0000, 0xff_ffff_ffff), interruptWindow]),
      Group(number: 13, iommu: 3, devices: ["0003:00:01.0"]),
      Group(number: 20, iommu: nil, devices: ["c0ffee00-0000-4000-8000-000000000001"]),
      Group(number: 21, iommu: 0, devices: ["0000:00:07.0"], viable: false),
      Group(number: 22, iommu: 0, devices: ["0000:00:08.0"], safeInterrupts: false),
    ], entryLimit: 65535)

  /// `Fixtures/Platforms/three-iommus.json`: three IOMMUs that differ in page sizes, aperture,
  /// coherency and driver, one group behind each.
  public static let three = World(
    name: "three",
    iommus: [
      wide,
      IOMMU(driver: 1, aperture: Run(0, 0x7f_ffff_ffff), pageSizes: 0x20_1000, coherent: false),
      IOMMU(
        driver: 2, aperture: Run(0x10_0000, 0xff_ffff_ffff), pageSizes: 0x4001_1000,
        coherent: true),
    ],
    groups: [
      Group(number: 3, iommu: 0, devices: ["0000:00:05.0"], reserved: [interruptWindow]),
      Group(
        number: 4, iommu: 1, devices: ["0000:00:06.0"],
        reserved: [Run(0xa_0000, 0xb_ffff), interruptWindow]),
      Group(
        number: 6, iommu: 2, devices: ["0000:02:02.0", "0000:02:01.0"],
        reserved: [interruptWindow]),
    ], entryLimit: 65535)

  /// One IOMMU with 64 KiB pages at least.
  public static let coarse = World(
    name: "coarse",
    iommus: [
      IOMMU(
        driver: 1, aperture: Run(0, 0xffff_ffff), pageSizes: 0x2021_0000, coherent: false)
    ],
    groups: [
      Group(number: 3, iommu: 0, devices: ["0000:00:05.0"]),
      Group(number: 4, iommu: 0, devices: ["0000:00:06.0"], reserved: [Run(0x8_0000, 0x8_ffff)]),
    ], entryLimit: 65535)

  /// Every world a script can name.
  public static let all = [lab, labWithPins, unprotected, mixed, three, coarse]

  /// Whether it has devices whose driver scripts can tell what to do.
  var hasPins: Bool { groups.contains { !PinsDriver.names.isDisjoint(with: $0.devices) } }

  /// Whether devices without an IOMMU are allowed.
  var allowsUnprotected: Bool { groups.contains(where: \.unprotected) }

  /// Whether it is the lab's machine behind VT-d.
  var isLab: Bool { [World.lab, .labWithPins].contains { $0.name == name } }
  /// Whether group 3 can be given the page that ends at 2⁶⁴, as behind AMD-Vi.
  var reachesLastPage: Bool {
    groups.contains { group in
      group.number == 3 && group.iommu.map { iommus[$0].aperture.last == .max } ?? false
    }
  }

  func limited(to entries: UInt32) -> World {
    var copy = self
    copy.entryLimit = entries
    return copy
  }
}
