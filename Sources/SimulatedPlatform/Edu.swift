internal import DMATypes

/// QEMU 7.2's `edu` behind BAR 0: identification, factorials, a DMA engine and interrupts.
///
/// Two things happen at once that QEMU leaves to a thread and to a timer of 100 ms: factorials and
/// DMA. A transfer outside the device's memory, for which QEMU ends itself, moves nothing here.
enum Edu {
  static let identification: UInt32 = 0x0100_00ed
  static let nothing: UInt64 = .max
  /// Registers below here take 4-byte accesses only, those above 4 and 8.
  static let wideRegisterStart: UInt64 = 0x80

  static let interruptWhenComputed: UInt32 = 0x80
  static let computedInterrupt: UInt32 = 0x1
  static let dmaInterrupt: UInt32 = 0x100

  static let dmaRun: UInt64 = 1
  static let dmaToMemory: UInt64 = 2
  static let dmaWantsInterrupt: UInt64 = 4

  static let bufferStart: UInt64 = 0x40000
  static let bufferBytes: UInt64 = 4096

  /// The factorial as `edu` computes it, modulo 2³².
  static func factorial(_ number: UInt32) -> UInt32 {
    // 34! is divisible by 2³².
    guard number < 34 else { return 0 }
    return (0..<number).reduce(1) { $0 &* ($1 + 1) }
  }
}

extension PCIDevice {
  /// A load from BAR 0 by a processor; `width` is 1, 2, 4 or 8 bytes.
  ///
  /// An unaligned load is the two aligned ones around it, put together, as under QEMU's TCG.
  func loadFromBAR(offset: UInt64, width: Int, _ state: borrowing DeviceState) -> UInt64 {
    let bytes = UInt64(width)
    let misalignment = offset % bytes
    guard misalignment != 0 else { return readRegister(offset, width: width, state) }
    let low = readRegister(offset - misalignment, width: width, state)
    let high = readRegister(offset - misalignment + bytes, width: width, state)
    let joined = low >> (8 * misalignment) | high << (8 * (bytes - misalignment))
    return width == 8 ? joined : joined & (1 << (8 * bytes) - 1)
  }

  /// A store to BAR 0 by a processor; `width` is 1, 2, 4 or 8 bytes.
  ///
  /// QEMU's TCG cuts an unaligned store into bytes, which no register takes.
  func storeToBAR(
    _ value: UInt64, offset: UInt64, width: Int, _ state: inout DeviceState,
    in environment: some DeviceEnvironment
  ) {
    guard offset % UInt64(width) == 0, width == 4 || width == 8,
      width == 4 || offset >= Edu.wideRegisterStart
    else { return }
    writeRegister(width == 4 ? value & 0xffff_ffff : value, at: offset, &state, in: environment)
  }

  private func readRegister(
    _ offset: UInt64, width: Int, _ state: borrowing DeviceState
  ) -> UInt64 {
    // The memory core answers for widths that the device does not declare.
    guard width >= 4 else { return 0 }
    let all = width == 4 ? 0xffff_ffff : UInt64.max
    guard width == 4 || offset >= Edu.wideRegisterStart else { return all }
    let edu = state.edu
    return switch offset {
    case 0x00: UInt64(Edu.identification)
    case 0x04: UInt64(edu.liveness)
    case 0x08: UInt64(edu.factorial)
    case 0x20: UInt64(edu.status)
    case 0x24: UInt64(edu.interruptStatus)
    case 0x80: edu.dmaSource & all
    case 0x88: edu.dmaDestination & all
    case 0x90: edu.dmaCount & all
    case 0x98: edu.dmaCommand & all
    default: all
    }
  }

  private func writeRegister(
    _ value: UInt64, at offset: UInt64, _ state: inout DeviceState,
    in environment: some DeviceEnvironment
  ) {
    let low = UInt32(truncatingIfNeeded: value)
    switch offset {
    case 0x04: state.edu.liveness = ~low
    case 0x08:
      state.edu.factorial = Edu.factorial(low)
      if state.edu.status & Edu.interruptWhenComputed != 0 {
        raise(Edu.computedInterrupt, &state, in: environment)
      }
    case 0x20: state.edu.status = low & Edu.interruptWhenComputed
    case 0x60: raise(low, &state, in: environment)
    case 0x64: acknowledge(low, &state)
    case 0x80: state.edu.dmaSource = value
    case 0x88: state.edu.dmaDestination = value
    case 0x90: state.edu.dmaCount = value
    case 0x98:
      guard value & Edu.dmaRun != 0 else { return }
      state.edu.dmaCommand = value & ~Edu.dmaRun
      transfer(&state, in: environment)
      if value & Edu.dmaWantsInterrupt != 0 { raise(Edu.dmaInterrupt, &state, in: environment) }
    default: return
    }
  }

  /// Raises an interrupt: an MSI when they are enabled, the pin otherwise.
  private func raise(
    _ causes: UInt32, _ state: inout DeviceState, in environment: some DeviceEnvironment
  ) {
    state.edu.interruptStatus |= causes
    guard state.edu.interruptStatus != 0 else { return }
    guard state.msiIsEnabled else {
      let rises = !state.pinIsAsserted
      state.setPin(true)
      if rises { deliverINTx(&state, in: environment) }
      return
    }
    // An MSI is a write to memory: without bus mastering it goes nowhere.
    if state.isBusMaster, state.interruptKind == .msi, state.trigger.isSome {
      environment.signal(state.trigger)
    }
  }

  private func acknowledge(_ causes: UInt32, _ state: inout DeviceState) {
    state.edu.interruptStatus &= ~causes
    if state.edu.interruptStatus == 0, !state.msiIsEnabled { state.setPin(false) }
  }

  /// Moves the bytes that the DMA registers name, or as many as the IOMMU lets through.
  private func transfer(_ state: inout DeviceState, in environment: some DeviceEnvironment) {
    guard case .edu(let mask) = function.model else { return }
    let toMemory = state.edu.dmaCommand & Edu.dmaToMemory != 0
    let inDevice = toMemory ? state.edu.dmaSource : state.edu.dmaDestination
    let outside = IOVA((toMemory ? state.edu.dmaDestination : state.edu.dmaSource) & mask)
    let (start, below) = inDevice.subtractingReportingOverflow(Edu.bufferStart)
    let count = state.edu.dmaCount
    guard !below, start <= Edu.bufferBytes, count <= Edu.bufferBytes - start
    else {
      state.dmaFaultCount &+= 1
      return
    }
    // QEMU goes on after a page that faults, and reads zeros from it.
    var done: UInt64 = 0
    while done < count {
      let (address, wraps) = outside.rawValue.addingReportingOverflow(done)
      guard !wraps else { break }
      let piece = min(count - done, Region.pageBytes - address % Region.pageBytes)
      let run = Int(start + done)..<Int(start + done + piece)
      if !move(run, IOVA(address), toMemory: toMemory, &state, in: environment) {
        state.dmaFaultCount &+= 1
      }
      done += piece
    }
  }

  /// Moves a run of the device's memory that lies within one page outside; false on a fault.
  private func move(
    _ run: Range<Int>, _ address: IOVA, toMemory: Bool, _ state: inout DeviceState,
    in environment: some DeviceEnvironment
  ) -> Bool {
    let isMaster = state.isBusMaster
    return unsafe withUnsafeMutableBytes(of: &state.buffer) { buffer in
      // SAFETY: the run lies within the buffer, which the state owns for the length of this call.
      let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[run])
      do throws(Errno) {
        if !toMemory { unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0) }
        guard isMaster else { return false }
        if toMemory {
          try unsafe environment.dmaWrite(UnsafeRawBufferPointer(bytes), to: address)
        } else {
          try unsafe environment.dmaRead(bytes, from: address)
        }
        return true
      } catch {
        return false
      }
    }
  }
}
