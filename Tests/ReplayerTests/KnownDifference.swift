import Replayer

/// One call on which an implementation is known to answer otherwise than native Linux 6.12 did, and
/// why. Each is asserted to be there still: a line that becomes right is taken off the list.
struct KnownDifference: Sendable {
  /// The trace's name, without `.native-6.12.trace`.
  var trace: String
  /// The line, from 1.
  var line: Int
  /// Whose answer differs.
  var implementation: String
  /// What it answers, from ` = ` on.
  var answer: String
  /// The reason.
  var reason: String

  private static let firmware =
    "the lab's firmware put BAR 0 elsewhere than the built-in platform's"
  private static let stores =
    "the program had stored through a mapping, which the kernel does not see"

  static let all: [Self] = [
    Self(
      trace: "qemu", line: 22, implementation: "software",
      answer: " = 256 <3412e811030110001000ff0000000000000060fe 00*24 "
        + "f41a00110000000040000000000000000a010000050080 00*189>", reason: firmware),
    Self(
      trace: "qemu", line: 27, implementation: "software", answer: " = 4 <000060fe>",
      reason: firmware),
    Self(
      trace: "regions", line: 99, implementation: "software", answer: " = 4 <f0f0f0f0>",
      reason: stores),
  ]

  static func expected(_ trace: String, on implementation: String) -> [Int: String] {
    Dictionary(
      uniqueKeysWithValues: all.filter { $0.trace == trace && $0.implementation == implementation }
        .map { ($0.line, $0.answer) })
  }
}
