internal import CLinux
public import DMATypes
internal import SimulatedPlatform

private enum MapFlag {
  static let sharedValidate: Int32 = 3
  static let typeMask: Int32 = 0xf
  static let fixed: Int32 = 0x10
  static let shared: Int32 = 1
}

private enum RemapFlag {
  static let dontUnmap: Int32 = 4
}

extension OpenFile {
  /// mmap(2): the address, or −errno. A device's registers are mapped closed, whatever the
  /// protection asked for, on the program's own description, so that the mapping keeps the device
  /// open as it does in the kernel.
  public func map(
    _ machine: Machine, _ descriptor: Int32, _ address: UserAddress, length: UInt64,
    protection: Int32, flags: Int32, offset: Int64
  ) -> Int64 {
    if case .kernelDevice = kind {
      return clinux_map(address.rawValue, length, protection, flags, descriptor, offset)
    }
    let type = flags & MapFlag.typeMask
    if case .mediated(let index) = kind {
      guard type == MapFlag.shared || type == MapFlag.sharedValidate else {
        return -Int64(Errno.invalidArgument.rawValue)
      }
      let start = machine.mediated[index].map(
        machine, descriptor, address, length: length, protection: protection, flags: flags,
        offset: offset)
      if flags & MapFlag.fixed != 0, start > 0 || start <= -4096 {
        machine.coverTrapped(address, length: length)
      }
      return start
    }
    guard case .device(let index) = kind else { return -Int64(Errno.noDevice.rawValue) }
    let region: TrappedRegion
    do throws(Errno) {
      region = try machine.units[index].device.trappedRegion(
        length: length, offset: UInt64(bitPattern: offset),
        isShared: type == MapFlag.shared || type == MapFlag.sharedValidate)
    } catch {
      return -Int64(error.rawValue)
    }
    let start = clinux_map(address.rawValue, length, 0, flags, descriptor, offset)
    guard start > 0 || start <= -4096 else { return start }
    let first = UInt64(bitPattern: start)
    if flags & MapFlag.fixed != 0 { machine.trapped.remove(first, first + region.length - 1) }
    let entry = TrappedMappings.Entry(
      start: first, last: first + region.length - 1, offset: region.offset, device: index,
      protection: protection)
    guard machine.trapped.insert(entry) else {
      _ = clinux_unmap(first, region.length)
      return -Int64(Errno.noMemory.rawValue)
    }
    return start
  }
}

extension Machine {
  /// Whether registers are mapped anywhere in the range. Takes no lock.
  public func traps(_ address: UserAddress, length: UInt64) -> Bool {
    guard let last = Self.last(address, length) else { return false }
    return trapped.overlaps(address.rawValue, last)
  }

  /// Something else was mapped over the range.
  public func coverTrapped(_ address: UserAddress, length: UInt64) {
    guard let last = Self.last(address, length) else { return }
    trapped.remove(address.rawValue, last)
    afterUnmapping()
  }

  /// munmap(2) of a range that holds registers.
  public func unmapTrapped(_ address: UserAddress, length: UInt64) -> Int64 {
    let result = clinux_unmap(address.rawValue, length)
    if result == 0 { coverTrapped(address, length: length) }
    return result
  }

  /// mprotect(2) of a range that holds registers: they stay closed, their protection is remembered;
  /// what else lies in the range is protected as asked.
  public func protectTrapped(
    _ address: UserAddress, length: UInt64, protection: Int32
  ) -> Int64 {
    // arch_validate_prot(): PROT_READ, PROT_WRITE, PROT_EXEC, PROT_SEM, and the two that a mapping
    // without a direction to grow in refuses all the same.
    guard protection & ~(0xf | 0x300_0000) == 0 else {
      return -Int64(Errno.invalidArgument.rawValue)
    }
    // The kernel judges the rest; asking for no access at all is never wrong where another would
    // be right.
    let verdict = clinux_protect(address.rawValue, length, 0)
    guard verdict == 0, let last = Self.last(address, length) else { return verdict }
    trapped.protect(address.rawValue, last, protection)
    var next = address.rawValue
    while next <= last {
      if let entry = trapped.containing(next) {
        guard entry.last < last else { break }
        next = entry.last + 1
      } else {
        let end = trapped.next(after: next).map { min($0, last + 1) } ?? last + 1
        let result = clinux_protect(next, end - next, protection)
        guard result == 0 else { return result }
        next = end
      }
    }
    return 0
  }

  /// mremap(2) of a range that holds registers: they may move and shrink, never grow
  /// (`VM_DONTEXPAND`).
  public func remapTrapped(
    _ address: UserAddress, length: UInt64, newLength: UInt64, flags: Int32,
    newAddress: UserAddress
  ) -> Int64 {
    let entry = trapped.containing(address.rawValue)
    if newLength > length { return -Int64(Errno.badAddress.rawValue) }
    let result = clinux_remap(
      address.rawValue, length, newLength, flags, newAddress.rawValue)
    guard result > 0 || result <= -4096, let entry,
      let last = Self.last(address, length), newLength > 0
    else { return result }
    let start = UInt64(bitPattern: result)
    if flags & RemapFlag.dontUnmap == 0 { trapped.remove(address.rawValue, last) }
    let pages = (newLength + 4095) & ~4095
    trapped.remove(start, start + pages - 1)
    var moved = entry
    moved.offset += address.rawValue - entry.start
    moved.start = start
    moved.last = start + pages - 1
    _ = trapped.insert(moved)
    return result
  }

  /// A mapping may have been the last reference to a device.
  private func afterUnmapping() { exclusively { $0.sweep() } }

  /// The last address of whole pages, inclusive; nil for an empty or wrapping range.
  private static func last(_ address: UserAddress, _ length: UInt64) -> UInt64? {
    let (padded, wraps) = length.addingReportingOverflow(4095)
    guard length > 0, !wraps else { return nil }
    let (last, overflows) = address.rawValue.addingReportingOverflow((padded & ~4095) - 1)
    return overflows ? nil : last
  }
}
