import Foundation
import Testing

/// What is compared is tested where it is done; here is what a person or a script sees of it.
struct ConformTests {
  private let scratch = FileManager.default.temporaryDirectory
    .appending(path: "ioasid-\(UUID().uuidString)")

  private func file(_ name: String) -> String { scratch.appending(path: name).path }

  private func conform(_ arguments: String...) throws -> Tool.Outcome {
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    return try Tool.spawn(Tool.path, ["conform"] + arguments)
  }

  private func clean() { try? FileManager.default.removeItem(at: scratch) }

  @Test func shardsMergeToTheTableOfTheWhole() throws {
    defer { clean() }
    let common = ["--on", "software,oracle", "--seed", "5", "--scripts", "9", "--calls", "40"]
    let whole = try Tool.spawn(Tool.path, ["conform"] + common)
    #expect(whole.status == 0 && whole.errors.isEmpty, "progress belongs on a terminal")
    #expect(whole.output.hasPrefix("contestant"))
    #expect(try Tool.spawn(Tool.path, ["conform"] + common) == whole, "a seed repeats")
    for shard in 1...3 {
      try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
      let part = try Tool.spawn(
        Tool.path,
        ["conform"] + common + ["--shard", "\(shard)/3", "--results", file("\(shard)")])
      #expect(part.status == 0, "\(part.errors)")
    }
    let merged = try conform(
      "merge", "--junit", file("junit"), file("3"), file("1"), file("2"))
    #expect(merged == whole)
    let junit = try String(contentsOfFile: file("junit"), encoding: .utf8)
    #expect(junit.contains("failures=\"0\""))
    let lacking = try conform("merge", file("3"), file("1"))
    #expect(lacking.status == 1)
    #expect(lacking.output.contains("missing: software"))
    let twice = try conform("merge", file("3"), file("3"))
    #expect(twice.status == 1 && twice.errors.contains("is there twice"))
  }

  @Test func anUndocumentedDifferenceIsOneLineOfTheTableAndStatusOne() throws {
    defer { clean() }
    let text = """
      ioasid-conform 1
      campaign seed=1 scripts=1 calls=4 shards=1 world=lab
      ran who=software kernel=none shard=1
      tally who=software kernel=none version=2 scripts=1 agreements=3 undocumented=1 looks=0 left=0
      finding who=software kernel=none version=2 script=0
      | world lab limit=1
      | f0 = open-container
      | # expected 0
      | # actual   errno 9

      """
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: file("bad")))
    let outcome = try conform("merge", file("bad"))
    #expect(outcome.status == 1 && outcome.errors.isEmpty)
    #expect(outcome.output.contains("undocumented: software v2, script 0;"))
    #expect(outcome.output.contains("world lab limit=1\nf0 = open-container\n# expected 0\n"))
  }

  @Test func aPrintedScriptReplays() throws {
    defer { clean() }
    let text = """
      # The shrunken script of some difference.
      world lab limit=3
      f0 = open-container
      f0 GET_API_VERSION
      # expected 0
      """
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: file("script")))
    let outcome = try conform("--script", file("script"), "--on", "software")
    #expect(outcome == .init(status: 0, output: "software: no difference\n", errors: ""))
  }

  @Test(
    arguments: [
      (
        ["--on", "magic"],
        "no contestant 'magic': choose of native, compat, run, iommufd, software, oracle"
      ),
      (["--shard", "4/3"], "--shard takes I/N with I from 1 to N, not '4/3'"),
      (["--scripts", "0"], "--scripts takes a number from 1 on, not '0'"),
      (["--seed"], "--seed needs a value"),
      (["--fast"], "conform has no option '--fast': see ioasid --help"),
      (["merge"], "merge needs the files that --results wrote"),
      (["merge", "--fast"], "merge has no option '--fast': see ioasid --help"),
    ] as [([String], String)])
  func nonsenseIsRefusedInOneLine(arguments: [String], sentence: String) throws {
    let outcome = try Tool.spawn(Tool.path, ["conform"] + arguments)
    #expect(outcome == .init(status: 2, output: "", errors: "ioasid: \(sentence)\n"))
  }

  private func conformInRun(_ options: [String]) throws -> Tool.Outcome {
    try Tool.spawn(
      Tool.path,
      ["run", "--backend", "software"] + options + ["--", Tool.path, "conform"]
        + ["--on", "run,oracle", "--scripts", "30"])
  }

  @Test(.enabled(if: Tool.canBuildViews, "this machine lets this user build no view"))
  func underRunTheWholeProductIsAsked() throws {
    // What an honest type1 says and, when it is asked to, what Linux's says.
    for options in [[], ["--bug-compatible"]] {
      let outcome = try conformInRun(options)
      #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.output)")
      #expect(outcome.output.contains("run v2 on software"))
      #expect(outcome.output.contains("oracle v2 on software"))
    }
    let outside = try Tool.ioasid("conform", "--on", "run")
    #expect(outside.errors == "ioasid: no contestant run here: not inside ioasid run\n")
  }

  /// Machines of which a container tells less than there is to know.
  @Test(
    .enabled(if: Tool.canBuildViews, "this machine lets this user build no view"),
    arguments: ["one-bus", "three-iommus"])
  func soItIsOnAPlatformOfTheUsers(platform: String) throws {
    let outcome = try conformInRun(["--platform", Self.platform(platform)])
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.output)")
  }

  @Test(.enabled(if: ViewTests.isRoot, "CAP_SYS_RAWIO is effective for root only"))
  func soItIsOfGroupsWithoutAnIOMMU() throws {
    let outcome = try conformInRun(["--platform", Self.platform("no-iommu")])
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.output)")
  }

  private static func platform(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Fixtures/Platforms/\(name).json").standardizedFileURL.path
  }

  @Test func somebodyWhoIsNamedMustBeHere() throws {
    guard !FileManager.default.fileExists(atPath: "/dev/vfio/vfio") else { return }
    let outcome = try Tool.ioasid("conform", "--on", "native")
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(outcome.errors.hasPrefix("ioasid: no contestant native here: /dev/vfio/vfio: "))
    let all = try Tool.ioasid("conform", "--scripts", "2", "--calls", "5")
    #expect(all.status == 0)
    #expect(all.output.contains("skipped: native: /dev/vfio/vfio: "))
  }
}
