public import DMATypes
internal import SimulatedPlatform

// Registers as the buffer of a system call. The kernel cannot reach them through a closed mapping;
// its own copies of device memory go byte by byte.

extension Machine {
  /// How many bytes of trapped registers from an address on, up to `count`, allow an access.
  public func allowed(_ address: UserAddress, _ count: UInt64, _ access: DMAAccess) -> UInt64 {
    min(count, trapped.bytes(at: address, access: access) ?? 0)
  }

  /// Fills `bytes` from trapped registers. How many came before an address that is none, or that
  /// allows no reading.
  public func load(_ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress) -> UInt64 {
    each(bytes.count, at: address, access: .read) { unit, offset, place throws(Errno) in
      let value = try unit.withState(self) { (state, _) throws(Errno) in
        try unit.device.load(offset: offset, width: 1, &state)
      }
      guard let value else { throw .inputOutput }
      // SAFETY: `each` counts no further than the buffer.
      unsafe bytes[place] = UInt8(truncatingIfNeeded: value)
    }
  }

  /// Puts `bytes` into trapped registers. How many went before an address that is none, or that
  /// allows no writing.
  public func store(_ bytes: UnsafeRawBufferPointer, to address: UserAddress) -> UInt64 {
    each(bytes.count, at: address, access: .write) { unit, offset, place throws(Errno) in
      // SAFETY: `each` counts no further than the buffer.
      let value = unsafe UInt64(bytes[place])
      let done: Void? = try unit.withState(self) { (state, environment) throws(Errno) in
        try unit.device.store(value, offset: offset, width: 1, &state, in: environment)
      }
      guard done != nil else { throw .inputOutput }
    }
  }

  private func each(
    _ count: Int, at address: UserAddress, access: DMAAccess,
    _ body: (DeviceUnit, UInt64, Int) throws(Errno) -> Void
  ) -> UInt64 {
    var place = 0
    while place < count {
      let here = address.advanced(by: UInt64(place))
      guard trapped.bytes(at: here, access: access) != nil,
        let entry = trapped.containing(here.rawValue)
      else { break }
      do throws(Errno) {
        try body(units[entry.device], here.rawValue - entry.start + entry.offset, place)
      } catch { break }
      place += 1
    }
    return UInt64(place)
  }
}
