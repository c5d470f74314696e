import Foundation

/// The checkout that the tests were built from.
enum Tree {
  static let top = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static func file(_ path: String) throws -> SourceFile {
    SourceFile(
      path: path, text: try String(contentsOf: top.appending(path: path), encoding: .utf8))
  }

  /// Every text file below the given places, sorted.
  static func files(below places: [String]) throws -> [SourceFile] {
    try places.flatMap { place -> [String] in
      let below = try FileManager.default.subpathsOfDirectory(
        atPath: top.appending(path: place).path)
      return below.map { "\(place)/\($0)" }
    }.sorted().compactMap { path in
      var isDirectory: ObjCBool = false
      let exists = FileManager.default.fileExists(
        atPath: top.appending(path: path).path, isDirectory: &isDirectory)
      return exists && !isDirectory.boolValue ? try? file(path) : nil
    }
  }

  /// Names at the top that are not hidden.
  static func visibleNames() throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: top.path).filter { $0.first != "." })
  }
}
