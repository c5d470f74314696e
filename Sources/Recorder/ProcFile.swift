import CLinux
import DMATypes
import Glibc

/// Files below /proc and /sys, and what nodes are.
enum ProcFile {
  /// The whole of a file; empty when it cannot be read.
  static func text(_ path: String) -> String {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = unsafe read(descriptor, &block, block.count)
      guard count > 0 else { return String(decoding: content, as: UTF8.self) }
      content += block[..<count]
    }
  }

  /// The rest of the line of a file that begins with a word.
  static func line(_ word: String, of path: String) -> Substring? {
    let line = text(path).split(separator: "\n").first { $0.hasPrefix(word) }
    return line?.dropFirst(word.count).drop { $0 == " " || $0 == "\t" }
  }

  /// What a link holds; nil when there is none.
  static func link(_ path: String) -> String? {
    var bytes = [CChar](repeating: 0, count: 4096)
    let count = unsafe readlink(path, &bytes, bytes.count)
    return count < 0
      ? nil : String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Which legacy node a path leads to; nil for any other file.
  static func node(_ path: String) -> LegacyNode? {
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFCHR else { return nil }
    let (major, minor) = (
      status.st_rdev >> 8 & 0xfff, status.st_rdev & 0xff | status.st_rdev >> 12 & 0xfff00
    )
    // VFIO_MINOR among the miscellaneous devices.
    if (major, minor) == (10, 196) { return .container }
    guard let place = link("/sys/dev/char/\(major):\(minor)") else { return nil }
    let parts = place.split(separator: "/")
    guard parts.count > 1, parts[parts.count - 2] == "vfio" else { return nil }
    return parts.last.flatMap { LegacyNode(group: $0) }
  }
}

/// A node of the legacy interface.
enum LegacyNode: Hashable {
  case container
  case group(UInt32)
  /// Of a group that no IOMMU stands behind.
  case unprotectedGroup(UInt32)

  private static let unprotected = "noiommu-"

  /// A group's node by its name.
  init?(group name: Substring) {
    let isUnprotected = name.hasPrefix(Self.unprotected)
    let digits = isUnprotected ? name.dropFirst(Self.unprotected.count) : name
    guard let number = UInt32(digits) else { return nil }
    self = isUnprotected ? .unprotectedGroup(number) : .group(number)
  }

  /// Where programs find it.
  var path: String {
    switch self {
    case .container: "/dev/vfio/vfio"
    case .group(let number): "/dev/vfio/\(number)"
    case .unprotectedGroup(let number): "/dev/vfio/\(Self.unprotected)\(number)"
    }
  }
}
