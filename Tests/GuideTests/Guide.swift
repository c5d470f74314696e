import Foundation

/// The checkout's documents, and the tool that was built with the tests.
enum Guide {
  static let top = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static func text(_ path: String) throws -> String {
    try String(contentsOf: top.appending(path: path), encoding: .utf8)
  }

  /// What `ioasid --help` prints.
  static func help() throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
      .resolvingSymlinksInPath().deletingLastPathComponent().appending(path: "ioasid")
    process.arguments = ["--help"]
    let output = Pipe()
    process.standardOutput = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// A document's Markdown, as far as the checks need it.
struct Markdown {
  let lines: [Substring]

  init(_ text: String) { lines = text.split(separator: "\n", omittingEmptySubsequences: false) }

  /// The cells of every table row.
  var rows: [[String]] {
    lines.filter { $0.hasPrefix("|") }.map { line in
      line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }
  }

  /// The lines of fenced blocks.
  var code: [Substring] {
    var isInside = false
    return lines.filter { line in
      guard line.hasPrefix("```") else { return isInside }
      isInside.toggle()
      return false
    }
  }

  /// Where links may lead: explicit anchors, and headings as GitHub spells them.
  var anchors: [String] {
    lines.compactMap { line in
      if let anchor = line.firstRange(of: "<a id=\"") {
        return String(line[anchor.upperBound...].prefix { $0 != "\"" })
      }
      guard line.hasPrefix("#"), line.contains("# ") else { return nil }
      return line.drop { $0 == "#" || $0 == " " }.lowercased()
        .filter { $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" }
        .replacing(" ", with: "-")
    }
  }

  /// Where links of this repository lead: a file, empty for this one, and an anchor.
  var links: [(file: String, anchor: String?)] {
    lines.joined(separator: "\n").components(separatedBy: "](").dropFirst().compactMap { tail in
      let target = tail.prefix { $0 != ")" }
      guard !target.contains("://") else { return nil }
      let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
      return (String(parts[0]), parts.count > 1 ? String(parts[1]) : nil)
    }
  }
}
