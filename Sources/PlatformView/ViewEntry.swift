/// One file of the view: what a program of the run finds at a path.
public struct ViewEntry: Hashable, Sendable {
  /// What stands at the path.
  public enum Content: Hashable, Sendable {
    /// A directory.
    case directory
    /// A regular file; `size` in bytes when that is more than its content, the rest a hole.
    case file([UInt8], size: Int?)
    /// A symbolic link.
    case link(String)
    /// A character device node.
    case node(major: UInt32, minor: UInt32)
  }

  /// The absolute path.
  public var path: String
  /// What stands there.
  public var content: Content
  /// The permission bits; links have none.
  public var mode: UInt32

  /// A directory that everyone may read.
  public static func directory(_ path: String, mode: UInt32 = 0o755) -> Self {
    Self(path: path, content: .directory, mode: mode)
  }
  /// A file of text, as sysfs shows an attribute.
  public static func text(_ path: String, _ text: String, mode: UInt32 = 0o444) -> Self {
    Self(path: path, content: .file(Array(text.utf8), size: nil), mode: mode)
  }
  /// A file of bytes.
  public static func bytes(
    _ path: String, _ bytes: [UInt8], size: Int? = nil, mode: UInt32 = 0o644
  ) -> Self {
    Self(path: path, content: .file(bytes, size: size), mode: mode)
  }
  /// A file that sysfs only lets root write.
  public static func trigger(_ path: String, mode: UInt32 = 0o200) -> Self {
    Self(path: path, content: .file([], size: nil), mode: mode)
  }
  /// A symbolic link.
  public static func link(_ path: String, to target: String) -> Self {
    Self(path: path, content: .link(target), mode: 0o777)
  }
  /// A character device node.
  public static func node(_ path: String, major: UInt32, minor: UInt32, mode: UInt32) -> Self {
    Self(path: path, content: .node(major: major, minor: minor), mode: mode)
  }
}
