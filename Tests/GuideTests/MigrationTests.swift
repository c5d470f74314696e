import DMATypes
import Diagnosis
import Shim
import Testing

/// MIGRATION.md's table of rules, held to the program's.
struct RuleTable {
  static let numbers: [String: Int32] = [
    "EPERM": 1, "ENOENT": 2, "E2BIG": 7, "EBADF": 9, "EACCES": 13, "EFAULT": 14, "EBUSY": 16,
    "EEXIST": 17,
    "ENODEV": 19, "EINVAL": 22, "ENOTTY": 25, "ENOSPC": 28, "EDEADLK": 35, "EBADFD": 77,
  ]

  /// What is wrong with the rows `| `name` | ERRNO | cause |`: one sentence each.
  static func problems(in document: Markdown, rules: [(name: String, errno: Int32)]) -> [String] {
    let names = Set(rules.map(\.name))
    var seen: [String: String] = [:]
    var problems: [String] = []
    for row in document.rows where row.count == 3 && numbers[row[1]] != nil {
      let name = row[0].filter { $0 != "`" }
      if !names.contains(name) { problems.append("\(name) is no rule") }
      if seen.updateValue(row[1], forKey: name) != nil { problems.append("\(name) is there twice") }
      if row[2].isEmpty { problems.append("\(name) has no cause") }
    }
    for rule in rules {
      switch seen[rule.name] {
      case nil: problems.append("\(rule.name) is missing")
      case let errno? where numbers[errno] != rule.errno:
        problems.append("\(rule.name) is \(rule.errno), not \(errno)")
      default: break
      }
    }
    return problems
  }
}

@Suite("MIGRATION.md")
struct MigrationTests {
  static let rules = Rule.allCases.map { (name: "\($0)", errno: $0.errno.rawValue) }

  @Test("Every rule is named once, with its error number and cause")
  func rules() throws {
    let document = Markdown(try Guide.text("MIGRATION.md"))
    let problems = RuleTable.problems(in: document, rules: Self.rules)
    #expect(problems.isEmpty, "\(problems.joined(separator: "\n"))")
  }

  @Test("A missing, wrong, doubled or unknown row is found")
  func problems() {
    let document = Markdown(
      """
      | `a` | EINVAL | x |
      | `b` | EPERM | x |
      | `b` | EPERM | x |
      | `z` | EBUSY | x |
      """)
    let rules: [(name: String, errno: Int32)] = [("a", 22), ("b", 22), ("c", 22)]
    #expect(
      Set(RuleTable.problems(in: document, rules: rules)) == [
        "b is there twice", "b is 22, not EPERM", "z is no rule", "c is missing",
      ])
  }

  @Test("Each limit of the software backend has an anchor of its own")
  func limits() throws {
    let document = Markdown(try Guide.text("MIGRATION.md"))
    let anchors = document.anchors
    #expect(Set(anchors).count == anchors.count)
    let needed = [
      "no-pinning", "memory-of-the-dead", "vmlck", "memlock", "write-only-memory", "libc-only",
      "io-uring", "32-bit", "setuid", "env-i", "bar-pointers", "proc-text", "eventfds-across-exec",
      "capabilities", "timing", "kernel-log",
    ]
    #expect(needed.filter { !anchors.contains($0) } == [])
  }

  @Test("Each limit of a backend has its section, and each section of iommufd's its limit")
  func limitsOfBackends() throws {
    let anchors = Markdown(try Guide.text("MIGRATION.md")).anchors
    let sections = Set(Limit.all.map(\.section))
    #expect(sections.filter { !anchors.contains($0) }.sorted() == [])
    let orphans = anchors.filter { $0.hasPrefix("iommufd-") && !sections.contains($0) }
    #expect(orphans == [])
  }
}
