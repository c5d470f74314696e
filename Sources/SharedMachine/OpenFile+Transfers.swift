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
    transfer(descriptor, offset) { (unit, offset) throws(Errno) in
      try unit.withState(machine) { (state, _) throws(Errno) in
        try unit.device.read(count: count, at: offset, &state) {
          (value, width, distance) throws(Errno) in
          try store(value, width: width, to: address.advanced(by: distance))
        }
      }
    } unit: {
      machine.units[$0]
    }
  }

  /// write(2) and pwrite(2): bytes written, or −errno. Offset −1 is the description's own position,
  /// which moves on.
  public func write(
    _ machine: Machine, _ descriptor: Int32, _ address: UserAddress, count: UInt64, offset: Int64
  ) -> Int64 {
    transfer(descriptor, offset) { (unit, offset) throws(Errno) in
      try unit.withState(machine) { (state, environment) throws(Errno) in
        try unit.device.write(count: count, at: offset, &state, in: environment) {
          (width, distance) throws(Errno) in
          try load(width: width, from: address.advanced(by: distance))
        }
      }
    } unit: {
      machine.units[$0]
    }
  }

  /// Only devices read and write: containers and groups have no such operation, `vfs_read()`.
  private func transfer(
    _ descriptor: Int32, _ offset: Int64,
    _ body: (DeviceUnit, UInt64) throws(Errno) -> UInt64?, unit: (Int) -> DeviceUnit
  ) -> Int64 {
    guard case .device(let index) = kind else { return -Int64(Errno.invalidArgument.rawValue) }
    // SEEK_CUR
    let position = offset < 0 ? clinux_seek(descriptor, 0, 1) : offset
    guard position >= 0 else { return position }
    do throws(Errno) {
      guard let done = try body(unit(index), UInt64(position)) else { throw .inputOutput }
      // SEEK_SET
      if offset < 0 { _ = clinux_seek(descriptor, position + Int64(done), 0) }
      return Int64(done)
    } catch {
      return -Int64(error.rawValue)
    }
  }
}

/// Puts the low `width` bytes of a value into the program's memory.
private func store(_ value: UInt64, width: Int, to address: UserAddress) throws(Errno) {
  switch width {
  case 1: try CallerMemory.store(UInt8(truncatingIfNeeded: value), to: address)
  case 2: try CallerMemory.store(UInt16(truncatingIfNeeded: value), to: address)
  case 4: try CallerMemory.store(UInt32(truncatingIfNeeded: value), to: address)
  default: try CallerMemory.store(value, to: address)
  }
}

/// Takes `width` bytes from the program's memory.
private func load(width: Int, from address: UserAddress) throws(Errno) -> UInt64 {
  func load<Number: FixedWidthInteger & BitwiseCopyable>(
    _ number: Number
  ) throws(Errno) -> UInt64 {
    var number = number
    try CallerMemory.load(from: address, into: &number)
    return UInt64(truncatingIfNeeded: number)
  }
  return switch width {
  case 1: try load(0 as UInt8)
  case 2: try load(0 as UInt16)
  case 4: try load(0 as UInt32)
  default: try load(0 as UInt64)
  }
}
