import Foundation
import Testing
import Traces

/// Law 5: replaying a trace against the implementation it was recorded from never diverges.
@Suite(
  "A replay against what was recorded", .serialized,
  .enabled(if: Tool.canRun, "no view can be built here"))
struct LawTests {
  /// Programs whose answers follow from their calls alone: no other process keeps a file open in
  /// silence, no eventfd that the program itself signals makes a device act.
  static let programs = [
    "attach", "bad-pages", "container-states", "descriptors", "edu-registers",
    "errno-kept", "get-info", "group", "interrupts", "intx-standing", "irq-order", "map-errors",
    "memlock", "memory-of-requests", "regions", "set-iommu", "threads",
  ]

  @Test("A program's recording replays without a difference", arguments: programs)
  func program(_ name: String) throws {
    try Tool.withDirectory { directory in
      let program = try Tool.build(name, in: directory)
      let trace = directory.appending(path: "trace").path
      _ = try Tool.run([
        Tool.path, "record", "--backend", "software", "--output", trace, "--", program,
      ])
      try replays(trace)
    }
  }

  @Test("So does whatever comes of generated calls", arguments: 1...6 as ClosedRange<UInt64>)
  func generated(_ seed: UInt64) throws {
    try Tool.withDirectory { directory in
      var generator = ConversationGenerator(seed: seed)
      let script = directory.appending(path: "script").path
      let trace = directory.appending(path: "trace").path
      let text = generator.conversation(300).map { "\($0)\n" }.joined()
      try text.write(toFile: script, atomically: false, encoding: .utf8)
      _ = try TraceLine.parse(text)
      // The script's answers are made up: what the replayer is told is the recording.
      _ = try Tool.run([
        Tool.path, "record", "--backend", "software", "--output", trace, "--", Tool.path, "replay",
        "--on", "native", "--all", script,
      ])
      let recorded = try TraceLine.parse(String(contentsOfFile: trace, encoding: .utf8))
      #expect(recorded.count > 200)
      try replays(trace)
    }
  }

  @Test("A changed answer is found, told with its line, and makes the exit status 1")
  func difference() throws {
    let trace = Tool.fixtures.appending(path: "tour.software.trace")
    try Tool.withDirectory { directory in
      let text = try String(contentsOf: trace, encoding: .utf8)
      let changed = text.replacingOccurrences(
        of: "VFIO_TYPE1v2_IOMMU) = 1\n", with: "VFIO_TYPE1v2_IOMMU) = 0\n")
      #expect(changed != text)
      let file = directory.appending(path: "trace").path
      try changed.write(toFile: file, atomically: false, encoding: .utf8)
      let result = try Tool.run([Tool.path, "replay", file, "--on", "software"])
      #expect(result.status == 1)
      #expect(
        result.output == """
          line 5
            recorded: ioctl(container1, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) = 0
            answered: ioctl(container1, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) = 1

          """)
    }
  }

  private func replays(_ trace: String) throws {
    let result = try Tool.run([Tool.path, "replay", trace, "--on", "software"])
    #expect(result.status == 0, "\(result.output.prefix(600))")
    #expect(result.output.hasPrefix("no difference: "))
  }
}
