import AddressSpaces
import DMATypes
import LegacyVFIO
import Shim
import Testing

@Suite struct PinTests {
  static func world(_ groups: GroupFacts...) throws -> Container {
    var container = try Container([group(7, .emulated)] + groups)
    try container.map(range(0x10000, 0x13fff), at: 0x7000_0000)
    try container.map(range(0x14000, 0x17fff), at: 0x7100_0000)
    return container
  }

  @Test("Pages come in order, over mappings that follow one another")
  func pages() throws {
    var container = try Self.world()
    let pages = try container.pin(0x12800, 3)
    #expect(pages.map(\.run.start.rawValue) == [0x12800, 0x14800])
    #expect(pages.map(\.run.count) == [2, 1])
    #expect(pages.map { $0[0].address.rawValue } == [0x7000_2000, 0x7100_0000])
    #expect(pages[0][1].address.rawValue == 0x7000_3000)
  }

  @Test("Only pages that nobody holds are asked for, and charged while there is no table")
  func fresh() throws {
    var container = try Self.world()
    try container.pin(0x11000, 2)
    try container.pin(0x10000, 5)
    #expect(
      container.session.backend.calls.suffix(4) == [
        "pin 11000-12fff charged", "pin 10000-10fff charged", "pin 13000-13fff charged",
        "pin 14000-14fff charged",
      ])
    #expect(container.state.pinnedPageCount(of: MemoryOwner(rawValue: 5)) == 5)
    try container.join(group())
    try container.pin(0x15000, 1)
    #expect(container.session.backend.calls.last == "pin 15000-15fff")
  }

  @Test("What one page refuses, the others do not keep", arguments: 0..<3)
  func wholeOrNothing(failing: Int) throws {
    var container = try Self.world()
    try container.pin(0x11000, 1)
    let before = (container.state, container.session.backend.content)
    // Three parts: before the page that is held, behind it, and in the second mapping.
    container.session.backend.failing = container.session.backend.failable + failing
    #expect(errno { () throws(Errno) in try container.pin(0x10000, 6) } == .noMemory)
    #expect(container.state == before.0 && container.session.backend.content == before.1)
    container.session.backend.failing = nil
    #expect(errno { () throws(Errno) in try container.pin(0x10000, 9) } == .invalidArgument)
    #expect(container.state == before.0 && container.session.backend.content == before.1)
  }

  @Test("Pages that a failed pin had held for a moment stay dirty")
  func dirtyAfterAll() throws {
    var container = try Self.world()
    _ = try container.perform(.dirtyPages(.start))
    #expect(errno { () throws(Errno) in try container.pin(0x16000, 3) } == .invalidArgument)
    #expect(!container.session.hasPins)
    let get = ContainerRequest.dirtyPages(
      .getBitmap(
        iova: IOVA(0x10000), size: 0x8000,
        bitmap: BitmapArgument(pageBytes: 4096, size: 8, data: UserAddress(0))))
    _ = try container.perform(get)
    #expect(container.bitmaps.words[0] == 0b1100_0000)
    _ = try container.perform(get)
    #expect(container.bitmaps.words[0] == 0)
  }

  @Test("Missing memory wins over a refusal behind it, and loses to one in front")
  func order() throws {
    var container = try Self.world()
    container.session.backend.failing = container.session.backend.failable
    #expect(errno { () throws(Errno) in try container.pin(0x17000, 2) } == .noMemory)
    container.session.backend.failing = container.session.backend.failable
    #expect(errno { () throws(Errno) in try container.pin(0x18000, 2) } == .invalidArgument)
  }

  @Test("Pins survive a physical group's coming and going")
  func survival() throws {
    var container = try Self.world()
    try container.pin(0x10000, 3)
    try container.join(group())
    container.leave(group().number)
    #expect(container.state.pins.count(at: IOVA(0x12000)) == 1)
    #expect(
      container.unpin(0x10000, 3) == false && container.session.backend.content.pinned.isEmpty)
    #expect(container.state.pins.isEmpty && !container.session.hasPins)
  }

  @Test("A driver is told whole mappings, the lowest first, and only what is held")
  func told() throws {
    var container = try Self.world()
    try container.map(range(0x18000, 0x1bfff))
    var driver = Stubborn()
    for iova in [0x19000, 0x13000] as [UInt64] {
      try container.pin(iova, 1)
      driver.held.append(UnpinRequest(iova: IOVA(iova), count: 1))
    }
    try container.letGo(0x10000, 0xc000, &driver)
    #expect(driver.told == [range(0x10000, 0x13fff), range(0x18000, 0x1bfff)])
    #expect(try container.unmap(0x10000, 0xc000) == 0xc000)
  }

  @Test("Eleven rounds, then an error that both sides see", arguments: [10, 11])
  func rounds(deaf: Int) throws {
    var container = try Self.world()
    try container.pin(0x10000, 2)
    var driver = Stubborn(times: deaf)
    driver.held = [UnpinRequest(iova: IOVA(0x10000), count: 2)]
    let failure = errno { () throws(Errno) in try container.letGo(0x10000, 0x8000, &driver) }
    #expect(driver.told.count == 11)
    if deaf == 10 {
      #expect(failure == nil && driver.failed.isEmpty && container.state.failedUnmaps.isEmpty)
      return
    }
    #expect(failure == .deadlock && driver.failed == [range(0x10000, 0x13fff)])
    #expect(errno { () throws(Errno) in try container.pin(0x13000, 1) } == .deadlock)
    #expect(errno { () throws(Errno) in try container.pin(0x14000, 1) } == nil)
    container.unpin(0x10000, 2)
    #expect(errno { () throws(Errno) in try container.pin(0x13000, 1) } == .deadlock)
    #expect(try container.unmap(0x10000, 0x4000) == 0x4000)
    try container.map(range(0x10000, 0x13fff))
    try container.pin(0x13000, 1)
  }

  @Test("An UNMAP that will be refused tells nobody")
  func refused() throws {
    var container = try Self.world()
    try container.pin(0x10000, 1)
    var driver = Stubborn()
    try container.letGo(0x11000, 0x3000, &driver)
    #expect(driver.told.isEmpty)
  }

  @Test("A copy ends where it is refused, and what lies before is copied")
  func copies() throws {
    var container = try Self.world()
    var bytes = [UInt8](repeating: 0, count: 0x20)
    #expect(container.read(&bytes, 0x13ff0) == nil)
    #expect(bytes.first == 0xf0 && bytes[0x10] == 0 && bytes[0x1f] == 0x0f)
    bytes = [UInt8](repeating: 0xee, count: 0x20)
    #expect(container.read(&bytes, 0x17ff0) == .invalidArgument)
    #expect(bytes[0xf] == 0xff && bytes[0x10] == 0xee)
  }
}
