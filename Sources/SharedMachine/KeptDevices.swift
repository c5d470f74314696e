internal import AddressSpaces
internal import CLinux
internal import DMATypes
internal import HostPlatform
internal import LinuxIOMMUFD
internal import Shim

// Where an IOMMU driver finishes a table only as a device is attached, what is mapped is pinned as
// long as one is. There the device that holds a group stays attached from SET_IOMMU until the group
// leaves its container: a program gets the same description and leaves it to us, and its last close
// is performed on the device instead of by the kernel.

extension KernelMachine {
  /// Whether a device stays attached when no program has it open.
  func isKept(_ device: KernelDevice) -> Bool {
    // The one that holds its group: `openDevice(of:)`.
    devices.first { $0.group == device.group }?.name == device.name
      && probedIOMMU(ofGroupAt: device.group)?.finishesTablesAtAttach == true
  }
}

extension ExclusiveMachine {
  /// Disables the device that stays attached for a group, once the last program has closed it:
  /// `vfio_pci_core_disable()`.
  func disableUnused(ofGroupAt index: Int) {
    guard let kernel = machine.kernel,
      let device = kernel.devices.first(where: { $0.group == index }),
      kernel.isKept(device), kernel.isOpen(device),
      let replica = try? machine.replica(machine.container(ofGroupAt: index))
    else { return }
    let node = kernel.files.node(kernel.nodeName(of: device))
    replica.withSession { session, _ in
      guard (try? session.backend.connect()) != nil, let objects = session.backend.objects,
        let kept = try? objects.claimed(kernel.groups[index].number)?.descriptor.rawValue,
        unsafe clinux_is_in_use(node, kept) == 0
      else { return }
      let config = ConfigOfDevice(descriptor: kept, name: device.name)
      config.disable()
      // What holds the group from now on holds nothing else.
      _ = clinux_hold(kept)
    }
  }
}

/// The config space of a device that no program has, and what the kernel does to one at its last
/// close.
private struct ConfigOfDevice {
  let descriptor: Int32
  let name: DeviceName

  private enum Call {
    static let setInterrupts: UInt64 = 0x3b6e
    static let reset: UInt64 = 0x3b6f
  }
  private enum Register {
    static let command = 0x04
    static let capabilities = 0x34
    static let headerBytes = 0x40
  }
  /// Bits of the command register.
  private enum Command {
    static let ports: UInt16 = 0x1
    static let memory: UInt16 = 0x2
    static let master: UInt16 = 0x4
    static let noInterrupt: UInt16 = 0x400
  }
  private static let messageCapability: UInt8 = 5

  /// `VFIO_PCI_CONFIG_REGION_INDEX`, where the kernel puts it.
  private func offset(_ register: Int) -> Int64 { 7 << 40 + Int64(register) }

  func disable() {
    for index in 0..<5 as Range<UInt32> {
      // VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, none of them: argsz, flags, index,
      // start, count.
      var request: (UInt32, UInt32, UInt32, UInt32, UInt32) = (20, 0x21, index, 0, 0)
      unsafe withUnsafeMutablePointer(to: &request) {
        _ = clinux_ioctl(descriptor, Call.setInterrupts, UInt64(UInt(bitPattern: $0)))
      }
    }
    let before = command
    command = before & ~Command.master
    _ = clinux_ioctl(descriptor, Call.reset, 0)
    restore()
  }

  private var command: UInt16 {
    get {
      var value: UInt16 = 0
      unsafe withUnsafeMutablePointer(to: &value) {
        _ = clinux_pread(
          descriptor, UInt64(UInt(bitPattern: $0)), 2, offset(Register.command))
      }
      return value
    }
    nonmutating set {
      write([UInt8(newValue & 0xff), UInt8(newValue >> 8)], at: Register.command)
    }
  }

  private func write(_ bytes: some Sequence<UInt8>, at register: Int) {
    var bytes = Array(bytes)
    unsafe bytes.withUnsafeMutableBytes { buffer in
      _ = clinux_pwrite(
        descriptor, UInt64(UInt(bitPattern: buffer.baseAddress)), UInt64(buffer.count),
        offset(register))
    }
  }

  /// Writes what the program saw of the header and of MSI back to what the hardware has, from which
  /// the next opening takes it.
  private func restore() {
    var hardware = [UInt8](repeating: 0, count: 256)
    let path = "/sys/bus/pci/devices/\(name.rawValue)/config"
    guard let file = try? Descriptor(opening: path, flags: 0o2000000) else { return }
    let count = unsafe hardware.withUnsafeMutableBytes { buffer in
      clinux_pread(file.number, UInt64(UInt(bitPattern: buffer.baseAddress)), 256, 0)
    }
    guard count >= Register.headerBytes else { return }
    // Behind the status register, of which a bit that is written is cleared.
    write(hardware[8..<Register.headerBytes], at: 8)
    var place = Int(hardware[Register.capabilities]), steps = 0
    while place >= Register.headerBytes, place + 24 <= count, steps < 48 {
      if hardware[place] == Self.messageCapability {
        write(hardware[place..<place + 24], at: place)
      }
      (place, steps) = (Int(hardware[place + 1]), steps + 1)
    }
    var enabled = UInt16(hardware[Register.command]) | UInt16(hardware[Register.command + 1]) << 8
    enabled &= ~(Command.master | Command.noInterrupt)
    for bar in stride(from: 0x10, to: 0x28, by: 4)
    where hardware[bar..<bar + 4].contains(where: { $0 != 0 }) {
      enabled |= hardware[bar] & 1 == 0 ? Command.memory : Command.ports
    }
    command = enabled
  }
}
