import Glibc
import SimulatedPlatform

/// `ioasid run`: builds the view and becomes the program.
enum RunCommand {
  struct Arguments: Equatable {
    var platform: String?
    var trace: String?
    var isVerbose = false
    /// `NAME=PATH` or `PATH` of each mediated device.
    var mediated: [String] = []
    var isBugCompatible = false
    var isDirtyPrecise = false
    var program: [String] = []
  }

  static func run(_ words: [String]) throws(Refusal) {
    let arguments = try parse(words)
    var platform = try arguments.platform.map(PlatformCommand.load) ?? .builtIn
    for device in arguments.mediated { try MediatedOption(device).add(to: &platform) }
    let program = try Program(arguments.program)
    let preload = try Program.preload()
    if let trace = arguments.trace { try checkTrace(trace) }
    let launch = Launch(
      platform: platform, trace: arguments.trace, isVerbose: arguments.isVerbose,
      isBugCompatible: arguments.isBugCompatible, isDirtyPrecise: arguments.isDirtyPrecise)
    try launch.build()
    if let obstacle = Executable.obstacle(program.path) {
      System.say(
        "ioasid: \(obstacle): no preload, so it finds devices but opens none itself\n",
        to: STDERR_FILENO)
    }
    try program.become(preloading: preload)
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
      case "--backend": try check(backend: value())
      case "--platform": arguments.platform = try value()
      case "--mediated": arguments.mediated.append(try value())
      case "--trace": arguments.trace = try value()
      case "--verbose" where joined == nil: arguments.isVerbose = true
      case "--bug-compatible" where joined == nil: arguments.isBugCompatible = true
      case "--precise-dirty" where joined == nil: arguments.isDirtyPrecise = true
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
    return arguments
  }

  /// `--name=value` in its two parts.
  private static func split(_ word: String) -> (name: String, value: String?) {
    guard word.hasPrefix("--"), let equals = word.firstIndex(of: "=") else { return (word, nil) }
    return (String(word[..<equals]), String(word[word.index(after: equals)...]))
  }

  private static func check(backend: String) throws(Refusal) {
    switch backend {
    case "software": return
    case "iommufd", "auto":
      throw Refusal("--backend \(backend) arrives later: use --backend software")
    default:
      throw Refusal(
        "no backend '\(backend)': choose software, iommufd or auto", status: Refusal.usage)
    }
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
