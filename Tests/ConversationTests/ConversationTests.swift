import Foundation
import Testing

/// Plain legacy programs under `ioasid run`, held line by line to what they printed on Linux 6.12.
@Suite(
  "Conversations with the real kernel",
  .enabled(if: Tool.canRun, "this machine lets this user build no view"))
struct ConversationTests {
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  static let fixtures = root.appending(path: "Fixtures/Conversations")

  /// Names of the recordings, in order; `edu_client` is python's.
  static let names: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: fixtures.path)) ?? []
    return files.filter { $0.hasSuffix(".native-6.12.txt") }
      .map { String($0.dropLast(".native-6.12.txt".count)) }
      .filter { !["edu_client", "new-roots", "no-iommu"].contains($0) }.sorted()
  }()

  /// What `ioasid run` must be told for a program to see all that the kernel shows.
  static let options = [
    "dirty-stale": ["--bug-compatible"],
    "three-iommus": [
      "--platform", root.appending(path: "Fixtures/Platforms/three-iommus.json").path,
    ],
  ]

  /// Recorded as root, whose files show their owner and who may lock any memory.
  static let ofRoot: Set = ["descriptors", "file-calls", "links", "memlock", "other-ways"]

  @Test(
    "A program prints under ioasid what it prints on the real kernel",
    arguments: names.filter { !ofRoot.contains($0) })
  func prints(_ name: String) throws {
    try hold(name, to: Tool.converse(with: name, options: Self.options[name] ?? []))
  }

  @Test(
    "So does one that tells root from others",
    .enabled(if: geteuid() == 0, "files would have another owner, and locked memory a limit"),
    arguments: ofRoot.sorted())
  func printsForRoot(_ name: String) throws { try prints(name) }

  @Test(
    "So does one with devices that have no IOMMU",
    .enabled(if: geteuid() == 0, "CAP_SYS_RAWIO is effective for root only"))
  func noIOMMU() throws {
    let platform = Self.root.appending(path: "Fixtures/Platforms/no-iommu.json").path
    try hold("no-iommu", to: Tool.converse(with: "no-iommu", options: ["--platform", platform]))
  }

  @Test(
    "So does one that locks itself up",
    .enabled(if: geteuid() == 0, "chroot(2) is for root only"))
  func newRoots() throws { try hold("new-roots", to: Tool.converse(with: "new-roots")) }

  @Test(
    "So does a stock python3 script",
    .enabled(if: Tool.python != nil, "python3 is not installed"))
  func python() throws {
    let python = try #require(Tool.python)
    let script = Self.root.appending(path: "Tests/Programs/edu_client.py").path
    try hold("edu_client", to: Tool.run([python, script]))
  }

  @Test("There are recordings, and every documented difference is of one of them")
  func present() {
    #expect(Self.names.count > 20)
    for difference in DocumentedDifference.all {
      #expect(Self.names.contains(difference.program))
    }
  }

  @Test("A recorded program said all that it had to say", arguments: names)
  func whole(_ name: String) throws {
    let file = Self.fixtures.appending(path: "\(name).native-6.12.txt")
    #expect(try String(contentsOf: file, encoding: .utf8).hasSuffix("\nexit status 0\n"))
  }

  /// Compares line by line. A documented difference must be there, word for word.
  private func hold(_ name: String, to printed: String) throws {
    let file = Self.fixtures.appending(path: "\(name).native-6.12.txt")
    let theirs = try lines(String(contentsOf: file, encoding: .utf8))
    let ours = lines(printed)
    let expected = Dictionary(
      uniqueKeysWithValues: DocumentedDifference.all.filter { $0.program == name }
        .map { ($0.line, $0) })
    for number in 1...max(ours.count, theirs.count) {
      let our = number <= ours.count ? ours[number - 1] : "(nothing)"
      let their = number <= theirs.count ? theirs[number - 1] : "(nothing)"
      if let difference = expected[number] {
        #expect(their == difference.kernel, "\(name) line \(number) was recorded anew")
        #expect(
          our == difference.ioasid, "\(name) line \(number), documented: \(difference.reason)")
      } else if our != their {
        // What follows may only be an echo of it.
        Issue.record("\(name) line \(number): \(our)\n  the kernel says: \(their)")
        return
      }
    }
  }

  private func lines(_ text: String) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }
}
