import AddressSpaces
import DMATypes
import LegacyVFIO

@testable import SimulatedPlatform

/// A world in which a device can be watched: eventfds 10…19, a pipe at 20, a group at 30 and 36,
/// and pages of memory.
final class World: DeviceEnvironment {
  var counts: [Int32: Int] = [:]
  var references: [Int32: Int] = [:]
  var watched: [Int32: Int] = [:]
  var pages: [UInt64: [UInt8]] = [:]
  var groups: [Int32: GroupNumber] = [
    30: GroupNumber(rawValue: 3), 36: GroupNumber(rawValue: 6),
  ]

  func dmaRead(_ bytes: UnsafeMutableRawBufferPointer, from address: IOVA) throws(Errno) {
    guard let page = pages[address.rawValue & ~0xfff] else { throw .badAddress }
    for index in 0..<bytes.count { bytes[index] = page[Int(address.rawValue & 0xfff) + index] }
  }

  func dmaWrite(_ bytes: UnsafeRawBufferPointer, to address: IOVA) throws(Errno) {
    guard pages[address.rawValue & ~0xfff] != nil else { throw .badAddress }
    for index in 0..<bytes.count {
      pages[address.rawValue & ~0xfff]?[Int(address.rawValue & 0xfff) + index] = bytes[index]
    }
  }

  func resolveEvent(_ descriptor: Int32) throws(Errno) -> EventTarget {
    if descriptor == 20 || groups[descriptor] != nil { throw .invalidArgument }
    guard (10..<20).contains(descriptor) else { throw .badDescriptor }
    references[descriptor, default: 0] += 1
    return EventTarget(owner: 1, descriptor: descriptor)
  }
  func signal(_ event: EventTarget) { counts[event.descriptor, default: 0] += 1 }
  func release(_ event: EventTarget) { references[event.descriptor, default: 0] -= 1 }
  func watch(_ event: EventTarget) { watched[event.descriptor, default: 0] += 1 }
  func unwatch(_ event: EventTarget) { watched[event.descriptor, default: 0] -= 1 }
  func resolveGroup(_ descriptor: Int32) throws(Errno) -> GroupNumber {
    if (10...20).contains(descriptor) { throw .invalidArgument }
    guard let group = groups[descriptor] else { throw .badDescriptor }
    return group
  }

  /// What an eventfd counted since it was last asked.
  func take(_ descriptor: Int32) -> Int { counts.removeValue(forKey: descriptor) ?? 0 }
}

/// An open device of the built-in platform, with short words for what tests do to it.
final class Bench {
  let world = World()
  let device: PCIDevice
  var state: DeviceState

  init(_ name: String = "0000:00:05.0", of platform: Platform = .builtIn) throws {
    guard let device = platform.device(named: DeviceName(rawValue: name)) else {
      throw Errno.noDevice
    }
    self.device = device
    state = device.initialState()
    device.open(&state)
  }

  func config(_ index: Int, _ width: Int = 1) throws -> UInt64 {
    var bytes: UInt64 = 0
    _ = try device.read(count: UInt64(width), at: 7 << 40 | UInt64(index), &state) {
      bytes |= $0 << (8 * $2)
    }
    return bytes
  }
  func setConfig(_ index: Int, _ value: UInt64, _ width: Int = 1) throws {
    _ = try device.write(count: UInt64(width), at: 7 << 40 | UInt64(index), &state, in: world) {
      let shifted = value >> (8 * $1)
      return $0 == 8 ? shifted : shifted & (1 << (8 * UInt64($0)) - 1)
    }
  }
  func wholeConfig() throws -> [UInt8] {
    try (0..<256).map { UInt8(truncatingIfNeeded: try config($0)) }
  }
  func load(_ offset: UInt64, _ width: Int = 4) throws -> UInt64 {
    try device.load(offset: offset, width: width, &state)
  }
  func store(_ offset: UInt64, _ value: UInt64, _ width: Int = 4) throws {
    try device.store(value, offset: offset, width: width, &state, in: world)
  }
  @discardableResult
  func perform(_ request: DeviceRequest) throws -> DeviceReply {
    try device.perform(request, &state, in: world)
  }
  /// 0, or the errno.
  func result(of request: DeviceRequest) -> Int32 {
    do throws(Errno) {
      _ = try device.perform(request, &state, in: world)
      return 0
    } catch {
      return error.rawValue
    }
  }
  /// 0, or the errno, of SET_IRQS.
  func irq(
    _ index: UInt32, _ action: InterruptSetting.Action, _ payload: InterruptSetting.Payload,
    count: UInt32 = 1
  ) -> Int32 {
    result(
      of: .setInterrupts(
        InterruptSetting(index: index, action: action, start: 0, count: count, payload: payload)))
  }
  func trigger(_ index: UInt32, _ descriptor: Int32) -> Int32 {
    irq(index, .trigger, .events([descriptor]))
  }
  func dma(_ source: UInt64, _ destination: UInt64, _ count: UInt64, _ command: UInt64) throws {
    try store(0x80, source, 8)
    try store(0x88, destination, 8)
    try store(0x90, count, 8)
    try store(0x98, command, 8)
  }
}
