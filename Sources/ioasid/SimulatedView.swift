import DMATypes
import Glibc
import MachineFile
import PlatformView
import SimulatedPlatform

/// The view of a simulated machine: its PCI devices, groups and nodes in the place of the real
/// ones.
struct SimulatedView: RunView {
  let platform: Platform

  func stage(in namespace: MountNamespace, noting files: inout SharedFiles) throws(System.Failure)
    -> [String]
  {
    let view = PlatformView(
      of: platform, isUnprivileged: namespace.isUnprivileged, processors: processors)
    let listsNewestFirst = try namespace.listsNewestFirst()
    for entry in view.entries(listsNewestFirst: listsNewestFirst) {
      try make(entry, in: namespace)
    }
    try files.makeDirectories()
    let container = PlatformView.containerNumber
    files.note("\(RunPaths.nodes)/vfio", .containerNode, 0, container.major, container.minor)
    for (index, group) in view.groups.enumerated() {
      let name = view.nodeName(of: group)
      let file = "\(RunPaths.groups)/\(name)"
      try files.makeFile(file)
      let (major, minor) = (PlatformView.groupMajor, UInt32(index))
      files.note("\(RunPaths.nodes)/\(name)", .groupNode, index, major, minor)
      files.note(file, .groupFile, index, major, minor)
    }
    for (index, function) in platform.functions.enumerated() where function.driver == .vfio {
      let file = "\(RunPaths.devices)/\(function.address.name)"
      try files.makeFile(file)
      files.note(file, .deviceFile, index, 0, 0)
      try files.makeFile("\(RunPaths.states)/\(function.address.name)")
    }
    for (index, device) in platform.mediated.enumerated() {
      let file = "\(RunPaths.devices)/\(device.name.rawValue)"
      try files.makeFile(file)
      files.note(file, .deviceFile, platform.functions.count + index, 0, 0)
      try files.makeFile("\(RunPaths.states)/\(device.name.rawValue)")
    }
    files.image.platform = platform.encoded
    files.image.groupCount = view.groups.count
    return view.roots
  }

  /// The processors that are on, as sysfs lists them.
  private var processors: String {
    guard let text = try? System.readFile("/sys/devices/system/cpu/online") else { return "0" }
    return String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }

  private func make(_ entry: ViewEntry, in namespace: MountNamespace) throws(System.Failure) {
    let path = namespace.staged(entry.path)
    switch entry.content {
    case .directory:
      try System.makeDirectory(path, mode: entry.mode)
    case .file(let bytes, let size):
      try System.writeFile(path, bytes, mode: entry.mode, size: size)
    case .link(let target):
      try System.check(unsafe symlink(target, path))
    case .node(let major, let minor):
      try namespace.makeNode(entry.path, major: major, minor: minor, mode: entry.mode)
    }
  }
}
