import DMATypes
import LegacyVFIO
import Testing

@testable import SimulatedPlatform

@Suite("Device calls, as Linux 6.12.117") struct CallTests {
  @Test("GET_INFO")
  func info() throws {
    let info = DeviceInfo(isResettable: false, regionCount: 9, interruptCount: 5)
    #expect(try Bench().perform(.getInfo) == .info(info))
  }

  @Test("GET_REGION_INFO", arguments: 0..<12 as Range<UInt32>)
  func regions(index: UInt32) throws {
    let offset = UInt64(index) << 40
    let expected: RegionInfo? =
      switch index {
      case 0: RegionInfo(access: [.read, .write, .map], size: 0x10_0000, offset: offset)
      case 1...6: RegionInfo(access: [], size: 0, offset: offset)
      case 7: RegionInfo(access: [.read, .write], size: 256, offset: offset)
      default: nil
      }
    let bench = try Bench()
    if let expected {
      #expect(try bench.perform(.getRegionInfo(index: index)) == .region(expected))
    } else {
      #expect(bench.result(of: .getRegionInfo(index: index)) == 22)
    }
  }

  @Test("RESET needs a function that can be reset alone")
  func reset() throws {
    #expect(try Bench().result(of: .reset) == 22)
    #expect(try Bench("0000:02:01.0").result(of: .reset) == 22)
    var platform = Platform.builtIn
    platform.functions.removeLast()
    let alone = try Bench("0000:02:01.0", of: platform)
    try alone.setConfig(0x04, 0x07, 2)
    #expect(alone.result(of: .reset) == 0)
    #expect(try alone.config(0x04, 2) == 0x07)
  }

  @Test("A hot reset is refused on a root bus and needs every group behind the bridge")
  func hotReset() throws {
    #expect(try Bench().result(of: .getHotResetInfo) == 19)
    #expect(try Bench().result(of: .hotReset(groups: [30])) == 19)
    let bench = try Bench("0000:02:01.0")
    let group = GroupNumber(rawValue: 6)
    #expect(
      try bench.perform(.getHotResetInfo)
        == .hotReset([
          DependentDevice(group: group, segment: 0, bus: 2, deviceFunction: 0x08),
          DependentDevice(group: group, segment: 0, bus: 2, deviceFunction: 0x10),
        ]))
    #expect(bench.result(of: .hotReset(groups: [36])) == 0)
    #expect(bench.result(of: .hotReset(groups: [36, 36])) == 0)
    #expect(bench.result(of: .hotReset(groups: [36, 36, 36])) == 22)
    #expect(bench.result(of: .hotReset(groups: [99])) == 9)
    #expect(bench.result(of: .hotReset(groups: [10])) == 22)
    #expect(bench.result(of: .hotReset(groups: [30])) == 22)
  }

  @Test("IOEVENTFD: order of refusals, writes, removal and the limit of 1000")
  func ioEvents() throws {
    let bench = try Bench()
    func set(_ offset: UInt64, _ data: UInt64, _ fd: Int32, _ width: UInt8 = 4) -> Int32 {
      bench.result(
        of: .setIOEvent(IOEventSetting(offset: offset, data: data, width: width, descriptor: fd)))
    }
    #expect(set(0xffffd, 0, 11) == 22)
    #expect(set(1 << 40, 0, 11) == 22)
    #expect(set(7 << 40, 0, 11) == 22)
    #expect(set(.max, 0, 11) == 22)
    #expect(set(4, 0, -1) == 19)
    #expect(set(4, 0, 9) == 9)
    #expect(set(4, 0, 20) == 22)
    #expect(set(4, 0x11, 11) == 0)
    #expect(set(4, 0x11, 11) == 17)
    #expect(set(4, 0x12, 10) == 0)
    #expect(set(8, 0x12, 11, 8) == 0)
    #expect(set(5, 0x12, 11) == 0)
    let event = EventTarget(owner: 1, descriptor: 11)
    bench.device.eventArrived(event, &bench.state, in: bench.world)
    #expect(try bench.load(4) == 0xffff_ffee)
    #expect(set(4, 0x11, -1) == 0)
    #expect(set(4, 0x11, -1) == 19)
    for data in 0..<997 as Range<UInt64> { #expect(set(0x1000, data, 11) == 0) }
    #expect(set(0x1000, 997, 11) == 28)
    bench.device.close(&bench.state, in: bench.world)
    #expect(bench.world.references[11] == 0 && bench.world.watched[11] == 0)
  }

  @Test("Low power is the only feature")
  func features() throws {
    let bench = try Bench()
    for number in 0..<20 as Range<UInt32> where !(3...5).contains(number) {
      #expect(bench.result(of: .probeFeature(number)) == 25)
    }
    #expect(bench.result(of: .setFeature(.enterLowPower)) == 0)
    #expect(bench.result(of: .setFeature(.enterLowPower)) == 22)
    #expect(bench.result(of: .setFeature(.enterLowPowerWithWakeup(descriptor: 13))) == 22)
    #expect(bench.world.references[13] == 0)
    #expect(throws: Errno.inputOutput) { try bench.load(0) }
    #expect(bench.result(of: .setFeature(.exitLowPower)) == 0)
    #expect(bench.result(of: .setFeature(.exitLowPower)) == 0)
    #expect(bench.result(of: .setFeature(.enterLowPowerWithWakeup(descriptor: -5))) == 22)
    #expect(bench.result(of: .setFeature(.enterLowPowerWithWakeup(descriptor: 9))) == 9)
    #expect(bench.result(of: .setFeature(.enterLowPowerWithWakeup(descriptor: 20))) == 22)
    #expect(bench.result(of: .setFeature(.enterLowPowerWithWakeup(descriptor: 13))) == 0)
    bench.device.close(&bench.state, in: bench.world)
    #expect(bench.world.references[13] == 0)
  }
}

@Suite("read, write and mmap of a device's file, as Linux 6.12.117") struct RegionTests {
  /// Bytes read, or minus the errno.
  private func read(_ bench: Bench, _ offset: UInt64, _ count: UInt64) -> Int64 {
    do throws(Errno) {
      return Int64(
        try bench.device.read(count: count, at: offset, &bench.state) { (_, _, _) throws(Errno) in
        })
    } catch { return -Int64(error.rawValue) }
  }
  private func write(_ bench: Bench, _ offset: UInt64, _ count: UInt64) -> Int64 {
    do throws(Errno) {
      return Int64(
        try bench.device.write(count: count, at: offset, &bench.state, in: bench.world) {
          (_, _) throws(Errno) in 0
        })
    } catch { return -Int64(error.rawValue) }
  }

  @Test(
    "Results by offset and count",
    arguments: [
      (0xffff8, 8, 8), (0xffffc, 8, 4), (0x100000, 8, -22), (0x100000, 0, 0), (0, 0, 0),
      (1 << 40, 4, -22), (6 << 40, 4, -22), (8 << 40, 4, -22), (9 << 40, 4, -22),
      (9 << 40, 0, 0), (100 << 40, 4, -22), (7 << 40 | 250, 6, 6), (7 << 40 | 250, 8, -14),
      (7 << 40 | 255, 2, -14), (7 << 40 | 256, 1, -14), (7 << 40, 257, -14), (7 << 40, 256, 256),
      (7 << 40, .max, -14), (0xffffc, .max, 4),
    ] as [(UInt64, UInt64, Int64)])
  func results(offset: UInt64, count: UInt64, result: Int64) throws {
    let bench = try Bench()
    #expect(read(bench, offset, count) == result)
    #expect(write(bench, offset, count) == result)
  }

  @Test("With memory decoding off BARs are EIO and mappings fault")
  func memoryOff() throws {
    let bench = try Bench()
    try bench.setConfig(0x04, 0, 2)
    #expect(read(bench, 0, 4) == -5)
    #expect(write(bench, 0, 4) == -5)
    #expect(throws: Errno.inputOutput) { try bench.load(0) }
    #expect(throws: Errno.inputOutput) { try bench.store(4, 0) }
    try bench.setConfig(0x04, 2, 2)
    #expect(try bench.load(0) == 0x0100_00ed)
  }

  @Test(
    "A BAR read is cut into the widest aligned pieces",
    arguments: [
      (0, 8, [8]), (0, 7, [4, 2, 1]), (1, 7, [1, 2, 4]), (1, 16, [1, 2, 4, 8, 1]), (4, 8, [4, 4]),
      (4, 16, [4, 8, 4]), (2, 8, [2, 4, 2]), (0x7e, 16, [2, 8, 4, 2]),
    ] as [(UInt64, UInt64, [Int])])
  func pieces(offset: UInt64, count: UInt64, widths: [Int]) throws {
    let bench = try Bench()
    var seen: [Int] = []
    var distance: UInt64 = 0
    _ = try bench.device.read(count: count, at: offset, &bench.state) {
      #expect($2 == distance)
      seen.append($1)
      distance += UInt64($1)
    }
    #expect(seen == widths)
  }

  @Test(
    "mmap",
    arguments: [
      (4096, 0, true, true), (1, 0, true, true), (0x100000, 0, true, true),
      (4096, 0xff000, true, true), (4096, 0, false, false), (0, 0, true, false),
      (0x100001, 0, true, false), (8192, 0xff000, true, false), (4096, 0x100000, true, false),
      (4096, 0x800, true, false), (4096, 1 << 40, true, false), (4096, 6 << 40, true, false),
      (4096, 7 << 40, true, false), (4096, 1000 << 40, true, false), (.max, 0, true, false),
      (4096, .max - 4095, true, false),
    ] as [(UInt64, UInt64, Bool, Bool)])
  func mapping(length: UInt64, offset: UInt64, isShared: Bool, isAllowed: Bool) throws {
    let device = try Bench().device
    if isAllowed {
      let region = try device.trappedRegion(length: length, offset: offset, isShared: isShared)
      #expect(region.offset == offset && region.length == (length + 4095) & ~4095)
    } else {
      #expect(throws: Errno.invalidArgument) {
        try device.trappedRegion(length: length, offset: offset, isShared: isShared)
      }
    }
  }
}
