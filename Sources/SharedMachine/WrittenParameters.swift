internal import CLinux
internal import Shim
internal import SimulatedPlatform

/// The parameters of vfio and vfio_iommu_type1, read when they are asked for: what a program of the
/// run wrote into their files counts from then on, as it does in the kernel. Text that the kernel
/// would have refused leaves the platform's value.
struct WrittenParameters: Sendable {
  /// The platform's values.
  let given: Platform.Parameters

  private static let module = "vfio_iommu_type1"

  /// `dma_entry_limit`.
  var mappingLimit: UInt32 {
    guard let text = Self.text("dma_entry_limit", of: Self.module) else {
      return given.dmaEntryLimit
    }
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0", 8)] where text.hasPrefix(prefix) {
      if let number = UInt32(text.dropFirst(prefix.count), radix: radix) { return number }
    }
    return UInt32(text) ?? given.dmaEntryLimit
  }

  /// `allow_unsafe_interrupts`.
  var allowsUnsafeInterrupts: Bool {
    Self.isSet("allow_unsafe_interrupts", of: Self.module) ?? given.allowUnsafeInterrupts
  }

  /// `enable_unsafe_noiommu_mode` of vfio.
  var allowsNoIOMMU: Bool {
    Self.isSet("enable_unsafe_noiommu_mode", of: "vfio") ?? given.allowNoIOMMU
  }

  private static func isSet(_ name: String, of module: String) -> Bool? {
    switch text(name, of: module) {
    case "Y", "y", "1", "on", "ON", "T", "t": true
    case "N", "n", "0", "off", "OFF", "F", "f": false
    default: nil
    }
  }

  /// What the shim is given before it looks. `most` mappings have room.
  func current(most: UInt32 = .max) -> ModuleParameters {
    ModuleParameters(
      mappingLimit: min(mappingLimit, most), allowsUnsafeInterrupts: allowsUnsafeInterrupts,
      allowsNoIOMMU: allowsNoIOMMU)
  }

  /// The first line of a parameter's file.
  static func text(_ name: String, of module: String) -> String? {
    // O_RDONLY | O_CLOEXEC
    guard
      let file = try? Descriptor(
        opening: "/sys/module/\(module)/parameters/\(name)", flags: 0o2000000)
    else {
      return nil
    }
    var words = (UInt64(0), UInt64(0))
    return unsafe withUnsafeMutableBytes(of: &words) { bytes in
      // SAFETY: the call fills no more than the sixteen bytes that it is given.
      guard let start = bytes.baseAddress else { return nil }
      let count = unsafe Int(clinux_read(file.number, start, bytes.count))
      guard count > 0 else { return nil }
      let line = unsafe bytes.prefix(count).prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }
      return unsafe String(decoding: line, as: UTF8.self)
    }
  }
}
