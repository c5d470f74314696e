import Foundation
import PlatformView
import SimulatedPlatform
import Testing

/// What a program sees from inside a run, and what the machine sees of it afterwards: nothing.
@Suite(.enabled(if: Tool.canBuildViews, "this machine lets this user build no view"))
struct ViewTests {
  static let isRoot = geteuid() == 0

  /// `find`'s lines of everything below the view's roots, as the value has them.
  static func listing(isUnprivileged: Bool) -> Set<String> {
    let view = PlatformView(of: .builtIn, isUnprivileged: isUnprivileged, processors: "0")
    let below = view.entries.filter { entry in
      view.roots.contains { entry.path == $0 || entry.path.hasPrefix($0 + "/") }
    }
    return Set(
      below.map { entry in
        let mode = String(entry.mode, radix: 8)
        return switch entry.content {
        case .directory: "\(entry.path) d \(mode) "
        case .file: "\(entry.path) f \(mode) "
        case .link(let target): "\(entry.path) l \(mode) \(target)"
        case .node: "\(entry.path) c \(mode) "
        }
      })
  }

  @Test func everyFileOfThePlatformIsThereAndNothingElse() throws {
    let view = PlatformView(of: .builtIn, isUnprivileged: false, processors: "0")
    let outcome = try Tool.inView(
      "find \(view.roots.joined(separator: " ")) -printf '%p %y %m %l\\n'")
    #expect(outcome.errors == "" && outcome.status == 0)
    let found = Set(outcome.output.split(separator: "\n").map(String.init))
    #expect(found == Self.listing(isUnprivileged: !Self.isRoot))
  }

  @Test(
    arguments: [
      ("cat /sys/bus/pci/devices/0000:00:05.0/vendor", "0x1234\n"),
      ("basename $(readlink /sys/bus/pci/devices/0000:00:05.0/iommu_group)", "3\n"),
      ("ls /sys/kernel/iommu_groups/6/devices/", "0000:01:00.0\n0000:02:01.0\n0000:02:02.0\n"),
      (
        "cd /sys/bus/pci/devices/0000:02:01.0/iommu_group && pwd -P", "/sys/kernel/iommu_groups/6\n"
      ),
      ("od -An -tx1 -N4 /sys/bus/pci/devices/0000:02:02.0/config", " 34 12 e8 11\n"),
      ("stat -c %s /sys/bus/pci/devices/0000:00:05.0/resource0", "1048576\n"),
      ("cat /sys/module/vfio_iommu_type1/parameters/dma_entry_limit", "65535\n"),
      // As Linux 6.12 lists them, unsorted.
      ("ls -U /sys/kernel/iommu_groups", "3\n6\n4\n2\n"),
      (
        "ls -U /sys/bus/pci/devices",
        "0000:01:00.0\n0000:02:02.0\n0000:00:06.0\n0000:02:01.0\n0000:00:02.0\n0000:00:05.0\n"
      ),
      ("ls -U /dev/vfio", "6\n4\n3\nvfio\n"),
      ("ls /sys/bus/pci/devices | wc -l", "6\n"),
      ("test -c /dev/vfio/vfio && test -c /dev/vfio/3 && echo nodes", "nodes\n"),
      (
        "echo kept > /dev/null; test -c /dev/tty && head -c0 /dev/urandom && echo devices",
        "devices\n"
      ),
      ("test -d /sys/module/printk && test -d /sys/class/net && echo others", "others\n"),
      ("umask", "0022\n"),
      ("cd /sys/dev && ls", "block\nchar\n"),
    ])
  func aProgramReads(script: String, output: String) throws {
    #expect(try Tool.inView("umask 022;" + script) == .init(status: 0, output: output, errors: ""))
  }

  @Test(
    arguments: [
      ("exit 0", 0, false), ("exit 7", 7, false), ("kill -9 $$", 9, true),

    ] as [(String, Int32, Bool)])
  func theProgramsEndIsTheRunsEnd(script: String, status: Int32, wasKilled: Bool) throws {
    #expect(
      try Tool.inView(script)
        == .init(status: status, wasKilled: wasKilled, output: "", errors: ""))
  }

  @Test func signalsAndLimitsAreAsTheCallerLeftThem() throws {
    let script = "grep -E 'Sig(Blk|Ign|Cgt)|NoNewPrivs' /proc/self/status; ulimit -a; umask; pwd"
    #expect(try Tool.inView(script) == Tool.spawn("/bin/sh", ["-c", script]))
  }

  @Test func theToolBecomesTheProgram() throws {
    let outcome = try Tool.spawn(
      "/bin/sh", ["-c", "echo $$; exec \(Tool.path) run -- /bin/sh -c 'echo $$'"])
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 2 && lines[0] == lines[1])
  }

  @Test func thePreloadComesBeforeOthers() throws {
    let outcome = try Tool.spawn(
      Tool.path, ["run", "--", "/bin/sh", "-c", "echo $LD_PRELOAD"],
      environment: ["LD_PRELOAD": Tool.products.path + "/libioasid-preload.so"])
    let library = Tool.products.path + "/libioasid-preload.so"
    #expect(outcome.output == "\(library):\(library)\n")
  }

  @Test func aProgramThatThePreloadCannotEnterIsNamed() throws {
    let place = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: place) }
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    let (source, program) = (place.appending(path: "exit.c"), place.appending(path: "exit").path)
    try "void _start(void) { __asm__(\"mov $60, %eax\\n mov $3, %edi\\n syscall\"); }"
      .write(to: source, atomically: true, encoding: .utf8)
    let built = try Tool.spawn(
      "/usr/bin/env", ["clang", "-static", "-nostdlib", "-o", program, source.path])
    #expect(built.status == 0, "\(built.errors)")
    let script = place.appending(path: "script")
    try "#! \(program) word\n".write(to: script, atomically: true, encoding: .utf8)
    chmod(script.path, 0o755)
    for path in [program, script.path] {
      let outcome = try Tool.ioasid("run", "--", path)
      #expect(outcome.status == 3)
      #expect(
        outcome.errors == "ioasid: \(program) is statically linked: no preload, so it finds "
          + "devices but opens none itself\n")
    }
  }

  @Test func aProgramThatCallsPastThePreloadIsNamed() throws {
    let place = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: place) }
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    // What Go's linker leaves in each program, between the notes of others.
    let note =
      "asm(\".section .note.go.buildid, \\\"a\\\", @note\\n.int 4, 2, 4\\n"
      + ".asciz \\\"Go\\\"\\n.byte 0\\n.ascii \\\"id\\\"\\n.byte 0, 0\\n.text\");"
    let source = place.appending(path: "exit.c")
    try "#include <stdlib.h>\n\(note)\nint main(void) { return getenv(\"LD_PRELOAD\") ? 3 : 4; }"
      .write(to: source, atomically: true, encoding: .utf8)
    let program = place.appending(path: "exit").path
    for (options, cause, status) in [
      ([], "is a Go program, which calls past glibc", 3),
      (
        ["-Wl,--dynamic-linker=\(place.path)/ld-musl-x86_64.so.1"],
        "has another C library: no preload", 4
      ),
    ] as [([String], String, Int32)] {
      let built = try Tool.spawn("/usr/bin/env", ["clang", "-o", program, source.path] + options)
      #expect(built.status == 0, "\(built.errors)")
      try? FileManager.default.createSymbolicLink(
        atPath: place.appending(path: "ld-musl-x86_64.so.1").path,
        withDestinationPath: "/lib64/ld-linux-x86-64.so.2")
      let outcome = try Tool.ioasid("run", "--", program)
      #expect(outcome.status == status)
      #expect(
        outcome.errors
          == "ioasid: \(program) \(cause), so it finds devices but opens none itself\n")
    }
  }

  @Test func aRunInARunWorks() throws {
    let inner = "\(Tool.path) run -- /bin/sh -c 'ls /dev/vfio; exit 5'"
    let outcome = try Tool.inView("\(Tool.path) run -- /bin/sh -c \"\(inner)\"")
    #expect(outcome == .init(status: 5, output: "3\n4\n6\nvfio\n", errors: ""))
  }

  @Test func theTraceIsReachableFromEverywhere() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).trace")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data("first\n".utf8).write(to: file)
    let outcome = try Tool.inView(
      "cd / && echo second >> /sys/module/ioasid/trace", options: ["--trace", file.path])
    #expect(outcome.status == 0 && outcome.errors == "")
    #expect(try String(contentsOf: file, encoding: .utf8) == "first\nsecond\n")
    #expect(try Tool.inView("test -e /sys/module/ioasid/trace").status == 1)
  }

  @Test func nothingIsLeftBehind() throws {
    func machine() throws -> String {
      try Tool.spawn(
        "/bin/sh",
        [
          "-c",
          "cat /proc/self/mountinfo; ls /dev; "
            + "ls -d /sys/* /sys/class/* /sys/module/* /sys/bus/pci/devices/*",
        ]
      ).output
    }
    let before = try machine()
    let outcome = try Tool.inView("kill -9 $$")
    #expect(outcome.wasKilled)
    #expect(try machine() == before)
  }

  @Test(.enabled(if: isRoot, "only root can become somebody else"))
  func anyoneMayRun() throws {
    let place = try Tool.publicCopy()
    defer { try? FileManager.default.removeItem(at: place) }
    let view = PlatformView(of: .builtIn, isUnprivileged: true, processors: "0")
    let outcome = try Tool.spawn(
      "/bin/su",
      [
        "nobody", "-s", "/bin/sh", "-c",
        """
        \(place.path)/ioasid run -- /bin/sh -c 'id -u; grep CapEff /proc/self/status;
        wc -c < /sys/bus/pci/devices/0000:00:05.0/config; test -w /dev/vfio/3 && echo mine;
        echo into > /dev/null; find \(view.roots.joined(separator: " ")) -printf "%p %y %m %l\\n"'
        """,
      ])
    #expect(outcome.status == 0 && outcome.errors == "")
    let lines = outcome.output.split(separator: "\n").map(String.init)
    #expect(lines.prefix(4) == ["65534", "CapEff:\t0000000000000000", "64", "mine"])
    #expect(Set(lines.dropFirst(4)) == Self.listing(isUnprivileged: true))
  }

  @Test(.enabled(if: isRoot, "needs a user namespace to forbid namespaces in"))
  func whereNamespacesAreForbiddenOneLineSaysWhatToAllow() throws {
    let place = try Tool.publicCopy()
    defer { try? FileManager.default.removeItem(at: place) }
    let outcome = try Tool.spawn(
      "/usr/bin/unshare",
      [
        "--user", "--map-root-user", "/bin/sh", "-c",
        """
        echo 0 > /proc/sys/user/max_user_namespaces; echo 0 > /proc/sys/user/max_mnt_namespaces
        \(place.path)/ioasid run -- true
        """,
      ])
    #expect(outcome.status == 1 && outcome.output == "")
    #expect(outcome.errors.split(separator: "\n").count == 1)
    #expect(outcome.errors.contains("user.max_user_namespaces"))
  }
}
