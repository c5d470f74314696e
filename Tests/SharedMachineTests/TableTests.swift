import AddressSpaces
import CLinux
import DMATypes
import Foundation
import SeededRandom
import Synchronization
import Testing

@testable import SharedMachine

struct OwnerTableTests {
  private func table() throws -> (OwnerTable, SharedMemory) {
    let run = try Run()
    let client = try Client(in: run)
    let file = try Descriptor(opening: run.directory.path + "/machine")
    _ = client
    guard clinux_resize(file.number, 1 << 20) == 0 else { throw Errno.noMemory }
    let memory = try SharedMemory(descriptor: file.number, byteCount: 1 << 20)
    return (OwnerTable(memory: memory, offset: 1 << 16), memory)
  }

  @Test("A process keeps its place; a full table gives away what the dead left and nobody names")
  func places() throws {
    let (table, _) = try table()
    var living: [ProcessIdentity] = []
    for number in 0..<UInt8(OwnerTable.places) {
      let process = try #require(ProcessIdentity())
      living.append(process)
      let owner = try table.place(of: process, isUnused: { _ in true })
      #expect(owner.rawValue == number)
      #expect(try table.place(of: process, isUnused: { _ in true }) == owner)
    }
    let late = try #require(ProcessIdentity())
    #expect(throws: Errno.noMemory) {
      try table.place(of: late, isUnused: { _ in true })
    }
    // Two of them are gone: their token is not where it was.
    for dead in [40, 90] as [UInt8] {
      table[MemoryOwner(rawValue: dead)].token ^= 1
    }
    #expect(throws: Errno.noMemory) { try table.place(of: late, isUnused: { _ in false }) }
    let place = try table.place(of: late) { $0.rawValue != 40 }
    #expect(place.rawValue == 90)
    #expect(try table.place(of: late, isUnused: { _ in false }) == place)
  }
}

/// `TrappedMappings` against a list that is searched from end to end.
struct TrappedMappingsTests {
  typealias Entry = TrappedMappings.Entry

  /// What stands at each page; the naive truth.
  private struct Model {
    var pages: [UInt64: (offset: UInt64, device: Int, protection: Int32)] = [:]

    mutating func insert(_ entry: Entry) {
      for page in stride(from: entry.start, to: entry.last, by: 4096) {
        pages[page] = (entry.offset + page - entry.start, entry.device, entry.protection)
      }
    }
  }

  @Test("Inserting, removing, protecting", arguments: 0..<20 as Range<UInt64>)
  func agreesWithPages(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let trapped = TrappedMappings()
    var model = Model()
    for _ in 0..<300 {
      let start = 0x10000 + (random.next() % 64) << 12
      let last = start + (1 + random.next() % 12) << 12 - 1
      let inside = stride(from: start, to: last, by: 4096)
      switch random.next() % 4 {
      case 0, 1:
        trapped.remove(start, last)
        let entry = Entry(
          start: start, last: last, offset: (random.next() % 256) << 12,
          device: Int(random.next() % 4), protection: Int32(random.next() % 4))
        #expect(trapped.insert(entry))
        model.insert(entry)
      case 2:
        trapped.remove(start, last)
        for page in inside { model.pages[page] = nil }
      default:
        let protection = Int32(random.next() % 4)
        trapped.protect(start, last, protection)
        for page in inside { model.pages[page]?.protection = protection }
      }
      for page in stride(from: 0x10000 as UInt64, to: 0x10000 + 80 << 12, by: 4096) {
        let found = trapped.containing(page + 8)
        let expected = model.pages[page]
        #expect(found.map { $0.offset + page - $0.start } == expected?.offset)
        #expect(found?.device == expected?.device && found?.protection == expected?.protection)
        #expect(trapped.overlaps(page, page + 4095) == (expected != nil))
        #expect(trapped.containing(page + 4095) == found)
      }
      let copy = TrappedMappings(copying: trapped)
      #expect(copy.containing(start) == trapped.containing(start))
    }
  }

  /// A fault handler looks while another thread splits the mapping elsewhere: what it looks for
  /// never left.
  @Test("A reader never misses a mapping that another thread only splits or protects")
  func readersNeverMiss() {
    let trapped = TrappedMappings()
    let entry = Entry(start: 0x100000, last: 0x1fffff, offset: 0, device: 1, protection: 3)
    #expect(trapped.insert(entry))
    let isDone = Atomic(false), missed = Atomic(0)
    threads(4) { thread in
      guard thread > 0 else {
        Self.disturb(trapped, entry)
        return isDone.store(true, ordering: .releasing)
      }
      repeat {
        for _ in 0..<1000 {
          let found = trapped.containing(0x100010)
          let isRight = found.map { $0.start == 0x100000 && $0.last >= 0x100fff && $0.device == 1 }
          if isRight != true { missed.add(1, ordering: .relaxed) }
        }
      } while !isDone.load(ordering: .acquiring)
    }
    #expect(missed.load(ordering: .relaxed) == 0)
  }

  private static func disturb(_ trapped: TrappedMappings, _ entry: Entry) {
    for round in 0..<20_000 as Range<UInt64> {
      let page = 0x110000 + (round % 16) << 12
      if round % 32 == 31 {
        trapped.protect(0x100000, 0x1fffff, Int32(round % 3))
      } else if round % 400 == 1 {
        // All in one piece again, where the pieces were.
        trapped.remove(0x110000, 0x1fffff)
        _ = trapped.insert(entry)
      } else {
        trapped.protect(page, page + 4095, Int32(round % 4))
      }
    }
  }
}
