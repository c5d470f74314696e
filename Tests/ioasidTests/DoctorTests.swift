import Diagnosis
import Foundation
import Testing

/// The commands that look at this machine, whatever it is: what they say is what the library finds.
struct DoctorTests {
  static let facts = HostFacts(lookingAt: "")

  @Test(arguments: [["doctor", "--json"], ["backends", "--json"]])
  func jsonParses(arguments: [String]) throws {
    let outcome = try Tool.spawn(Tool.path, arguments)
    #expect(outcome.status == 0 && outcome.errors == "")
    let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    #expect((object as? [String: Any])?["auto"] != nil)
  }

  @Test func peopleReadTheSameChoice() throws {
    let choice = Self.facts.automaticChoice()
    for command in ["doctor", "backends"] {
      let outcome = try Tool.ioasid(command)
      #expect(outcome.status == 0 && outcome.errors == "")
      #expect(outcome.output.contains("auto takes \(choice.backend.rawValue): \(choice.reason)"))
    }
  }

  @Test func aPlatformIsLookedAtInsteadOfTheMachine() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(try Tool.ioasid("platform").output.utf8).write(to: file)
    let outcome = try Tool.ioasid("doctor", "--platform", file.path)
    #expect(outcome.status == 0 && outcome.output.contains("\ngroup 6: ready\n"))
  }

  @Test(
    arguments: [
      (["doctor", "--all"], 2, "ioasid: doctor has no option '--all': see ioasid --help\n"),
      (["doctor", "--platform"], 2, "ioasid: --platform needs a value\n"),
      (["backends", "all"], 2, "ioasid: backends has no option 'all': see ioasid --help\n"),
      (
        ["doctor", "--platform", "/no/such/file"], 1,
        "ioasid: cannot read the platform /no/such/file: No such file or directory\n"
      ),
    ] as [([String], Int32, String)])
  func refusalsAreOneLine(arguments: [String], status: Int32, errors: String) throws {
    let outcome = try Tool.spawn(Tool.path, arguments)
    #expect(outcome == .init(status: status, output: "", errors: errors))
  }

  @Test(.enabled(if: facts.obstacleToIOMMUFD != nil, "the iommufd backend works here"))
  func withoutAnIOMMUFDTheRefusalSaysWhatToDo() throws {
    let obstacle = try #require(Self.facts.obstacleToIOMMUFD)
    let outcome = try Tool.ioasid("run", "--backend", "iommufd", "--", "true")
    let line = "ioasid: no iommufd backend here: \(obstacle.cause): \(obstacle.remedy)\n"
    #expect(outcome == .init(status: 1, output: "", errors: line))
  }

  @Test(.enabled(if: Tool.canBuildViews, "this machine lets this user build no view"))
  func autoSaysWhichAndWhyInOneLine() throws {
    let choice = Self.facts.automaticChoice()
    let outcome = try Tool.ioasid("run", "--backend=auto", "--", "/bin/sh", "-c", "exit 7")
    #expect(outcome == .init(status: 7, output: "", errors: choice.line + "\n"))
  }

  @Test(.enabled(if: Tool.canBuildViews, "this machine lets this user build no view"))
  func aPlatformMakesAutoSimulate() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(try Tool.ioasid("platform").output.utf8).write(to: file)
    let outcome = try Tool.ioasid(
      "run", "--backend", "auto", "--platform", file.path, "--", "/bin/sh", "-c",
      "test -c /dev/vfio/6")
    #expect(
      outcome
        == .init(
          status: 0, output: "",
          errors: "ioasid: software: the platform given is a simulated one\n"))
  }
}
