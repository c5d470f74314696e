import Glibc

/// Why the dynamic linker would not load the preload into a program, if it would not.
///
/// Read from the file's first bytes; what cannot be read or understood is left for execve(2) to
/// judge.
enum Executable {
  /// As much as is read: headers stand at the start of every program that linkers write.
  private static let headBytes = 4096
  /// Scripts that run scripts: as many as the kernel follows.
  private static let scriptDepth = 5

  /// What keeps the preload out of the program at `path`, or nil.
  static func obstacle(_ path: String, depth: Int = 0) -> String? {
    guard depth < scriptDepth, let head = read(path) else { return nil }
    if head.starts(with: "#!".utf8) {
      return interpreter(head).flatMap { obstacle($0, depth: depth + 1) }
    }
    // ELF, 64 bits, least significant byte first.
    guard head.count >= 64, head.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { return nil }
    guard head[4] == 2, head[5] == 1 else { return "\(path) is no 64-bit x86 program" }
    if isStatic(head) { return "\(path) is statically linked" }
    return changesUser(path) ? "\(path) runs as another user" : nil
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

  /// Whether no program header (32: its place, 54: the size of one, 56: their count) names an
  /// interpreter (type 3).
  private static func isStatic(_ head: [UInt8]) -> Bool {
    func number(at place: Int, _ bytes: Int) -> Int? {
      guard place >= 0, place <= head.count - bytes else { return nil }
      return (0..<bytes).reversed().reduce(0) { $0 &<< 8 | Int(head[place + $1]) }
    }
    guard let table = number(at: 32, 8), let size = number(at: 54, 2), size >= 56,
      let count = number(at: 56, 2), table >= 64, table < headBytes
    else { return false }
    for index in 0..<count {
      guard let type = number(at: table + index * size, 4) else { return false }
      if type == 3 { return false }
    }
    return true
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
