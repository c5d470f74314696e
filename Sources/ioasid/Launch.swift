import CLinux
import Glibc
import MachineFile

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

/// What a run shows of a machine: the part of `Launch` that backends do each in their own way.
protocol RunView {
  /// Makes everything below `namespace.staged`, and notes what the machine file must know. Answers
  /// the directories to be shown.
  func stage(in namespace: MountNamespace, noting files: inout SharedFiles) throws(System.Failure)
    -> [String]
}

/// Builds a run: the namespace, the view in it and the files that its processes share.
struct Launch {
  /// The file that calls are appended to, if there is to be one.
  let trace: String?
  /// What else the command line asked for.
  let options: MachineImage.Options

  func build(_ view: some RunView) throws(Refusal) {
    let namespace = try MountNamespace()
    let mask = umask(0)
    defer { umask(mask) }
    // The view is ours to write, whatever the program's files are limited to.
    let limit = FileSizeLimit()
    defer { limit.restore() }
    var roots: [String]
    do throws(System.Failure) {
      try namespace.makeDirectories(MountNamespace.scaffold + "/view")
      var files = SharedFiles(namespace: namespace)
      files.image.options = options
      roots = try view.stage(in: namespace, noting: &files)
      if let trace { try files.makeTrace(trace) }
      try files.writeMachine()
    } catch { throw Refusal("cannot make the view: \(error.text)") }
    roots.append(RunPaths.run)
    try namespace.present(roots)
    try namespace.finish()
  }

  static func openTrace(_ path: String) throws(System.Failure) -> Int32 {
    try System.check(unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666))
  }
}

/// The files that the processes of a run share, while they are made.
struct SharedFiles {
  let namespace: MountNamespace
  /// What the machine file will say.
  var image = MachineImage(options: [], nodes: [], platform: [], groupCount: 0)

  /// Makes the run's directories, each view's own aside.
  func makeDirectories() throws(System.Failure) {
    for directory in [RunPaths.run, RunPaths.groups, RunPaths.devices, RunPaths.states] {
      try namespace.makeDirectories(namespace.staged(directory))
    }
    for directory in [RunPaths.containers, RunPaths.journals] {
      try System.makeDirectory(namespace.staged(directory), mode: 0o1777)
    }
  }

  /// Makes a file that every user may open.
  func makeFile(_ path: String) throws(System.Failure) {
    try System.writeFile(namespace.staged(path), [], mode: 0o666)
  }

  /// Enters a file that stands there into the machine file.
  mutating func note(
    _ path: String, _ role: MachineImage.Role, _ index: Int, _ major: UInt32, _ minor: UInt32
  ) {
    guard let status = System.status(namespace.staged(path)) else { return }
    image.nodes.append(
      .init(
        inode: UInt64(status.st_ino), role: role, index: UInt32(index), major: major,
        minor: minor))
  }

  mutating func makeTrace(_ trace: String) throws(System.Failure) {
    try makeFile(RunPaths.trace)
    // Opened in the namespace: a descriptor from outside it cannot be mounted here.
    let descriptor = try Launch.openTrace(trace)
    defer { close(descriptor) }
    try System.mount(
      "/proc/self/fd/\(descriptor)", on: namespace.staged(RunPaths.trace), flags: UInt(MS_BIND))
    image.options.insert(.trace)
  }

  func writeMachine() throws(System.Failure) {
    try System.writeFile(
      namespace.staged(RunPaths.machine), image.bytes(), mode: 0o666,
      size: image.sharedOffset + image.sharedBytes)
  }
}
