import Foundation
import Testing

/// The preload keeps the kernel's promises to a program. Method: C programs check themselves
/// against a fake engine inside a private view of a run's file system; each mode of theirs is one
/// promise.
@Suite(.enabled(if: Workshop.canShowRuns, "needs mount namespaces and mknod"))
struct ProcessTests {
  @Test(
    "Descriptors behave as a kernel's",
    arguments: [
      "opens", "permissions", "answers", "status", "duplicates", "hidden", "inherited", "sockets",
      "children", "threads",
    ])
  func descriptors(_ promise: String) throws {
    let workshop = try Workshop.shared.get()
    let ran = try workshop.run(workshop.own("descriptors"), [promise])
    #expect(ran.output == "ok\n")
    #expect(ran.status == 0)
  }

  @Test(
    "Signals stay the program's, and registers act whatever it does with them",
    arguments: [
      "before", "after", "reset_handler", "deaths", "blocked", "in_handler", "alternate_stack",
      "timer", "shared", "masked_exec", "old_names", "waits",
    ])
  func signals(_ promise: String) throws {
    let workshop = try Workshop.shared.get()
    let ran = try workshop.run(workshop.own("signals"), [promise])
    #expect(ran.output == "ok\n")
    #expect(ran.status == 0)
  }

  @Test("A program that opens no VFIO never loads the engine, in a run or out of it")
  func engineStaysAway() throws {
    let workshop = try Workshop.shared.get()
    for ran in [
      try workshop.run("/bin/cat", ["/proc/self/maps"]),
      try Ran("/bin/cat", ["/proc/self/maps"], ["LD_PRELOAD": workshop.preload.path]),
    ] {
      #expect(ran.output.contains("libioasid-preload.so"))
      #expect(!ran.output.contains("libioasid-engine.so"))
    }
  }
}
