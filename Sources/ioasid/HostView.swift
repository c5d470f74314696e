import DMATypes
import Diagnosis
import Glibc
import HostPlatform
import MachineFile
import PlatformView

/// The view of the real machine: legacy nodes for the groups whose devices are bound to VFIO, and
/// whatever else a legacy program looks for and this kernel lacks. The rest is the machine's own.
struct HostView: RunView {
  let facts: HostFacts

  /// The groups that a program can be given: those with a cdev that is there.
  private var groups: [HostGroup] {
    facts.platform.groups.filter { group in
      group.cdevs.contains { facts.access(of: $0) != .absent }
    }
  }

  func stage(in namespace: MountNamespace, noting files: inout SharedFiles) throws(System.Failure)
    -> [String]
  {
    try files.makeDirectories()
    try showMachineNodes(in: namespace)
    try stageNodes(in: namespace, noting: &files)
    let modules = try stageModules(in: namespace)
    files.image.backend = .iommufd
    if facts.containerNode == .iommufd { files.image.options.insert(.containerNodeIsIOMMUFD) }
    files.image.platform = HostPlatform(groups: groups).encoded
    files.image.groupCount = groups.count
    return [RunPaths.nodes] + modules
  }

  private func show(
    _ path: String, at place: String, in namespace: MountNamespace
  ) throws(System.Failure) {
    try namespace.makeDirectories(namespace.staged(place))
    try System.mount(path, on: namespace.staged(place), flags: UInt(MS_BIND) | UInt(MS_REC))
  }

  /// Mounts the machine's own nodes where the engine finds them.
  private func showMachineNodes(in namespace: MountNamespace) throws(System.Failure) {
    try show(RunPaths.nodes, at: RunPaths.machineNodes, in: namespace)
    guard facts.iommuNode != .absent else { return }
    let place = namespace.staged(RunPaths.machineIOMMU)
    try System.writeFile(place, [], mode: 0o600)
    try System.mount("/dev/iommu", on: place, flags: UInt(MS_BIND))
  }

  /// The nodes in the order in which the kernel makes them, by which a directory is listed: each
  /// device's group first and then its cdev, so that the cdevs' directory follows the first group.
  /// They are shown where programs find them, because ours will cover `/dev/vfio`.
  private func stageNodes(
    in namespace: MountNamespace, noting files: inout SharedFiles
  ) throws(System.Failure) {
    let (major, minor) = PlatformView.containerNumber
    let container = "\(RunPaths.nodes)/vfio"
    try namespace.makeDirectories(namespace.staged(RunPaths.nodes))
    try namespace.makeNode(container, major: major, minor: minor, mode: 0o666)
    files.note(container, .containerNode, 0, major, minor)
    let cdevs = "\(RunPaths.nodes)/devices"
    for (index, group) in groups.enumerated() {
      let (node, file) = (
        "\(RunPaths.nodes)/\(group.number.rawValue)", "\(RunPaths.groups)/\(group.number.rawValue)"
      )
      let (major, minor) = number(ofNode: node) ?? (PlatformView.groupMajor, UInt32(index))
      try namespace.makeNode(node, major: major, minor: minor, mode: 0o600)
      try copyPermissions(of: group, to: namespace.staged(node), namespace)
      files.note(node, .groupNode, index, major, minor)
      try files.makeFile(file)
      files.note(file, .groupFile, index, major, minor)
      if index == 0 { try show(cdevs, at: cdevs, in: namespace) }
    }
  }

  /// The device number of the machine's own node, where the kernel makes one.
  private func number(ofNode path: String) -> (UInt32, UInt32)? {
    guard let status = System.status(path), status.st_mode & S_IFMT == S_IFCHR else { return nil }
    let number = status.st_rdev
    return (UInt32(number >> 8 & 0xfff), UInt32(number & 0xff | number >> 12 & 0xfff00))
  }

  /// Who may use the machine's node of a group, its cdev where there is none, may use ours.
  private func copyPermissions(
    of group: HostGroup, to path: String, _ namespace: MountNamespace
  ) throws(System.Failure) {
    let cdev = group.cdevs.first { facts.access(of: $0) == .allowed } ?? group.cdevs[0]
    guard !namespace.isUnprivileged else {
      // Nobody else exists in the namespace: who may, may as the owner.
      let isAllowed = facts.access(of: cdev) == .allowed
      try System.check(unsafe chmod(path, isAllowed ? 0o600 : 0))
      return
    }
    let own = "\(RunPaths.nodes)/\(group.number.rawValue)"
    let other = "\(RunPaths.nodes)/devices/\(cdev.cdev ?? "")"
    guard let status = System.status(own) ?? System.status(other) else { return }
    try System.check(unsafe chown(path, status.st_uid, status.st_gid))
    try System.check(unsafe chmod(path, status.st_mode & 0o7777))
  }

  /// Module directories that programs look for before they try the nodes, as Linux 6.12 has them,
  /// and that this kernel lacks.
  private func stageModules(in namespace: MountNamespace) throws(System.Failure) -> [String] {
    let unsafeInterrupts = facts.allowsUnsafeInterrupts == true ? "Y\n" : "N\n"
    let modules: [(name: String, version: String, parameters: [(String, String)])] = [
      ("vfio", "0.3\n", [("enable_unsafe_noiommu_mode", "N\n")]),
      (
        "vfio_iommu_type1", "0.2\n",
        [
          ("allow_unsafe_interrupts", unsafeInterrupts), ("disable_hugepages", "N\n"),
          ("dma_entry_limit", "65535\n"),
        ]
      ),
    ]
    var made: [String] = []
    for module in modules {
      let path = "/sys/module/\(module.name)"
      guard !System.isDirectory(path) else { continue }
      try namespace.makeDirectories(namespace.staged("\(path)/parameters"))
      try write("\(path)/version", module.version, mode: 0o444, in: namespace)
      for (name, value) in module.parameters {
        try write("\(path)/parameters/\(name)", value, mode: 0o644, in: namespace)
      }
      made.append(path)
    }
    return made
  }

  private func write(
    _ path: String, _ text: String, mode: UInt32, in namespace: MountNamespace
  ) throws(System.Failure) {
    try System.writeFile(namespace.staged(path), Array(text.utf8), mode: mode)
  }
}
