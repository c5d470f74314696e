/// The driver of `Tests/Programs/mediated/pins.h` as a plain value: what it remembers of one open
/// device. Scripts have it where the kernel has a module.
struct PinsDriver: Hashable, Sendable {
  /// Pages that were pinned by one call.
  struct Held: Hashable, Sendable {
    var iova: UInt64
    var count: Int32
  }

  /// The device that can be told to let go, and the one that cannot.
  static let (name, deafName) = ("ioasid-pins", "ioasid-deaf")
  /// Names of devices that take its commands.
  static let names: Set<String> = [name, deafName]
  /// How many pins it can remember; with as many it pins no more.
  static let mostHeld = 64
  /// The bytes that one copy may have.
  static let mostCopied: UInt64 = 256
  /// What stands in a copy's buffer before it.
  static let filling: UInt8 = 0xee

  /// Whether it has a `dma_unmap`.
  var hears: Bool
  private var held: [Held?] = Array(repeating: nil, count: mostHeld)
  private var keep: Int32 = 0
  private var told: Int64 = 0
  private var toldIOVA: UInt64 = 0
  private var toldLength: UInt64 = 0

  /// A device that was just opened.
  init(of device: String) { hears = device == Self.name }

  /// Whether another pin can be remembered.
  var hasRoom: Bool { held.contains(nil) }
  /// All that is held.
  var everything: [Held] { held.compactMap { $0 } }

  mutating func remember(_ pins: Held) {
    guard let place = held.firstIndex(of: nil) else { return }
    held[place] = pins
  }

  mutating func forget(_ pins: Held) {
    guard let place = held.firstIndex(of: pins) else { return }
    held[place] = nil
  }

  /// The next requests to let go are not heard.
  mutating func keep(_ count: Int32) { keep = count }

  /// How often it was told to let go since the last question, and of what.
  mutating func takeTold() -> Outcome {
    defer { told = 0 }
    return Outcome(told, bytes: Self.bytes(of: [toldIOVA, toldLength]))
  }

  /// A mapping goes: what is given back.
  mutating func letGo(_ iova: UInt64, _ length: UInt64) -> [Held] {
    told += 1
    (toldIOVA, toldLength) = (iova, length)
    guard keep == 0 else {
      if keep > 0 { keep -= 1 }
      return []
    }
    let last = iova &+ (length &- 1)
    var given: [Held] = []
    for place in held.indices {
      guard let pins = held[place], pins.iova <= last,
        pins.iova + (UInt64(pins.count) << 12) > iova
      else { continue }
      given.append(pins)
      held[place] = nil
    }
    return given
  }

  /// Words as they lie in memory.
  static func bytes(of words: [UInt64]) -> [UInt8] {
    words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
  }

  /// What a copy into memory takes: `value` again and again.
  static func data(_ value: UInt64, count: UInt64) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * ($0 & 7))) }
  }
}

/// The command of `pins.h` that a line of a script is, as the kernel's module takes it.
struct PinsCommand {
  static let byteCount = 304
  /// `PINS_COMMAND`.
  static let request = 3 << 30 | UInt64(byteCount) << 16 | UInt64(UInt8(ascii: ";")) << 8 | 200
  private static let dataOffset = 48

  var bytes = [UInt8](repeating: 0, count: byteCount)

  init(_ call: Call) {
    func number(_ index: Int) -> UInt64 { call.numbers[index].value }
    switch call.verb {
    case .pin:
      store(1, 0, 4)
      store(number(0), 8, 8)
      store(number(1), 4, 4)
      store(number(2), 24, 4)
    case .unpin:
      store(3, 0, 4)
      store(number(0), 8, 8)
      store(number(1), 4, 4)
    case .driverRead, .driverWrite:
      let isWrite = call.verb == .driverWrite
      store(isWrite ? 5 : 4, 0, 4)
      store(number(0), 8, 8)
      store(number(1), 16, 8)
      let count = PinsDriver.mostCopied
      let data =
        isWrite
        ? PinsDriver.data(number(2), count: count)
        : Array(repeating: PinsDriver.filling, count: Int(count))
      bytes.replaceSubrange(Self.dataOffset..., with: data)
    case .keep:
      store(6, 0, 4)
      store(number(0), 4, 4)
    default: store(7, 0, 4)
    }
  }

  private mutating func store(_ value: UInt64, _ offset: Int, _ count: Int) {
    for index in 0..<count {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
    }
  }

  /// A command that a program gave; nil for bytes that are none.
  init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    self.bytes = bytes
  }

  private func number(_ offset: Int, _ count: Int) -> UInt64 {
    bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The line of a script that gives the same command; nil where scripts have no word for it.
  func line(on file: Int) -> Call? {
    let (count, iova, length) = (number(4, 4), number(8, 8), number(16, 8))
    let value = number(Self.dataOffset, 8)
    let data = PinsDriver.data(value, count: PinsDriver.mostCopied)
    let fields: [UInt64]
    let verb: Verb
    switch number(0, 4) {
    case 1: (verb, fields) = (.pin, [iova, count, number(24, 4)])
    case 3: (verb, fields) = (.unpin, [iova, count])
    case 4: (verb, fields) = (.driverRead, [iova, length])
    case 5 where bytes[Self.dataOffset...].elementsEqual(data):
      (verb, fields) = (.driverWrite, [iova, length, value])
    case 6: (verb, fields) = (.keep, [count])
    case 7: (verb, fields) = (.told, [])
    default: return nil
    }
    return Call(verb, on: file, fields.map { Number($0) })
  }

  /// Puts in what came of a line: the command as its program finds it afterwards.
  mutating func store(_ outcome: Outcome, of call: Call) {
    store(UInt64(UInt32(truncatingIfNeeded: outcome.result)), 28, 4)
    switch call.verb {
    case .pin:
      let words = outcome.bytes.isEmpty ? [UInt8](repeating: 0, count: 16) : outcome.bytes
      bytes.replaceSubrange(32..<48, with: words)
    case .driverRead:
      // What was not copied is as the program left it.
      for (index, byte) in outcome.bytes.enumerated() where byte != PinsDriver.filling {
        bytes[Self.dataOffset + index] = byte
      }
    case .told: bytes.replaceSubrange(8..<24, with: outcome.bytes)
    default: break
    }
  }

  /// What the command did, from its bytes afterwards.
  func outcome(of call: Call) -> Outcome {
    let result = Int64(
      bytes[28..<32].reversed().reduce(0 as Int32) { $0 << 8 | Int32($1) })
    switch call.verb {
    case .pin: return Outcome(result, bytes: result > 0 ? Array(bytes[32..<48]) : [])
    case .driverRead:
      let count = Int(min(call.numbers[1].value, PinsDriver.mostCopied))
      return Outcome(result, bytes: Array(bytes[Self.dataOffset..<Self.dataOffset + count]))
    case .told: return Outcome(result, bytes: Array(bytes[8..<24]))
    default: return Outcome(result)
    }
  }
}
