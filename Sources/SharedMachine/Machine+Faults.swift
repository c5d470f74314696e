internal import CLinux
public import DMATypes
internal import SimulatedPlatform
internal import TrappedAccess
internal import UAPI

/// What the thread that faulted shall do.
public enum FaultVerdict: Equatable, Sendable {
  /// Nothing of ours: the program's own affair.
  case notOurs
  /// Go on: the access was performed, or the copy that faulted will report it.
  case handled
  /// The access is what the kernel answers with SIGBUS: memory decoding is off.
  case busError
  /// The access touched other memory as well, and that refused.
  case refused(UserAddress)
}

extension Machine {
  /// Looks at a SIGSEGV or SIGBUS of this thread.
  ///
  /// - Parameters:
  ///   - address: `si_addr`; 0 for a non-canonical pointer.
  ///   - context: the third argument of the handler.
  public func fault(at address: UserAddress, context: UnsafeMutableRawPointer) -> FaultVerdict {
    if unsafe clinux_fix_up(context) != 0 { return .handled }
    guard let entry = trapped.containing(address.rawValue) else { return .notOurs }
    let frame = unsafe SignalContext(context)
    // The processor has no page that can be written and not read.
    let needed: Int32 = unsafe frame.isWrite ? 2 : 3
    guard entry.protection & needed != 0, unsafe !frame.isFetch else {
      // What stands there is open to another kind of access: a violation, not an absence.
      if entry.protection != 0 { unsafe frame.markPresent() }
      return .notOurs
    }
    return inTurn { unsafe perform(frame, entry) }
  }

  private func perform(
    _ frame: SignalContext, _ entry: TrappedMappings.Entry
  ) -> FaultVerdict {
    var (fsBase, gsBase) = (UInt64(0), UInt64(0))
    unsafe clinux_segment_bases(&fsBase, &gsBase)
    var registers = unsafe frame.load(fsBase: fsBase, gsBase: gsBase)
    guard let bytes = instruction(at: registers.instructionPointer) else { return .notOurs }
    let vectors = unsafe frame.vectorArea.map {
      unsafe VectorState(signalFrameArea: $0, layout: vectorLayout)
    }
    let unit = units[entry.device]
    let range = TrappedRange(start: UserAddress(entry.start), last: UserAddress(entry.last))
    var accesses: [RegisterAccess] = []
    // The device's lock is held for the whole instruction: read-modify-write is atomic among
    // threads.
    let verdict = unit.withState(self) { state, environment -> FaultVerdict in
      unsafe withUnsafeMutablePointer(to: &state) { state in
        var bus = unsafe DeviceBus(
          unit: unit, entry: entry, state: state, environment: environment)
        unsafe bus.isTraced = tracer != nil
        defer { accesses = unsafe bus.accesses }
        var memory = ThreadMemory()
        var outcome = unsafe TrappedAccess.perform(
          bytes, registers: &registers, vectors: vectors, range: range, bus: &bus, memory: &memory)
        if case .unknownInstruction = outcome {
          var processor = unsafe FrameProcessor(scratch: scratch, vectorArea: frame.vectorArea)
          outcome = unsafe performSubstituted(
            bytes, registers: &registers, range: range, bus: &bus, memory: &memory,
            processor: &processor)
        }
        if unsafe bus.isRefused { return .busError }
        switch outcome {
        case .performed: return .handled
        case .unknownInstruction:
          tellUnknown(bytes, of: unit)
          return .notOurs
        case .memoryFault(let fault): return .refused(fault.address)
        case .divideError: return .notOurs
        }
      }
    }
    for access in accesses { note(access) }
    // A repeated string instruction keeps the iterations before a fault.
    if verdict != .busError { unsafe frame.store(registers) }
    return verdict ?? .notOurs
  }

  /// Whether a byte is there to be read.
  public func isReadable(_ address: UserAddress) -> Bool {
    ThreadMemory().load(address, byteCount: 1) != nil
  }

  private func tellUnknown(_ instruction: InstructionBytes, of unit: DeviceUnit) {
    tell("\(unit.name): an instruction that no register access is known by: \(instruction)")
  }
}

/// The registers behind one mapping, while the device's lock is held.
@unsafe private struct DeviceBus: RegisterBus {
  let unit: DeviceUnit
  let entry: TrappedMappings.Entry
  let state: UnsafeMutablePointer<DeviceState>
  let environment: DeviceUnitEnvironment
  /// Whether the device did not answer.
  var isRefused = false
  /// What was done, for the trace of a run that has one.
  var accesses: [RegisterAccess] = []
  var isTraced = false

  init(
    unit: DeviceUnit, entry: TrappedMappings.Entry, state: UnsafeMutablePointer<DeviceState>,
    environment: DeviceUnitEnvironment
  ) {
    unsafe self.unit = unit
    unsafe self.entry = entry
    unsafe self.state = state
    unsafe self.environment = environment
  }

  private func offset(_ address: UserAddress) -> UInt64 {
    unsafe address.rawValue - entry.start + entry.offset
  }

  mutating func read(_ address: UserAddress, byteCount: Int) -> UInt64 {
    do throws(Errno) {
      let value = try unsafe unit.device.load(
        offset: offset(address), width: byteCount, &state.pointee)
      unsafe note(.init(isStore: false, address: address, value: value, byteCount: byteCount))
      return value
    } catch {
      unsafe isRefused = true
      return ~0
    }
  }

  mutating func write(_ address: UserAddress, _ value: UInt64, byteCount: Int) {
    do throws(Errno) {
      try unsafe unit.device.store(
        value, offset: offset(address), width: byteCount, &state.pointee, in: environment)
      unsafe note(.init(isStore: true, address: address, value: value, byteCount: byteCount))
    } catch {
      unsafe isRefused = true
    }
  }
}

extension DeviceBus {
  fileprivate mutating func note(_ access: RegisterAccess) {
    if unsafe isTraced { unsafe accesses.append(access) }
  }
}

/// The thread's memory beside the registers: what a string instruction copies from or to.
private struct ThreadMemory: OrdinaryMemory {
  func load(_ address: UserAddress, byteCount: Int) -> UInt64? {
    var value: UInt64 = 0
    return unsafe withUnsafeMutableBytes(of: &value) { bytes in
      let part = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[..<byteCount])
      return unsafe (try? CallerMemory.read(part, from: address)) == nil
    } ? nil : value
  }

  func store(_ address: UserAddress, _ value: UInt64, byteCount: Int) -> Bool {
    unsafe withUnsafeBytes(of: value) { bytes in
      let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<byteCount])
      return unsafe (try? CallerMemory.write(part, to: address)) != nil
    }
  }

  func canStore(_ address: UserAddress, byteCount: Int) -> Bool {
    let page = UserAddress(address.rawValue & ~4095)
    let span = address.rawValue - page.rawValue + UInt64(byteCount)
    return CallerMemory.touch(page, byteCount: span, access: .write) == span
  }
}

/// The bytes at an instruction pointer, as many as are there; nil when none is.
private func instruction(at address: UInt64) -> InstructionBytes? {
  var words = (UInt64(0), UInt64(0))
  let count = unsafe withUnsafeMutableBytes(of: &words) { bytes in
    // SAFETY: two words are the sixteen bytes that the function fills.
    unsafe clinux_copy_instruction(address, bytes.baseAddress.unsafelyUnwrapped)
  }
  return count == 0 ? nil : InstructionBytes(first: words.0, second: words.1, count: count)
}

/// Where this processor's signal frames hold vector registers, asked once.
private let vectorLayout = VectorLayout(
  upperYMM: Int(clinux_xsave_offset(2)), opmasks: Int(clinux_xsave_offset(5)),
  upperZMM: Int(clinux_xsave_offset(6)), highZMM: Int(clinux_xsave_offset(7)))
