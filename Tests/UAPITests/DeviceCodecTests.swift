import DMATypes
import LegacyVFIO
import Testing

@testable import UAPI

/// Answers like an idle edu and remembers what it was asked.
private struct Recorder: DeviceServer {
  var requests: [DeviceRequest] = []
  var dependent: [DependentDevice]? = nil

  mutating func perform(_ request: DeviceRequest) throws(Errno) -> DeviceReply {
    requests.append(request)
    switch request {
    case .getInfo:
      return .info(DeviceInfo(isResettable: true, regionCount: 9, interruptCount: 5))
    case .getRegionInfo(let index):
      guard index < 8 else { throw .invalidArgument }
      return .region(RegionInfo(access: [.read, .map], size: 0x1234, offset: UInt64(index) << 40))
    case .getInterruptInfo(let index):
      guard index < 5, index != 3 else { throw .invalidArgument }
      return .interrupt(InterruptInfo(flags: 9, count: index == 2 ? 0 : 2))
    case .getHotResetInfo:
      guard let dependent else { throw .noDevice }
      return .hotReset(dependent)
    case .probeFeature(let number):
      guard (3...5).contains(number) else { throw .notTypewriter }
      return .feature(
        FeatureFacts(canGet: false, canSet: true, payloadBytes: number == 4 ? 8 : 0))
    default: return .value(0)
    }
  }
}

/// A structure in the program's memory with a canary all around.
private func serve(
  _ number: UInt32, _ words: [UInt32], room: Int = 64, _ server: inout Recorder
) -> (result: Int, bytes: [UInt8]) {
  CallerMemory.installFaultGuard()
  var bytes = [UInt8](repeating: 0xaa, count: room + 32)
  for (index, word) in words.enumerated() {
    for byte in 0..<4 { bytes[16 + index * 4 + byte] = UInt8(word >> (8 * UInt32(byte)) & 0xff) }
  }
  let result = unsafe bytes.withUnsafeMutableBytes { memory in
    // SAFETY: the codec writes within the buffer or the canary says so.
    let address = UInt64(UInt(bitPattern: memory.baseAddress))
    return DeviceCodec.serve(number, address + 16, by: &server)
  }
  #expect(bytes[..<16].allSatisfy { $0 == 0xaa })
  return (result, Array(bytes[16...]))
}

private func word(_ bytes: [UInt8], _ index: Int) -> UInt32 {
  (0..<4).reduce(0) { $0 | UInt32(bytes[index * 4 + $1]) << (8 * UInt32($1)) }
}

@Suite("Device calls as bytes", .serialized) struct DeviceCodecTests {
  @Test("GET_INFO writes what fits", arguments: 0..<33 as Range<UInt32>)
  func info(argsz: UInt32) {
    var server = Recorder()
    let (result, bytes) = serve(0x3b6b, [argsz, 0xffff_ffff], &server)
    let written = argsz < 16 ? 8 : min(Int(argsz), 24)
    #expect(result == (argsz < 16 ? -22 : 0))
    #expect(bytes[written...].allSatisfy { $0 == 0xaa })
    guard argsz >= 16 else { return }
    #expect((0..<4).map { word(bytes, $0) } == [argsz, 3, 9, 5])
    #expect(bytes[16..<written].allSatisfy { $0 == 0 })
  }

  @Test("GET_REGION_INFO keeps cap_offset", arguments: 0..<41 as Range<UInt32>)
  func region(argsz: UInt32) {
    var server = Recorder()
    let (result, bytes) = serve(0x3b6c, [argsz, 0, 7, 0x55], &server)
    #expect(result == (argsz < 32 ? -22 : 0))
    #expect(bytes[32...].allSatisfy { $0 == 0xaa })
    guard argsz >= 32 else { return }
    #expect((0..<8).map { word(bytes, $0) } == [argsz, 5, 7, 0x55, 0x1234, 0, 0, 0x700])
  }

  @Test("GET_IRQ_INFO", arguments: 0..<25 as Range<UInt32>)
  func interrupt(argsz: UInt32) {
    var server = Recorder()
    let (result, bytes) = serve(0x3b6d, [argsz, 0, 1, 77], &server)
    #expect(result == (argsz < 16 ? -22 : 0))
    #expect(bytes[16...].allSatisfy { $0 == 0xaa })
    guard argsz >= 16 else { return }
    #expect((0..<4).map { word(bytes, $0) } == [argsz, 9, 1, 2])
  }

  @Test(
    "SET_IRQS refuses in order",
    arguments: [
      ([19, 33, 0, 0, 1], -22), ([20, 33, 5, 0, 1], -22), ([20, 33, 0, 0, .max], -22),
      ([20, 33, 0, .max, 0], -22), ([20, 0x61, 0, 0, 1], -22), ([20, 33, 3, 0, 0], -22),
      ([20, 33, 2, 0, 0], -22), ([20, 33, 0, 2, 0], -22), ([20, 33, 0, 1, 2], -22),
      ([20, 32, 0, 0, 1], -22), ([20, 35, 0, 0, 1], -22), ([20, 39, 0, 0, 1], -22),
      ([20, 34, 0, 0, 1], -22), ([23, 36, 0, 0, 1], -22), ([20, 33, 0, 0, 1], 0),
      ([21, 34, 0, 0, 1], 0), ([24, 36, 0, 0, 1], 0), ([20, 36, 0, 0, 0], 0),
    ] as [([UInt32], Int)])
  func setInterrupts(words: [UInt32], result: Int) {
    var server = Recorder()
    #expect(serve(0x3b6e, words + [10], &server).result == result)
  }

  @Test("SET_IRQS hands over action and payload")
  func payloads() {
    var server = Recorder()
    _ = serve(0x3b6e, [28, 4 | 32, 1, 0, 2, 10, .max], &server)
    _ = serve(0x3b6e, [22, 2 | 8 | 16, 0, 0, 2, 0x0100], &server)
    let settings = server.requests.compactMap {
      if case .setInterrupts(let setting) = $0 { setting } else { nil }
    }
    #expect(
      settings == [
        InterruptSetting(
          index: 1, action: .trigger, start: 0, count: 2, payload: .events([10, -1])),
        InterruptSetting(
          index: 0, action: [.mask, .unmask], start: 0, count: 2, payload: .booleans([0, 1])),
      ])
  }

  @Test("GET_PCI_HOT_RESET_INFO", arguments: 0..<45 as Range<UInt32>)
  func hotResetInfo(argsz: UInt32) {
    let device = DependentDevice(
      group: GroupNumber(rawValue: 6), segment: 0, bus: 2, deviceFunction: 8)
    var server = Recorder(dependent: [device, device])
    let (result, bytes) = serve(0x3b70, [argsz, 7, 9], &server)
    #expect(result == (argsz < 12 ? -22 : argsz < 28 ? -28 : 0))
    #expect(bytes[(argsz < 28 ? 12 : 28)...].allSatisfy { $0 == 0xaa })
    if argsz >= 12 { #expect((0..<3).map { word(bytes, $0) } == [argsz, 0, 2]) }
    if argsz >= 28 { #expect((3..<5).map { word(bytes, $0) } == [6, 0x0802_0000]) }
  }

  @Test("PCI_HOT_RESET: no descriptors before ENODEV, too many after")
  func hotReset() {
    var none = Recorder()
    #expect(serve(0x3b71, [11, 0, 1, 30], &none).result == -22)
    #expect(serve(0x3b71, [16, 1, 1, 30], &none).result == -22)
    #expect(serve(0x3b71, [16, 0, 0], &none).result == -22)
    #expect(serve(0x3b71, [16, 0, .max, 30], &none).result == -19)
    let device = DependentDevice(
      group: GroupNumber(rawValue: 6), segment: 0, bus: 2, deviceFunction: 8)
    var one = Recorder(dependent: [device])
    #expect(serve(0x3b71, [16, 0, 2, 30, 30], &one).result == -22)
    #expect(serve(0x3b71, [16, 0, 1, 30], &one).result == 0)
    #expect(one.requests.last == .hotReset(groups: [30]))
  }

  @Test(
    "IOEVENTFD",
    arguments: [
      (27, 4, 1, -22), (28, 4, 1, 0), (32, 0, 1, -22), (32, 3, 1, -22), (32, 16, 1, -22),
      (32, 4, 0xffff_fffe, -22), (32, 8, 0xffff_ffff, 0),
    ] as [(UInt32, UInt32, UInt32, Int)])
  func ioEvent(argsz: UInt32, flags: UInt32, descriptor: UInt32, result: Int) {
    var server = Recorder()
    #expect(serve(0x3b74, [argsz, flags, 4, 0, 5, 0, descriptor], &server).result == result)
  }

  @Test("DEVICE_FEATURE by feature and operation", arguments: 0..<14 as Range<UInt32>)
  func feature(number: UInt32) {
    // Recorded on Linux 6.12.117: the operation's bits are GET 1, SET 2, PROBE 4.
    let enotty = [-25, -25, -25, -22, -25, -25, -25, -25]
    let known = [-22, -22, 0, -22, 0, -22, 0, -22]
    var server = Recorder()
    for operation in 0..<8 as Range<UInt32> {
      let result = serve(0x3b75, [40, number | operation << 16, .max], &server).result
      #expect(result == ((3...5).contains(number) ? known : enotty)[Int(operation)])
    }
    #expect(serve(0x3b75, [7, number], &server).result == -22)
    #expect(serve(0x3b75, [8, number | 1 << 19], &server).result == -22)
    #expect(serve(0x3b75, [15, 4 | 2 << 16], &server).result == -22)
  }

  @Test("A bad pointer is EFAULT where a structure is read")
  func badPointer() {
    CallerMemory.installFaultGuard()
    var server = Recorder()
    for number in 0x3b60..<0x3b90 as Range<UInt32> {
      let result = DeviceCodec.serve(number, 8, by: &server)
      switch number {
      case 0x3b6b...0x3b6e, 0x3b70, 0x3b71, 0x3b74...0x3b76: #expect(result == -14)
      case 0x3b6f: #expect(result == 0)
      default: #expect(result == -25)
      }
    }
  }

  @Test("BIND_IOMMUFD is EINVAL on a device that came from a group")
  func bind() {
    var server = Recorder()
    #expect(serve(0x3b76, [16, 0, 3, 0], &server).result == -22)
  }

  @Test("A buffer takes and puts each width, and faults", arguments: [1, 2, 4, 8])
  func buffer(width: Int) throws {
    CallerMemory.installFaultGuard()
    var bytes = [UInt8](repeating: 0xaa, count: 16)
    try unsafe bytes.withUnsafeMutableBytes { memory in
      // SAFETY: eight bytes from the fourth lie within the array.
      let buffer = DeviceBuffer(
        address: UserAddress(UInt64(UInt(bitPattern: memory.baseAddress))))
      try buffer.put(0x8877_6655_4433_2211, width, 4)
      #expect(try buffer.take(width, 4) == 0x8877_6655_4433_2211 & (.max >> (64 - 8 * width)))
    }
    #expect(bytes[4 + width] == 0xaa && bytes[3] == 0xaa)
    #expect(throws: Errno.badAddress) {
      try DeviceBuffer(address: UserAddress(8)).put(0, width, 0)
    }
  }
}
