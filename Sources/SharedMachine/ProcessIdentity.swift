internal import CLinux

/// How the shared files recognise this process's memory: a random token in a page that fork wipes
/// and exec drops. Who finds the token at its address has found the memory that was mapped.
@safe struct ProcessIdentity: @unchecked Sendable {
  private let page: UnsafeMutablePointer<UInt64>
  /// The process, as the kernel numbers it.
  let pid: Int32
  /// What stands at `tokenAddress` in this process and no other; never 0.
  let token: UInt64

  /// Gives this process a fresh token; nil when there is no memory for the page.
  init?() {
    guard let page = unsafe clinux_wiped_page() else { return nil }
    unsafe self.page = page
    pid = clinux_pid()
    token = clinux_random()
    unsafe page.pointee = token
  }

  /// Gives the child that fork made a token of its own, in the page that fork wiped: a new page
  /// would land where the program may have made a hole.
  init(forkedFrom parent: ProcessIdentity) {
    unsafe page = parent.page
    pid = clinux_pid()
    token = clinux_random()
    unsafe page.pointee = token
  }

  /// Where the token stands.
  var tokenAddress: UInt64 { unsafe UInt64(UInt(bitPattern: page)) }

  /// Whether the calling thread has CAP_SYS_RAWIO.
  static var hasRawIO: Bool { clinux_has_capability(17) != 0 }

  /// False in a child that fork made since.
  @inline(__always) var isCurrent: Bool { unsafe page.pointee == token }
}
