internal import AddressSpaces
internal import CLinux
internal import DMATypes
internal import HostPlatform
internal import LegacyVFIO
internal import UAPI

private enum Call {
  static let hotResetInfo: UInt32 = 0x3b70
  static let hotReset: UInt32 = 0x3b71
  static let attach: UInt32 = 0x3b77
  static let detach: UInt32 = 0x3b78
}

extension Machine {
  /// One ioctl of a device of the kernel's: its result, or −errno.
  ///
  /// The kernel answers all but what it answers otherwise on a device that came from a group.
  /// BIND_IOMMUFD is refused by the kernel itself: the device is bound.
  func serveKernelDevice(
    _ index: Int, _ descriptor: Int32, _ number: UInt64, _ argument: UInt64
  ) -> Int {
    let number = UInt32(truncatingIfNeeded: number)
    switch number {
    case Call.attach, Call.detach: return -Int(Errno.notTypewriter.rawValue)
    case Call.hotResetInfo, Call.hotReset:
      var service = KernelDeviceService(machine: self, descriptor: descriptor)
      return DeviceCodec.serve(number, argument, by: &service)
    default:
      return Int(clinux_ioctl(descriptor, UInt64(number), argument))
    }
  }
}

/// The two calls that speak of groups where a cdev's speak of devices.
private struct KernelDeviceService: DeviceServer {
  let machine: Machine
  let descriptor: Int32

  mutating func perform(_ request: DeviceRequest) throws(Errno) -> DeviceReply {
    switch request {
    case .getHotResetInfo: return .hotReset(try resetSet())
    case .hotReset(let groups):
      try reset(provenBy: groups)
      return .value(0)
    default: throw .notTypewriter
    }
  }

  /// Every function that a reset would touch, with its group: `vfio_pci_fill_devs()`.
  private func resetSet() throws(Errno) -> [DependentDevice] {
    let words = try kernelResetSet()
    guard let platform = KernelMachine.hostNow else { throw .noDevice }
    var set: [DependentDevice] = []
    for place in stride(from: 3, to: words.count - 1, by: 2) {
      let (segment, bus) = (UInt16(words[place + 1] & 0xffff), UInt8(words[place + 1] >> 16 & 0xff))
      let function = UInt8(words[place + 1] >> 24)
      let name = PCIName(segment: segment, bus: bus, function: function).description
      guard let group = platform.groups.first(where: { $0.holds(name) }) else {
        throw .notPermitted
      }
      set.append(
        DependentDevice(group: group.number, segment: segment, bus: bus, deviceFunction: function))
    }
    return set
  }

  /// The kernel's answer: `argsz`, `flags` and `count`, then two words a device.
  private func kernelResetSet() throws(Errno) -> [UInt32] {
    var room = 32
    while true {
      var words = [UInt32](repeating: 0, count: 3 + 2 * room)
      words[0] = UInt32(words.count * 4)
      let failure = unsafe words.withUnsafeMutableBytes { bytes in
        // SAFETY: argsz is the size of the buffer.
        clinux_ioctl(
          descriptor, UInt64(Call.hotResetInfo), UInt64(UInt(bitPattern: bytes.baseAddress)))
      }
      let count = Int(words[2])
      if failure == -Int64(Errno.noSpace.rawValue), count > room {
        room = count
        continue
      }
      guard failure >= 0 else { throw Errno(rawValue: Int32(-failure)) }
      return Array(words.prefix(3 + 2 * min(count, room)))
    }
  }

  /// `vfio_pci_ioctl_pci_hot_reset_groups()`: what proves ownership is that the groups are open;
  /// then the kernel sees that all of it is ours.
  private func reset(provenBy descriptors: [Int32]) throws(Errno) {
    var held: [GroupNumber] = []
    for descriptor in descriptors {
      if let file = machine.events.descriptors.file(descriptor) {
        guard case .group(let index) = file.kind else { throw .invalidArgument }
        held.append(machine.groups[index].number)
      } else {
        throw clinux_status_flags(descriptor) < 0 ? .badDescriptor : .invalidArgument
      }
    }
    guard try resetSet().allSatisfy({ held.contains($0.group) }) else { throw .invalidArgument }
    // argsz, flags, and no descriptors: the way of a device that came from a cdev.
    var request: (UInt32, UInt32, UInt32) = (12, 0, 0)
    let failure = unsafe withUnsafeMutablePointer(to: &request) {
      clinux_ioctl(descriptor, UInt64(Call.hotReset), UInt64(UInt(bitPattern: $0)))
    }
    guard failure >= 0 else { throw Errno(rawValue: Int32(-failure)) }
  }
}

/// How sysfs names a PCI function.
private struct PCIName: CustomStringConvertible {
  var segment: UInt16
  var bus: UInt8
  /// Device number in bits 7…3, function number in bits 2…0.
  var function: UInt8

  var description: String {
    func hexadecimal(_ number: some BinaryInteger, _ width: Int) -> String {
      let digits = String(number, radix: 16)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    return
      "\(hexadecimal(segment, 4)):\(hexadecimal(bus, 2)):\(hexadecimal(function >> 3, 2)).\(function & 7)"
  }
}

extension HostGroup {
  fileprivate func holds(_ name: String) -> Bool { devices.contains { $0.name.rawValue == name } }
}
