/// Offsets in a context, in bytes.
private enum Place {
  /// `uc_mcontext.gregs`.
  static var registers: Int { 40 }
  static var instructionPointer: Int { registers + 16 * 8 }
  static var flags: Int { registers + 17 * 8 }
  static var errorCode: Int { registers + 19 * 8 }
  static var vectorArea: Int { registers + 23 * 8 }

  /// rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi; then r8…r15: the place of each among the gregs, a byte
  /// each, the first highest.
  static func offset(of number: Int) -> Int {
    let order: UInt64 = number < 8 ? 0x0d0e_0c0b_0f0a_0908 : 0x0001_0203_0405_0607
    return registers &+ Int(order >> UInt64(56 &- (number & 7) &* 8) & 0xff) &* 8
  }
}

/// The third argument of a signal handler on x86-64 Linux: where the stopped thread's registers
/// lie, by the kernel's ABI (`struct ucontext` holding `struct sigcontext`).
///
/// What is stored here is what the thread goes on with when the handler returns.
@unsafe public struct SignalContext {
  private let context: UnsafeMutableRawPointer

  /// Wraps the handler's third argument.
  public init(_ context: UnsafeMutableRawPointer) {
    unsafe self.context = unsafe context
  }

  /// Whether the access that faulted was a write: bit 1 of the page fault's error code.
  public var isWrite: Bool { unsafe word(at: Place.errorCode) & 2 != 0 }

  /// Whether an instruction was fetched: bit 4 of the page fault's error code.
  public var isFetch: Bool { unsafe word(at: Place.errorCode) & 16 != 0 }

  /// Says that the access violated a protection: bit 0 of the page fault's error code.
  public func markPresent() {
    unsafe setWord(at: Place.errorCode, word(at: Place.errorCode) | 1)
  }

  /// The `_fpstate`, or nil when the frame has none.
  public var vectorArea: UnsafeMutableRawPointer? {
    unsafe UnsafeMutableRawPointer(bitPattern: UInt(word(at: Place.vectorArea)))
  }

  /// The thread's registers; a context has no segment bases, so the caller says them.
  public func load(fsBase: UInt64, gsBase: UInt64) -> RegisterFile {
    var file = RegisterFile()
    for number in 0..<16 { file[number] = unsafe word(at: Place.offset(of: number)) }
    file.instructionPointer = unsafe word(at: Place.instructionPointer)
    file.flags = unsafe Flags(rawValue: word(at: Place.flags))
    file.fsBase = fsBase
    file.gsBase = gsBase
    return file
  }

  /// Sets the thread's registers; segment bases stay.
  public func store(_ file: RegisterFile) {
    for number in 0..<16 { unsafe setWord(at: Place.offset(of: number), file[number]) }
    unsafe setWord(at: Place.instructionPointer, file.instructionPointer)
    unsafe setWord(at: Place.flags, file.flags.rawValue)
  }

  private func word(at offset: Int) -> UInt64 {
    // SAFETY: a context is at least as long as its gregs and the pointer after them.
    unsafe context.load(fromByteOffset: offset, as: UInt64.self)
  }

  private func setWord(at offset: Int, _ value: UInt64) {
    // SAFETY: as in `word`.
    unsafe context.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
  }
}
