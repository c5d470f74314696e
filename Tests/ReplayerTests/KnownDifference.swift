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

  private static let memory =
    "the program had closed memory or written to it, which a trace does not say"

  /// Lines of a conversation with a driver, on the software backend and the oracle alike.
  private static func commands(_ trace: String, _ answers: KeyValuePairs<Int, String>) -> [Self] {
    answers.flatMap { line, answer in
      ["software", "oracle"].map {
        Self(
          trace: trace, line: line, implementation: $0, answer: " = 0 <\(answer)>", reason: memory)
      }
    }
  }

  static let all: [Self] =
    registers
    + commands(
      "mediated-container",
      [52: "0100000002000000000010000000000000000000000000000300000002 00*275"])
    + commands(
      "mediated-refusals",
      [
        40: "0100000001000000002000030000000000000000000000000100000001 00*275",
        42: "0100000001000000004000030000000000000000000000000100000001 00*275",
        43: "0100000001000000005000030000000000000000000000000100000001 00*275",
        48: "0100000001000000002000040000000000000000000000000100000001 00*275",
        51: "0100000001000000005000040000000000000000000000000100000001 00*275",
        54: "0100000008000000000000030000000000000000000000000100000008 00*275",
        57: "01000000080000000050000400000000000000000000000001000000eaffffff 00*272",
      ])
    + commands(
      "mediated-copies",
      [
        27: "0500000000000000000010000000000008 00*31 11*256",
        29: "0400000000000000100010000000000008 00*31 a1a1a1a1a1a1a1a1 00*248",
      ])

  private static let registers: [Self] = [
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
