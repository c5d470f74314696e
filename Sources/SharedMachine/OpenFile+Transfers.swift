internal import CLinux
public import DMATypes
internal import SimulatedPlatform
internal import UAPI

extension OpenFile {
  /// read(2) and pread(2): bytes read, or −errno. Offset −1 is the description's own position,
  /// which moves on.
  public func read(
    _ machine: Machine, _ descriptor: Int32, _ address: UserAddress, count: UInt64, offset: Int64
  ) -> Int64 {
    if case .kernelDevice = kind {
      return clinux_pread(descriptor, address.rawValue, count, offset)
    }
    if case .mediated(let index) = kind {
      return machine.mediated[index].transfer(
        machine, descriptor, address, count: count, offset: offset, isWrite: false)
    }
    let buffer = DeviceBuffer(address: address)
    return transfer(machine, descriptor, offset) { unit, offset, state, _ throws(Errno) in
      try unit.device.read(count: count, at: offset, &state, copyOut: buffer.put)
    }
  }

  /// write(2) and pwrite(2): bytes written, or −errno. Offset −1 is the description's own position,
  /// which moves on.
  public func write(
    _ machine: Machine, _ descriptor: Int32, _ address: UserAddress, count: UInt64, offset: Int64
  ) -> Int64 {
    if case .kernelDevice = kind {
      return clinux_pwrite(descriptor, address.rawValue, count, offset)
    }
    if case .mediated(let index) = kind {
      return machine.mediated[index].transfer(
        machine, descriptor, address, count: count, offset: offset, isWrite: true)
    }
    let buffer = DeviceBuffer(address: address)
    return transfer(machine, descriptor, offset) { unit, offset, state, environment throws(Errno) in
      try unit.device.write(
        count: count, at: offset, &state, in: environment, copyIn: buffer.take)
    }
  }

  /// Only devices read and write: containers and groups have no such operation, `vfs_read()`.
  private func transfer(
    _ machine: Machine, _ descriptor: Int32, _ offset: Int64,
    _ body: (DeviceUnit, UInt64, inout DeviceState, DeviceUnitEnvironment) throws(Errno) -> UInt64
  ) -> Int64 {
    guard case .device(let index) = kind else { return -Int64(Errno.invalidArgument.rawValue) }
    let unit = machine.units[index]
    // SEEK_CUR
    let position = offset < 0 ? clinux_seek(descriptor, 0, 1) : offset
    guard position >= 0 else { return position }
    do throws(Errno) {
      let done = try unit.withState(machine) { (state, environment) throws(Errno) in
        try body(unit, UInt64(position), &state, environment)
      }
      guard let done else { throw .inputOutput }
      // SEEK_SET
      if offset < 0 { _ = clinux_seek(descriptor, position + Int64(done), 0) }
      return Int64(done)
    } catch {
      return -Int64(error.rawValue)
    }
  }
}
