public import DMATypes

/// Where a PCI function sits: segment, bus, device and function number.
public struct PCIAddress: Hashable, Comparable, Sendable, BitwiseCopyable {
  /// The segment (sysfs: domain).
  public var segment: UInt16
  /// The bus number.
  public var bus: UInt8
  /// Device number in bits 7…3, function number in bits 2…0.
  public var deviceFunction: UInt8

  /// States the address; device 0...31, function 0...7, higher bits are dropped.
  public init(segment: UInt16 = 0, bus: UInt8, device: UInt8, function: UInt8 = 0) {
    self.segment = segment
    self.bus = bus
    self.deviceFunction = device << 3 | function & 7
  }

  /// Reads sysfs's spelling, `0000:00:05.0`, in full and in lower case.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 12, bytes[4] == 0x3a, bytes[7] == 0x3a, bytes[10] == 0x2e,
      let segment = hexadecimal(bytes[0..<4]), let bus = hexadecimal(bytes[5..<7]),
      let device = hexadecimal(bytes[8..<10]), let function = hexadecimal(bytes[11..<12]),
      device < 32, function < 8
    else { return nil }
    self.init(
      segment: UInt16(segment), bus: UInt8(bus), device: UInt8(device), function: UInt8(function))
  }

  /// The device number, 0...31.
  public var device: UInt8 { deviceFunction >> 3 }
  /// The function number, 0...7.
  public var function: UInt8 { deviceFunction & 7 }

  /// sysfs's spelling, `0000:00:05.0`.
  public var name: DeviceName {
    let text =
      digits(UInt32(segment), 4) + ":" + digits(UInt32(bus), 2) + ":" + digits(UInt32(device), 2)
      + "." + digits(UInt32(function), 1)
    return DeviceName(rawValue: text)
  }

  /// Orders as sysfs lists.
  public static func < (a: Self, b: Self) -> Bool {
    (a.segment, a.bus, a.deviceFunction) < (b.segment, b.bus, b.deviceFunction)
  }
}

/// Reads lower-case hexadecimal digits, at most eight.
private func hexadecimal(_ bytes: ArraySlice<UInt8>) -> UInt32? {
  var value: UInt32 = 0
  for byte in bytes {
    switch byte {
    case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
    case 0x61...0x66: value = value << 4 | UInt32(byte - 0x61 + 10)
    default: return nil
    }
  }
  return value
}

/// Writes lower-case hexadecimal digits, filled with zeros.
private func digits(_ value: UInt32, _ width: Int) -> String {
  let text = String(value, radix: 16)
  return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
}
