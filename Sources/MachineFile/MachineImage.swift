/// The content of `/sys/module/ioasid/machine`: what `ioasid run` tells the engines of a run.
///
/// The file is `bytes()` and then, page aligned, the shared region. Numbers are little-endian:
///
/// | offset | bytes | what |
/// |---|---|---|
/// | 0 | 8 | `magic` |
/// | 8 | 4 | `version` |
/// | 12 | 4 | `options` |
/// | 16 | 8 | offset of the node table |
/// | 24 | 8 | entries in it |
/// | 32 | 8 | offset of the encoded platform |
/// | 40 | 8 | bytes in it |
/// | 48 | 8 | offset of the shared region |
/// | 56 | 8 | bytes in it |
/// | 64 | 4 | `backend` |
/// | 68 | 4 | zero |
///
/// A node table entry has 32 bytes: inode (8), role (4), index (4), major (4), minor (4), zero (8).
/// Only the shared region is ever written after the launch.
public struct MachineImage: Equatable, Sendable {
  /// What the command line asked for.
  public struct Options: OptionSet, Hashable, Sendable {
    /// The bits as the file holds them.
    public var rawValue: UInt32
    /// Wraps the bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// `--verbose`: faults and the like are told on stderr.
    public static let verbose = Self(rawValue: 1)
    /// `--trace`: calls are appended to `RunPaths.trace`.
    public static let trace = Self(rawValue: 2)
    /// The machine's own `/dev/vfio/vfio` is an iommufd (`IOMMUFD_VFIO_CONTAINER`). Opened by that
    /// name it charges each process by itself, without a privilege.
    public static let containerNodeIsIOMMUFD = Self(rawValue: 4)
    /// `--bug-compatible`: reports of dirty pages leave bits behind, as Linux 6.12's do.
    public static let bugCompatible = Self(rawValue: 8)
    /// `--precise-dirty`: only what devices truly wrote is dirty.
    public static let preciseDirty = Self(rawValue: 16)
    /// `--p2p record`: registers that iommufd does not map are mapped in the books only.
    public static let recordsPeers = Self(rawValue: 32)
    /// `--p2p dmabuf`: they are handed to iommufd as dma-bufs, where the kernel can.
    public static let exportsPeers = Self(rawValue: 64)
  }

  /// Who makes containers real, which also tells what `platform` encodes.
  public enum Backend: UInt32, Hashable, Sendable {
    /// The software IOMMU and simulated devices: an encoded `Platform`.
    case software = 1
    /// The kernel's iommufd and the machine's own devices: an encoded `HostPlatform`.
    case iommufd = 2
  }

  /// What a file of the run's tmpfs stands for.
  public enum Role: UInt32, Hashable, Sendable {
    /// The node `/dev/vfio/vfio`; index 0.
    case containerNode = 1
    /// The node `/dev/vfio/N`; the index counts the platform's groups.
    case groupNode = 2
    /// The regular file behind an open group, `groups/N`; the index counts the platform's groups.
    case groupFile = 3
    /// The regular file behind an open simulated device, `devices/BDF`; the index counts the
    /// platform's devices.
    case deviceFile = 4
  }

  /// One file of the run's tmpfs.
  public struct Node: Hashable, Sendable {
    /// Its inode number.
    public var inode: UInt64
    /// What it stands for.
    public var role: Role
    /// Which group or device, counted from 0 in the platform's order.
    public var index: UInt32
    /// The device number that `fstat` of the open file shows: 0, 0 for a device's anonymous inode.
    public var major, minor: UInt32

    /// States one entry.
    public init(inode: UInt64, role: Role, index: UInt32, major: UInt32, minor: UInt32) {
      self.inode = inode
      self.role = role
      self.index = index
      self.major = major
      self.minor = minor
    }
  }

  /// What stands at offset 0: "ioasid" and two zero bytes.
  public static let magic: UInt64 = 0x0000_6469_7361_6f69
  /// The layout this source describes. Launcher and engine are built together.
  public static let version: UInt32 = 3
  static let headerBytes = 72
  static let nodeBytes = 32

  /// What the command line asked for.
  public var options: Options
  /// Who makes containers real.
  public var backend: Backend
  /// The nodes and files, in no particular order.
  public var nodes: [Node]
  /// The platform as its own coding has it.
  public var platform: [UInt8]
  /// How many groups the platform has: each has a word in the shared region.
  public var groupCount: Int

  /// States the content.
  public init(
    options: Options, backend: Backend = .software, nodes: [Node], platform: [UInt8],
    groupCount: Int
  ) {
    self.options = options
    self.backend = backend
    self.nodes = nodes
    self.platform = platform
    self.groupCount = groupCount
  }

  /// Where the shared region begins in the file, a multiple of the page size.
  public var sharedOffset: Int {
    let end = Self.headerBytes + nodes.count * Self.nodeBytes + platform.count
    return pages(end)
  }

  /// The bytes of the shared region, a multiple of the page size.
  public var sharedBytes: Int { SharedRegion.byteCount(groups: groupCount) }

  /// The file up to the shared region: `sharedOffset` bytes.
  public func bytes() -> [UInt8] {
    let nodesOffset = Self.headerBytes
    let platformOffset = nodesOffset + nodes.count * Self.nodeBytes
    var out: [UInt8] = []
    out.reserveCapacity(sharedOffset)
    out.append(Self.magic)
    out.append(Self.version)
    out.append(options.rawValue)
    for word in [
      nodesOffset, nodes.count, platformOffset, platform.count, sharedOffset, sharedBytes,
    ] { out.append(UInt64(word)) }
    out.append(backend.rawValue)
    out.append(0 as UInt32)
    for node in nodes {
      out.append(node.inode)
      out.append(node.role.rawValue)
      out.append(node.index)
      out.append(node.major)
      out.append(node.minor)
      out.append(0 as UInt64)
    }
    out += platform
    out += [UInt8](repeating: 0, count: sharedOffset - out.count)
    return out
  }

  /// Reads a file back; nil when it is not one that this version wrote. Bytes after the encoded
  /// platform may be left out.
  public init?(bytes: [UInt8]) {
    guard bytes.number(at: 0, as: UInt64.self) == Self.magic,
      bytes.number(at: 8, as: UInt32.self) == Self.version,
      let options = bytes.number(at: 12, as: UInt32.self),
      let nodesOffset = bytes.offset(at: 16), let nodeCount = bytes.offset(at: 24),
      let platformOffset = bytes.offset(at: 32), let platformBytes = bytes.offset(at: 40),
      let sharedBytes = bytes.offset(at: 56),
      let backend = bytes.number(at: 64, as: UInt32.self).flatMap(Backend.init(rawValue:)),
      nodeCount <= bytes.count / Self.nodeBytes, platformOffset <= bytes.count - platformBytes
    else { return nil }
    self.options = Options(rawValue: options)
    self.backend = backend
    nodes = []
    for index in 0..<nodeCount {
      let at = nodesOffset + index * Self.nodeBytes
      guard let inode = bytes.number(at: at, as: UInt64.self),
        let role = bytes.number(at: at + 8, as: UInt32.self).flatMap(Role.init(rawValue:)),
        let number = bytes.number(at: at + 12, as: UInt32.self),
        let major = bytes.number(at: at + 16, as: UInt32.self),
        let minor = bytes.number(at: at + 20, as: UInt32.self)
      else { return nil }
      nodes.append(Node(inode: inode, role: role, index: number, major: major, minor: minor))
    }
    platform = Array(bytes[platformOffset..<platformOffset + platformBytes])
    groupCount = nodes.count { $0.role == .groupFile }
    guard self.sharedBytes == sharedBytes else { return nil }
  }
}

/// Where the words lie that the processes of a run share, counted from the region's start.
public enum SharedRegion {
  /// A robust lock of 64 bytes, 0 at first. Held only to open, join, leave and close.
  public static let lock = 0
  /// A 64-bit word, 0 at first: the number of the newest container file.
  public static let newestContainer = 64
  /// A 64-bit word, 0 at first: the number of the newest process that writes a trace.
  public static let newestProcess = 72
  /// A second lock of that kind: who holds it may have several devices to himself, whatever their
  /// order.
  public static let peersLock = 128
  /// A 64-bit word, 0 until registers of a device were mapped for DMA.
  public static let hasPeers = 192
  /// How many of the newest containers are remembered.
  private static let recentContainers = 64
  /// A 64-bit word, 0 at first: the newest of the containers whose numbers have the same remainder.
  public static func recentContainer(_ number: UInt64) -> Int {
    256 + 8 * Int(number % UInt64(recentContainers))
  }
  /// A 64-bit word of one group, 0 at first: the container that the group is in.
  public static func container(ofGroupAt index: Int) -> Int { word(.container, ofGroupAt: index) }
  /// The region's size in bytes, whole pages.
  public static func byteCount(groups: Int) -> Int { pages(container(ofGroupAt: groups)) }

  /// What is remembered of a group, a 64-bit word each, 0 at first.
  public enum GroupWord: Int, Sendable {
    /// The number of the container that the group is in.
    case container
    /// The kernel's number for the page table that its devices use. This and what follows belong
    /// to the iommufd backend.
    case table
    /// The kernel's number for the device that claims the group.
    case device
    /// What was found out about the group's IOMMU: flags.
    case facts
    /// The first and the last address that its tables translate.
    case apertureStart, apertureLast
    /// The page sizes of its tables.
    case pageSizes
  }

  /// Where a group's word is.
  public static func word(_ word: GroupWord, ofGroupAt index: Int) -> Int {
    256 + 8 * recentContainers + 8 * (8 * index + word.rawValue)
  }
}

func pages(_ byteCount: Int) -> Int { (byteCount + 4095) & ~4095 }

extension [UInt8] {
  fileprivate mutating func append<Number: FixedWidthInteger>(_ number: Number) {
    for byte in 0..<Number.bitWidth / 8 {
      append(UInt8(truncatingIfNeeded: number >> Number(byte * 8)))
    }
  }

  fileprivate func number<Number: FixedWidthInteger>(at offset: Int, as: Number.Type) -> Number? {
    let size = Number.bitWidth / 8
    guard offset >= 0, offset <= count - size else { return nil }
    return (0..<size).reduce(0) { $0 | Number(self[offset + $1]) << Number($1 * 8) }
  }

  /// A 64-bit number that can be an offset or a size within these bytes.
  fileprivate func offset(at offset: Int) -> Int? {
    number(at: offset, as: UInt64.self).flatMap { $0 < 1 << 40 ? Int($0) : nil }
  }
}
