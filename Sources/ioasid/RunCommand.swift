import Diagnosis
import Glibc
import MachineFile
import SimulatedPlatform

/// `ioasid run`: builds the view and becomes the program.
enum RunCommand {
  enum Backend: String {
    case software
    case iommufd
    case automatic = "auto"
  }

  /// What becomes of MAPs of device registers on iommufd.
  enum Peers: String {
    case refuse, record, dmabuf
  }

  struct Arguments: Equatable {
    var backend = Backend.software
    var platform: String?
    var trace: String?
    var options: MachineImage.Options = []
    /// A process of the run whose machine is to be shared.
    var join: String?
    /// `NAME=PATH` or `PATH` of each mediated device.
    var mediated: [String] = []
    /// `--p2p`; nil when nothing was said.
    var peers: Peers?
    var program: [String] = []
  }

  static func run(_ words: [String]) throws(Refusal) {
    let arguments = try parse(words)
    if let process = arguments.join { return try join(process, arguments) }
    var platform = try arguments.platform.map(PlatformCommand.load) ?? .builtIn
    if let file = arguments.platform {
      try MediatedOption.findDrivers(of: &platform, in: file)
    }
    guard arguments.mediated.isEmpty || arguments.backend == .software else {
      throw Refusal(
        "--mediated adds to the simulated platform: use --backend software", status: Refusal.usage)
    }
    for device in arguments.mediated { try MediatedOption(device).add(to: &platform) }
    let program = try Program(arguments.program)
    let preload = try Program.preload()
    if let trace = arguments.trace { try checkTrace(trace) }
    let launch = Launch(trace: arguments.trace, options: arguments.options)
    switch try choose(arguments) {
    case .native: try program.become()
    case .iommufd(let facts):
      guard arguments.peers != .dmabuf || facts.mapsFiles else {
        throw Refusal(
          "--p2p dmabuf: this kernel's iommufd maps no files, so no dma-buf "
            + "(IOMMU_IOAS_MAP_FILE is ENOTTY): use --p2p refuse or record")
      }
      try launch.build(HostView(facts: facts))
    case .software: try launch.build(SimulatedView(platform: platform))
    }
    try become(program, preloading: preload)
  }

  /// Another program on the machine of a run that is under way.
  private static func join(_ process: String, _ arguments: Arguments) throws(Refusal) {
    var other = arguments
    (other.join, other.program) = (nil, [])
    guard other == Arguments() else {
      throw Refusal("--join takes the machine as it runs: no other option", status: Refusal.usage)
    }
    let machine = try RunningMachine(of: process)
    let program = try Program(arguments.program)
    let preload = try Program.preload()
    try machine.enter()
    try become(program, preloading: preload)
  }

  private static func become(_ program: Program, preloading preload: String) throws(Refusal) {
    if let obstacle = Executable.obstacle(program.path) {
      System.say(
        "ioasid: \(obstacle.cause), so it finds devices but opens none itself\n",
        to: STDERR_FILENO)
      if !obstacle.mayPreload { try program.become() }
    }
    try program.become(preloading: preload)
  }

  /// Who makes containers real in this run.
  private enum Choice {
    case native
    case iommufd(HostFacts)
    case software
  }

  private static func choose(_ arguments: Arguments) throws(Refusal) -> Choice {
    switch arguments.backend {
    case .software: return .software
    case .iommufd:
      let facts = HostFacts(lookingAt: "")
      guard let obstacle = facts.obstacleToIOMMUFD else { return .iommufd(facts) }
      throw Refusal("no iommufd backend here: \(obstacle.cause): \(obstacle.remedy)")
    case .automatic:
      let facts = HostFacts(lookingAt: "")
      let choice = facts.automaticChoice(simulating: arguments.platform != nil)
      guard choice.backend != .native || arguments.trace == nil else {
        throw Refusal("auto takes native here, where nothing is traced: use ioasid record")
      }
      System.say(choice.line + "\n", to: STDERR_FILENO)
      return switch choice.backend {
      case .iommufd: .iommufd(facts)
      case .software: .software
      case .native: .native
      }
    }
  }

  static func parse(_ words: [String]) throws(Refusal) -> Arguments {
    var arguments = Arguments()
    var rest = words[...]
    while let word = rest.popFirst() {
      let (name, joined) = split(word)
      func value() throws(Refusal) -> String {
        guard let value = joined ?? rest.popFirst() else {
          throw Refusal("\(name) needs a value", status: Refusal.usage)
        }
        return value
      }
      switch name {
      case "--backend": arguments.backend = try backend(value())
      case "--platform": arguments.platform = try value()
      case "--mediated": arguments.mediated.append(try value())
      case "--join": arguments.join = try value()
      case "--trace": arguments.trace = try value()
      case "--p2p":
        let word = try value()
        guard let peers = Peers(rawValue: word) else {
          throw Refusal(
            "no policy '\(word)': choose refuse, record or dmabuf", status: Refusal.usage)
        }
        arguments.peers = peers
        arguments.options.subtract([.recordsPeers, .exportsPeers])
        if peers == .record { arguments.options.insert(.recordsPeers) }
        if peers == .dmabuf { arguments.options.insert(.exportsPeers) }
      case "--verbose" where joined == nil: arguments.options.insert(.verbose)
      case "--bug-compatible" where joined == nil: arguments.options.insert(.bugCompatible)
      case "--precise-dirty" where joined == nil: arguments.options.insert(.preciseDirty)
      case "--":
        arguments.program = Array(rest)
        rest = []
      default:
        guard !word.hasPrefix("-") else {
          throw Refusal("run has no option '\(word)': see ioasid --help", status: Refusal.usage)
        }
        throw Refusal("write -- before the program '\(word)'", status: Refusal.usage)
      }
    }
    guard !arguments.program.isEmpty else {
      throw Refusal("run needs a program: ioasid run -- PROGRAM", status: Refusal.usage)
    }
    guard arguments.backend != .software || arguments.peers == nil else {
      throw Refusal(
        "--p2p is for --backend iommufd: software reaches registers", status: Refusal.usage)
    }
    guard arguments.backend != .iommufd || arguments.platform == nil else {
      throw Refusal(
        "--platform is for simulated devices: leave it out with --backend iommufd",
        status: Refusal.usage)
    }
    return arguments
  }

  /// `--name=value` in its two parts.
  static func split(_ word: String) -> (name: String, value: String?) {
    guard word.hasPrefix("--"), let equals = word.firstIndex(of: "=") else { return (word, nil) }
    return (String(word[..<equals]), String(word[word.index(after: equals)...]))
  }

  private static func backend(_ name: String) throws(Refusal) -> Backend {
    guard let backend = Backend(rawValue: name) else {
      throw Refusal(
        "no backend '\(name)': choose software, iommufd or auto", status: Refusal.usage)
    }
    return backend
  }

  /// Makes sure of the trace before anything is built.
  private static func checkTrace(_ path: String) throws(Refusal) {
    do throws(System.Failure) {
      let descriptor = try Launch.openTrace(path)
      defer { close(descriptor) }
      var status = stat()
      try System.check(unsafe fstat(descriptor, &status))
      guard status.st_mode & S_IFMT == S_IFREG else {
        throw System.Failure(number: EINVAL)
      }
    } catch { throw Refusal("cannot write the trace \(path): \(error.text)") }
  }
}
