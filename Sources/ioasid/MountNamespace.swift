import CLinux
import Glibc

/// The private mount namespace of a run, while it is built.
///
/// One tmpfs holds everything. It is attached at a directory that no part of the view needs, its
/// parts are shown where they belong, and `finish` takes the scaffold down: the parts keep the
/// tmpfs alive.
struct MountNamespace {
  /// Always there with sysfs, and nothing of the view is below it.
  static let scaffold = "/sys/dev"

  /// O_PATH, which SwiftGlibc hides.
  private static let pathOnly: Int32 = 0o10000000

  /// Whether the namespace belongs to a user namespace of its own.
  let isUnprivileged: Bool
  /// What was mounted where before the run.
  private let mountPoints: [String]

  /// Leaves the machine's namespace: as a privileged user for a mount namespace only, as anyone
  /// else for a user namespace with the caller's own ids in it.
  init() throws(Refusal) {
    let (user, group) = (geteuid(), getegid())
    var failure = clinux_unshare_mounts(0)
    isUnprivileged = failure == EPERM
    if isUnprivileged { failure = clinux_unshare_mounts(1) }
    guard failure == 0 else { throw Self.forbidden(failure) }
    do throws(System.Failure) {
      mountPoints = try Self.readMountPoints()
      if isUnprivileged {
        try Self.map(user: user, group: group)
      }
      try System.mount("none", on: "/", flags: UInt(MS_REC) | UInt(MS_PRIVATE))
      try Self.mountMemory()
    } catch { throw Self.forbidden(error.number) }
  }

  /// Huge pages are for the journals of large containers; a kernel without them refuses the word.
  private static func mountMemory() throws(System.Failure) {
    func mount(_ options: String) throws(System.Failure) {
      try System.mount(
        "ioasid", on: scaffold, type: "tmpfs", flags: UInt(MS_NOSUID) | UInt(MS_NODEV),
        data: options)
    }
    do throws(System.Failure) { try mount("mode=755,huge=advise") } catch {
      guard error.number == EINVAL else { throw error }
      try mount("mode=755")
    }
  }

  private static func map(user: uid_t, group: gid_t) throws(System.Failure) {
    for (file, text) in [
      ("setgroups", "deny"), ("uid_map", "\(user) \(user) 1"), ("gid_map", "\(group) \(group) 1"),
    ] {
      let descriptor = try System.check(unsafe open("/proc/self/\(file)", O_WRONLY | O_CLOEXEC))
      defer { close(descriptor) }
      try System.check(unsafe write(descriptor, text, text.utf8.count))
    }
  }

  private static func forbidden(_ number: Int32) -> Refusal {
    let reason = System.Failure(number: number).text
    return Refusal(
      """
      this machine lets you make no mount namespace (\(reason)): run as root, or allow user \
      namespaces (sysctl user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1, \
      kernel.apparmor_restrict_unprivileged_userns=0; in a container, its seccomp profile)
      """)
  }

  /// Whether this kernel's tmpfs lists the newest name first. Kernels differ: asked by trying.
  func listsNewestFirst() throws(System.Failure) -> Bool {
    let trial = "\(Self.scaffold)/trial"
    for directory in [trial, "\(trial)/older", "\(trial)/newer"] {
      try System.makeDirectory(directory)
    }
    return try System.names(in: trial).first == "newer"
  }

  /// Where a path of the view is made.
  func staged(_ path: String) -> String { "\(Self.scaffold)/view\(path)" }

  /// Makes a device node of the view. A user namespace may make none but 0, 0; neither can be
  /// opened on this tmpfs.
  func makeNode(
    _ path: String, major: UInt32, minor: UInt32, mode: UInt32
  ) throws(System.Failure) {
    let number = dev_t(minor) & 0xff | dev_t(major) << 8 | (dev_t(minor) & ~0xff) << 12
    try System.check(unsafe mknod(staged(path), S_IFCHR | mode, isUnprivileged ? 0 : number))
  }

  /// Shows staged directories at their paths, which may be absent from the machine.
  func present(_ paths: [String]) throws(Refusal) {
    var path = ""
    do throws(System.Failure) {
      for (ancestor, missing) in absent(paths) {
        path = ancestor
        try makeRoom(in: ancestor, for: missing)
      }
      for next in paths {
        path = next
        try System.mount(staged(path), on: path, flags: UInt(MS_BIND) | UInt(MS_REC))
      }
    } catch { throw Refusal("cannot show \(path): \(error.text)") }
  }

  /// Takes the scaffold down.
  func finish() throws(Refusal) {
    guard unsafe umount2(Self.scaffold, Int32(MNT_DETACH)) == 0 else {
      throw Refusal("cannot unmount \(Self.scaffold): \(System.Failure(number: errno).text)")
    }
  }

  /// The paths that the machine lacks, each with its deepest ancestor that is there.
  private func absent(_ paths: [String]) -> [(ancestor: String, missing: [String])] {
    var absent: [String: [String]] = [:]
    for path in paths where !System.isDirectory(path) {
      var ancestor = path
      repeat { ancestor = Self.parent(of: ancestor) } while !System.isDirectory(ancestor)
      absent[ancestor, default: []].append(path)
    }
    return absent.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// Makes absent directories exist, for this namespace only: covers their ancestor with one that
  /// looks the same and has them too.
  private func makeRoom(in ancestor: String, for missing: [String]) throws(System.Failure) {
    let room = "\(Self.scaffold)/room"
    for path in missing { try makeDirectories(room + path) }
    // An overlay of a file system with device nodes would make them unusable in a user namespace.
    guard !ancestor.hasPrefix("/dev") else {
      return try mirror(ancestor, in: room + ancestor)
    }
    let submounts = submounts(of: ancestor)
    let kept = try submounts.map { submount throws(System.Failure) in
      (submount, try System.check(unsafe open(submount, Self.pathOnly | O_CLOEXEC)))
    }
    defer { for (_, descriptor) in kept { close(descriptor) } }
    guard overlay(room + ancestor, on: ancestor) else {
      return try mirror(ancestor, in: room + ancestor)
    }
    for (submount, descriptor) in kept {
      try System.mount(
        "/proc/self/fd/\(descriptor)", on: submount, flags: UInt(MS_BIND) | UInt(MS_REC))
    }
  }

  /// The directory that holds an absolute path's last name.
  private static func parent(of path: String) -> String {
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  func makeDirectories(_ path: String) throws(System.Failure) {
    guard !System.isDirectory(path) else { return }
    try makeDirectories(Self.parent(of: path))
    try System.makeDirectory(path)
  }

  private func overlay(_ upper: String, on directory: String) -> Bool {
    do throws(System.Failure) {
      try System.mount(
        "ioasid", on: directory, type: "overlay", flags: UInt(MS_RDONLY),
        data: "lowerdir=\(upper):\(directory)")
      return true
    } catch { return false }
  }

  /// Fills `room` with every entry of the directory, mounts below it included, and covers the
  /// directory with it.
  private func mirror(_ directory: String, in room: String) throws(System.Failure) {
    for name in try System.names(in: directory) {
      let (entry, copy) = ("\(directory)/\(name)", "\(room)/\(name)")
      guard let status = System.status(entry), System.status(copy) == nil else { continue }
      switch status.st_mode & S_IFMT {
      case S_IFLNK:
        try System.check(unsafe symlink(try System.readLink(entry), copy))
        continue
      case S_IFDIR: try System.makeDirectory(copy)
      default: try System.writeFile(copy, [], mode: 0o600)
      }
      try System.mount(entry, on: copy, flags: UInt(MS_BIND) | UInt(MS_REC))
    }
    try System.mount(room, on: directory, flags: UInt(MS_BIND) | UInt(MS_REC))
  }

  /// The machine's mount points below a directory, none inside another.
  private func submounts(of directory: String) -> [String] {
    var points: [String] = []
    for point in mountPoints
    where point.utf8.starts(with: (directory + "/").utf8) && System.isDirectory(point)
      && !points.contains(where: { point.utf8.starts(with: ($0 + "/").utf8) || point == $0 })
    {
      points.append(point)
    }
    return points
  }

  /// The mount points of this process, in the order in which they were mounted.
  private static func readMountPoints() throws(System.Failure) -> [String] {
    try System.readFile("/proc/self/mountinfo").split(separator: UInt8(ascii: "\n"))
      .compactMap { line in
        let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
        return fields.count > 4 ? unescaped(fields[4]) : nil
      }
  }

  /// Undoes the octal escapes of mountinfo.
  private static func unescaped(_ field: ArraySlice<UInt8>) -> String {
    var bytes: [UInt8] = []
    var rest = field
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.count >= 3,
        let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
