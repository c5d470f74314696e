/// What a line of a script does.
public enum Verb: String, Hashable, Sendable, CaseIterable {
  case openContainer = "open-container"
  case openGroup = "open-group"
  case close = "close"
  /// dup(2): another descriptor of the same open file.
  case dup = "dup"
  case getAPIVersion = "GET_API_VERSION"
  case checkExtension = "CHECK_EXTENSION"
  case setIOMMU = "SET_IOMMU"
  case getInfo = "GET_INFO"
  case mapDMA = "MAP_DMA"
  case unmapDMA = "UNMAP_DMA"
  case dirtyPages = "DIRTY_PAGES"
  case getStatus = "GET_STATUS"
  case setContainer = "SET_CONTAINER"
  case unsetContainer = "UNSET_CONTAINER"
  case getDeviceFD = "GET_DEVICE_FD"
  /// Any request number, with a wild pointer.
  case ioctl = "ioctl"
  /// What a device reads (eight bytes) at an IOVA.
  case deviceRead = "device-read"
  /// What a device's write (eight bytes) at an IOVA does.
  case deviceWrite = "device-write"
  /// What the driver of a mediated device (`PinsDriver`) is told to do: `vfio_pin_pages`.
  case pin = "pin"
  /// `vfio_unpin_pages`.
  case unpin = "unpin"
  /// `vfio_dma_rw` out of memory.
  case driverRead = "driver-read"
  /// `vfio_dma_rw` into memory: `value` as often as it fits.
  case driverWrite = "driver-write"
  /// The next requests to let go are not heard.
  case keep = "keep"
  /// How often the driver was told to let go since the last question, and of what.
  case told = "told"

  /// The numbers a line gives, in order.
  public var fields: [String] {
    switch self {
    case .openContainer, .close, .dup, .getAPIVersion, .setContainer, .unsetContainer, .getDeviceFD:
      []
    case .openGroup: ["number"]
    case .checkExtension: ["extension"]
    case .setIOMMU: ["type"]
    case .getInfo, .getStatus: ["argsz"]
    case .mapDMA: ["argsz", "flags", "vaddr", "iova", "size"]
    case .unmapDMA: ["argsz", "flags", "iova", "size", "pgsize", "bytes", "data"]
    case .dirtyPages: ["argsz", "flags", "iova", "size", "pgsize", "bytes", "data"]
    case .ioctl: ["number"]
    case .deviceRead: ["iova"]
    case .deviceWrite: ["iova", "value"]
    case .pin: ["iova", "count", "prot"]
    case .unpin: ["iova", "count"]
    case .driverRead: ["iova", "length"]
    case .driverWrite: ["iova", "length", "value"]
    case .keep: ["count"]
    case .told: []
    }
  }

  /// Where each field lies in the caller's structure and its bytes; empty when there is none.
  var layout: [(offset: Int, count: Int)] {
    switch self {
    case .getInfo, .getStatus: [(0, 4)]
    case .mapDMA: [(0, 4), (4, 4), (8, 8), (16, 8), (24, 8)]
    case .unmapDMA: [(0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 8)]
    case .dirtyPages: [(0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 8)]
    default: []
    }
  }

  /// The number that the kernel knows the request by; nil when the line is no ioctl.
  public var request: UInt32? {
    switch self {
    case .getAPIVersion: 0x3b64
    case .checkExtension: 0x3b65
    case .setIOMMU: 0x3b66
    case .getStatus: 0x3b67
    case .setContainer: 0x3b68
    case .unsetContainer: 0x3b69
    case .getDeviceFD: 0x3b6a
    case .getInfo: 0x3b70
    case .mapDMA: 0x3b71
    case .unmapDMA: 0x3b72
    case .dirtyPages: 0x3b75
    case .ioctl, .openContainer, .openGroup, .close, .dup, .deviceRead, .deviceWrite: nil
    case .pin, .unpin, .driverRead, .driverWrite, .keep, .told: nil
    }
  }

  /// Whether the driver of a mediated device is told to do it.
  var isOfDriver: Bool {
    switch self {
    case .pin, .unpin, .driverRead, .driverWrite, .keep, .told: true
    default: false
    }
  }

  var makesDescriptor: Bool {
    self == .openContainer || self == .openGroup || self == .getDeviceFD || self == .dup
  }
  var usesDescriptor: Bool {
    switch self {
    case .openContainer, .openGroup, .deviceRead, .deviceWrite: false
    default: true
    }
  }
  var namesDevice: Bool { self == .getDeviceFD || self == .deviceRead || self == .deviceWrite }
  /// Whether the argument is a pointer.
  public var hasStructure: Bool {
    !layout.isEmpty || self == .setContainer || self == .getDeviceFD
  }
}

/// A number in a script: as it stands, or counted from the start of the script's memory.
public struct Number: Hashable, Sendable, ExpressibleByIntegerLiteral {
  /// The number or the offset.
  public var value: UInt64
  /// Whether `value` counts from the start of `ScriptMemory`.
  public var inMemory: Bool

  /// A number as it stands.
  public init(_ value: UInt64) { (self.value, inMemory) = (value, false) }
  /// A number as it stands.
  public init(integerLiteral value: UInt64) { self.init(value) }
  /// An address in the script's memory.
  public static func memory(_ offset: UInt64) -> Number {
    var number = Number(offset)
    number.inMemory = true
    return number
  }
  /// The number, given where the memory lies.
  public func resolved(_ base: UInt64) -> UInt64 { inMemory ? base &+ value : value }
}

/// Where the caller's structure stands.
public enum Place: Hashable, Sendable {
  /// In writable memory with room behind it.
  case plain
  /// In memory that can only be read.
  case readOnly
  /// Its first `n` bytes end where memory ends.
  case edge(Int)
  /// At an address where nothing is.
  case absent(UInt64)
}

/// Which descriptor SET_CONTAINER is given.
public enum Other: Hashable, Sendable {
  /// The descriptor of an earlier line.
  case descriptor(Int)
  /// A number that is not open.
  case closed
  /// An open file that is not VFIO's.
  case foreign
}

/// One line of a script.
public struct Call: Hashable, Sendable {
  /// What it does.
  public var verb: Verb
  /// The descriptor it is made on.
  public var on: Int
  /// The name of the descriptor it makes.
  public var into: Int
  /// SET_CONTAINER's argument.
  public var other: Other
  /// The numbers, in the order of `verb.fields`.
  public var numbers: [Number]
  /// The device's name.
  public var name: String
  /// Where the structure stands.
  public var place: Place
  /// Whether a forked child makes the call, and ends.
  public var byChild = false

  /// States a line; what the verb has no use for keeps its default.
  public init(
    _ verb: Verb, on: Int = 0, into: Int = 0, other: Other = .closed, _ numbers: [Number] = [],
    name: String = "", at place: Place = .plain
  ) {
    self.verb = verb
    self.on = on
    self.into = into
    self.other = other
    self.numbers = numbers
    self.name = name
    self.place = place
  }
}

extension Call {
  /// Whether a child can make it in its parent's stead: it opens nothing, and what it writes stands
  /// in the structure.
  var isForChildren: Bool {
    switch verb {
    case .getInfo, .getStatus, .mapDMA, .setContainer: true
    case .unmapDMA: numbers[1].value & 1 == 0
    case .dirtyPages: numbers[1].value & 4 == 0
    default: false
    }
  }
}

/// Calls on one world.
public struct Script: Hashable, Sendable {
  /// The machine.
  public var world: World
  /// The lines, in order.
  public var calls: [Call]

  /// States a script.
  public init(world: World, calls: [Call]) {
    self.world = world
    self.calls = calls
  }
}
