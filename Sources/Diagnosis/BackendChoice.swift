internal import DMATypes
internal import HostPlatform

/// Which backend `auto` takes, and why.
public struct BackendChoice: Hashable, Sendable {
  /// Who makes containers real.
  public enum Backend: String, Hashable, Sendable, CaseIterable {
    /// The kernel's own legacy VFIO: the program runs untouched.
    case native
    /// The shim over the kernel's iommufd.
    case iommufd
    /// The shim over the embedded software IOMMU and simulated devices.
    case software
  }

  /// What is taken.
  public var backend: Backend
  /// Why, in a clause.
  public var reason: String

  /// The line on standard error.
  public var line: String {
    switch backend {
    case .native: "ioasid: native: \(reason); the program runs untouched"
    case .iommufd: "ioasid: iommufd: \(reason)"
    case .software: "ioasid: software: \(reason)"
    }
  }
}

extension HostFacts {
  /// What `--backend auto` takes on this machine, where simulated devices may be asked for.
  public func automaticChoice(simulating isPlatformGiven: Bool = false) -> BackendChoice {
    guard !isPlatformGiven else {
      return BackendChoice(backend: .software, reason: "the platform given is a simulated one")
    }
    if let (group, device) = nativeExample {
      return BackendChoice(
        backend: .native,
        reason:
          "/dev/vfio/vfio is the kernel's type1, and /dev/vfio/\(group) is there for \(device)")
    }
    let reason =
      containerNode == .iommufd
      ? "/dev/vfio/vfio is an iommufd, whose own emulation of type1 differs"
      : "this kernel has no legacy node for \(boundText)"
    if let obstacle = obstacleToIOMMUFD {
      return BackendChoice(backend: .software, reason: obstacle.cause)
    }
    return BackendChoice(backend: .iommufd, reason: reason)
  }

  /// A group of a bound device whose legacy node works here.
  private var nativeExample: (group: UInt32, device: String)? {
    guard containerNode == .type1 else { return nil }
    for group in platform.groups where groupNodes.contains(group.number) {
      guard let device = group.devices.first(where: \.isBoundToVFIO) else { continue }
      return (group.number.rawValue, device.name.rawValue)
    }
    return nil
  }

  private var boundText: String {
    let devices = usableDevices
    let first = devices.first?.name.rawValue ?? ""
    return devices.count > 1 ? "\(first) and \(devices.count - 1) more" : first
  }

  /// The devices whose cdevs open.
  var usableDevices: [HostDevice] { boundDevices.filter { access(of: $0) == .allowed } }

  /// Why the iommufd backend cannot work here; nil when it can.
  ///
  /// The first that stands in the way: an iommufd, a device bound to VFIO, its node, permission.
  public var obstacleToIOMMUFD: Obstacle? {
    if let obstacle = obstacleToDescriptor { return obstacle }
    guard !boundDevices.isEmpty else {
      return platform.groups.isEmpty
        ? Obstacle(
          cause: "this machine shows no IOMMU groups",
          remedy: "enable the IOMMU in the firmware and on the kernel's command line "
            + "(intel_iommu=on, amd_iommu=on)")
        : Obstacle(
          cause: "no device is bound to VFIO",
          remedy: "bind one; ioasid doctor prints the commands")
    }
    let devices = boundDevices.filter { $0.cdev != nil }
    guard let first = devices.first, let cdev = first.cdev else {
      return Obstacle(
        cause: "the kernel gives \(boundDevices[0].name) no node of its own",
        remedy: "run a kernel with CONFIG_VFIO_DEVICE_CDEV (Linux 6.6 or later)")
    }
    if !usableDevices.isEmpty { return nil }
    let path = "/dev/vfio/devices/\(cdev)"
    for device in devices {
      guard case .refused(let errno) = access(of: device) else { continue }
      return Obstacle(
        cause: "cannot open \(path) of \(first.name) (\(errno.words))",
        remedy: "give it to this user (chown, or a udev rule for SUBSYSTEM==\"vfio-dev\")")
    }
    return Obstacle(
      cause: "there is no \(path) for \(first.name)",
      remedy: "pass it into this container, or mount devtmpfs at /dev")
  }

  /// Why no iommufd can be had; nil when one can.
  private var obstacleToDescriptor: Obstacle? {
    guard containerNode != .iommufd else { return nil }
    switch iommuNode {
    case .allowed: return nil
    case .absent:
      return Obstacle(
        cause: "there is no /dev/iommu",
        remedy: "modprobe iommufd, or run a kernel with CONFIG_IOMMUFD and "
          + "CONFIG_VFIO_DEVICE_CDEV (Linux 6.6 or later)")
    case .refused(let errno):
      return Obstacle(
        cause: "cannot open /dev/iommu (\(errno.words))",
        remedy: "run as root, or give it to this user (chown, or a udev rule for "
          + "KERNEL==\"iommu\")")
    }
  }
}

/// What stands in the way of a backend, and what to do about it.
public struct Obstacle: Hashable, Sendable {
  /// What is wrong, in a clause.
  public var cause: String
  /// What to do, in a clause.
  public var remedy: String
}
