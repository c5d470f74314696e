public import SimulatedPlatform

/// What is wrong with a platform's file, and where.
public struct PlatformFileError: Error, Hashable, Sendable {
  /// The line, counted from 1.
  public var line: Int
  /// The byte in the line, counted from 1.
  public var column: Int
  /// The value's path, like `devices[2].iommu`; empty when the text is no JSON.
  public var path: String
  /// One sentence without its full stop.
  public var reason: String

  init(place: JSON.Place, path: String, reason: String) {
    line = place.line
    column = place.column
    self.path = path
    self.reason = reason
  }

  /// Place and reason in one line.
  public var text: String { "\(line):\(column): " + (path.isEmpty ? "" : "\(path): ") + reason }
}

/// A platform as JSON text: what people write, and what the machine file carries.
///
/// Numbers may be written as integers or as strings like `"0x1000"`.
public enum PlatformFile {
  /// Reads and checks a platform.
  public static func decode(_ text: [UInt8]) throws(PlatformFileError) -> Platform {
    let file = try JSON(parsing: text)
    let platform = try Decoder.platform(file)
    if let problem = platform.problem { throw error(problem, in: file) }
    return platform
  }

  /// Gives a platform's problem its place in the file: the deepest value of its path that is there.
  private static func error(_ problem: String, in file: JSON) -> PlatformFileError {
    let colon = problem.firstIndex(of: ":") ?? problem.startIndex
    let path = spelling(of: problem[..<colon])
    var value = file
    for step in path.split(whereSeparator: { ".[]".contains($0) }) {
      switch value.content {
      case .object(let members):
        guard let member = members.first(where: { $0.key == step }) else { break }
        value = member.value
      case .array(let elements):
        guard let index = Int(step), elements.indices.contains(index) else { break }
        value = elements[index]
      default: break
      }
    }
    let reason = problem[colon...].drop { $0 == ":" || $0 == " " }
    return PlatformFileError(place: value.place, path: path, reason: String(reason))
  }

  /// The file's names for a platform's members: `devices[0].memory_base` for
  /// `functions[0].memoryBase`.
  private static func spelling(of text: Substring) -> String {
    var spelling = ""
    for character in text.replacing("functions[", with: "devices[") {
      if character.isUppercase, spelling.last?.isLowercase == true {
        spelling += "_" + character.lowercased()
      } else {
        spelling.append(character)
      }
    }
    return spelling
  }

  /// Writes a platform; `decode` gives the same one back.
  public static func encode(_ platform: Platform) -> String { Encoder.text(of: platform) }
}
