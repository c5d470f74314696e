import Foundation
import Testing

struct CommandLineTests {
  @Test(
    arguments: [
      ([], 2, "ioasid: no command: see ioasid --help\n"),
      (["walk"], 2, "ioasid: no command 'walk': see ioasid --help\n"),
      (["run"], 2, "ioasid: run needs a program: ioasid run -- PROGRAM\n"),
      (["run", "--"], 2, "ioasid: run needs a program: ioasid run -- PROGRAM\n"),
      (["run", "true"], 2, "ioasid: write -- before the program 'true'\n"),
      (
        ["run", "--fast", "--", "true"], 2,
        "ioasid: run has no option '--fast': see ioasid --help\n"
      ),
      (["run", "--trace"], 2, "ioasid: --trace needs a value\n"),
      (
        ["run", "--backend", "magic", "--", "true"], 2,
        "ioasid: no backend 'magic': choose software, iommufd or auto\n"
      ),
      (
        ["run", "--backend", "iommufd", "--platform", "p.json", "--", "true"], 2,
        "ioasid: --platform is for simulated devices: leave it out with --backend iommufd\n"
      ),
      (["run", "--", "no-such-program"], 127, "ioasid: no program 'no-such-program' in PATH\n"),
      (
        ["run", "--", "/no/such/program"], 127,
        "ioasid: cannot execute /no/such/program: No such file or directory\n"
      ),
      (
        ["run", "--", "/etc/passwd"], 126, "ioasid: cannot execute /etc/passwd: Permission denied\n"
      ),
      (
        ["run", "--trace", "/no/such/file", "--", "true"], 1,
        "ioasid: cannot write the trace /no/such/file: No such file or directory\n"
      ),
      (
        ["run", "--platform", "/no/such/file", "--", "true"], 1,
        "ioasid: cannot read the platform /no/such/file: No such file or directory\n"
      ),
      (
        ["run", "--join", "none", "--", "true"], 1,
        "ioasid: --join takes the number of a running process, not 'none'\n"
      ),
      (
        ["run", "--join", "1", "--verbose", "--", "true"], 2,
        "ioasid: --join takes the machine as it runs: no other option\n"
      ),
      (
        ["record", "--", "true"], 2,
        "ioasid: record needs a file and a program: ioasid record --output FILE -- PROGRAM\n"
      ),
      (["record", "--output"], 2, "ioasid: --output needs a value\n"),
      (
        ["record", "--backend", "magic", "--output", "/no/such/file", "--", "true"], 2,
        "ioasid: no backend 'magic': choose software, iommufd or auto\n"
      ),
      (
        ["record", "--backend", "software", "--output", "/no/such/file", "--", "true"], 1,
        "ioasid: cannot write the trace /no/such/file: No such file or directory\n"
      ),
      (["replay"], 2, "ioasid: replay needs one trace: ioasid replay FILE\n"),
      (
        ["replay", "x", "--on", "paper"], 2,
        "ioasid: --on needs one of native, compat, iommufd, software, oracle\n"
      ),
      (
        ["replay", "/no/such/file"], 1,
        "ioasid: cannot read the trace /no/such/file: No such file or directory\n"
      ),
      (
        ["replay", "/etc/passwd"], 1,
        "ioasid: /etc/passwd, line 1, column 1: no call 'root'\n"
      ),
      (["platform", "--all"], 2, "ioasid: platform takes one file at most: see ioasid --help\n"),
    ] as [([String], Int32, String)])
  func refusalsAreOneLine(arguments: [String], status: Int32, errors: String) throws {
    let outcome = try Tool.spawn(Tool.path, arguments)
    #expect(outcome == .init(status: status, output: "", errors: errors))
  }

  @Test(arguments: ["--help", "-h", "help"])
  func helpNamesEveryCommand(argument: String) throws {
    let outcome = try Tool.ioasid(argument)
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    for word in ["run", "record", "replay", "platform", "--backend", "--trace", "--verbose", "127"]
    {
      #expect(outcome.output.contains(word))
    }
  }

  @Test(arguments: [
    "run", "record", "replay", "platform", "doctor", "backends", "bench", "conform",
  ])
  func aCommandHelpsWithItself(command: String) throws {
    let outcome = try Tool.ioasid(command, "--help")
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    let heads = outcome.output.split(separator: "\n").filter { !$0.hasPrefix(" ") }
    #expect(!heads.isEmpty && heads.allSatisfy { $0.hasPrefix("ioasid \(command) ") })
    #expect(try Tool.ioasid("--help").output.contains(outcome.output.prefix(100)))
  }

  @Test func versionIsOneLine() throws {
    #expect(try Tool.ioasid("--version").output.split(separator: "\n").count == 1)
  }

  @Test func aPrintedPlatformReadsBack() throws {
    let printed = try Tool.ioasid("platform")
    #expect(printed.status == 0)
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(printed.output.utf8).write(to: file)
    #expect(try Tool.ioasid("platform", file.path) == printed)
  }

  @Test(
    arguments: [
      ("", "1:1: a value must stand here, not the end of the file"),
      ("{", "1:2: a key in quotes must stand here, not the end of the file"),
      ("{}", "1:1: file: the key 'iommus' is missing"),
      ("[]", "1:1: file: an object must stand here, not an array"),
      ("{\"iommus\": 3}", "1:12: iommus: an array must stand here, not a number"),
    ])
  func aBadPlatformIsOneLineWithThePlace(text: String, message: String) throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(text.utf8).write(to: file)
    let outcome = try Tool.ioasid("run", "--platform", file.path, "--", "true")
    #expect(
      outcome == .init(status: 1, output: "", errors: "ioasid: \(file.path):\(message)\n"))
  }
}
