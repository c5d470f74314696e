import CLinux
import DMATypes
import Glibc
import MachineFile
import PlatformView
import SimulatedPlatform

/// RLIMIT_FSIZE, as far up as it goes until it is restored; what still exceeds it is an error, not
/// a signal.
private struct FileSizeLimit {
  private let given: rlimit
  private let action: sighandler_t?

  init() {
    var limit = rlimit()
    _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    given = limit
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    action = signal(SIGXFSZ, SIG_IGN)
  }

  func restore() {
    var limit = given
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    _ = signal(SIGXFSZ, action)
  }
}

/// Builds a run: the namespace, the view in it and the files that its processes share.
struct Launch {
  let platform: Platform
  /// The file that calls are appended to, if there is to be one.
  let trace: String?
  let isVerbose: Bool
  /// Whether reports of dirty pages leave bits behind, as Linux 6.12's do.
  var isBugCompatible = false
  /// Whether only what devices truly wrote is dirty.
  var isDirtyPrecise = false

  func build() throws(Refusal) {
    let namespace = try MountNamespace()
    let view = PlatformView(
      of: platform, isUnprivileged: namespace.isUnprivileged, processors: processors)
    let mask = umask(0)
    defer { umask(mask) }
    // The view is ours to write, whatever the program's files are limited to.
    let limit = FileSizeLimit()
    defer { limit.restore() }
    do throws(System.Failure) {
      try namespace.makeDirectories(MountNamespace.scaffold + "/view")
      let listsNewestFirst = try namespace.listsNewestFirst()
      for entry in view.entries(listsNewestFirst: listsNewestFirst) {
        try make(entry, in: namespace)
      }
      try makeSharedFiles(view, in: namespace)
    } catch { throw Refusal("cannot make the view: \(error.text)") }
    try namespace.present(view.roots + [RunPaths.run])
    try namespace.finish()
  }

  static func openTrace(_ path: String) throws(System.Failure) -> Int32 {
    try System.check(unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666))
  }

  /// The processors that are on, as sysfs lists them.
  private var processors: String {
    guard let text = try? System.readFile("/sys/devices/system/cpu/online") else { return "0" }
    return String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }

  private func make(
    _ entry: ViewEntry, in namespace: MountNamespace
  ) throws(System.Failure) {
    let path = namespace.staged(entry.path)
    switch entry.content {
    case .directory:
      try System.makeDirectory(path, mode: entry.mode)
    case .file(let bytes, let size):
      try System.writeFile(path, bytes, mode: entry.mode, size: size)
    case .link(let target):
      try System.check(unsafe symlink(target, path))
    case .node(let major, let minor):
      // A user namespace may make no device node but 0, 0. Neither can be opened on this tmpfs.
      let number = namespace.isUnprivileged ? 0 : dev_t(major) << 8 | dev_t(minor)
      try System.check(unsafe mknod(path, S_IFCHR | entry.mode, number))
    }
  }

  /// The machine file, the directories that open files live in, and the trace.
  private func makeSharedFiles(
    _ view: PlatformView, in namespace: MountNamespace
  ) throws(System.Failure) {
    var nodes: [MachineImage.Node] = []
    func note(
      _ path: String, _ role: MachineImage.Role, _ index: Int, _ major: UInt32, _ minor: UInt32
    ) {
      guard let status = System.status(namespace.staged(path)) else { return }
      nodes.append(
        .init(
          inode: UInt64(status.st_ino), role: role, index: UInt32(index), major: major,
          minor: minor))
    }
    for directory in [RunPaths.run, RunPaths.groups, RunPaths.devices, RunPaths.states] {
      try namespace.makeDirectories(namespace.staged(directory))
    }
    for directory in [RunPaths.containers, RunPaths.journals] {
      try System.makeDirectory(namespace.staged(directory), mode: 0o1777)
    }
    let container = PlatformView.containerNumber
    note("\(RunPaths.nodes)/vfio", .containerNode, 0, container.major, container.minor)
    for (index, group) in view.groups.enumerated() {
      let file = "\(RunPaths.groups)/\(group.rawValue)"
      try System.writeFile(namespace.staged(file), [], mode: 0o666)
      let (major, minor) = (PlatformView.groupMajor, UInt32(index))
      note("\(RunPaths.nodes)/\(group.rawValue)", .groupNode, index, major, minor)
      note(file, .groupFile, index, major, minor)
    }
    for (index, function) in platform.functions.enumerated() where function.driver == .vfio {
      let file = "\(RunPaths.devices)/\(function.address.name)"
      try System.writeFile(namespace.staged(file), [], mode: 0o666)
      note(file, .deviceFile, index, 0, 0)
      let state = "\(RunPaths.states)/\(function.address.name)"
      try System.writeFile(namespace.staged(state), [], mode: 0o666)
    }
    for (index, device) in platform.mediated.enumerated() {
      let file = "\(RunPaths.devices)/\(device.name.rawValue)"
      try System.writeFile(namespace.staged(file), [], mode: 0o666)
      note(file, .deviceFile, platform.functions.count + index, 0, 0)
      let state = "\(RunPaths.states)/\(device.name.rawValue)"
      try System.writeFile(namespace.staged(state), [], mode: 0o666)
    }
    if let trace {
      let file = namespace.staged(RunPaths.trace)
      try System.writeFile(file, [], mode: 0o666)
      // Opened in the namespace: a descriptor from outside it cannot be mounted here.
      let descriptor = try Self.openTrace(trace)
      defer { close(descriptor) }
      try System.mount("/proc/self/fd/\(descriptor)", on: file, flags: UInt(MS_BIND))
    }
    var options: MachineImage.Options = trace == nil ? [] : .trace
    if isVerbose { options.insert(.verbose) }
    if isBugCompatible { options.insert(.bugCompatible) }
    if isDirtyPrecise { options.insert(.preciseDirty) }
    let image = MachineImage(
      options: options, nodes: nodes, platform: platform.encoded, groupCount: view.groups.count)
    try writeMachine(image, to: namespace.staged(RunPaths.machine))
  }

  private func writeMachine(_ image: MachineImage, to path: String) throws(System.Failure) {
    var lock = [UInt8](repeating: 0, count: Int(CLINUX_LOCK_BYTES))
    unsafe lock.withUnsafeMutableBytes { bytes in
      // SAFETY: as many bytes as a lock takes; it has no address of its own inside.
      if let start = bytes.baseAddress { unsafe clinux_lock_make(start) }
    }
    try System.writeFile(
      path, image.bytes() + lock, mode: 0o666, size: image.sharedOffset + image.sharedBytes)
  }
}
