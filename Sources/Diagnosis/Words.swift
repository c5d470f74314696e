internal import DMATypes
internal import Glibc

extension Errno {
  /// The C library's words for it.
  var words: String {
    // SAFETY: strerror answers with a string for every number; it is copied at once.
    unsafe String(cString: strerror(rawValue))
  }
}
