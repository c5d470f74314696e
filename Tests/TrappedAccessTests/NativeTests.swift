import CLinux
import DMATypes
import NativeInstructions
import SeededRandom
import Testing
import TrappedAccess

/// One line of the table.
struct Encoding: CustomTestStringConvertible, Sendable {
  let bytes: [UInt8]
  let text: String
  var testDescription: String { text }

  static let all: [Encoding] = encodingTable.split(separator: "\n").compactMap { line in
    let halves = line.split(separator: "|")
    guard halves.count == 2 else { return nil }
    return Encoding(
      bytes: halves[0].split(separator: " ").compactMap { UInt8($0, radix: 16) },
      text: String(halves[1].drop { $0 == " " }))
  }

  /// The operation without `lock`, `rep` and the rest of the line.
  var mnemonic: Substring {
    let words = text.split(separator: " ").filter {
      !["lock", "rep", "repz", "repe", "repnz", "repne"].contains($0)
    }
    return words.first ?? ""
  }
  func isOne(of starts: String...) -> Bool { starts.contains { mnemonic.hasPrefix($0) } }

  var isString: Bool {
    isOne(of: "stos", "lods", "cmpsb", "cmpsw", "cmpsl", "cmpsq", "scas")
      || isOne(of: "movsb", "movsw", "movsl", "movsq") && !text.contains("x") && bytes.count < 5
        && !text.contains("%rbx")
  }
  var isDivide: Bool { isOne(of: "div", "idiv") && !isOne(of: "divs", "divp") }
  var needsAlignment: Bool {
    text.contains("movap") || text.contains("movdqa") || text.contains("movnt")
      || text.contains("cmpxchg16b")
  }
  /// The highest component of XCR0 that it needs.
  var component: UInt32 {
    if bytes.contains(0x62), text.hasPrefix("v") { return 7 }
    return text.hasPrefix("v") ? 2 : 1
  }

  /// Status flags that the manual leaves undefined for these operands.
  var undefinedFlags: Flags {
    let byOne = !text.contains("$") && !text.contains("%cl")
    if isOne(of: "shl", "shr", "sar", "sal") {
      return isOne(of: "shld", "shrd") || !byOne ? [.adjust, .overflow] : [.adjust]
    }
    if isOne(of: "rol", "ror", "rcl", "rcr") { return byOne ? [] : [.overflow] }
    if isDivide { return [.carry, .overflow, .sign, .zero, .adjust, .parity] }
    if isOne(of: "mul", "imul"), !isOne(of: "mulp", "muls") {
      return [.sign, .zero, .adjust, .parity]
    }
    if isOne(of: "bt") { return [.overflow, .sign, .adjust, .parity] }
    if isOne(of: "and", "or", "xor", "test") { return [.adjust] }
    return []
  }
}

/// Every encoding runs on the processor and on the performer from the same seeded registers, flags
/// and memory; registers, flags, vector registers, memory and length must agree.
@Suite("Against the processor", .serialized)
struct NativeTests {
  static let areaBytes = 4096
  static let roundsPerEncoding: UInt64 = 32
  static let isPrepared = native_has_xsave() != 0 && native_prepare() != 0
  static let data = UInt64(native_data)
  static let layout = VectorLayout(
    upperYMM: Int(clinux_xsave_offset(2)), opmasks: Int(clinux_xsave_offset(5)),
    upperZMM: Int(clinux_xsave_offset(6)), highZMM: Int(clinux_xsave_offset(7)))
  static let components: UInt64 = [2, 5, 6, 7].reduce(3) {
    native_has_component($1) != 0 ? $0 | 1 << UInt64($1) : $0
  }

  @Test("The table has every encoding once")
  func tableIsWhole() {
    #expect(Encoding.all.count > 1000)
    #expect(Set(Encoding.all.map(\.bytes)).count == Encoding.all.count)
  }

  @Test("An instruction does what the processor does", arguments: Encoding.all)
  func agrees(_ encoding: Encoding) throws {
    guard Self.isPrepared, native_has_component(encoding.component) != 0 else {
      print("skipped: this machine cannot run \(encoding.text)")
      return
    }
    var random = SplitMix64(seed: encoding.bytes.reduce(7) { $0 &* 31 &+ UInt64($1) })
    for round in 0..<Self.roundsPerEncoding {
      var trial = Trial(encoding, round, &random)
      let difference = trial.run()
      try #require(difference == nil, "\(encoding.text), round \(round): \(difference ?? "")")
    }
  }
}

/// One run of one encoding on both.
@safe struct Trial {
  let encoding: Encoding
  var state = unsafe native_state()
  var memory: [UInt8]
  var vectors: [UInt64]

  /// Contents to cut from, made once. Runs of zeros give repeated comparisons something to do.
  private static let pool: [UInt8] = {
    var random = SplitMix64(seed: 1)
    return (0..<Int(native_data_bytes) + 4096).map { _ in
      let value = random.next()
      return value & 0x300 == 0 ? 0 : UInt8(truncatingIfNeeded: value)
    }
  }()
  private static let words: [UInt64] = {
    var random = SplitMix64(seed: 2)
    return (0..<NativeTests.areaBytes / 8 + 512).map { _ in random.next() }
  }()
  private static let pointers = [3, 4, 5, 6, 7, 8, 12, 13, 14]

  init(_ encoding: Encoding, _ round: UInt64, _ random: inout SplitMix64) {
    self.encoding = encoding
    let first = Int(random.next() % 4096)
    memory = Array(Self.pool[first..<first + Int(native_data_bytes)])
    let word = Int(random.next() % 512)
    vectors = Array(Self.words[word..<word + NativeTests.areaBytes / 8])
    var general = (0..<16).map { _ in random.next() >> (random.next() & 63) }
    let middle = NativeTests.data + 0x1800
    for number in Self.pointers {
      let offset = encoding.needsAlignment ? random.next() & 0x1c0 : random.next() & 0x1ff
      general[number] = middle + offset
    }
    // Now and then across the edge of the trapped pages: 0x1000…0x2fff of the data.
    if round & 7 == 7, !encoding.needsAlignment {
      let edge = NativeTests.data + (round & 8 == 0 ? 0x1000 : 0x3000)
      general[3] = edge &- 9 &+ random.next() & 15
      if round & 16 != 0 { general[7] = general[3] } else { general[6] = general[3] }
    }
    let isNegative = encoding.text.contains("-0x1000(%r8)")
    general[8] = general[8] &+ (isNegative ? 0x1000 : 0 &- 0x1000)
    general[9] = random.next() & 15
    general[10] = (random.next() & 0xfff) &- 0x800
    if encoding.isString { general[1] = random.next() & 31 }
    if encoding.isDivide {
      general[2] = [0, 0, UInt64.max, 1][Int(random.next() & 3)]
      general[0] = random.next() >> (random.next() & 63)
    }
    if random.next() & 1 == 0 { general[0] = 0 }
    unsafe state.flags = 0x202 | random.next() & 0x8d5
    if encoding.isString { unsafe state.flags |= random.next() & 0x400 }
    unsafe state.gs_base = encoding.text.contains("%gs:0x1000") ? 0x40 : 0
    if encoding.text.contains("%gs:(%r9") { unsafe state.gs_base = middle }
    if encoding.text.contains("%gs:(%r") { general[6] &-= unsafe state.gs_base }
    if encoding.text.contains("%fs:") { general[11] = middle &- currentFSBase() }
    plantAccumulator(&general, &random)
    for number in 0..<16 { set(number, general[number]) }
  }

  /// Half of the compare-and-exchange rounds are to succeed.
  private mutating func plantAccumulator(_ general: inout [UInt64], _ random: inout SplitMix64) {
    let start = Int(general[3] - NativeTests.data)
    guard encoding.isOne(of: "cmpxchg"), random.next() & 1 == 0 else { return }
    func word(_ at: Int, _ count: Int) -> UInt64 {
      memory[at..<at + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    let isPair8 = encoding.text.contains("8b")
    general[0] = word(start, isPair8 ? 4 : 8)
    if isPair8 { general[2] = word(start + 4, 4) }
    if encoding.text.contains("16b") { general[2] = word(start + 8, 8) }
  }

  private func currentFSBase() -> UInt64 {
    var fs: UInt64 = 0
    var gs: UInt64 = 0
    unsafe clinux_segment_bases(&fs, &gs)
    return fs
  }

  private mutating func set(_ number: Int, _ value: UInt64) {
    unsafe withUnsafeMutableBytes(of: &state.general) {
      unsafe $0.storeBytes(of: value, toByteOffset: number * 8, as: UInt64.self)
    }
  }

  private func get(_ number: Int) -> UInt64 {
    unsafe withUnsafeBytes(of: state.general) {
      unsafe $0.load(fromByteOffset: number * 8, as: UInt64.self)
    }
  }

  /// An area that the processor can load: round by round with other components in use.
  private func area() -> UnsafeMutableRawPointer {
    let area = UnsafeMutableRawPointer.allocate(
      byteCount: NativeTests.areaBytes, alignment: 64)
    unsafe vectors.withUnsafeBytes {
      unsafe UnsafeMutableRawBufferPointer(start: area, count: NativeTests.areaBytes)
        .copyMemory(from: $0)
    }
    unsafe area.initializeMemory(as: UInt8.self, repeating: 0, count: 160)
    unsafe area.storeBytes(of: 0x37f, as: UInt16.self)
    unsafe area.storeBytes(of: 0x1f80, toByteOffset: 24, as: UInt32.self)
    unsafe (area + 512).initializeMemory(as: UInt8.self, repeating: 0, count: 64)
    let inUse = NativeTests.components & (vectors[0] | vectors[1])
    unsafe area.storeBytes(of: inUse, toByteOffset: 512, as: UInt64.self)
    return unsafe area
  }

  /// What differs, or nil.
  mutating func run() -> String? {
    let ours = unsafe area()
    let theirs = unsafe area()
    defer {
      unsafe ours.deallocate()
      unsafe theirs.deallocate()
    }
    let bus = LoggingBus(Shadow(bytes: memory, start: NativeTests.data))
    var file = RegisterFile()
    for number in 0..<16 { file.general[number] = get(number) }
    file.instructionPointer = UInt64(native_code)
    file.flags = unsafe Flags(rawValue: state.flags)
    file.gsBase = unsafe state.gs_base
    file.fsBase = currentFSBase()
    let before = file
    let vectors = unsafe VectorState(
      area: ours, components: NativeTests.components, layout: NativeTests.layout)
    let outcome = unsafe performAll(&file, vectors, bus)
    if outcome.isDivideError, encoding.isDivide { return nil }
    if outcome.isUnknown, encoding.isString, before.general[1] == 0 { return nil }
    guard outcome.advance != nil else { return "\(outcome)" }
    guard file.instructionPointer == before.instructionPointer + UInt64(encoding.bytes.count) else {
      return "length \(file.instructionPointer &- before.instructionPointer)"
    }
    unsafe state.vectors = unsafe theirs
    native_write_data(memory)
    unsafe native_run(&state, encoding.bytes, encoding.bytes.count)
    for number in 0..<16 where file.general[number] != get(number) {
      return "register \(number): \(hex(file.general[number])), processor \(hex(get(number)))"
        + ", before \(hex(before.general[number]))"
    }
    return unsafe compareFlags(file, before) ?? compareVectors(vectors, theirs)
      ?? compareMemory(bus)
  }

  /// Calls the performer until the instruction is finished, playing the processor where a string
  /// instruction leaves the trapped pages.
  private func performAll(
    _ file: inout RegisterFile, _ vectors: VectorState, _ bus: LoggingBus
  ) -> Outcome {
    let data = NativeTests.data
    let narrow = TrappedRange(start: .init(data + 0x1000), last: .init(data + 0x2fff))
    let wide = TrappedRange(start: .init(data), last: .init(data + 0x3fff))
    var bus = bus
    var memory = Beside(bus: bus)
    var range = narrow
    while true {
      let outcome = unsafe perform(
        InstructionBytes(encoding.bytes), registers: &file, vectors: vectors, range: range,
        bus: &bus, memory: &memory)
      if outcome.advance == 0 { continue }
      guard outcome.isUnknown, range.last == narrow.last else { return outcome }
      range = wide
    }
  }

  private func compareFlags(_ file: RegisterFile, _ before: RegisterFile) -> String? {
    var ignored = encoding.undefinedFlags
    // A shift by 0 changes no flag, so none is undefined.
    if encoding.text.contains("%cl"), before.general[1] & (encoding.isQuad ? 63 : 31) == 0 {
      ignored = []
    }
    let compared: UInt64 = 0xcd5 & ~ignored.rawValue
    let difference = unsafe (file.flags.rawValue ^ state.flags) & compared
    guard difference != 0 else { return nil }
    return unsafe "flags \(hex(file.flags.rawValue)), processor \(hex(state.flags)), rcx "
      + hex(before.general[1])
  }

  private func compareVectors(
    _ vectors: VectorState, _ theirs: UnsafeMutableRawPointer
  ) -> String? {
    let other = unsafe VectorState(
      area: theirs, components: NativeTests.components, layout: NativeTests.layout)
    for register in 0..<32 {
      for word in 0..<8 {
        let mine = unsafe vectors.read(register, word: word)
        let real = unsafe other.read(register, word: word)
        if mine != real {
          return "vector \(register) word \(word): \(hex(mine)), processor \(hex(real))"
        }
      }
    }
    return nil
  }

  private func compareMemory(_ bus: LoggingBus) -> String? {
    let real = native_read_data()
    guard real != bus.shadow.bytes else { return nil }
    let at = zip(real, bus.shadow.bytes).enumerated().first { $1.0 != $1.1 }?.offset ?? -1
    return "memory at \(hex(UInt64(at))): \(bus.shadow.bytes[at]), processor \(real[at])"
  }

  private func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}

extension Encoding {
  var isQuad: Bool { bytes.contains { $0 & 0xf8 == 0x48 } }
}

func native_write_data(_ bytes: [UInt8]) {
  let data = unsafe UnsafeMutableRawPointer(bitPattern: UInt(native_data))
  unsafe bytes.withUnsafeBytes { source in
    guard let data = unsafe data, let base = source.baseAddress else { return }
    unsafe data.copyMemory(from: base, byteCount: source.count)
  }
}

func native_read_data() -> [UInt8] {
  let data = unsafe UnsafeRawPointer(bitPattern: UInt(native_data))
  return unsafe Array(
    UnsafeRawBufferPointer(start: data, count: Int(native_data_bytes)))
}
