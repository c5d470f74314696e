import Foundation
import Testing

@Suite("README.md and its neighbours")
struct ReadmeTests {
  static let commands = [
    "swift build -c release && .build/release/ioasid run --backend software"
      + " -- .build/release/edu-copy",
    "swift test",
  ]
  static let documents = [
    "README.md", "MIGRATION.md", ".github/CONTRIBUTING.md", ".github/ARCHITECTURE.md",
  ]

  @Test("It is short")
  func length() throws {
    #expect(try Markdown(Guide.text("README.md")).lines.count <= 181, "180 lines and a newline")
  }

  @Test("It gives the two commands, and CI runs them")
  func twoCommands() throws {
    let code = try Markdown(Guide.text("README.md")).code.map(String.init)
    let script = try Guide.text(".ci/run")
    for command in Self.commands {
      #expect(code.contains(command))
      #expect(script.contains("'\(command)'"), ".ci/run: \(command)")
    }
  }

  /// The words that follow `ioasid` in a line of code: a command, and its options.
  static func uses(in line: Substring) -> [Substring] {
    guard let range = line.firstRange(of: "release/ioasid ") else { return [] }
    let words = line[range.upperBound...].split(whereSeparator: { " []|".contains($0) })
    return words.prefix(1) + words.prefix { $0 != "--" }.dropFirst().filter { $0.hasPrefix("--") }
  }

  @Test("The tool's help knows every command and option that it gives")
  func help() throws {
    let help = try Guide.help()
    let uses = try Markdown(Guide.text("README.md")).code.flatMap(Self.uses)
    #expect(uses.contains("run") && uses.contains("--platform"))
    for use in uses {
      #expect(help.contains(use.hasPrefix("--") ? "\(use)" : "ioasid \(use)"), "\(use)")
    }
  }

  @Test("It gives every command of the help, in each of its ways")
  func commands() throws {
    let code = try Markdown(Guide.text("README.md")).code.joined(separator: "\n")
    for line in try Guide.help().split(separator: "\n") where line.hasPrefix("ioasid ") {
      // A way of a command is told by what comes first, not in brackets and not a value's name.
      let words = line.split(separator: " ").prefix {
        $0.first != "[" && !$0.allSatisfy(\.isUppercase)
      }
      let way = words.prefix(3).joined(separator: " ").split(separator: ",")[0]
      #expect(code.contains("release/\(way)"), "\(line)")
    }
  }

  @Test("Commands and options are found in a line of code")
  func usesAreFound() {
    #expect(
      Self.uses(in: "x/release/ioasid run [--trace FILE] -- program --its-own") == [
        "run", "--trace",
      ])
    #expect(Self.uses(in: "swift test").isEmpty)
  }

  @Test("Its output is the recording's")
  func output() throws {
    let recording = try Guide.text("Fixtures/Conversations/edu-copy.native-6.12.txt")
    let output = recording.replacing("exit status 0\n", with: "")
    #expect(try Guide.text("README.md").contains("```\n\(output)```"))
  }

  @Test("Links lead somewhere", arguments: documents)
  func links(_ path: String) throws {
    let document = Markdown(try Guide.text(path))
    let directory = Guide.top.appending(path: path).deletingLastPathComponent()
    for link in document.links {
      let file = directory.appending(path: link.file).standardizedFileURL
      #expect(FileManager.default.fileExists(atPath: file.path), "\(link.file)")
      guard let anchor = link.anchor else { continue }
      let target =
        link.file.isEmpty ? document : Markdown(try String(contentsOf: file, encoding: .utf8))
      #expect(target.anchors.contains(anchor), "\(link.file)#\(anchor)")
    }
  }

  @Test("Links, anchors and code are found")
  func markdown() {
    let document = Markdown("# A, b-c\n<a id=\"d\"></a>\n[x](y.md#z) [v](#w)\n```\ncode\n```\n")
    #expect(document.anchors == ["a-b-c", "d"])
    #expect(document.links.map(\.file) == ["y.md", ""])
    #expect(document.links.map(\.anchor) == ["z", "w"])
    #expect(document.code == ["code"])
  }

  @Test("Every room is on the map", arguments: ["README.md", ".github/ARCHITECTURE.md"])
  func rooms(_ path: String) throws {
    let text = try Guide.text(path)
    let rooms = try FileManager.default.contentsOfDirectory(
      atPath: Guide.top.appending(path: "Sources").path)
    #expect(rooms.count > 10)
    for room in rooms { #expect(text.contains("`\(room)`"), "\(room)") }
  }
}
