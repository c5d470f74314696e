public import AddressSpaces

/// The contestants that this machine has, and why it lacks the others.
///
/// Dirty pages are reported as Linux 6.12 does it, stale bits included, so that one measure fits
/// all; that the shim can do without them is a row of the ledger.
public struct Entrants {
  /// Those that can take part.
  public private(set) var present: [Entrant] = []
  /// Why the others cannot.
  public private(set) var absent: [ContestantName: String] = [:]
  /// The machine that scripts are written for: this one's groups, or the lab's, emulated devices
  /// included, where it has none.
  public let world: World
  private let originalLimit = EntryLimit.current
  /// Looks through real devices, over all contestants.
  public let looks: LookAllowance

  /// Finds out who is there, of those wanted. `looks` is how often real devices are asked in all;
  /// `simulated` are the groups of the run on the software backend that this process is in.
  public init(
    _ wanted: [ContestantName], looks total: Int = 200, simulated: [GroupFacts] = []
  ) {
    let machine = KernelMachine()
    looks = LookAllowance(total)
    world =
      World(groups: simulated, entryLimit: EntryLimit.current ?? 65535) ?? machine.world
      ?? .labWithPins
    guard let arena = ScriptArena() else {
      for name in wanted { absent[name] = "no memory for the scripts' arena" }
      return
    }
    for name in wanted {
      switch entrant(name, machine, arena) {
      case .success(let entrant): present.append(entrant)
      case .failure(let absence): absent[name] = absence.reason
      }
    }
  }

  /// Gives the machine its parameters back.
  public func restore() {
    if let originalLimit { _ = EntryLimit.set(originalLimit) }
  }

  /// The nodes of a run; whether it was told to repeat Linux's stale bits, their witness shows.
  private func wholeProduct(on backend: String, _ arena: ScriptArena) -> Entrant {
    // A simulated device's looks cost nothing.
    let looks = backend == "software" ? LookAllowance.free : looks
    func entrant(_ manner: DirtyManner) -> Entrant {
      Entrant(.run, on: backend, manner: manner) { world in
        _ = EntryLimit.set(world.entryLimit)
        return KernelContestant(world: world, arena: arena, looks: looks)
      }
    }
    let repeats = Ledger.staleBits.allSatisfy { row in
      !row.occurs(world)
        || Comparison.compare(row.script(on: world), entrant(.stale)).difference == nil
    }
    return entrant(repeats ? .stale : .clean)
  }

  private struct Absence: Error { var reason: String }

  private func entrant(
    _ name: ContestantName, _ machine: KernelMachine, _ arena: ScriptArena
  ) -> Result<Entrant, Absence> {
    let looks = looks
    switch name {
    case .run:
      guard let run = machine.run else { return .failure(Absence(reason: "not inside ioasid run")) }
      return .success(wholeProduct(on: run, arena))
    case .native where machine.run != nil, .compat where machine.run != nil,
      .iommufd where machine.run != nil:
      return .failure(Absence(reason: "inside ioasid run, whose nodes are `run`"))
    case .native, .compat:
      if case .absent(let reason) = machine.legacy { return .failure(Absence(reason: reason)) }
      guard machine.legacy == (name == .native ? .native : .compat) else {
        return .failure(
          Absence(
            reason: name == .native
              ? "/dev/vfio/vfio is an iommufd" : "/dev/vfio/vfio is the kernel's own type1"))
      }
      if name == .native && !EntryLimit.set(EntryLimit.current ?? 0) {
        return .failure(Absence(reason: "only root can set dma_entry_limit, as scripts want it"))
      }
      return .success(
        Entrant(name, on: machine.kernel, manner: .stale) { world in
          if name == .native { _ = EntryLimit.set(world.entryLimit) }
          return KernelContestant(world: world, arena: arena, looks: looks)
        })
    case .iommufd:
      let nodes = machine.deviceNodes
      if let reason = machine.noIOMMUFD { return .failure(Absence(reason: reason)) }
      if world.hasPins {
        return .failure(Absence(reason: "a driver in user space is for simulated platforms"))
      }
      return .success(
        Entrant(name, on: machine.kernel, manner: .stale) { world in
          ShimContestant(
            world: world, arena: arena,
            ground: IOMMUFDGround(
              nodes: nodes, containerNode: machine.legacy == .compat ? "/dev/vfio/vfio" : nil,
              looks: looks), manner: .stale)
        })
    case .software:
      return .success(
        Entrant(name, on: machine.kernel, manner: .stale) {
          ShimContestant(world: $0, arena: arena, manner: .stale)
        })
    case .oracle:
      return .success(
        Entrant(name, on: machine.kernel, manner: .stale) { Oracle(world: $0, manner: .stale) })
    }
  }
}
