import CLinux
import DMATypes
import NativeInstructions
import SeededRandom
import Testing
import TrappedAccess

/// What reaches the device: how often, how wide, in which order; and what happens at the edges.
@Suite("What a device sees")
struct AccessTests {
  static let start: UInt64 = 0x10000
  static let device = TrappedRange(start: .init(0x11000), last: .init(0x11fff))

  /// Runs one instruction with rbx at `address`.
  func run(
    _ bytes: [UInt8], at address: UInt64, isWritable: Bool = true,
    change: (inout RegisterFile) -> Void = { _ in }
  ) -> (outcome: Outcome, log: [Access], registers: RegisterFile) {
    var bus = LoggingBus(Shadow(bytes: Array(repeating: 0x21, count: 0x3000), start: Self.start))
    var memory = Beside(bus: bus, isWritable: isWritable)
    var file = RegisterFile()
    file.general[3] = address
    change(&file)
    let outcome = perform(
      InstructionBytes(bytes), registers: &file, vectors: nil, range: Self.device, bus: &bus,
      memory: &memory)
    return (outcome, bus.log, file)
  }

  @Test("Read-modify-write reads once, then writes once")
  func readModifyWrite() {
    let (outcome, log, _) = run([0xf0, 0x83, 0x03, 0x01], at: 0x11010)  // lock addl $1, (%rbx)
    #expect(outcome.advance == 4)
    #expect(
      log == [
        Access(isWrite: false, address: 0x11010, byteCount: 4, value: 0x2121_2121),
        Access(isWrite: true, address: 0x11010, byteCount: 4, value: 0x2121_2122),
      ])
  }

  @Test(
    "A comparison reads once and writes nothing",
    arguments: [[0x39, 0x03], [0x83, 0x3b, 0x00], [0x85, 0x03], [0x0f, 0xba, 0x23, 0x03]])
  func comparisonsRead(_ bytes: [UInt8]) {
    let (_, log, _) = run(bytes, at: 0x11010)
    #expect(log.map(\.isWrite) == [false])
  }

  @Test("A store reads nothing")
  func storesWrite() {
    #expect(run([0x89, 0x03], at: 0x11010).log.map(\.isWrite) == [true])
    #expect(run([0x0f, 0x94, 0x03], at: 0x11010).log.map(\.byteCount) == [1])
  }

  @Test("A misaligned access is one access, as the processor makes it")
  func misaligned() {
    let (_, log, _) = run([0x48, 0x8b, 0x03], at: 0x11013)  // mov (%rbx), %rax
    #expect(log.map(\.address) == [0x11013])
    #expect(log.map(\.byteCount) == [8])
  }

  @Test("The part of an access beyond the device goes to memory")
  func crossing() {
    let (outcome, log, file) = run([0x48, 0x8b, 0x03], at: 0x11ffc)
    #expect(outcome.advance == 3)
    #expect(log.map(\.byteCount) == [4])
    #expect(file.general[0] == 0x2121_2121_2121_2121)
  }

  @Test("Memory that refuses leaves device and registers alone")
  func refusal() {
    let (outcome, log, file) = run([0x48, 0x01, 0x03], at: 0x11ffc, isWritable: false)
    #expect(outcome.fault == MemoryFault.atDeviceEnd)
    #expect(log.isEmpty)
    #expect(file.instructionPointer == 0)
  }

  @Test("A copy to memory that refuses does not read the device")
  func refusedCopy() {
    let (outcome, log, _) = run([0xa4], at: 0, isWritable: false) {
      $0.general[6] = 0x11000
      $0.general[7] = 0x12800
    }
    #expect(outcome.fault?.isWrite == true)
    #expect(log.isEmpty)
  }

  @Test("A repeated store stops at the device's end and stands there")
  func repeatedStoreLeaves() {
    let (outcome, log, file) = run([0xf3, 0xaa], at: 0) {
      $0.general[7] = 0x11ff0
      $0.general[1] = 100
    }
    #expect(outcome.advance == 0)
    #expect(log.count == 16)
    #expect(file.general[1] == 84)
    #expect(file.general[7] == 0x12000)
    #expect(file.instructionPointer == 0)
  }

  @Test(
    "What is no access of ours is reported and does nothing",
    arguments: [[0x90], [0x0f, 0x0b], [0x89, 0xc3], [0xd9, 0x03], [0x48, 0x0f, 0x3a, 0x03], []])
  func unknown(_ bytes: [UInt8]) {
    let (outcome, log, file) = run(bytes, at: 0x11010)
    #expect(outcome.isUnknown)
    #expect(log.isEmpty)
    #expect(file.instructionPointer == 0)
  }

  @Test("Division by zero is a divide error")
  func divideError() {
    let (outcome, log, _) = run([0xf7, 0x33], at: 0x11010) { $0.general[2] = .max }
    #expect(outcome.isDivideError)
    #expect(log.map(\.isWrite) == [false])
  }

  @Test("Bytes and registers of any kind neither trap nor loop")
  func fuzz() {
    var random = SplitMix64(seed: 11)
    let area = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 64)
    defer { unsafe area.deallocate() }
    unsafe area.initializeMemory(as: UInt8.self, repeating: 0xff, count: 4096)
    let vectors = unsafe VectorState(
      area: area, components: 0xe7,
      layout: VectorLayout(upperYMM: 576, opmasks: 832, upperZMM: 896, highZMM: 1408))
    var performed = 0
    let seeds = Encoding.all
    for round in 0..<60_000 {
      var bytes = (0..<15).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      if round & 1 == 0 {
        let known = seeds[Int(random.next() % UInt64(seeds.count))].bytes
        bytes.replaceSubrange(0..<known.count, with: known)
        bytes[Int(random.next() % UInt64(known.count))] ^= 1 << UInt8(random.next() & 7)
      }
      var bus = NullBus()
      var memory = NullBus()
      var file = RegisterFile()
      for number in 0..<16 {
        file.general[number] = random.next() >> (random.next() & 63)
        if random.next() & 1 == 0 { file.general[number] = 0x11000 &+ random.next() & 0xfff }
      }
      file.flags = Flags(rawValue: random.next())
      let everything = TrappedRange(start: .init(round & 2 == 0 ? 0 : 0x11000), last: .init(.max))
      let code = InstructionBytes(
        first: word(bytes, 0), second: word(bytes, 8), count: Int(random.next() & 31))
      let outcome = unsafe perform(
        code, registers: &file, vectors: vectors, range: everything, bus: &bus, memory: &memory)
      if let advance = outcome.advance {
        performed += 1
        #expect(advance <= 15)
        // Eight bytes are at most four pieces, a string iteration has two operands.
        #expect(bus.accesses <= 2 * 4 * 4096)
      }
    }
    #expect(performed > 5000)
  }

  private func word(_ bytes: [UInt8], _ at: Int) -> UInt64 {
    bytes.dropFirst(at).prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  @Test("A signal's context gives and takes every register")
  func context() {
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: native_context_bytes(), alignment: 16)
    defer { unsafe raw.deallocate() }
    unsafe raw.initializeMemory(as: UInt8.self, repeating: 0, count: native_context_bytes())
    unsafe native_fill_context(raw, raw)
    let context = unsafe SignalContext(raw)
    var file = unsafe context.load(fsBase: 1, gsBase: 2)
    for number in 0..<16 { #expect(file.general[number] == UInt64(100 + number)) }
    #expect(file.instructionPointer == 200)
    #expect(file.flags.rawValue == 0x202)
    let isWrite = unsafe context.isWrite
    let hasVectors = unsafe context.vectorArea == raw
    #expect(isWrite)
    #expect(hasVectors)
    for number in 0..<16 { file.general[number] += 1000 }
    file.instructionPointer = 300
    file.flags = [.carry]
    unsafe context.store(file)
    for number in 0..<16 {
      let stored = unsafe native_context_register(raw, Int32(number))
      #expect(stored == UInt64(1100 + number))
    }
    let rest = unsafe (native_context_register(raw, 16), native_context_register(raw, 17))
    #expect(rest == (300, 1))
  }
}

extension MemoryFault {
  fileprivate static var atDeviceEnd: MemoryFault? {
    var bus = LoggingBus(Shadow(bytes: Array(repeating: 0, count: 0x3000), start: 0x10000))
    var memory = Beside(bus: bus, isWritable: false)
    var file = RegisterFile()
    file.general[3] = 0x11ffc
    let outcome = perform(
      InstructionBytes([0x48, 0x89, 0x03]), registers: &file, vectors: nil,
      range: AccessTests.device, bus: &bus, memory: &memory)
    return outcome.fault.flatMap { $0.address.rawValue == 0x12000 && $0.isWrite ? $0 : nil }
  }
}

/// A device and a memory that answer 1 and count.
struct NullBus: RegisterBus, OrdinaryMemory {
  var accesses = 0
  mutating func read(_ address: UserAddress, byteCount: Int) -> UInt64 {
    accesses += 1
    return 1
  }
  mutating func write(_ address: UserAddress, _ value: UInt64, byteCount: Int) { accesses += 1 }
  mutating func load(_ address: UserAddress, byteCount: Int) -> UInt64? { 1 }
  mutating func store(_ address: UserAddress, _ value: UInt64, byteCount: Int) -> Bool { true }
  mutating func canStore(_ address: UserAddress, byteCount: Int) -> Bool { true }
}
