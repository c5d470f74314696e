import Glibc

/// System calls as Swift says them: a failure throws its number.
enum System {
  /// The number of a failed call.
  struct Failure: Error {
    var number: Int32
    /// The C library's words for it.
    var text: String { unsafe String(cString: strerror(number)) }
  }

  @discardableResult
  static func check<Result: SignedInteger>(_ result: Result) throws(Failure) -> Result {
    guard result >= 0 else { throw Failure(number: errno) }
    return result
  }

  static func mount(
    _ source: String, on target: String, type: String? = nil, flags: UInt, data: String? = nil
  ) throws(Failure) {
    let result =
      if let data { unsafe Glibc.mount(source, target, type, flags, data) } else {
        unsafe Glibc.mount(source, target, type, flags, nil)
      }
    try check(result)
  }

  static func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws(Failure) {
    try check(unsafe mkdir(path, mode))
  }

  /// Writes a whole new file; a file that stands there is emptied first.
  static func writeFile(
    _ path: String, _ bytes: [UInt8], mode: UInt32, size: Int? = nil
  ) throws(Failure) {
    let descriptor = try check(unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode))
    defer { close(descriptor) }
    if !bytes.isEmpty { try check(unsafe write(descriptor, bytes, bytes.count)) }
    if let size { try check(ftruncate(descriptor, size)) }
  }

  /// The whole of a file.
  static func readFile(_ path: String) throws(Failure) -> [UInt8] {
    let descriptor = try check(unsafe open(path, O_RDONLY | O_CLOEXEC))
    defer { close(descriptor) }
    var content: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = try check(unsafe read(descriptor, &block, block.count))
      if count == 0 { return content }
      content += block[..<count]
    }
  }

  /// What a symbolic link holds.
  static func readLink(_ path: String) throws(Failure) -> String {
    var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = try check(unsafe readlink(path, &bytes, bytes.count))
    return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// What a path names, symbolic links not followed; nil when nothing does.
  static func status(_ path: String) -> stat? {
    var status = stat()
    return unsafe lstat(path, &status) == 0 ? status : nil
  }

  static func isDirectory(_ path: String) -> Bool {
    status(path).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
  }

  /// The names in a directory, `.` and `..` aside.
  static func names(in path: String) throws(Failure) -> [String] {
    guard let directory = unsafe opendir(path) else { throw Failure(number: errno) }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }

  static func say(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe write(descriptor, buffer.baseAddress?.advanced(by: done), bytes.count - done)
      }
      guard count > 0 else { return }
      done += count
    }
  }
}
