/// One line on which ioasid is known to differ from Linux 6.12, and why. Each is asserted to be
/// there still, word for word: a line that becomes right is taken off the list.
struct DocumentedDifference: Sendable {
  /// The recording.
  var program: String
  /// The line, counted from 1.
  var line: Int
  /// What the kernel printed.
  var kernel: String
  /// What ioasid prints.
  var ioasid: String
  /// The reason.
  var reason: String

  init(_ program: String, _ line: Int, kernel: String, ioasid: String, _ reason: String) {
    self.program = program
    self.line = line
    self.kernel = kernel
    self.ioasid = ioasid
    self.reason = reason
  }

  /// None is known.
  static let all: [Self] = []
}
