import Glibc
import SimulatedPlatform

/// `ioasid platform`: prints a platform as JSON.
enum PlatformCommand {
  static func run(_ words: [String]) throws(Refusal) {
    throw Refusal("platform")
  }

  /// Reads and checks a platform's file.
  static func load(_ path: String) throws(Refusal) -> Platform {
    throw Refusal("platform")
  }
}
