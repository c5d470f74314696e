internal import AddressSpaces
internal import DMATypes
internal import HostPlatform
public import SimulatedPlatform

/// `ioasid doctor`: what a machine, real or simulated, can give to legacy programs.
public struct Doctor: Sendable {
  private let facts: HostFacts
  private let isSimulated: Bool

  /// Of a real machine.
  public init(_ facts: HostFacts) {
    self.facts = facts
    isSimulated = false
  }

  /// Of a simulated one.
  public init(_ platform: Platform) {
    var facts = HostFacts(platform: HostPlatform(of: platform))
    facts.bridges = Set(platform.bridges.map(\.address.name))
    self.facts = facts
    isSimulated = true
  }

  private var findings: [GroupFinding] {
    facts.platform.groups.map {
      GroupFinding(group: $0, facts: facts, isSimulated: isSimulated)
    }
  }

  /// What a program is not given here as type1 gives it: costs are not among them.
  private var limits: [Limit] {
    Limit.all.filter { limit in
      limit.backend == (isSimulated ? .software : .iommufd) && limit.grade != .atACost
        && limit.holds(on: facts)
    }
  }

  // MARK: - Text

  /// The report for people.
  public var text: String {
    var lines = isSimulated ? ["a simulated platform, for ioasid run --platform"] : machineLines
    for finding in findings { lines += [""] + Self.lines(finding) }
    if facts.platform.groups.isEmpty { lines += ["", "no IOMMU groups"] }
    lines += ungroupedLines
    let name = isSimulated ? "software" : "iommufd"
    lines += ["", "limits of the \(name) backend, each a section of MIGRATION.md:"]
    for limit in limits {
      lines.append("  \(limit.grade.rawValue): \(limit.text) (#\(limit.section))")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private var machineLines: [String] {
    let choice = facts.automaticChoice()
    var lines = nodes.map { name, state in
      name + String(repeating: " ", count: max(1, 20 - name.count)) + state
    }
    lines.append("")
    lines.append("auto takes \(choice.backend.rawValue): \(choice.reason)")
    if let obstacle = facts.obstacleToIOMMUFD {
      lines.append("for iommufd: \(obstacle.remedy)")
    }
    return lines
  }

  private var ungroupedLines: [String] {
    guard !facts.ungrouped.isEmpty else { return [] }
    return ["", "without a group: legacy programs cannot be given them on this kernel"]
      + facts.ungrouped.map {
        "  \($0.name)  \($0.driver ?? "no driver")  /dev/vfio/devices/\($0.cdev ?? "")"
      }
  }

  /// The machine's nodes and rights, each with its state.
  private var nodes: KeyValuePairs<String, String> {
    [
      "kernel": "Linux \(facts.kernel)",
      "IOMMUs": facts.iommus.isEmpty ? "none" : iommuText,
      "/dev/vfio/vfio": containerText,
      "/dev/iommu": Self.text(facts.iommuNode),
      "locked memory": lockedMemoryText,
      "view": viewText,
      "unsafe interrupts": interruptText,
    ]
  }

  private var iommuText: String {
    facts.iommus.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value.rawValue))" }
      .joined(separator: ", ")
  }

  private var containerText: String {
    switch facts.containerNode {
    case .absent: "absent: this kernel has no legacy containers"
    case .type1: "the kernel's type1"
    case .otherDriver: "the kernel's, without type1"
    case .iommufd: "an iommufd, with the kernel's own emulation of type1"
    case .refused(let errno): errno.words
    }
  }

  private static func text(_ access: HostFacts.NodeAccess) -> String {
    switch access {
    case .absent: "absent"
    case .allowed: "can be opened"
    case .refused(let errno): errno.words
    }
  }

  private var lockedMemoryText: String {
    if facts.mayLockAnything { return "not charged (CAP_IPC_LOCK)" }
    let limit =
      switch facts.lockedMemory {
      case .unlimited: "no limit"
      case .bytes(let bytes): "\(bytes >> 10) KiB (ulimit -l)"
      }
    return limit
      + (facts.chargesProcesses ? ", for each process" : ", for all of a user's processes together")
  }

  private var viewText: String {
    if facts.isRoot { return "in a mount namespace, as root" }
    return facts.allowsUserNamespaces
      ? "in a user namespace" : "not possible: user namespaces are off for this user"
  }

  private var interruptText: String {
    switch facts.allowsUnsafeInterrupts {
    case true?: "allowed (iommufd.allow_unsafe_interrupts)"
    case false?: "refused where the IOMMU does not remap interrupts"
    case nil: "no such parameter"
    }
  }

  private static func lines(_ finding: GroupFinding) -> [String] {
    let group = finding.group
    let type = group.type.isEmpty ? "" : " (\(group.type))"
    var lines = ["group \(group.number.rawValue)\(type): \(finding.standing)"]
    lines += group.devices.map { "  " + finding.line(of: $0) }
    lines += finding.lockedOut.map { "  locked out: \($0)" }
    lines += finding.lost.map { "  lost by taking it: \($0)" }
    if !finding.commands.isEmpty {
      lines += ["  to make it ready, as root:"] + finding.commands.map { "    \($0)" }
    }
    if let anchor = finding.anchor { lines.append("  \(anchor.text)") }
    return lines
  }

  // MARK: - JSON

  /// The report for machines.
  public var json: String {
    let groups = JSONText.array(findings.map(Self.json))
    let limits = JSONText.array(
      limits.map {
        .object([
          "backend": .string($0.backend.rawValue), "capability": .string($0.capability.rawValue),
          "grade": .string($0.grade.rawValue), "section": .string($0.section),
          "text": .string($0.text),
        ])
      })
    guard !isSimulated else {
      return JSONText.object(["groups": groups, "limits": limits]).text
    }
    let choice = facts.automaticChoice()
    let obstacle = facts.obstacleToIOMMUFD
    return JSONText.object([
      "machine": .array(nodes.map { .object(["name": .string($0), "state": .string($1)]) }),
      "auto": .object([
        "backend": .string(choice.backend.rawValue), "reason": .string(choice.reason),
      ]),
      "iommufd": .object([
        "works": .bool(obstacle == nil), "cause": .string(obstacle?.cause),
        "remedy": .string(obstacle?.remedy),
      ]),
      "groups": groups,
      "ungrouped": .strings(facts.ungrouped.map(\.name.rawValue)),
      "limits": limits,
    ]).text
  }

  private static func json(_ finding: GroupFinding) -> JSONText {
    let group = finding.group
    return .object([
      "number": .number(Int(group.number.rawValue)),
      "type": .string(group.type),
      "standing": .string(finding.standing),
      "viable": .bool(group.isViable),
      "devices": .array(
        group.devices.map { device in
          .object([
            "name": .string(device.name.rawValue), "driver": .string(device.driver),
            "vfio": .bool(device.isBoundToVFIO), "cdev": .string(device.cdev),
            "uses": .strings(finding.facts.uses[device.name]?.map(GroupFinding.words) ?? []),
          ])
        }),
      "reserved": .array(
        group.reservedRegions.map {
          .object([
            "start": .string("0x" + String($0.range.start.rawValue, radix: 16)),
            "last": .string("0x" + String($0.range.last.rawValue, radix: 16)),
            "kind": .string($0.kind.rawValue),
          ])
        }),
      "lockedOut": .strings(finding.lockedOut),
      "lost": .strings(finding.lost),
      "commands": .strings(finding.commands),
      "anchor": .string(finding.anchor?.rawValue),
    ])
  }
}

extension HostPlatform {
  /// The groups of a simulated machine.
  init(of platform: Platform) {
    let bridges = platform.bridges.map { bridge in
      (
        bridge.group,
        HostDevice(
          name: bridge.address.name, driver: bridge.model == .rootPort ? "pcieport" : nil)
      )
    }
    let functions = platform.functions.map { function in
      let driver: String? =
        switch function.driver {
        case .none: nil
        case .vfio: "vfio-pci"
        case .native(let name): name
        }
      let device = HostDevice(
        name: function.address.name, driver: driver, isBoundToVFIO: function.driver == .vfio)
      return (function.group, device)
    }
    let members = Dictionary(grouping: bridges + functions, by: \.0)
    self.init(
      groups: members.sorted { $0.key < $1.key }.map { number, members in
        let first = platform.functions.first { $0.group == number }
        return HostGroup(
          number: number,
          kind: first.map { $0.iommu == nil ? .noIOMMU : .physical } ?? .physical,
          devices: members.map(\.1).sorted { $0.name.rawValue < $1.name.rawValue },
          reservedRegions: first?.iommu.map { platform.iommus[$0].reservedRegions } ?? [])
      })
  }
}
