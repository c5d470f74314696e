import Glibc

/// Why a program's calls would not reach the preload, if they would not.
///
/// Read from the file's first bytes; what cannot be read or understood is left for execve(2) to
/// judge.
enum Executable {
  /// What keeps the preload out of a program, or the program's calls from the preload.
  struct Obstacle {
    let cause: String
    /// Whether the program starts with the preload named: another C library's linker stops at it.
    var mayPreload = true
  }

  /// As much as is read: headers stand at the start of every program that linkers write.
  private static let headBytes = 4096
  /// Scripts that run scripts: as many as the kernel follows.
  private static let scriptDepth = 5

  /// What stands between the program at `path` and the preload, or nil.
  static func obstacle(_ path: String, depth: Int = 0) -> Obstacle? {
    guard depth < scriptDepth, let head = read(path) else { return nil }
    if head.starts(with: "#!".utf8) {
      return interpreter(head).flatMap { obstacle($0, depth: depth + 1) }
    }
    // ELF, 64 bits, least significant byte first.
    guard head.count >= 64, head.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { return nil }
    guard head[4] == 2, head[5] == 1 else {
      return Obstacle(cause: "\(path) is no 64-bit x86 program: no preload")
    }
    let segments = segments(head)
    guard let linker = segments?.first(where: { $0.type == 3 }) else {
      return segments.map { _ in Obstacle(cause: "\(path) is statically linked: no preload") }
    }
    if let name = text(head, linker), !name.contains("/ld-linux-x86-64.so.") {
      return Obstacle(cause: "\(path) has another C library: no preload", mayPreload: false)
    }
    if changesUser(path) { return Obstacle(cause: "\(path) runs as another user: no preload") }
    // The Go linker's build id is a note of type 4 by "Go".
    let mark: [UInt8] = [4, 0, 0, 0, 0x47, 0x6f, 0, 0]
    let isGo = segments?.contains { $0.type == 4 && bytes(head, $0).contains(mark) } ?? false
    return isGo ? Obstacle(cause: "\(path) is a Go program, which calls past glibc") : nil
  }

  private static func read(_ path: String) -> [UInt8]? {
    guard let descriptor = try? System.check(unsafe open(path, O_RDONLY | O_CLOEXEC)) else {
      return nil
    }
    defer { close(descriptor) }
    var head = [UInt8](repeating: 0, count: headBytes)
    let count = unsafe Glibc.read(descriptor, &head, headBytes)
    return count > 0 ? Array(head[..<count]) : nil
  }

  /// The program that a script's first line names.
  private static func interpreter(_ head: [UInt8]) -> String? {
    let line = head.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }
    let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    return words.first.map { String(decoding: $0, as: UTF8.self) }
  }

  /// A program header: its type, and which of the file's bytes it is about.
  private struct Segment {
    let type, offset, size: Int
  }

  /// The program headers (in the file's header, 32: their place, 54: the size of one, 56: their
  /// count), or nil where they do not stand in the head.
  private static func segments(_ head: [UInt8]) -> [Segment]? {
    func number(at place: Int, _ bytes: Int) -> Int? {
      guard place >= 0, place <= head.count - bytes else { return nil }
      return (0..<bytes).reversed().reduce(0) { $0 &<< 8 | Int(head[place + $1]) }
    }
    guard let table = number(at: 32, 8), let size = number(at: 54, 2), size >= 56,
      let count = number(at: 56, 2), table >= 64, table < headBytes
    else { return nil }
    var found: [Segment] = []
    for start in (0..<count).map({ table + $0 * size }) {
      guard let type = number(at: start, 4), let offset = number(at: start + 8, 8),
        let size = number(at: start + 32, 8)
      else { return nil }
      found.append(Segment(type: type, offset: offset, size: size))
    }
    return found
  }

  /// As much of a segment as stands in the head.
  private static func bytes(_ head: [UInt8], _ segment: Segment) -> ArraySlice<UInt8> {
    guard segment.offset >= 0, segment.offset < head.count, segment.size > 0 else { return [] }
    return head[segment.offset...].prefix(segment.size)
  }

  /// The text, ended by a zero byte, that a segment is.
  private static func text(_ head: [UInt8], _ segment: Segment) -> String? {
    let bytes = bytes(head, segment).prefix { $0 != 0 }
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
  }

  /// Whether the set-user or set-group bit means somebody else: the linker then loads nothing.
  /// In anyone's user namespace but root's there is nobody else, and the bits mean nothing.
  private static func changesUser(_ path: String) -> Bool {
    var status = stat()
    guard geteuid() == 0, unsafe stat(path, &status) == 0 else { return false }
    return status.st_mode & S_ISUID != 0 && status.st_uid != geteuid()
      || status.st_mode & S_ISGID != 0 && status.st_gid != getegid()
  }
}
