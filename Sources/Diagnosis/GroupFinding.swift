internal import AddressSpaces
internal import DMATypes
internal import HostPlatform

/// What there is to say of one group: who is in it, who is locked out, and how to take it.
struct GroupFinding {
  let group: HostGroup
  let facts: HostFacts
  /// Whether the group belongs to a simulated platform, where nothing is in use.
  var isSimulated = false

  /// The members that a program could use: bridges only go with them.
  private var endpoints: [HostDevice] {
    group.devices.filter { device in
      !facts.bridges.contains(device.name) && device.driver != "pcieport"
    }
  }

  private var bound: [HostDevice] { group.devices.filter(\.isBoundToVFIO) }

  /// The group's standing, in a few words.
  var standing: String {
    if group.kind == .noIOMMU { return "no IOMMU" }
    if !group.isViable { return bound.isEmpty ? "in use by the machine" : "not viable" }
    if endpoints.isEmpty { return "bridges only" }
    if facts.holders[group.number] != nil { return "taken" }
    if bound.isEmpty { return "free" }
    return isSimulated || !usable.isEmpty ? "ready" : "viable"
  }

  private var usable: [HostDevice] { bound.filter { facts.access(of: $0) == .allowed } }

  /// Who cannot have the group, or a member, and why: a sentence each.
  var lockedOut: [String] {
    var sentences: [String] = []
    if group.kind == .noIOMMU {
      let everyone =
        "programs without CAP_SYS_RAWIO are locked out: nothing keeps the device's DMA in"
      let iommufd = "the iommufd backend is locked out: without an IOMMU the group has no cdev"
      return isSimulated ? [everyone] : [everyone, iommufd]
    }
    for hindrance in group.hindrances where !bound.isEmpty {
      sentences.append(
        "programs are locked out of \(Self.list(bound)): \(hindrance.driver ?? "") holds "
          + "\(hindrance.name), and a group is given away whole (SET_CONTAINER is EPERM)")
    }
    for holder in facts.holders[group.number] ?? [] {
      sentences.append(
        "other programs are locked out: \(holder.name) (process \(holder.process)) has it open")
    }
    for device in bound where !isSimulated {
      let path = "/dev/vfio/devices/\(device.cdev ?? "")"
      switch facts.access(of: device) {
      case .allowed: continue
      case .refused(let errno):
        sentences.append("this user is locked out of \(device.name): \(path): \(errno.words)")
      case .absent where device.cdev == nil:
        sentences.append(
          "the iommufd backend is locked out of \(device.name): the kernel gives it no cdev "
            + "(CONFIG_VFIO_DEVICE_CDEV)")
      case .absent:
        sentences.append("programs here are locked out of \(device.name): there is no \(path)")
      }
    }
    let undriven = endpoints.filter { $0.driver == nil }
    if group.isViable, !bound.isEmpty, !undriven.isEmpty {
      sentences.append(
        "the machine's drivers are locked out of \(Self.list(undriven)) while a program has the "
          + "group")
    }
    return sentences
  }

  /// What the machine would lose with the members that it drives.
  var lost: [String] {
    group.hindrances.map { device in
      let uses = (facts.uses[device.name] ?? []).map(Self.words)
      let rest = uses.isEmpty ? "what it serves is no network interface and no disk" : nil
      return "\(device.name) (\(device.driver ?? "")): "
        + (rest ?? uses.joined(separator: ", "))
    }
  }

  /// The commands that root gives to make the group ready; none when it is, or can never be.
  var commands: [String] {
    let wanted = group.hindrances + (bound.isEmpty ? endpoints.filter { $0.driver == nil } : [])
    guard group.kind == .physical, !isSimulated else { return [] }
    var commands: [String] = []
    if !facts.hasPCIDriver, wanted.contains(where: \.isPCI) { commands.append("modprobe vfio-pci") }
    for device in wanted {
      let place =
        device.isPCI
        ? "/sys/bus/pci/devices/\(device.name)"
        : "/sys/kernel/iommu_groups/\(group.number.rawValue)/devices/\(device.name)"
      if device.isPCI { commands.append("echo vfio-pci > \(place)/driver_override") }
      if device.driver != nil {
        commands.append("echo \(device.name) > \(place)/driver/unbind")
      }
      if device.isPCI { commands.append("echo \(device.name) > /sys/bus/pci/drivers_probe") }
    }
    for device in bound {
      guard let cdev = device.cdev, case .refused = facts.access(of: device) else { continue }
      commands.append("chown USER /dev/vfio/devices/\(cdev)")
    }
    return commands
  }

  /// How pages would stay pinned: see `IOMMUModel.Anchor`.
  var anchor: IOMMUModel.Anchor? {
    let isTaken = !group.isViable && bound.isEmpty
    guard !isSimulated, group.kind == .physical, !endpoints.isEmpty, !isTaken else { return nil }
    let unit = group.devices.compactMap { facts.iommuOfDevice[$0.name] }.first
    return (unit.flatMap { facts.iommus[$0] } ?? .other).anchor
  }

  /// One line for a member.
  func line(of device: HostDevice) -> String {
    var words = [device.name.rawValue, device.driver ?? "no driver"]
    if let cdev = device.cdev { words.append("/dev/vfio/devices/\(cdev)") }
    words += (facts.uses[device.name] ?? []).map(Self.words)
    return words.joined(separator: "  ")
  }

  static func words(_ use: DeviceUse) -> String {
    switch use {
    case .network(let name): "network interface \(name)"
    case .disk(let name, let points):
      points.isEmpty ? "disk \(name)" : "disk \(name) on \(points.joined(separator: " "))"
    }
  }

  private static func list(_ devices: [HostDevice]) -> String {
    devices.map(\.name.rawValue).joined(separator: ", ")
  }
}
