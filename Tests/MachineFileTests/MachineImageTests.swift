import MachineFile
import Testing

struct MachineImageTests {
  static let image = MachineImage(
    options: [.verbose, .trace], backend: .iommufd,
    nodes: [
      .init(inode: 1 << 40, role: .containerNode, index: 0, major: 10, minor: 196),
      .init(inode: 7, role: .groupNode, index: 0, major: 253, minor: 0),
      .init(inode: 8, role: .groupFile, index: 0, major: 253, minor: 0),
      .init(inode: 9, role: .deviceFile, index: 3, major: 0, minor: 0),
    ],
    platform: Array("a platform".utf8), groupCount: 1)

  @Test func readingBackGivesTheSameImage() throws {
    #expect(MachineImage(bytes: Self.image.bytes()) == Self.image)
    #expect(Self.image.bytes().count == Self.image.sharedOffset)
  }

  @Test func everyTruncationIsRefused() {
    let whole = 72 + Self.image.nodes.count * 32 + Self.image.platform.count
    for count in 0..<whole {
      #expect(MachineImage(bytes: Array(Self.image.bytes().prefix(count))) == nil, "\(count)")
    }
    #expect(MachineImage(bytes: Array(Self.image.bytes().prefix(whole))) == Self.image)
  }

  @Test func noChangedByteOfTheHeaderTraps() {
    for offset in 0..<72 {
      for value: UInt8 in [0, 1, 0x7f, 0x80, 0xff] {
        var bytes = Self.image.bytes()
        bytes[offset] = value
        _ = MachineImage(bytes: bytes)
      }
    }
  }

  @Test(arguments: [(0, 4096), (1, 4096), (52, 4096), (53, 8192)])
  func theSharedRegionHoldsWordsForEachGroup(groups: Int, byteCount: Int) {
    #expect(SharedRegion.byteCount(groups: groups) == byteCount)
    #expect(SharedRegion.container(ofGroupAt: groups) <= byteCount)
  }
}
