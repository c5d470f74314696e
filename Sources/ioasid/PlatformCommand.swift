import Glibc
import PlatformFile
import SimulatedPlatform

/// `ioasid platform`: prints a platform as JSON.
enum PlatformCommand {
  static func run(_ words: [String]) throws(Refusal) {
    guard words.count <= 1, words.first?.hasPrefix("-") != true else {
      throw Refusal("platform takes one file at most: see ioasid --help", status: Refusal.usage)
    }
    let platform = try words.first.map(load) ?? .builtIn
    System.say(PlatformFile.encode(platform), to: STDOUT_FILENO)
  }

  /// Reads and checks a platform's file.
  static func load(_ path: String) throws(Refusal) -> Platform {
    let text: [UInt8]
    do { text = try System.readFile(path) } catch {
      throw Refusal("cannot read the platform \(path): \(error.text)")
    }
    do { return try PlatformFile.decode(text) } catch {
      throw Refusal("\(path):\(error.text)")
    }
  }
}
