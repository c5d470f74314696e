public import DMATypes

/// A device call with its structure read, and argsz and flag bits found in order.
///
/// Some calls ask the device first and read the rest of their structure after the answer, because
/// the kernel reports what the device refuses before it touches that memory. Their questions are
/// requests too (`getInterruptInfo` before SET_IRQS's payload, `getHotResetInfo` before the
/// descriptors of a hot reset, `probeFeature` before a feature's payload).
public enum DeviceRequest: Hashable, Sendable {
  /// VFIO_DEVICE_GET_INFO.
  case getInfo
  /// VFIO_DEVICE_GET_REGION_INFO.
  case getRegionInfo(index: UInt32)
  /// VFIO_DEVICE_GET_IRQ_INFO.
  case getInterruptInfo(index: UInt32)
  /// VFIO_DEVICE_SET_IRQS.
  case setInterrupts(InterruptSetting)
  /// VFIO_DEVICE_RESET.
  case reset
  /// VFIO_DEVICE_GET_PCI_HOT_RESET_INFO.
  case getHotResetInfo
  /// VFIO_DEVICE_PCI_HOT_RESET with the descriptors that prove ownership; never empty.
  case hotReset(groups: [Int32])
  /// VFIO_DEVICE_IOEVENTFD.
  case setIOEvent(IOEventSetting)
  /// What a feature of VFIO_DEVICE_FEATURE can do.
  case probeFeature(UInt32)
  /// VFIO_DEVICE_FEATURE with SET.
  case setFeature(DeviceFeature)
}

/// What answers the requests of one device's file.
public protocol DeviceServer {
  /// Answers one request; a refused one has had no effect that the kernel's would not have had.
  mutating func perform(_ request: DeviceRequest) throws(Errno) -> DeviceReply
}

/// The fields of `struct vfio_irq_set`.
public struct InterruptSetting: Hashable, Sendable {
  /// What is done, as the flag bits say: MASK 8, UNMASK 16, TRIGGER 32, several or none.
  public struct Action: OptionSet, Hashable, Sendable {
    /// The bits.
    public var rawValue: UInt32
    /// Wraps the bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Holds interrupts back.
    public static let mask = Action(rawValue: 1 << 3)
    /// Lets them through again.
    public static let unmask = Action(rawValue: 1 << 4)
    /// Says where they go, or raises them.
    public static let trigger = Action(rawValue: 1 << 5)
  }
  /// The payload: one element an interrupt, or none at all.
  public enum Payload: Hashable, Sendable {
    /// DATA_NONE.
    case none
    /// DATA_BOOL: 0 leaves the interrupt alone.
    case booleans([UInt8])
    /// DATA_EVENTFD: descriptors, below 0 to take one away.
    case events([Int32])
  }

  /// The kind of interrupt: INTx 0, MSI 1, MSI-X 2, ERR 3, REQ 4.
  public var index: UInt32
  /// What is done.
  public var action: Action
  /// The first interrupt.
  public var start: UInt32
  /// How many; `start + count` is within what the device has.
  public var count: UInt32
  /// The payload, `count` elements long.
  public var payload: Payload

  /// States the fields.
  public init(index: UInt32, action: Action, start: UInt32, count: UInt32, payload: Payload) {
    self.index = index
    self.action = action
    self.start = start
    self.count = count
    self.payload = payload
  }
}

/// The fields of `struct vfio_device_ioeventfd`.
public struct IOEventSetting: Hashable, Sendable, BitwiseCopyable {
  /// The device file's offset that is written.
  public var offset: UInt64
  /// The value written.
  public var data: UInt64
  /// The width of the write in bytes: 1, 2, 4 or 8.
  public var width: UInt8
  /// The eventfd that causes the write, or −1 to take it away.
  public var descriptor: Int32

  /// States the fields.
  public init(offset: UInt64, data: UInt64, width: UInt8, descriptor: Int32) {
    self.offset = offset
    self.data = data
    self.width = width
    self.descriptor = descriptor
  }
}

/// A feature that vfio-pci lets a program set on any PCI function.
public enum DeviceFeature: Hashable, Sendable {
  /// LOW_POWER_ENTRY.
  case enterLowPower
  /// LOW_POWER_ENTRY_WITH_WAKEUP, with the descriptor of an eventfd.
  case enterLowPowerWithWakeup(descriptor: Int32)
  /// LOW_POWER_EXIT.
  case exitLowPower
}

/// What a feature accepts beside PROBE: `vfio_check_feature()`.
public struct FeatureFacts: Hashable, Sendable, BitwiseCopyable {
  /// Whether GET is supported.
  public var canGet: Bool
  /// Whether SET is supported.
  public var canSet: Bool
  /// The payload in bytes.
  public var payloadBytes: UInt32

  /// States the facts.
  public init(canGet: Bool, canSet: Bool, payloadBytes: UInt32) {
    self.canGet = canGet
    self.canSet = canSet
    self.payloadBytes = payloadBytes
  }
}

/// What a device call answers when it is granted.
public enum DeviceReply: Hashable, Sendable {
  /// A plain result.
  case value(Int)
  /// What GET_INFO writes.
  case info(DeviceInfo)
  /// What GET_REGION_INFO writes.
  case region(RegionInfo)
  /// What GET_IRQ_INFO writes.
  case interrupt(InterruptInfo)
  /// What GET_PCI_HOT_RESET_INFO writes: every function that the reset would touch.
  case hotReset([DependentDevice])
  /// What a feature accepts.
  case feature(FeatureFacts)
}

/// The content of GET_INFO for a PCI function without capabilities.
public struct DeviceInfo: Hashable, Sendable, BitwiseCopyable {
  /// FLAGS_RESET: a reset of the function alone worked when the device was opened.
  public var isResettable: Bool
  /// Region indexes: 0..<regionCount.
  public var regionCount: UInt32
  /// Interrupt indexes: 0..<interruptCount.
  public var interruptCount: UInt32

  /// States the content.
  public init(isResettable: Bool, regionCount: UInt32, interruptCount: UInt32) {
    self.isResettable = isResettable
    self.regionCount = regionCount
    self.interruptCount = interruptCount
  }
}

/// The content of GET_REGION_INFO for a region without capabilities.
public struct RegionInfo: Hashable, Sendable, BitwiseCopyable {
  /// What a region allows: read 1, write 2, mmap 4.
  public struct Access: OptionSet, Hashable, Sendable, BitwiseCopyable {
    /// The bits, as `flags` carries them.
    public var rawValue: UInt32
    /// Wraps the bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// It can be read.
    public static var read: Self { .init(rawValue: 1) }
    /// It can be written.
    public static var write: Self { .init(rawValue: 2) }
    /// It can be mapped.
    public static var map: Self { .init(rawValue: 4) }
  }

  /// What is allowed.
  public var access: Access
  /// The size in bytes; 0 when the region is not there.
  public var size: UInt64
  /// Where it begins in the device's file.
  public var offset: UInt64

  /// States the content.
  public init(access: Access, size: UInt64, offset: UInt64) {
    self.access = access
    self.size = size
    self.offset = offset
  }
}

/// The content of GET_IRQ_INFO.
public struct InterruptInfo: Hashable, Sendable, BitwiseCopyable {
  /// EVENTFD 1, MASKABLE 2, AUTOMASKED 4, NORESIZE 8.
  public var flags: UInt32
  /// How many interrupts of the kind there are.
  public var count: UInt32

  /// States the content.
  public init(flags: UInt32, count: UInt32) {
    self.flags = flags
    self.count = count
  }
}

/// One `struct vfio_pci_dependent_device` of a device whose file came from a group.
public struct DependentDevice: Hashable, Sendable, BitwiseCopyable {
  /// Its group.
  public var group: GroupNumber
  /// The PCI segment (domain).
  public var segment: UInt16
  /// The bus number.
  public var bus: UInt8
  /// Device number in bits 7…3, function number in bits 2…0.
  public var deviceFunction: UInt8

  /// States the entry.
  public init(group: GroupNumber, segment: UInt16, bus: UInt8, deviceFunction: UInt8) {
    self.group = group
    self.segment = segment
    self.bus = bus
    self.deviceFunction = deviceFunction
  }
}
