import Foundation
import Testing

/// Devices of drivers in user space, driven by legacy programs that know nothing of them.
@Suite(
  "Mediated devices in whole runs",
  .enabled(if: Workshop.canRun, "this machine lets this user build no view"))
struct MediatedTests {
  @Test("A driver pins a program's pages on demand, for every process of the run, and lets go")
  func blitter() throws {
    let outcome = try Workshop.run(
      [Workshop.program("runs/blit")], options: Workshop.mediated("blitter"))
    #expect(
      outcome
        == Outcome(
          output: """
            2 regions, 1 interrupt
            at first: 0 pages pinned of 0 so far
            a picture of four pages: done, 1 interrupt
            then: 4 pages pinned of 4 so far
            a picture of 64 pages: done, 1 interrupt
            then: 8 pages pinned of 68 so far
            the screen is mapped
            not mapped: fault at 0x50000000, 1 interrupt
            one row too many: fault at 0x10040000, 1 interrupt
            a screen shot: done, 1 interrupt
            before the memory goes: 7 pages pinned of 135 so far
            after the wide one: 4 pages pinned of 135 so far
            after all: 0 pages pinned of 135 so far
            gone: fault at 0x100000, 1 interrupt
            a child draws: 1 interrupt
            then: 4 pages pinned of 139 so far
            a child unmaps: 0 pages pinned of 139 so far
            once more: done, 1 interrupt
            done

            """, status: 0))
  }

  @Test("A driver that does not let go makes the unmap fail, and nothing else")
  func stubborn() throws {
    let outcome = try Workshop.run(
      [Workshop.program("runs/stubborn")], options: Workshop.mediated("ioasid-pins"))
    #expect(
      outcome
        == Outcome(
          output: """
            MAP_DMA(READ_WRITE, p, iova 0x100000, size 0x4000) = 0
            MAP_DMA(READ_WRITE, p + 4 * PAGE, iova 0x104000, size 0x4000) = 0
            pin(0x105000, 2, prot 3) = 2, pages f00d5…f00d6
            UNMAP_DMA(0, iova 0x100000, size 0x8000) = -1 EDEADLK, size 0x8000
            told 11 times, last [0x104000, +0x4000)
            -- nothing went, and that mapping takes no more pins
            pin(0x104000, 1, prot 3) = -EDEADLK
            pin(0x103000, 1, prot 3) = 1, pages f00d3…f00d3
            read(0x105000, 8) = 0
            UNMAP_DMA(0, iova 0x100000, size 0x4000) = -1 EDEADLK, size 0x4000
            told 11 times, last [0x100000, +0x4000)
            -- another process fares no better
            UNMAP_DMA(ALL, iova 0, size 0) = -1 EDEADLK, size 0
            told 11 times, last [0x100000, +0x4000)
            -- it lets go
            UNMAP_DMA(ALL, iova 0, size 0) = 0, size 0x8000
            told 2 times, last [0x104000, +0x4000)
            MAP_DMA(READ_WRITE, p + 4 * PAGE, iova 0x104000, size 0x4000) = 0
            pin(0x104000, 1, prot 3) = 1, pages f00d4…f00d4
            -- it never does: the container ends all the same
            UNMAP_DMA(ALL, iova 0, size 0) = -1 EDEADLK, size 0
            MAP_DMA(READ_WRITE, p, iova 0x104000, size 0x4000) = 0
            UNMAP_DMA(ALL, iova 0, size 0) = 0, size 0x4000
            told nothing

            """, status: 0))
  }

  @Test("Processes of two threads each pin, map and unmap at once, and every unmap asks once")
  func crowd() throws {
    let program = try Workshop.program("runs/crowd")
    let options = try Workshop.mediated("ioasid-pins")
    for time in 1...5 {
      #expect(
        try Workshop.run([program], options: options, seconds: 60)
          == Outcome(output: "told 1600 times\ndone\n", status: 0), "time \(time)")
    }
  }

  @Test("A driver and its client in one C program, by the library alone")
  func embedded() throws {
    let root = Workshop.programs.deletingLastPathComponent().deletingLastPathComponent()
    let program = FileManager.default.temporaryDirectory.appending(path: "embedded-\(getpid())")
    defer { try? FileManager.default.removeItem(at: program) }
    let built = try Outcome(of: [
      "clang", "-O1", "-I", root.appending(path: "Sources/CMediated").path, "-o", program.path,
      Workshop.programs.appending(path: "mediated/embedded.c").path, "-L", Workshop.products.path,
      "-lvfio-ioasid", "-Wl,-rpath,\(Workshop.products.path)",
    ])
    try #require(built.status == 0, "\(built.output)")
    #expect(
      try Outcome(of: [program.path])
        == Outcome(
          output: """
            register 0
            open before a driver -22
            SET_IOMMU 0
            open 0
            MAP 0
            512 pages 1536
            513 pages -7
            past the end -22
            UNMAP 0
            told 1 times
            memory is shown
            beyond its end: (nil)

            """, status: 0))
  }

  @Test("A platform's file names drivers, which are looked for beside it")
  func platformFile() throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "platform-\(getpid())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let option = try #require(Workshop.mediated("blitter").last)
    let driver = URL(filePath: option.split(separator: "=").last.map(String.init) ?? "")
    try FileManager.default.copyItem(at: driver, to: directory.appending(path: "screen.so"))
    let file = directory.appending(path: "platform.json")
    func run() throws -> Outcome {
      try Workshop.run([Workshop.program("runs/blit")], options: ["--platform", file.path])
    }
    func write(_ driver: String) throws {
      let text = """
        { "iommus": [], "devices": [], "mediated": [{ "name": "blitter", "driver": "\(driver)" }] }
        """
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    try write("screen.so")
    let outcome = try run()
    #expect(outcome.status == 0 && outcome.output.hasSuffix("done\n"), "\(outcome.output)")
    try write("nothing.so")
    let absent = try run()
    #expect(absent.status == 1 && absent.output.contains("cannot find the driver"))
  }

  @Test("A driver that is not there, and a name that is taken, end the run with one clear line")
  func refusals() throws {
    let absent = try Workshop.run(["/bin/true"], options: ["--mediated", "/nowhere/driver.so"])
    #expect(absent.status == 1 && absent.output.contains("cannot find the driver /nowhere"))
    let twice = try Workshop.run(
      ["/bin/true"], options: Workshop.mediated("blitter") + Workshop.mediated("blitter"))
    #expect(twice.status == 1 && twice.output.contains("blitter is there twice"))
  }

  @Test("A file that is no driver ends the run with one clear line")
  func notADriver() throws {
    let outcome = try Workshop.run(["/bin/true"], options: ["--mediated", "blitter=/bin/true"])
    #expect(outcome.status == 1)
    #expect(outcome.output.hasPrefix("ioasid: /bin/true is no mediated driver: "))
    #expect(outcome.output.split(separator: "\n").count == 1)
  }

  @Test("A driver that is gone when a program opens its device is a device that does not open")
  func goneDriver() throws {
    let path = try #require(Workshop.mediated("blitter").last)
    let copy = FileManager.default.temporaryDirectory.appending(path: "gone-\(getpid()).so").path
    try FileManager.default.copyItem(atPath: path, toPath: copy)
    let outcome = try Workshop.run(
      ["/bin/sh", "-c", "rm \(copy); exec \(Workshop.program("runs/blit"))"],
      options: ["--verbose", "--mediated", "blitter=\(copy)"])
    #expect(outcome.status == 1)
    #expect(outcome.output.contains("blitter: \(copy) is no mediated driver that loads here"))
  }

  @Test("A driver in C++, with its symbols hidden, is found")
  func plusPlus() throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "plus-\(getpid())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let source = directory.appending(path: "driver.cc")
    let text = """
      #include "vfio_ioasid.h"
      const vfio_device_ops vfio_ioasid_driver = {VFIO_IOASID_VERSION, "plus"};

      """
    try text.write(to: source, atomically: true, encoding: .utf8)
    let header = Workshop.programs.deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Sources/CMediated").path
    let driver = directory.appending(path: "plus.so").path
    let built = try Outcome(of: [
      "clang", "-Wall", "-Werror", "-fvisibility=hidden", "-shared", "-fPIC", "-I", header, "-o",
      driver, source.path,
    ])
    try #require(built.status == 0, "\(built.output)")
    let outcome = try Workshop.run(
      ["/bin/ls", "/sys/bus/mdev/devices"], options: ["--mediated", driver])
    #expect(outcome == Outcome(output: "plus\n", status: 0))
  }
}
