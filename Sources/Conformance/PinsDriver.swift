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
