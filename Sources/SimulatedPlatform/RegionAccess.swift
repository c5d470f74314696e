public import DMATypes

extension PCIDevice {
  /// `pread` of the device's file: bytes read, `vfio_pci_rw()`.
  ///
  /// - Parameters:
  ///   - count: bytes wanted, any number.
  ///   - offset: where in the file, any number below 2⁶³.
  ///   - copyOut: puts `width` bytes of a value (1, 2, 4 or 8) at a distance into the program's
  ///     buffer. What it throws ends the read; the device has been read by then.
  public func read(
    count: UInt64, at offset: UInt64, _ state: inout DeviceState,
    copyOut: (_ value: UInt64, _ width: Int, _ distance: UInt64) throws(Errno) -> Void
  ) throws(Errno) -> UInt64 {
    guard count != 0 else { return 0 }
    let position = offset & Region.offsetMask
    switch offset >> Region.offsetShift {
    case 0:
      return try eachBARChunk(at: position, count: count) { (at, width, distance) throws(Errno) in
        guard state.memoryIsEnabled else { throw .inputOutput }
        try copyOut(loadFromBAR(offset: at, width: width, state), width, distance)
      }
    case Region.config:
      return try eachConfigChunk(at: position, count: count) {
        (at, width, distance) throws(Errno) in
        try copyOut(readConfig(at, width: width, &state), width, distance)
      }
    default:
      // edu has BAR 0 and nothing else: the kernel refuses the other regions alike.
      throw .invalidArgument
    }
  }

  /// `pwrite` of the device's file: bytes written, `vfio_pci_rw()`.
  ///
  /// - Parameters:
  ///   - count: bytes to write, any number.
  ///   - offset: where in the file, any number below 2⁶³.
  ///   - copyIn: takes `width` bytes (1, 2, 4 or 8) at a distance into the program's buffer. What
  ///     it throws ends the write; what came before has reached the device.
  public func write(
    count: UInt64, at offset: UInt64, _ state: inout DeviceState,
    in environment: some DeviceEnvironment,
    copyIn: (_ width: Int, _ distance: UInt64) throws(Errno) -> UInt64
  ) throws(Errno) -> UInt64 {
    guard count != 0 else { return 0 }
    let position = offset & Region.offsetMask
    switch offset >> Region.offsetShift {
    case 0:
      return try eachBARChunk(at: position, count: count) { (at, width, distance) throws(Errno) in
        let value = try copyIn(width, distance)
        guard state.memoryIsEnabled else { throw .inputOutput }
        storeToBAR(value, offset: at, width: width, &state, in: environment)
      }
    case Region.config:
      return try eachConfigChunk(at: position, count: count) {
        (at, width, distance) throws(Errno) in
        let value = try copyIn(width, distance)
        writeConfig(value, at: at, width: width, &state, in: environment)
      }
    default: throw .invalidArgument
    }
  }

  /// A load through a mapping of a BAR; `EIO` where the kernel would answer with SIGBUS.
  ///
  /// - Parameters:
  ///   - offset: where in the BAR, in bytes, aligned or not.
  ///   - width: 1, 2, 4 or 8 bytes.
  public func load(
    offset: UInt64, width: Int, _ state: inout DeviceState
  ) throws(Errno) -> UInt64 {
    guard state.memoryIsEnabled, !state.isInLowPower else { throw .inputOutput }
    return loadFromBAR(offset: offset, width: width, state)
  }

  /// A store through a mapping of a BAR; `EIO` where the kernel would answer with SIGBUS.
  ///
  /// - Parameters:
  ///   - value: the bytes, the first in the lowest bits.
  ///   - offset: where in the BAR, in bytes, aligned or not.
  ///   - width: 1, 2, 4 or 8 bytes.
  public func store(
    _ value: UInt64, offset: UInt64, width: Int, _ state: inout DeviceState,
    in environment: some DeviceEnvironment
  ) throws(Errno) {
    guard state.memoryIsEnabled, !state.isInLowPower else { throw .inputOutput }
    storeToBAR(value, offset: offset, width: width, &state, in: environment)
  }

  /// Which registers an mmap of the device's file shows: `vfio_pci_core_mmap()`.
  ///
  /// What the kernel checks before it asks the driver (an empty or overlong mapping, an unaligned
  /// offset, unknown flags) the kernel checks for the engine's own mapping too.
  ///
  /// - Parameters:
  ///   - length: in bytes, rounded up to whole pages here.
  ///   - offset: the file's offset.
  ///   - isShared: MAP_SHARED or MAP_SHARED_VALIDATE.
  public func trappedRegion(
    length: UInt64, offset: UInt64, isShared: Bool
  ) throws(Errno) -> TrappedRegion {
    let (padded, wraps) = length.addingReportingOverflow(Region.pageBytes - 1)
    let rounded = padded & ~(Region.pageBytes - 1)
    let position = offset & Region.offsetMask
    guard isShared, !wraps, rounded != 0, position % Region.pageBytes == 0,
      offset >> Region.offsetShift == 0, position <= Region.barBytes,
      rounded <= Region.barBytes - position
    else { throw .invalidArgument }
    return TrappedRegion(bar: 0, offset: position, length: rounded)
  }

  /// Cuts an access to a BAR into the widest aligned pieces: `vfio_pci_core_do_io_rw()`.
  private func eachBARChunk(
    at start: UInt64, count: UInt64,
    _ body: (_ at: UInt64, _ width: Int, _ distance: UInt64) throws(Errno) -> Void
  ) throws(Errno) -> UInt64 {
    guard start < Region.barBytes else { throw .invalidArgument }
    let total = min(count, Region.barBytes - start)
    var done: UInt64 = 0
    while done < total {
      let at = start + done
      let left = total - done
      // The widest of 8, 4, 2 and 1 that is aligned and not too long.
      let width = min(at == 0 ? 8 : at & (0 &- at), 8, 1 << UInt64(63 - left.leadingZeroBitCount))
      try body(at, Int(width), done)
      done += width
    }
    return total
  }

  /// Cuts an access to config space at capabilities and at four bytes: `vfio_pci_config_rw()`.
  private func eachConfigChunk(
    at start: UInt64, count: UInt64,
    _ body: (_ at: Int, _ width: Int, _ distance: UInt64) throws(Errno) -> Void
  ) throws(Errno) -> UInt64 {
    guard start < Region.configBytes, count <= Region.configBytes - start else {
      throw .badAddress
    }
    var done: UInt64 = 0
    while done < count {
      let at = Int(start + done)
      let width = ConfigSpace.chunk(at: at, remaining: count - done)
      try body(at, width, done)
      done += UInt64(width)
    }
    return count
  }
}
