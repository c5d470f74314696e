/// Where the processor's XSAVE area holds each part of the vector registers, in bytes.
///
/// From CPUID leaf 0xD, sub-leaves 2, 5, 6 and 7 (EBX); 0 where the processor has no such part.
public struct VectorLayout: Sendable {
  /// Bytes 16…31 of registers 0…15 (component 2).
  public var upperYMM: Int
  /// k0…k7, eight bytes each (component 5).
  public var opmasks: Int
  /// Bytes 32…63 of registers 0…15 (component 6).
  public var upperZMM: Int
  /// Registers 16…31, 64 bytes each (component 7).
  public var highZMM: Int

  /// Offsets from the start of the area.
  public init(upperYMM: Int, opmasks: Int, upperZMM: Int, highZMM: Int) {
    self.upperYMM = upperYMM
    self.opmasks = opmasks
    self.upperZMM = upperZMM
    self.highZMM = highZMM
  }
}

/// Offsets in the area, in bytes: what the kernel says of it, and the processor's header.
private enum Place {
  static var softwareMagic: Int { 464 }
  static var softwareComponents: Int { 472 }
  static var headerComponents: Int { 512 }
}

/// A stopped thread's vector registers, in the XSAVE area (standard format) of its signal frame.
///
/// A part whose bit in XSTATE_BV is clear holds its initial value, 0, whatever its bytes say; the
/// first write clears those bytes and sets the bit. A part that the frame lacks reads as 0 and
/// keeps nothing.
@unsafe public struct VectorState {
  private let area: UnsafeMutableRawPointer
  private let layout: VectorLayout
  /// The components that the area has room for.
  private let present: UInt64

  /// The `_fpstate` of a signal frame: a legacy area, followed by the rest where the kernel says
  /// so.
  public init(signalFrameArea area: UnsafeMutableRawPointer, layout: VectorLayout) {
    // SAFETY: the legacy area's 512 bytes are always there; sw_reserved tells what follows.
    let magic = unsafe area.load(fromByteOffset: Place.softwareMagic, as: UInt32.self)
    let components = unsafe area.loadUnaligned(
      fromByteOffset: Place.softwareComponents, as: UInt64.self)
    let isExtended = magic == 0x4650_5853  // FP_XSTATE_MAGIC1
    unsafe self.init(area: area, components: isExtended ? components : 0, layout: layout)
  }

  /// An XSAVE area that has room for `components` (numbered as XCR0); 0 for a legacy area alone.
  public init(area: UnsafeMutableRawPointer, components: UInt64, layout: VectorLayout) {
    var present = components
    if layout.upperYMM == 0 { present &= ~(1 << 2) }
    if layout.opmasks == 0 { present &= ~(1 << 5) }
    if layout.upperZMM == 0 { present &= ~(1 << 6) }
    if layout.highZMM == 0 { present &= ~(1 << 7) }
    unsafe self.area = unsafe area
    unsafe self.layout = layout
    unsafe self.present = present
  }

  /// Eight bytes of register 0…31; `word` 0…7 counts from the lowest.
  public func read(_ register: Int, word: Int) -> UInt64 {
    let (component, offset) = unsafe place(register & 31, word & 7)
    guard unsafe isInUse(component) else { return 0 }
    // SAFETY: `place` stays within the component and the component is in the area.
    return unsafe area.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }

  /// Writes eight bytes of register 0…31; `word` 0…7 counts from the lowest.
  public func write(_ register: Int, word: Int, _ value: UInt64) {
    let (component, offset) = unsafe place(register & 31, word & 7)
    if unsafe !isInUse(component) {
      // Initial values are 0 already; an absent part keeps nothing.
      guard value != 0, unsafe bringIntoUse(component) else { return }
    }
    // SAFETY: as in `read`.
    unsafe area.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
  }

  /// Mask register k0…k7.
  public func mask(_ register: Int) -> UInt64 {
    guard unsafe isInUse(5) else { return 0 }
    // SAFETY: the component is in the area and holds eight words.
    return unsafe area.loadUnaligned(
      fromByteOffset: layout.opmasks &+ (register & 7) &* 8, as: UInt64.self)
  }

  private func place(_ register: Int, _ word: Int) -> (component: UInt64, offset: Int) {
    if register >= 16 {
      return unsafe (7, layout.highZMM &+ (register &- 16) &* 64 &+ word &* 8)
    }
    switch word {
    case 0, 1: return (1, 160 &+ register &* 16 &+ word &* 8)
    case 2, 3: return unsafe (2, layout.upperYMM &+ register &* 16 &+ (word &- 2) &* 8)
    default: return unsafe (6, layout.upperZMM &+ register &* 32 &+ (word &- 4) &* 8)
    }
  }

  /// XSTATE_BV; a legacy area has no header and is wholly in use.
  private var inUse: UInt64 {
    guard unsafe present != 0 else { return 0b11 }
    // SAFETY: an area with components has a header at 512.
    return unsafe area.loadUnaligned(fromByteOffset: Place.headerComponents, as: UInt64.self)
  }

  private func isInUse(_ component: UInt64) -> Bool {
    guard unsafe component == 1 || present >> component & 1 != 0 else { return false }
    return unsafe inUse >> component & 1 != 0
  }

  private func bringIntoUse(_ component: UInt64) -> Bool {
    guard unsafe present >> component & 1 != 0 else { return false }
    let (offset, byteCount): (Int, Int) =
      switch component {
      case 1: (160, 256)
      case 2: unsafe (layout.upperYMM, 256)
      case 6: unsafe (layout.upperZMM, 512)
      default: unsafe (layout.highZMM, 1024)
      }
    // SAFETY: the bytes of a component that the area has.
    unsafe (area + offset).initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    let components = unsafe inUse | 1 << component
    unsafe area.storeBytes(
      of: components, toByteOffset: Place.headerComponents, as: UInt64.self)
    return true
  }
}
