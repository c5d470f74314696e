import Diagnosis
import Glibc
import SimulatedPlatform

/// `ioasid doctor`: what this machine, or a platform, can give to legacy programs.
enum DoctorCommand {
  static func run(_ words: [String]) throws(Refusal) {
    var platform: Platform?
    var printsJSON = false
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "--json": printsJSON = true
      case "--platform":
        guard let path = rest.popFirst() else {
          throw Refusal("--platform needs a value", status: Refusal.usage)
        }
        platform = try PlatformCommand.load(path)
      default:
        throw Refusal("doctor has no option '\(word)': see ioasid --help", status: Refusal.usage)
      }
    }
    let doctor = platform.map { Doctor($0) } ?? Doctor(HostFacts(lookingAt: "", inDetail: true))
    System.say(printsJSON ? doctor.json : doctor.text, to: STDOUT_FILENO)
  }
}

/// `ioasid backends`: each backend, what it can and cannot do here, and why.
enum BackendsCommand {
  static func run(_ words: [String]) throws(Refusal) {
    if let word = words.first(where: { $0 != "--json" }) {
      throw Refusal("backends has no option '\(word)': see ioasid --help", status: Refusal.usage)
    }
    let report = BackendsReport(HostFacts(lookingAt: ""))
    System.say(words.isEmpty ? report.text : report.json, to: STDOUT_FILENO)
  }
}
