import CLinux
import Glibc
import Recorder

/// `ioasid record`: writes down the conversation of a program with VFIO.
enum RecordCommand {
  struct Arguments: Equatable {
    var output = ""
    /// Whose answers; nil for the machine's own nodes.
    var backend: String?
    var program: [String] = []
  }

  static func run(_ words: [String]) throws(Refusal) {
    let arguments = try parse(words)
    if let backend = arguments.backend {
      let words = ["--backend", backend, "--trace", arguments.output, "--"] + arguments.program
      _ = try RunCommand.parse(words)
      close(try open(arguments.output))
      try RunCommand.run(words)
      return
    }
    var status = stat()
    guard unsafe stat("/dev/vfio/vfio", &status) == 0 else {
      throw Refusal("there is no /dev/vfio/vfio to record: use --backend software")
    }
    let program = try Program(arguments.program)
    let descriptor = try open(arguments.output)
    let child = clinux_trace_fork()
    if child == 0 {
      try program.become()
      return
    }
    guard child > 0 else {
      let text = System.Failure(number: Int32(-child)).text
      throw Refusal("cannot trace a program: \(text): allow ptrace(2)")
    }
    let recorder = Recorder { line in
      let bytes = Array(line.utf8)
      _ = unsafe write(descriptor, bytes, bytes.count)
    }
    clinux_end_as(recorder.record(Int32(child)))
  }

  /// The trace, empty.
  private static func open(_ path: String) throws(Refusal) -> Int32 {
    do throws(System.Failure) {
      return try System.check(
        unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o666))
    } catch { throw Refusal("cannot write the trace \(path): \(error.text)") }
  }

  static func parse(_ words: [String]) throws(Refusal) -> Arguments {
    var arguments = Arguments()
    var rest = words[...]
    while let word = rest.popFirst() {
      func value() throws(Refusal) -> String {
        guard let value = rest.popFirst() else {
          throw Refusal("\(word) needs a value", status: Refusal.usage)
        }
        return value
      }
      switch word {
      case "--output": arguments.output = try value()
      case "--backend": arguments.backend = try value()
      case "--":
        arguments.program = Array(rest)
        rest = []
      default:
        guard !word.hasPrefix("-") else {
          throw Refusal(
            "record has no option '\(word)': see ioasid --help", status: Refusal.usage)
        }
        throw Refusal("write -- before the program '\(word)'", status: Refusal.usage)
      }
    }
    guard !arguments.output.isEmpty, !arguments.program.isEmpty else {
      throw Refusal(
        "record needs a file and a program: ioasid record --output FILE -- PROGRAM",
        status: Refusal.usage)
    }
    return arguments
  }
}
