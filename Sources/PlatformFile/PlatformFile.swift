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
    let platform = try Decoder.platform(JSON(parsing: text))
    return platform
  }

  /// Writes a platform; `decode` gives the same one back.
  public static func encode(_ platform: Platform) -> String { Encoder.text(of: platform) }
}
