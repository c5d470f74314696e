internal import AddressSpaces
internal import CLinux
internal import DMATypes
internal import LinuxIOMMUFD
internal import MachineFile

/// What becomes of a MAP of device registers where an iommufd pins memory only: `--p2p`.
enum PeerPolicy: Sendable {
  /// It is refused as the kernel refuses it: EFAULT.
  case refuse
  /// It succeeds in the books alone: devices fault there.
  case record
  /// The kernel maps it as a dma-buf, if it can; else as `refuse`.
  case export

  init(_ options: MachineImage.Options) {
    self =
      options.contains(.recordsPeers)
      ? .record : options.contains(.exportsPeers) ? .export : .refuse
  }
}

/// A run of a mapping's memory: ordinary, or a device's registers.
struct MappingPart: Equatable {
  /// Registers, by the device's place in `KernelMachine.devices`.
  struct Registers: Equatable {
    var device: Int
    var region: UInt32
    var offset: UInt64
    /// A descriptor of the bound device; nil when this process has none.
    var descriptor: DeviceDescriptor?
  }

  var mapping: Mapping
  var registers: Registers?
}

extension KernelMachine {
  /// What a mapping's memory is, run by run; nil when some of it is not there, or may not be
  /// reached as the mapping says (`follow_fault_pfn()`).
  func parts(of mapping: Mapping) -> [MappingPart]? {
    var parts: [MappingPart] = []
    var done: UInt64 = 0
    while done < mapping.range.size {
      let address = mapping.memory.address.rawValue + done
      var (end, device, inode, offset) = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
      var protection: Int32 = 0
      guard
        unsafe clinux_area_at(address, &end, &protection, &device, &inode, &offset) != 0
      else { return nil }
      let count = min(end - address, mapping.range.size - done)
      let start = IOVA(mapping.range.start.rawValue + done)
      let part = Mapping(
        range: IOVARange(start: start, last: IOVA(start.rawValue + (count - 1))),
        memory: MappedMemory(rawValue: mapping.memory.rawValue + done))
      let index = inode == 0 ? nil : self.device(withNode: device, inode)
      if index != nil {
        let needed: Int32 = mapping.memory.access.contains(.write) ? 2 : 1
        guard protection & needed != 0 else { return nil }
      }
      parts.append(
        MappingPart(
          mapping: part,
          registers: index.map {
            let descriptor = clinux_find_node(device, inode)
            return .init(
              device: $0, region: UInt32(truncatingIfNeeded: offset >> 40),
              offset: offset & (1 << 40 - 1),
              descriptor: descriptor < 0 ? nil : DeviceDescriptor(rawValue: descriptor))
          }))
      done += count
    }
    return parts
  }

  /// The device whose node a file is.
  private func device(withNode device: UInt64, _ inode: UInt64) -> Int? {
    devices.firstIndex { candidate in
      var found = (device: UInt64(0), inode: UInt64(0))
      let path = files.node(nodeName(of: candidate))
      return unsafe clinux_file_identity(path, &found.device, &found.inode) == 0
        && found == (device, inode)
    }
  }
}

extension MachineBackend {
  /// A MAP that the kernel refused, for all that is known because some of it is registers.
  @inline(never)
  mutating func mapPeers(
    _ mapping: Mapping, in space: IOASID, after failure: Errno
  ) throws(Errno) {
    guard failure == .badAddress, let objects, objects.peers != .refuse,
      let parts = objects.parts(of: mapping), parts.contains(where: { $0.registers != nil })
    else { throw failure }
    do throws(Errno) {
      for part in parts {
        if let registers = part.registers {
          try map(part.mapping, registers, as: objects.peers)
        } else {
          try kernel?.map(part.mapping, in: space)
        }
      }
    } catch {
      // What came before the refusal; with nothing there it is no error.
      try? kernel?.unmap(mapping.range, in: space)
      throw error
    }
  }

  private func map(
    _ mapping: Mapping, _ registers: MappingPart.Registers, as policy: PeerPolicy
  ) throws(Errno) {
    guard let objects, let kernel else { throw .badAddress }
    guard policy == .export else { return objects.tellRecorded(mapping, registers) }
    guard let device = registers.descriptor, device.exportsRegisters,
      let space = objects.numbers.space
    else {
      objects.tellNotExported(registers)
      throw .badAddress
    }
    let file = try device.export(
      region: registers.region, offset: registers.offset, byteCount: mapping.range.size)
    defer { _ = clinux_close(file) }
    try kernel.iommufd.map(
      file: file, from: 0, to: mapping.range, access: mapping.memory.access, in: space)
  }
}

extension KernelContainer {
  /// What is done with registers.
  var peers: PeerPolicy { kernel.peers }

  func parts(of mapping: Mapping) -> [MappingPart]? { kernel.parts(of: mapping) }

  /// Says that a mapping is in the books only, and how many of this process are.
  func tellRecorded(_ mapping: Mapping, _ registers: MappingPart.Registers) {
    let count = kernel.recordedPeers.withLock { count in
      count += 1
      return count
    }
    let address = String(mapping.range.start.rawValue, radix: 16)
    kernel.tell(
      "\(kernel.devices[registers.device].name): \(mapping.range.size) bytes of region "
        + "\(registers.region) at IOVA 0x\(address) are recorded and not mapped: devices fault "
        + "there (\(count) so far)")
  }

  /// Says why a dma-buf was not made.
  func tellNotExported(_ registers: MappingPart.Registers) {
    kernel.tell(
      "\(kernel.devices[registers.device].name): this kernel gives no dma-buf of its registers "
        + "(VFIO_DEVICE_FEATURE_DMA_BUF): MAP is refused")
  }
}
