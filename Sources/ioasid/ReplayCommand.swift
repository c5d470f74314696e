import CLinux
import Glibc
import Replayer
import Traces

/// `ioasid replay`: performs a trace elsewhere and tells the first difference.
enum ReplayCommand {
  /// Whom a trace can be performed against.
  enum Implementation: String, CaseIterable {
    case native, compat, iommufd, software, oracle
  }

  struct Arguments: Equatable {
    var file = ""
    var implementation = Implementation.software
    var tellsAll = false
  }

  static func run(_ words: [String]) throws(Refusal) {
    let arguments = try parse(words)
    let lines = try read(arguments.file)
    switch arguments.implementation {
    case .native, .compat:
      try checkNodes(arguments.implementation)
      try perform(lines, arguments)
    case .software, .iommufd:
      // The replayer is a plain program: in a run, its calls are the run's to answer.
      guard let tool = try? System.readLink("/proc/self/exe") else {
        throw Refusal("cannot tell where ioasid itself lies: mount /proc")
      }
      var command = ["--backend", arguments.implementation.rawValue, "--", tool, "replay"]
      command += ["--on", Implementation.native.rawValue, arguments.file]
      if arguments.tellsAll { command.append("--all") }
      try RunCommand.run(command)
    case .oracle: try tell(OracleReplay.run(lines, untilDifference: !arguments.tellsAll))
    }
  }

  static func parse(_ words: [String]) throws(Refusal) -> Arguments {
    var arguments = Arguments()
    var files: [String] = []
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "--on":
        let names = Implementation.allCases.map(\.rawValue).joined(separator: ", ")
        guard let name = rest.popFirst(), let known = Implementation(rawValue: name) else {
          throw Refusal("--on needs one of \(names)", status: Refusal.usage)
        }
        arguments.implementation = known
      case "--all": arguments.tellsAll = true
      case let option where option.hasPrefix("-"):
        throw Refusal("replay has no option '\(option)': see ioasid --help", status: Refusal.usage)
      default: files.append(word)
      }
    }
    guard files.count == 1 else {
      throw Refusal("replay needs one trace: ioasid replay FILE", status: Refusal.usage)
    }
    arguments.file = files[0]
    return arguments
  }

  private static func read(_ path: String) throws(Refusal) -> [TraceLine] {
    let bytes: [UInt8]
    do throws(System.Failure) {
      bytes = try System.readFile(path)
    } catch { throw Refusal("cannot read the trace \(path): \(error.text)") }
    do throws(TraceError) {
      return try TraceLine.parse(String(decoding: bytes, as: UTF8.self))
    } catch { throw Refusal("\(path), \(error)") }
  }

  /// Tells type1 from iommufd behind `/dev/vfio/vfio`: only the second knows IOMMU_VFIO_IOAS.
  private static func checkNodes(_ implementation: Implementation) throws(Refusal) {
    let node = unsafe clinux_libc_open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC)
    guard node >= 0 else {
      let text = System.Failure(number: Int32(-node)).text
      throw Refusal("cannot open /dev/vfio/vfio: \(text): use --on software or iommufd")
    }
    defer { _ = clinux_libc_close(Int32(node)) }
    // struct iommu_vfio_ioas: size 12, IOMMU_VFIO_IOAS_GET.
    var query: [UInt32] = [12, 0, 0]
    let answer = unsafe query.withUnsafeMutableBytes { bytes in
      clinux_libc_ioctl(Int32(node), 0x3b88, UInt64(UInt(bitPattern: bytes.baseAddress)))
    }
    let isEmulated = answer == 0 || answer == -Int64(ENODEV)
    guard isEmulated == (implementation == .compat) else {
      throw Refusal(
        isEmulated
          ? "/dev/vfio/vfio is an iommufd here: use --on compat"
          : "/dev/vfio/vfio is no iommufd here: use --on native")
    }
  }

  private static func perform(
    _ lines: [TraceLine], _ arguments: Arguments
  ) throws(Refusal) {
    let report: ReplayReport
    do {
      var replay = try Replay(lines)
      report = replay.run(untilDifference: !arguments.tellsAll)
    } catch { throw Refusal("no memory for the trace: \(ErrnoNames.name(of: error))") }
    try tell(report)
  }

  /// One line when nothing differs; else the differences and status 1.
  private static func tell(_ report: ReplayReport) throws(Refusal) {
    var text = ""
    for difference in report.differences {
      text += "line \(difference.line)\n"
      text += "  recorded: \(difference.expected)\n"
      text += "  answered: \(difference.got)\n"
    }
    if report.differences.isEmpty {
      text = "no difference: \(report.callCount) calls answered as recorded\n"
    }
    for (name, count) in report.notCovered.sorted(by: { $0.key < $1.key }) {
      text += "not covered: \(name), \(count) calls\n"
    }
    System.say(text, to: STDOUT_FILENO)
    if !report.differences.isEmpty { exit(Refusal.failure) }
  }
}
