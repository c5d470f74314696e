/// Why the tool stops: one line for stderr and the exit status.
struct Refusal: Error {
  /// The tool, the platform file or the machine refuses.
  static let failure: Int32 = 1
  /// The command line makes no sense.
  static let usage: Int32 = 2
  /// The program is there and cannot be executed, as shells say it.
  static let notExecutable: Int32 = 126
  /// The program is not there, as shells say it.
  static let notFound: Int32 = 127

  var message: String
  var status: Int32

  init(_ message: String, status: Int32 = failure) {
    self.message = message
    self.status = status
  }
}
