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
      "opens", "permissions", "answers", "status", "duplicates", "hidden", "inherited", "unseen",
      "sockets", "children", "threads", "kept",
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

  @Test("A program that takes functions out of libc by its handle gets ours; all else is as it was")
  func symbols() throws {
    let workshop = try Workshop.shared.get()
    for arguments in [["every"] + (try LibraryTests.listed()).sorted(), ["kept"]] {
      let ran = try workshop.run(workshop.own("symbols"), arguments)
      #expect(ran.output == "ok\n" && ran.status == 0)
    }
  }

  @Test("A library that asks libc itself for what it stands in front of does not meet itself")
  func symbolsBetween() throws {
    let workshop = try Workshop.shared.get()
    for order in [
      [workshop.preload.path, workshop.own("between.so")],
      [workshop.own("between.so"), workshop.preload.path],
    ] {
      let ran = try workshop.run(
        workshop.own("symbols"), ["between"], libraries: order.joined(separator: ":"))
      #expect(ran.output == "ok\n" && ran.status == 0, "\(order)")
    }
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
