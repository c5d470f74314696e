/// `ioasid backends`: each backend, what it can and cannot do here, and why.
public struct BackendsReport: Sendable {
  private let facts: HostFacts

  /// On a machine.
  public init(_ facts: HostFacts) { self.facts = facts }

  /// How well a backend does something.
  public enum Support: String, Hashable, Sendable {
    case yes
    case yesAtACost = "at a cost"
    case partly
    case no
  }

  /// Why a backend cannot be used here; nil when it can.
  public func obstacle(to backend: BackendChoice.Backend) -> Obstacle? {
    switch backend {
    case .software: nil
    case .iommufd: facts.obstacleToIOMMUFD
    case .native:
      facts.automaticChoice().backend == .native
        ? nil
        : Obstacle(
          cause: facts.containerNode == .type1
            ? "no device bound to VFIO has its group's node here"
            : "/dev/vfio/vfio is not the kernel's type1",
          remedy: "bind a device on a kernel with CONFIG_VFIO_CONTAINER")
    }
  }

  /// What keeps a backend from a capability here.
  public func limits(
    of backend: BackendChoice.Backend, _ capability: Capability
  ) -> [Limit] {
    Limit.all.filter {
      $0.backend == backend && $0.capability == capability && $0.holds(on: facts)
    }
  }

  /// How well a backend does something here, once it can be used at all.
  ///
  /// A capability that is only touched by an impossibility, others of its limits being smaller, is
  /// given in part.
  public func support(
    of capability: Capability, by backend: BackendChoice.Backend
  ) -> Support {
    let grades = Set(limits(of: backend, capability).map(\.grade))
    if grades.isEmpty { return .yes }
    if grades == [.atACost] { return .yesAtACost }
    return grades == [.impossible] ? .no : .partly
  }

  /// What each backend is.
  static func title(_ backend: BackendChoice.Backend) -> String {
    switch backend {
    case .native: "the kernel's own legacy VFIO; ioasid stays out of the way"
    case .iommufd: "the shim over /dev/iommu and the machine's devices"
    case .software: "the shim over the embedded IOMMU and simulated devices"
    }
  }

  /// The report for people.
  public var text: String {
    var lines: [String] = []
    for backend in BackendChoice.Backend.allCases {
      lines.append("\(backend.rawValue): \(Self.title(backend))")
      if let obstacle = obstacle(to: backend) {
        lines.append("  not here: \(obstacle.cause): \(obstacle.remedy)")
      } else {
        lines.append("  works here")
      }
      for capability in Capability.allCases {
        let support = support(of: capability, by: backend).rawValue
        let column = support + String(repeating: " ", count: max(1, 11 - support.count))
        lines.append("  \(column)\(capability.title)")
        for limit in limits(of: backend, capability) {
          lines.append("             \(limit.text) (#\(limit.section))")
        }
      }
      lines.append("")
    }
    return lines.joined(separator: "\n")
      + "Each #name is a section of MIGRATION.md. auto takes "
      + "\(facts.automaticChoice().backend.rawValue): \(facts.automaticChoice().reason).\n"
  }

  /// The report for machines.
  public var json: String {
    JSONText.object([
      "auto": .string(facts.automaticChoice().backend.rawValue),
      "backends": .array(BackendChoice.Backend.allCases.map(json)),
    ]).text
  }

  private func json(_ backend: BackendChoice.Backend) -> JSONText {
    let obstacle = obstacle(to: backend)
    return .object([
      "name": .string(backend.rawValue),
      "title": .string(Self.title(backend)),
      "works": .bool(obstacle == nil),
      "cause": .string(obstacle?.cause),
      "remedy": .string(obstacle?.remedy),
      "capabilities": .array(
        Capability.allCases.map { capability in
          .object([
            "name": .string(capability.rawValue), "title": .string(capability.title),
            "support": .string(support(of: capability, by: backend).rawValue),
            "limits": .array(
              limits(of: backend, capability).map {
                .object([
                  "grade": .string($0.grade.rawValue), "section": .string($0.section),
                  "text": .string($0.text),
                ])
              }),
          ])
        }),
    ])
  }
}
