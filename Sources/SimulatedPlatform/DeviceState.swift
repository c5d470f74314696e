internal import DMATypes

/// Everything about one device that changes: what the engine keeps in memory that the processes of
/// a run share.
///
/// A fixed layout without references. Whoever uses it holds the device's lock. It is large (about
/// 37 KiB): it is changed in place and never copied.
public struct DeviceState: BitwiseCopyable, Sendable {
  /// Which interrupts a program has enabled: `vfio_pci_core_device.irq_type`.
  enum InterruptKind: UInt8, BitwiseCopyable, Sendable {
    case none, intx, msi
  }

  /// A write to BAR 0 that an eventfd causes.
  struct IOEvent: BitwiseCopyable, Sendable {
    var data: UInt64
    var event: EventTarget
    var offset: UInt32
    var width: UInt8

    static var none: Self { .init(data: 0, event: .none, offset: 0, width: 0) }
  }

  /// Config space as the function itself holds it.
  var hardware: InlineArray<256, UInt8>
  /// The bytes that vfio-pci shows in its place: `vconfig`.
  var virtual: InlineArray<256, UInt8>
  /// The header as it was when the device was opened.
  var saved: InlineArray<64, UInt8>
  /// Whether the virtual BARs must be cut to size before they are read: `bardirty`.
  var virtualBARsAreDirty = false
  /// Whether the program set INTx disable: `virq_disabled`.
  var virtualINTxDisabled = false
  /// Whether a function reset worked at open.
  var resetWorks = false
  /// Whether a program has asked for low power: `pm_runtime_engaged`.
  var isInLowPower = false

  /// Which interrupts are enabled.
  var interruptKind = InterruptKind.none
  /// Whether INTx is held back until it is unmasked.
  var intxIsMasked = false
  /// Where the enabled interrupt goes.
  var trigger = EventTarget.none
  /// The eventfd that unmasks INTx.
  var unmaskEvent = EventTarget.none
  /// Where requests to give the device back go.
  var requestTrigger = EventTarget.none
  /// The eventfd of low power with wakeup.
  var wakeEvent = EventTarget.none
  /// Whether the function drives its interrupt pin.
  var pinIsAsserted = false

  /// The registers of `edu`.
  var edu = EduRegisters()
  /// `edu`'s memory, at device address 0x40000.
  var buffer = InlineArray<4096, UInt8>(repeating: 0)

  /// Accesses to memory that the IOMMU, bus mastering or the device's own range refused.
  public internal(set) var dmaFaultCount: UInt64 = 0

  /// How many of `ioEvents` are in use.
  var ioEventCount: UInt32 = 0
  /// The writes that eventfds cause, the first `ioEventCount` in use, in no order.
  var ioEvents = InlineArray<1000, IOEvent>(repeating: .none)

  /// A function just after firmware has set it up.
  init(config: InlineArray<256, UInt8>) {
    hardware = config
    virtual = InlineArray(repeating: 0)
    saved = InlineArray(repeating: 0)
  }
}

/// The registers of `edu`.
struct EduRegisters: BitwiseCopyable, Sendable {
  var liveness: UInt32 = 0
  var factorial: UInt32 = 0
  var status: UInt32 = 0
  var interruptStatus: UInt32 = 0
  var dmaSource: UInt64 = 0
  var dmaDestination: UInt64 = 0
  var dmaCount: UInt64 = 0
  var dmaCommand: UInt64 = 0
}
