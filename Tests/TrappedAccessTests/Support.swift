import DMATypes
import TrappedAccess

/// Memory in an array, at the addresses where the processor has its own.
struct Shadow {
  var bytes: [UInt8]
  let start: UInt64

  func index(_ address: UserAddress, _ count: Int) -> Int? {
    let offset = address.rawValue &- start
    guard offset < UInt64(bytes.count), Int(offset) + count <= bytes.count else { return nil }
    return Int(offset)
  }

  func read(_ address: UserAddress, _ count: Int) -> UInt64? {
    guard let at = index(address, count) else { return nil }
    return bytes[at..<at + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func write(_ address: UserAddress, _ value: UInt64, _ count: Int) -> Bool {
    guard let at = index(address, count) else { return false }
    for byte in 0..<count { bytes[at + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
    return true
  }
}

/// One access as the device saw it.
struct Access: Equatable {
  var isWrite: Bool
  var address: UInt64
  var byteCount: Int
  var value: UInt64
}

/// A device that is plain memory and keeps a log.
final class LoggingBus: RegisterBus {
  var shadow: Shadow
  var log: [Access] = []
  init(_ shadow: Shadow) { self.shadow = shadow }

  func read(_ address: UserAddress, byteCount: Int) -> UInt64 {
    let value = shadow.read(address, byteCount) ?? 0
    log.append(
      Access(isWrite: false, address: address.rawValue, byteCount: byteCount, value: value))
    // What lies above the bytes asked for must not count.
    return byteCount < 8 ? value | ~0 << UInt64(byteCount * 8) : value
  }

  func write(_ address: UserAddress, _ value: UInt64, byteCount: Int) {
    log.append(
      Access(isWrite: true, address: address.rawValue, byteCount: byteCount, value: value))
    _ = shadow.write(address, value, byteCount)
  }
}

/// Ordinary memory beside a device, in the same shadow; `isWritable` false makes stores faults.
struct Beside: OrdinaryMemory {
  let bus: LoggingBus
  var isWritable = true
  func load(_ address: UserAddress, byteCount: Int) -> UInt64? {
    bus.shadow.read(address, byteCount)
  }
  func store(_ address: UserAddress, _ value: UInt64, byteCount: Int) -> Bool {
    isWritable && bus.shadow.write(address, value, byteCount)
  }
  func canStore(_ address: UserAddress, byteCount: Int) -> Bool {
    isWritable && bus.shadow.index(address, byteCount) != nil
  }
}

extension InstructionBytes {
  init(_ bytes: [UInt8]) {
    let padded = bytes + Array(repeating: 0xcc, count: max(0, 16 - bytes.count))
    func word(_ at: Int) -> UInt64 {
      padded[at..<at + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    self.init(first: word(0), second: word(8), count: 15)
  }
}

extension Outcome {
  var advance: Int? { if case .performed(let advance) = self { advance } else { nil } }
  var isUnknown: Bool { if case .unknownInstruction = self { true } else { false } }
  var isDivideError: Bool { if case .divideError = self { true } else { false } }
  var fault: MemoryFault? { if case .memoryFault(let fault) = self { fault } else { nil } }
}
