import Glibc

/// The program that the launcher becomes.
struct Program {
  let path: String
  let arguments: [String]

  /// Finds the program as `execvp` would. Before the view stands, so that nothing is built in vain.
  init(_ words: [String]) throws(Refusal) {
    arguments = words
    let name = words[0]
    if name.contains("/") {
      path = name
      return
    }
    let search = System.environment("PATH") ?? "/bin:/usr/bin"
    var forbidden = false
    for directory in search.split(separator: ":", omittingEmptySubsequences: false) {
      let candidate = directory.isEmpty ? name : "\(directory)/\(name)"
      var status = stat()
      guard unsafe stat(candidate, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        continue
      }
      if unsafe access(candidate, X_OK) == 0 {
        path = candidate
        return
      }
      forbidden = true
    }
    throw forbidden
      ? Refusal("cannot execute \(name): Permission denied", status: Refusal.notExecutable)
      : Refusal("no program '\(name)' in PATH", status: Refusal.notFound)
  }

  /// The preload library, beside the tool's own executable.
  static func preload() throws(Refusal) -> String {
    guard let tool = try? System.readLink("/proc/self/exe"), let slash = tool.lastIndex(of: "/")
    else { throw Refusal("cannot tell where ioasid itself lies: mount /proc") }
    let library = tool[..<slash] + "/libioasid-preload.so"
    guard unsafe access(String(library), R_OK) == 0 else {
      throw Refusal("no \(library): build the whole package (swift build)")
    }
    // The dynamic linker ends a name at either of these.
    guard !library.contains(where: { $0 == ":" || $0 == " " }) else {
      throw Refusal("cannot preload \(library): its path must have no colon and no space")
    }
    return String(library)
  }

  /// Executes the program in place of this process; comes back only when that fails.
  func become(preloading library: String) throws(Refusal) {
    let earlier = System.environment("LD_PRELOAD").map { $0.isEmpty ? "" : ":" + $0 } ?? ""
    unsafe setenv("LD_PRELOAD", library + earlier, 1)
    try become()
  }

  /// The same with nothing preloaded.
  func become() throws(Refusal) {
    var words = unsafe arguments.map { unsafe strdup($0) }
    unsafe words.append(nil)
    unsafe execv(path, words)
    let number = errno
    if number == ENOEXEC {
      // A script without its first line: the shell runs it, as execvp has it.
      var shell = unsafe [strdup("/bin/sh"), strdup(path)]
      unsafe shell += words.dropFirst()
      unsafe execv("/bin/sh", shell)
    }
    throw Refusal(
      "cannot execute \(path): \(System.Failure(number: number).text)",
      status: number == ENOENT ? Refusal.notFound : Refusal.notExecutable)
  }
}
