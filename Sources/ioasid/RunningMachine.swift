import AddressSpaces
import CLinux
import Glibc
import MachineFile
import SimulatedPlatform

/// The machine of a run that is under way, named by one of its processes.
struct RunningMachine {
  private let process: String

  init(of process: String) throws(Refusal) {
    guard let number = Int32(process), number > 0, System.status("/proc/\(number)") != nil else {
      throw Refusal("--join takes the number of a running process, not '\(process)'")
    }
    self.process = String(number)
    let machine = "/proc/\(number)/root\(RunPaths.machine)"
    var status = stat()
    guard unsafe stat(machine, &status) == 0 else {
      throw errno == EACCES
        ? Refusal("process \(number) is not yours to join: join it as its owner, or as root")
        : Refusal("process \(number) is in no run: start it with ioasid run")
    }
  }

  /// Enters its namespaces, in the directory of the same name there.
  func enter() throws(Refusal) {
    do throws(System.Failure) {
      let directory = try System.readLink("/proc/self/cwd")
      // Opened before the first is entered: each may be out of reach from within another.
      let namespaces = try ["user", "mnt"].filter(isAnother).map { name throws(System.Failure) in
        try System.check(unsafe open("/proc/\(process)/ns/\(name)", O_RDONLY | O_CLOEXEC))
      }
      for namespace in namespaces {
        let failure = clinux_enter_namespace(namespace)
        guard failure == 0 else { throw System.Failure(number: failure) }
      }
      try System.check(unsafe chdir(directory))
    } catch { throw Refusal("cannot join process \(process): \(error.text)") }
  }

  /// The groups of the run on the software backend that this process is in; none elsewhere.
  static var simulatedGroups: [GroupFacts] {
    guard let bytes = try? System.readFile(RunPaths.machine),
      let image = MachineImage(bytes: bytes),
      image.backend == .software, let platform = Platform(decoding: image.platform)
    else { return [] }
    return platform.groups.compactMap(platform.facts)
  }

  /// A process cannot enter the user namespace that it is in.
  private func isAnother(_ namespace: String) -> Bool {
    (try? System.readLink("/proc/self/ns/\(namespace)"))
      != (try? System.readLink("/proc/\(process)/ns/\(namespace)"))
  }
}
