/// Something that a backend cannot give a legacy program as the kernel's own type1 does.
///
/// The one list of them: `ioasid doctor` and `ioasid backends` print it, and MIGRATION.md has a
/// section for each.
public struct Limit: Hashable, Sendable {
  /// How far from type1 the answer is.
  public enum Grade: String, Hashable, Sendable, CaseIterable {
    /// As type1, with a side effect or a cost.
    case atACost = "at a cost"
    /// Close: what a program sees may differ.
    case approximate
    /// Not to be had.
    case impossible
  }

  /// Whose limit it is.
  public var backend: BackendChoice.Backend
  /// What it touches.
  public var capability: Capability
  /// How far from type1.
  public var grade: Grade
  /// Its section in MIGRATION.md, without the `#`.
  public var section: String
  /// What is different, in a sentence without its full stop.
  public var text: String
  /// Where it does not hold: nil when it holds everywhere.
  var exception: Exception?

  /// A fact of a machine that lifts a limit.
  enum Exception: Hashable, Sendable {
    /// Locked memory can be charged to processes.
    case processesAreCharged
  }

  init(
    _ backend: BackendChoice.Backend, _ capability: Capability, _ grade: Grade, _ section: String,
    _ text: String, unless exception: Exception? = nil
  ) {
    self.backend = backend
    self.capability = capability
    self.grade = grade
    self.section = section
    self.text = text
    self.exception = exception
  }

  /// Whether it holds on a machine.
  public func holds(on facts: HostFacts) -> Bool {
    switch exception {
    case .processesAreCharged: !facts.chargesProcesses
    case nil: true
    }
  }
}

extension HostFacts {
  /// Whether iommufd counts locked memory a process, as type1 does: asked for by its other name,
  /// or by who may raise limits; or nothing is counted at all.
  public var chargesProcesses: Bool {
    containerNode == .iommufd || mayRaiseLimits || mayLockAnything
  }
}

/// What a legacy program may want of a backend.
public enum Capability: String, Hashable, Sendable, CaseIterable {
  case devices, permissions, mapping, pinning
  case lockedMemory = "locked-memory"
  case barMappings = "bar-mappings"
  case dirtyPages = "dirty-pages"
  case addressUpdates = "address-updates"
  case ownership, descriptors, sysfs
  case processes, callers
  case deviceLifetime = "device-lifetime"
  case resets, tokens, kvm
  case mediatedDevices = "mediated-devices"
  case noIOMMU = "no-iommu"
  case otherArchitectures = "other-architectures"

  /// What it is, in a few words.
  public var title: String {
    switch self {
    case .devices: "real devices behind an IOMMU"
    case .permissions: "containers for every user"
    case .mapping: "type1 version 1 and 2, with their errors and order"
    case .pinning: "pages stay with the device until UNMAP"
    case .lockedMemory: "RLIMIT_MEMLOCK as type1 charges it"
    case .barMappings: "MAP of another device's BAR (peer to peer)"
    case .dirtyPages: "dirty page tracking"
    case .addressUpdates: "UNMAP and MAP with VADDR"
    case .ownership: "a whole group for one program"
    case .descriptors: "descriptors that look like the kernel's"
    case .sysfs: "sysfs as legacy VFIO shows itself there"
    case .processes: "fork, exec and passing descriptors on"
    case .callers: "every caller, whatever its C library"
    case .deviceLifetime: "devices reset and disabled as the kernel does"
    case .resets: "hot reset with groups as proof"
    case .tokens: "tokens of virtual functions"
    case .kvm: "KVM's VFIO device"
    case .mediatedDevices: "mediated devices"
    case .noIOMMU: "devices without an IOMMU"
    case .otherArchitectures: "nesting on ARM, SPAPR and EEH on POWER"
    }
  }
}
