internal import CLinux
internal import TrappedAccess

/// A page of this process where the processor performs instructions on copies of device registers.
///
/// The lock guards the page; it is taken with a device's lock held, and nothing is taken inside.
@safe final class Scratch: Sendable {
  private let page = Guarded<UInt64>(0)

  /// Runs `body` with the page to itself; false where no memory may be both written and
  /// executed.
  func withPage(_ body: (UnsafeMutableRawPointer) -> Bool) -> Bool {
    page.withLock { page in
      if page == 0 {
        // PROT_READ | PROT_WRITE | PROT_EXEC; MAP_PRIVATE | MAP_ANONYMOUS
        let made = clinux_map(0, 4096, 7, 0x22, -1, 0)
        guard made > 0 else { return false }
        page = UInt64(made)
      }
      return unsafe UnsafeMutableRawPointer(bitPattern: UInt(page)).map { unsafe body($0) }
        ?? false
    }
  }
}

/// The processor with the registers of one signal frame.
@unsafe struct FrameProcessor: SubstituteProcessor {
  let scratch: Scratch
  /// The frame's `_fpstate`.
  let vectorArea: UnsafeMutableRawPointer?

  mutating func run(
    _ code: Substitute, data: inout InlineArray<8, UInt64>, registers: inout RegisterFile
  ) -> Bool {
    unsafe scratch.withPage { page in
      let returnInstruction: UInt8 = 0xc3
      for index in 0..<code.count {
        // SAFETY: at most 20 bytes of code before the data at 64 and the page's end at 4096.
        unsafe page.storeBytes(of: code.bytes[index], toByteOffset: index, as: UInt8.self)
      }
      unsafe page.storeBytes(of: returnInstruction, toByteOffset: code.count, as: UInt8.self)
      let operand = unsafe page + Substitute.dataOffset
      unsafe operand.storeBytes(of: data, as: InlineArray<8, UInt64>.self)
      var words = InlineArray<17, UInt64>(repeating: 0)
      for number in 0..<16 { words[number] = registers[number] }
      // Of the flags only the six that instructions set and read; the rest are the thread's own.
      let status: UInt64 = 0x8d5
      words[16] = registers.flags.rawValue & status | 2
      let done = unsafe withUnsafeMutableBytes(of: &words) { bytes in
        // SAFETY: seventeen words are what the function takes.
        unsafe clinux_run(
          bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt64.self), vectorArea,
          page)
      }
      guard done != 0 else { return false }
      for number in 0..<16 where number != 4 { registers[number] = words[number] }
      registers.flags = Flags(rawValue: registers.flags.rawValue & ~status | words[16] & status)
      data = unsafe operand.load(as: InlineArray<8, UInt64>.self)
      return true
    }
  }
}
