import DMATypes
import Glibc
import PlatformFile
import SimulatedPlatform

/// The C program that measures, and how it is run.
struct BenchProgram {
  private let tool: String
  private let program: String
  private let platform: TemporaryFile

  /// Groups with a device each.
  static let groups: [UInt32] = [3, 4] + (20...25)

  /// Finds the program beside the tool, and makes a platform that allows a million mappings and has
  /// those groups.
  init() throws(Refusal) {
    (tool, program) = try Self.path()
    var machine = Platform.builtIn
    machine.parameters.dmaEntryLimit = 1 << 20
    for (index, group) in Self.groups.dropFirst(2).enumerated() {
      var function = machine.functions[0]
      function.address = PCIAddress(bus: 0, device: UInt8(8 + index))
      function.group = GroupNumber(rawValue: group)
      function.memoryBase = 0xfd00_0000 + UInt32(index) << 20
      machine.functions.append(function)
    }
    platform = try TemporaryFile(Array(PlatformFile.encode(machine).utf8))
  }

  /// The tool itself, and the program that lies beside it.
  static func path() throws(Refusal) -> (tool: String, measuring: String) {
    guard let tool = try? System.readLink("/proc/self/exe"), let slash = tool.lastIndex(of: "/")
    else { throw Refusal("cannot tell where ioasid itself lies: mount /proc") }
    let program = String(tool[..<slash]) + "/ioasid-bench"
    guard unsafe access(program, X_OK) == 0 else {
      throw Refusal("no \(program): build the whole package (swift build)")
    }
    return (tool, program)
  }

  /// What the program prints, run alone or under `ioasid run`.
  func run(_ words: [String], inRun: Bool) throws(Refusal) -> Lines {
    let words = [program] + words
    return Lines(
      text: try System.output(
        of: inRun ? [tool, "run", "--platform", platform.path, "--"] + words : words))
  }

  /// The same with the driver that measures.
  func runDriver(_ words: [String]) throws(Refusal) -> Lines {
    let slash = program.utf8.lastIndex(of: UInt8(ascii: "/")) ?? program.startIndex
    let driver = program[..<slash] + "/libioasid-bench-driver.so"
    return Lines(
      text: try System.output(
        of: [tool, "run", "--mediated", "ioasid-bench-driver=\(driver)", "--", program] + words))
  }

  /// Lines of a name and figures.
  struct Lines {
    let text: String

    /// The figures of each line with that name and as many of them.
    func all(_ name: String, of count: Int) -> [[Double]] {
      text.split(separator: "\n").compactMap { line in
        let words = line.split(separator: " ")
        let figures = words.dropFirst().compactMap { Double($0) }
        return words.first == name[...] && figures.count == count ? figures : nil
      }
    }
  }
}

/// A file that goes with its last user.
final class TemporaryFile {
  let path: String

  init(_ bytes: [UInt8]) throws(Refusal) {
    let directory = System.environment("TMPDIR") ?? "/tmp"
    var template = Array("\(directory)/ioasid-bench-XXXXXX".utf8CString)
    let descriptor = unsafe mkstemp(&template)
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard descriptor >= 0, unsafe write(descriptor, bytes, bytes.count) == bytes.count else {
      throw Refusal("cannot write \(path): \(System.Failure(number: errno).text)")
    }
    close(descriptor)
  }

  deinit { unsafe _ = unlink(path) }
}

extension System {
  /// What a program writes to its output before it ends well.
  static func output(of words: [String]) throws(Refusal) -> String {
    do throws(Failure) {
      var ends: [Int32] = [0, 0]
      try check(unsafe pipe(&ends))
      defer { close(ends[0]) }
      let child = try spawn(words, output: ends[1], closing: ends[0])
      var content: [UInt8] = []
      var block = [UInt8](repeating: 0, count: 4096)
      while case let count = unsafe read(ends[0], &block, block.count), count > 0 {
        content += block[..<count]
      }
      var status: Int32 = 0
      try check(unsafe waitpid(child, &status, 0))
      if status == 0 { return String(decoding: content, as: UTF8.self) }
    } catch {
      throw Refusal("cannot measure with \(words.joined(separator: " ")): \(error.text)")
    }
    // The program said why.
    throw Refusal("nothing was measured")
  }

  /// Starts a program whose output goes to a descriptor, which is closed here.
  private static func spawn(
    _ words: [String], output: Int32, closing other: Int32
  ) throws(Failure) -> pid_t {
    defer { close(output) }
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    unsafe posix_spawn_file_actions_addclose(&actions, output)
    unsafe posix_spawn_file_actions_addclose(&actions, other)
    var arguments = unsafe words.map { unsafe strdup($0) }
    unsafe arguments.append(nil)
    defer { unsafe arguments.forEach { unsafe free($0) } }
    var child: pid_t = 0
    let failure = unsafe posix_spawn(&child, words[0], &actions, nil, arguments, environ)
    guard failure == 0 else { throw Failure(number: failure) }
    return child
  }
}
