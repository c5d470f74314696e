import Foundation
import Testing

/// Whole programs under `ioasid run`: threads, signals, children, other programs, sudden death.
/// Each checks itself and fails with the line that was wrong.
@Suite("Whole runs", .enabled(if: Workshop.canRun, "this machine lets this user build no view"))
struct RunTests {
  @Test("edu-copy prints the same twenty times, and what the real kernel's printed")
  func eduCopyTwentyTimes() throws {
    let program = try Workshop.program("edu-copy/main")
    let recorded = try String(
      contentsOf: Workshop.programs.deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/Conversations/edu-copy.native-6.12.txt"), encoding: .utf8)
    for time in 1...20 {
      let outcome = try Workshop.run([program])
      #expect("\(outcome.output)exit status \(outcome.status)\n" == recorded, "time \(time)")
    }
  }

  @Test("A program joins the machine of a run that is under way, and no other")
  func joining() throws {
    let script = """
      marks=$(mktemp -d); trap 'kill $run; rm -rf "$marks"' EXIT
      "$0" run -- sh -c 'exec 3<>/dev/vfio/3; touch "$0/open"; exec sleep 60' "$marks" & run=$!
      while [ ! -e "$marks/open" ]; do sleep 0.01; done
      opens='(: <>/dev/vfio/3) 2>&- && echo free || echo held'
      echo "there: $("$0" run --join $run -- sh -c "$opens"), here: $("$0" run -- sh -c "$opens")"
      cd /tmp && "$0" run --join $run -- pwd
      "$0" run --join $$ -- true
      """
    let outcome = try Outcome(of: ["/bin/sh", "-c", script, Workshop.tool])
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.prefix(2) == ["there: held, here: free", "/tmp"], "\(outcome.output)")
    #expect(outcome.status == 1 && lines.last?.hasPrefix("ioasid: process ") == true)
  }

  @Test("edu-copy without the tool names the missing node and exits with 1")
  func eduCopyAlone() throws {
    let outcome = try Outcome(of: [Workshop.program("edu-copy/main")])
    guard !FileManager.default.fileExists(atPath: "/dev/vfio/vfio") else { return }
    #expect(outcome.status == 1 && outcome.output.contains("/dev/vfio/vfio"))
  }

  @Test(
    "A stock python3 script", .enabled(if: Workshop.python != nil, "python3 is not installed"))
  func python() throws {
    let python = try #require(Workshop.python)
    let outcome = try Workshop.run(
      [python, Workshop.programs.appending(path: "edu_client.py").path])
    #expect(outcome.status == 0 && outcome.output.hasSuffix("done\n"), "\(outcome.output)")
  }

  @Test("Who holds every group on a bus may reset it, wherever the groups are")
  func hotReset() throws {
    let platform = Workshop.fixtures.appending(path: "Platforms/one-bus.json").path
    #expect(
      try Workshop.run([Workshop.program("runs/hot-reset")], options: ["--platform", platform])
        == Outcome(
          output: """
            01:00.0 of group 7
            01:00.1 of group 8
            no room: -1 ENOSPC, count 2
            with no group: -1 EINVAL
            with one of the two: -1 EINVAL
            with a container for the other: -1 EINVAL
            before: fffffffe
            with both: 0
            three for two devices: -1 EINVAL
            in the other order: 0
            with a closed one: -1 EBADF
            with the other in another container: 0
            done

            """, status: 0))
  }

  @Test("Two devices write each other's registers, and nobody waits for ever")
  func peers() throws {
    #expect(
      try Workshop.run([Workshop.program("runs/peers")])
        == Outcome(
          output: """
            two threads: 400 writes each
            a child's DMA into what its parent mapped: a fault
            a device and itself: status 0
            done

            """, status: 0))
  }

  @Test("The oracle answers every number on container and group as the kernel does")
  func everyNumber() throws {
    let trace = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let run = try Workshop.run(
      [Workshop.program("conversations/numbers")], options: ["--trace", trace])
    #expect(run.status == 0)
    let replay = try Outcome(of: [Workshop.tool, "replay", trace, "--on", "oracle"])
    #expect(replay.status == 0 && replay.output.hasPrefix("no difference: "), "\(replay.output)")
  }

  @Test("Devices behind three IOMMUs reach what all of them map, and nothing else")
  func threeIOMMUs() throws {
    let platform = Workshop.fixtures.appending(path: "Platforms/three-iommus.json").path
    #expect(
      try Workshop.run(
        [Workshop.program("runs/three-iommus")], options: ["--platform", platform])
        == Outcome(
          output: """
            mapped for one: w
            refused, and nothing changed: w
            mapped before two more came: wnh
            mapped for all: wnh
            beyond one: none
            missing memory: none
            unmapped: none
            wider without the narrow one: wh
            what the first mapped is the last one's: h
            done

            """, status: 0))
  }

  @Test("Threads and processes on one BAR lose and double no access")
  func oneBAR() throws {
    #expect(
      try Workshop.run([Workshop.program("runs/one-bar")])
        == Outcome(
          output: """
            read-modify-write instructions act once
            two threads: 8000 additions, 8000 exchanges, 8000 comparisons
            raised and acknowledged: 00000000 left
            two processes of two threads: 16000 additions, 16000 exchanges, 16000 comparisons
            every signal blocked: 8000 additions, 8000 exchanges, 8000 comparisons
            done

            """, status: 0))
  }

  @Test("The program's handlers of SIGSEGV and SIGTRAP are its own, before and after")
  func handlers() throws {
    #expect(
      try Workshop.run([Workshop.program("runs/handlers")])
        == Outcome(
          output: """
            a handler from before: the register works; 1 SIGSEGV, 0 SIGTRAP taken
            after a fault of the program's own: the register works; 2 SIGSEGV, 0 SIGTRAP taken
            handlers from after: the register works; 2 SIGSEGV, 0 SIGTRAP taken
            after a fault and a trap: the register works; 3 SIGSEGV, 1 SIGTRAP taken
            SIGSEGV ignored: the register works; 3 SIGSEGV, 1 SIGTRAP taken
            SIGSEGV by default: the register works; 3 SIGSEGV, 1 SIGTRAP taken
            a wild pointer: SEGV

            """, status: 0))
  }

  @Test(
    "A program gives its rights up and keeps what it opened",
    .enabled(if: geteuid() == 0, "only root has rights to give up"))
  func dropped() throws {
    #expect(
      try Workshop.run([Workshop.program("runs/dropped")]) == Outcome(output: "done\n", status: 0))
  }

  @Test("A task with the program's memory and thread-local storage disturbs no call")
  func sharer() throws {
    #expect(
      try Workshop.run([Workshop.program("runs/sharer")]) == Outcome(output: "done\n", status: 0))
  }

  @Test("Children and parents share the machine, and the device reaches the memory of each")
  func forks() throws {
    #expect(
      try Workshop.run([Workshop.program("runs/forks")])
        == Outcome(
          output: """
            the device read the child's memory: 22*128 00*128
            the child found the parent's bytes, and unmapped
            the mapping of a child that ended was there, and could be unmapped
            the parent ended first: 55*32 00*32
            with the last process the group is free

            """, status: 0))
  }

  @Test("Descriptors of all three kinds work in another program that they were sent to")
  func sentToAnotherProgram() throws {
    let (sender, receiver) = (
      try Workshop.program("runs/sender"), try Workshop.program("runs/receiver")
    )
    let name = "ioasid-\(UUID().uuidString)"
    let outcome = try Workshop.run(
      script: "\(sender) \(name) & \(receiver) \(name) && wait $!")
    #expect(outcome.status == 0)
    #expect(
      Set(outcome.output.split(separator: "\n")) == [
        "receiver: group flags 0x3", "receiver: API version 0", "receiver: 9 regions",
        "receiver: DMA from the sender's memory to its own: 5a*48 00*48",
        "sender: unmapped what the receiver had mapped", "receiver: done",
        "sender: the group is free",
      ])
  }

  @Test("A process killed at any moment harms nobody and leaves nothing")
  func killed() throws {
    let program = try Workshop.program("runs/killed")
    let outcome = try Workshop.run(
      script: "\(program) 50 && \(try Workshop.program("runs/holder")) busy "
        + "&& test $(ls /sys/module/ioasid/containers | wc -l) -le 64 && echo clean")
    #expect(
      outcome
        == Outcome(
          output: """
            the survivor of a shared container went on
            the group of a killed process was free each time
            the group: ok
            clean

            """, status: 0))
  }

  @Test("A process killed between any two instructions harms neither owner nor borrower")
  func stepped() throws {
    let outcome = try Workshop.run([try Workshop.program("runs/stepped"), "1", "24"])
    let acts = [
      "MAP", "the first MAP of a process", "UNMAP of four", "a DMA", "SET_IRQS and an interrupt",
      "GET_DEVICE_FD and close", "dirty tracking", "a life of another group",
    ]
    let lines =
      acts.map { "killed in \($0): the owner lost nothing\n" }
      + [0, 2, 3, 5].map { "killed in \(acts[$0]): the borrower lost nothing\n" }
    #expect(outcome == Outcome(output: lines.joined(), status: 0))
  }

  @Test("A lock passes on when its holder is killed, with all that the holder held")
  func locks() throws {
    let program = try Workshop.program("runs/locks", headers: "CLinux/include")
    let outcome = try Outcome(of: [program, "200"])
    #expect(
      outcome
        == Outcome(
          output: """
            threads: one at a time
            processes: one at a time
            a holder that is killed passes everything on
            and those that wait are woken

            """, status: 0))
  }

  @Test("A killed run leaves no process, no mount and no file behind")
  func nothingIsLeftBehind() throws {
    func machine() throws -> String {
      try Outcome(of: [
        "/bin/sh", "-c", "cat /proc/self/mountinfo; ls -d /dev/* /sys/module/* /sys/class/*",
      ]).output
    }
    let program = try Workshop.program("runs/killed")
    let before = try machine()
    let outcome = try Outcome(
      of: ["timeout", "-s", "KILL", "1", Workshop.tool, "run", "--", program, "100000"])
    #expect(outcome.status == 137)
    #expect(try machine() == before)
    var left = ""
    // Its child lives until it notices: it is killed by whoever waits for nobody any more.
    for _ in 0..<100 {
      left = try Outcome(of: ["pgrep", "-f", "^\(program)"]).output
      if left.isEmpty { break }
      usleep(50_000)
    }
    #expect(left.isEmpty)
  }

  @Test("Many processes map in one container", arguments: [(100, 100), (160, 127)])
  func many(live: Int, mapped: Int) throws {
    let outcome = try Workshop.run([try Workshop.program("runs/many"), "\(live)"])
    #expect(
      outcome
        == Outcome(
          output: """
            eight processes in one container: 256 pages won
            150 processes one after another
            \(live) at once: \(mapped) mapped, \(live - mapped) had no place
            150 processes one after another

            """, status: 0))
  }

  @Test("A journal that is rewritten again and again is followed by another process")
  func churn() throws {
    let outcome = try Workshop.run([try Workshop.program("runs/churn"), "100000"])
    #expect(outcome == Outcome(output: "100000 mappings came and went\n", status: 0))
  }

  @Test(
    "Full tables are refused as the kernel refuses them, and harm nothing that is open",
    .enabled(if: geteuid() == 0, "locked memory without limit is root's"))
  func limits() throws {
    #expect(
      try Workshop.run([Workshop.program("runs/limits")])
        == Outcome(
          output: """
            a full address space: -1 ENOMEM
            after 65535 mappings: ENOSPC
            a full descriptor table: what is open works, nothing more opens
            one free descriptor is enough for each
            done

            """, status: 0))
  }

  @Test("Programs that a shell starts in one run share one machine")
  func oneMachine() throws {
    let holder = try Workshop.program("runs/holder")
    let outcome = try Workshop.run(
      script: """
        mkfifo "$0.in" "$0.out"; \(holder) < "$0.in" > "$0.out" & exec 3> "$0.in" 4< "$0.out"
        read line <&4; echo "$line"; \(holder) busy; exec 3>&-; wait; \(holder) busy
        rm "$0.in" "$0.out"
        """.replacing("$0", with: "/tmp/ioasid-\(UUID().uuidString)"))
    #expect(
      outcome
        == Outcome(
          output: """
            held, register 0000ffff
            the group: -1 EBUSY
            the group: ok

            """, status: 0))
  }

  @Test("A run inside a run is another machine")
  func runInARun() throws {
    let holder = try Workshop.program("runs/holder")
    let outcome = try Workshop.run(
      script: """
        mkfifo "$0.in" "$0.out"; \(holder) < "$0.in" > "$0.out" & exec 3> "$0.in" 4< "$0.out"
        read line <&4; echo "$line"; \(Workshop.tool) run -- \(holder) < /dev/null
        \(holder) busy; exec 3>&-; wait; rm "$0.in" "$0.out"
        """.replacing("$0", with: "/tmp/ioasid-\(UUID().uuidString)"))
    #expect(
      outcome
        == Outcome(
          output: """
            held, register 0000ffff
            held, register 0000ffff
            the group: -1 EBUSY

            """, status: 0))
  }
}
