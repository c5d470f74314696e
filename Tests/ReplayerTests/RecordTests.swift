import Foundation
import Testing

/// The recorder, in a run: the nodes are there, so that it records, and nobody drives them, so that
/// no call reaches one. What it must not change is the program.
@Suite("A program while it is recorded", .enabled(if: Tool.canRun, "no view can be built here"))
struct RecordTests {
  @Test(
    "It ends as it would alone",
    arguments: [
      ("exit 7", 7), ("kill -TERM $$", 143), ("(exit 3) & wait $!", 3),
      ("trap 'exit 5' USR1; kill -USR1 $$; exit 1", 5), ("exec sh -c 'exit 4'", 4),
      ("ulimit -c 0; kill -SEGV $$", 139),
      ("sh -c 'kill -STOP $$; exit 6' & p=$!; sleep 0.3; kill -CONT $p; wait $p", 6),
    ] as [(String, Int32)])
  func status(_ script: String, _ status: Int32) throws {
    try Tool.withDirectory { directory in
      let trace = directory.appending(path: "trace")
      let result = try Tool.run(
        ["sh", "-c", "\"$@\"; exit $?", "sh"]
          + Self.recorded(["sh", "-c", script], trace.path))
      #expect(result.status == status, "\(result.output)")
      #expect(try Data(contentsOf: trace).isEmpty)
    }
  }

  @Test("It prints what it prints alone", arguments: ["threads", "processes", "signals"])
  func output(_ name: String) throws {
    try Tool.withDirectory { directory in
      let program = try Tool.build(name, in: directory)
      let trace = directory.appending(path: "trace").path
      let recording = Tool.root.appending(path: "Fixtures/Conversations/\(name).native-6.12.txt")
      let result = try Tool.run(Self.recorded([program], trace))
      let expected = try String(contentsOf: recording, encoding: .utf8)
      #expect("\(result.output)exit status \(result.status)\n" == expected)
    }
  }

  private static func recorded(_ command: [String], _ trace: String) -> [String] {
    [Tool.path, "run", "--", Tool.path, "record", "--output", trace, "--"] + command
  }
}
