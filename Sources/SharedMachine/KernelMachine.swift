internal import AddressSpaces
internal import CLinux
internal import DMATypes
internal import HostPlatform
internal import LinuxIOMMUFD
internal import MachineFile
internal import Synchronization

/// A device of the machine that a run can open.
struct KernelDevice: Sendable {
  /// How sysfs names it.
  var name: DeviceName
  /// The place of its group in `Machine.groups`.
  var group: Int
  /// Its node's name when the run began.
  var node: String
}

/// One process's part in a run on the kernel's own devices.
final class KernelMachine: @unchecked Sendable {
  /// The groups that have a node, in the order in which the machine file counts them.
  let groups: [HostGroup]
  /// Their devices, each group's most recently registered first.
  let devices: [KernelDevice]
  let files: RunFiles
  let words: GroupWords
  let descriptors: any DescriptorTable
  /// Whether the machine's `/dev/vfio/vfio` is an iommufd.
  let containerNodeIsIOMMUFD: Bool
  /// What KVM was told.
  let attributes = KVMAttributes()
  /// Hidden descriptors of devices whose registers this process has mapped, by their place in
  /// `devices`.
  let mapped = Guarded<[Int: Int32]>([:])
  private let containers = Guarded<[UInt64: KernelContainer]>([:])
  private let uses = Guarded<[Use: Int]>([:])

  /// What a descriptor of this process makes use of.
  enum Use: Hashable {
    case container(UInt64)
    case group(Int)
  }

  /// What becomes of a MAP of registers.
  let peers: PeerPolicy
  /// How many of them this process made in the books alone.
  let recordedPeers = Guarded(0)
  private let isVerbose: Bool

  /// As `Machine.tell`.
  func tell(_ line: String) {
    if isVerbose { say(line) }
  }

  init(
    platform: HostPlatform, image: MachineImage, files: RunFiles, words: GroupWords,
    descriptors: any DescriptorTable
  ) {
    groups = platform.groups
    devices = platform.groups.enumerated().flatMap { index, group in
      group.cdevs.map { KernelDevice(name: $0.name, group: index, node: $0.cdev ?? "") }
    }
    self.files = files
    self.words = words
    self.descriptors = descriptors
    containerNodeIsIOMMUFD = image.options.contains(.containerNodeIsIOMMUFD)
    peers = PeerPolicy(image.options)
    isVerbose = image.options.contains(.verbose)
  }

  /// A child has its parent's descriptors. One that another thread of the parent was just making is
  /// found again as after exec.
  init(forkedFrom parent: KernelMachine) {
    (groups, devices, files, words) = (parent.groups, parent.devices, parent.files, parent.words)
    descriptors = parent.descriptors
    containerNodeIsIOMMUFD = parent.containerNodeIsIOMMUFD
    (peers, isVerbose) = (parent.peers, parent.isVerbose)
    let known = parent.containers.withLockIfAvailable { $0 } ?? [:]
    for (number, container) in known {
      let copy = KernelContainer(forkedFrom: container, kernel: self)
      containers.withLock { $0[number] = copy }
    }
    let counted = parent.uses.withLockIfAvailable { $0 } ?? [:]
    uses.withLock { $0 = counted }
    let kept = parent.mapped.withLockIfAvailable { $0 } ?? [:]
    mapped.withLock { $0 = kept }
  }

  // MARK: Groups

  /// Whether iommufd binds devices that can forge interrupts.
  static var allowsUnsafeInterrupts: Bool {
    WrittenParameters.text("allow_unsafe_interrupts", of: "iommufd").map { $0 == "Y" } ?? false
  }

  /// What sysfs says now. The program's errno stays what it was.
  static var hostNow: HostPlatform? { keepingError { try HostPlatform(sysfs: "/sys") } }

  /// What sysfs says of one group now; what it said when the run began where it says nothing.
  private func groupNow(_ index: Int) -> HostGroup {
    Self.keepingError { try HostGroup(groups[index].number, sysfs: "/sys") } ?? groups[index]
  }

  private static func keepingError<Result>(_ body: () throws -> Result) -> Result? {
    let error = clinux_error()
    defer { clinux_set_error(error) }
    return try? body()
  }

  /// What is known of a group. Before its first claim nothing is known of its IOMMU, and nothing
  /// asks: a claim that was refused for its interrupts alone makes SET_IOMMU refuse.
  func facts(ofGroupAt index: Int, isViable: Bool = true) -> GroupFacts {
    let group = groups[index]
    let iommu = probedIOMMU(ofGroupAt: index)?.facts
    return GroupFacts(
      number: group.number, kind: group.kind,
      devices: devices.filter { $0.group == index }.map(\.name), isViable: isViable,
      reservedRegions: group.reservedRegions,
      // The kernel tells nobody whether they are isolated; without leave it binds only if so.
      interruptsAreSafe: iommu != nil && !Self.allowsUnsafeInterrupts,
      iommu: iommu
        ?? IOMMUFacts(driver: 0, aperture: .all, pageSizes: .all, enforcesCoherency: false))
  }

  /// The same with what drivers hold of the group now.
  func currentFacts(ofGroupAt index: Int) -> GroupFacts {
    facts(ofGroupAt: index, isViable: groupNow(index).isViable)
  }

  private enum Flag {
    static let known: UInt64 = 1
    static let enforcesCoherency: UInt64 = 2
    static let finishesTablesAtAttach: UInt64 = 4
  }

  /// What was found out about a group's IOMMU.
  func probedIOMMU(ofGroupAt index: Int) -> ProbedIOMMU? {
    let flags = words[.facts, index]
    guard flags & Flag.known != 0 else { return nil }
    // Only the kernel knows its drivers apart; sysfs names their IOMMUs.
    let driver = groups.firstIndex { $0.iommuDriver == groups[index].iommuDriver } ?? 0
    let facts = IOMMUFacts(
      driver: UInt32(driver),
      aperture: IOVARange(
        start: IOVA(words[.apertureStart, index]), last: IOVA(words[.apertureLast, index])),
      pageSizes: PageSizes(rawValue: words[.pageSizes, index]),
      enforcesCoherency: flags & Flag.enforcesCoherency != 0)
    return ProbedIOMMU(
      facts: facts, finishesTablesAtAttach: flags & Flag.finishesTablesAtAttach != 0)
  }

  /// Remembers it for the run; the word that says so comes last.
  func remember(_ iommu: ProbedIOMMU, ofGroupAt index: Int) {
    words[.apertureStart, index] = iommu.facts.aperture.start.rawValue
    words[.apertureLast, index] = iommu.facts.aperture.last.rawValue
    words[.pageSizes, index] = iommu.facts.pageSizes.rawValue
    words[.facts, index] =
      Flag.known | (iommu.facts.enforcesCoherency ? Flag.enforcesCoherency : 0)
      | (iommu.finishesTablesAtAttach ? Flag.finishesTablesAtAttach : 0)
  }

  // MARK: Devices

  /// Opens a device's node, which may have another number than when the run began.
  ///
  /// Throws `ENODEV` when vfio-pci gave the device up: `vfio_device_get_from_name()`.
  func openNode(of device: KernelDevice) throws(Errno) -> DeviceDescriptor {
    do throws(Errno) {
      return try DeviceDescriptor(opening: files.node(nodeName(of: device)))
    } catch {
      throw error == .notFound ? .noDevice : error
    }
  }

  /// What the kernel calls the device's node now.
  func nodeName(of device: KernelDevice) -> String {
    let place = "/sys/bus/pci/devices/\(device.name.rawValue)/vfio-dev/\(device.node)"
    if (try? Descriptor(opening: place, flags: 0o2200000)) != nil { return device.node }
    let now = groupNow(device.group).devices.first { $0.name == device.name }
    return now?.cdev ?? device.node
  }

  // MARK: Containers

  /// This process's part in a container.
  func container(_ number: UInt64, _ words: KernelWords) -> KernelContainer {
    containers.withLock { known in
      if let first = known[number] { return first }
      let container = KernelContainer(kernel: self, words: words)
      known[number] = container
      return container
    }
  }

  /// The containers that this process may have descriptors of.
  var known: [UInt64] { containers.withLock { Array($0.keys) } }

  /// Forgets a container that is gone; its descriptors are closed.
  func forget(_ number: UInt64) {
    containers.withLock { $0.removeValue(forKey: number) }?.leave()
  }

  /// A descriptor makes use of something; how many do from now on.
  func use(_ use: Use, by difference: Int) {
    uses.withLock { $0[use] = max(0, ($0[use] ?? 0) + difference) }
  }

  /// Whether any descriptor does.
  func isUsed(_ use: Use) -> Bool { uses.withLock { $0[use, default: 0] > 0 } }
}
