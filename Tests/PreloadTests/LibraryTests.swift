import Foundation
import Testing

/// What the library shows and needs. A non-public function with a C name is dropped at link without
/// a word, so the exports are held to the list that the linker was given.
@Suite struct LibraryTests {
  static func listed() throws -> Set<String> {
    let map = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources/Preload/exports.map")
    let text = try String(contentsOf: map, encoding: .utf8)
    let global = try #require(text.firstRange(of: "global:"))
    let local = try #require(text.firstRange(of: "local:"))
    return Set(
      text[global.upperBound..<local.lowerBound].split { $0 == ";" || $0.isWhitespace }
        .map(String.init))
  }

  @Test("It defines exactly the symbols of its list")
  func exports() throws {
    let workshop = try Workshop.shared.get()
    let ran = try Ran("/usr/bin/env", ["nm", "-D", "--defined-only", workshop.preload.path])
    let defined = ran.output.split(separator: "\n").compactMap { $0.split(separator: " ").last }
    #expect(try Set(defined.map(String.init)) == Self.listed())
    #expect(!defined.isEmpty)
  }

  @Test("It needs libc alone")
  func needs() throws {
    let workshop = try Workshop.shared.get()
    let ran = try Ran("/usr/bin/env", ["readelf", "-d", workshop.preload.path])
    let needed = ran.output.split(separator: "\n").filter { $0.contains("(NEEDED)") }
    #expect(needed.count == 1 && needed[0].contains("[libc.so.6]"))
  }

  @Test("What it brings into a process is tens of kilobytes")
  func size() throws {
    let workshop = try Workshop.shared.get()
    let ran = try Ran("/usr/bin/env", ["size", workshop.preload.path])
    let figures = ran.output.split(separator: "\n")[1].split { $0.isWhitespace }
    let text = try #require(Int(figures[0])), data = try #require(Int(figures[1]))
    #expect(text + data < 100_000)
  }

  @Test("Neither library has debugging information for a program's own debugger to trip over")
  func stripped() throws {
    let products = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
      .deletingLastPathComponent()
    for library in ["preload", "engine"] {
      let path = products.appending(path: "libioasid-\(library).so").path
      let ran = try Ran("/usr/bin/env", ["readelf", "-SW", path])
      #expect(ran.output.contains(" .text "))
      #expect(!ran.output.contains(" .debug_"))
    }
  }
}
