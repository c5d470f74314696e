import DMATypes
import LegacyVFIO
import Testing

@testable import SimulatedPlatform

private let einval: Int32 = 22
private let enotty: Int32 = 25
private let ebadf: Int32 = 9
private let ebusy: Int32 = 16
private let erange: Int32 = 34

@Suite("SET_IRQS and delivery, as Linux 6.12.117 with QEMU 7.2") struct InterruptTests {
  @Test(
    "GET_IRQ_INFO",
    arguments: [(0, 7, 1), (1, 9, 1), (2, 9, 0), (4, 9, 1)] as [(UInt32, UInt32, UInt32)])
  func info(index: UInt32, flags: UInt32, count: UInt32) throws {
    let reply = try Bench().perform(.getInterruptInfo(index: index))
    #expect(reply == .interrupt(InterruptInfo(flags: flags, count: count)))
  }

  @Test("GET_IRQ_INFO refuses ERR and what is beyond", arguments: [3, 5, 6, .max] as [UInt32])
  func noInfo(index: UInt32) throws {
    #expect(try Bench().result(of: .getInterruptInfo(index: index)) == einval)
  }

  @Test("Anything but one supported action is ENOTTY", arguments: 0..<8 as Range<UInt32>)
  func actions(bits: UInt32) throws {
    let action = InterruptSetting.Action(rawValue: bits << 3)
    for index in [0, 1, 4] as [UInt32] {
      let known =
        action == .trigger || index == 0 && (action == .mask || action == .unmask)
      for payload in [.none, .booleans([1]), .events([-1])] as [InterruptSetting.Payload] {
        #expect(try (Bench().irq(index, action, payload) == enotty) == !known)
      }
    }
  }

  @Test("Idle, only an eventfd enables")
  func idle() throws {
    let bench = try Bench()
    for index in [0, 1] as [UInt32] {
      #expect(bench.irq(index, .trigger, .none) == einval)
      #expect(bench.irq(index, .trigger, .booleans([1])) == einval)
      #expect(bench.irq(index, .trigger, .none, count: 0) == einval)
    }
    #expect(bench.irq(0, .mask, .none) == einval)
    #expect(bench.irq(0, .unmask, .none) == einval)
    #expect(bench.irq(0, .trigger, .events([]), count: 0) == einval)
    #expect(bench.irq(1, .trigger, .events([]), count: 0) == erange)
  }

  @Test("MSI: errors, replacing, loopback, disabling")
  func msi() throws {
    let bench = try Bench()
    #expect(bench.trigger(1, 9) == ebadf)
    #expect(bench.trigger(1, 20) == einval)
    #expect(bench.trigger(1, -1) == 0)
    #expect(bench.trigger(0, 10) == einval)
    #expect(bench.irq(1, .trigger, .none) == 0)
    #expect(bench.trigger(1, 10) == 0)
    #expect(bench.irq(1, .trigger, .none) == 0 && bench.world.take(10) == 1)
    #expect(bench.irq(1, .trigger, .booleans([1])) == 0 && bench.world.take(10) == 1)
    #expect(bench.irq(1, .trigger, .booleans([0])) == 0 && bench.world.take(10) == 0)
    #expect(bench.irq(1, .trigger, .events([]), count: 0) == 0)
    #expect(bench.trigger(1, 9) == ebadf)
    #expect(bench.world.references[10] == 0)
    #expect(bench.irq(1, .trigger, .none) == 0 && bench.world.take(10) == 0)
    #expect(bench.irq(0, .trigger, .none, count: 0) == einval)
    #expect(bench.irq(1, .trigger, .none, count: 0) == 0)
    #expect(bench.irq(1, .trigger, .none, count: 0) == einval)
  }

  @Test("A failed enable leaves nothing enabled")
  func failedEnable() throws {
    let bench = try Bench()
    #expect(bench.trigger(1, 9) == ebadf)
    #expect(bench.trigger(0, 10) == 0)
  }

  @Test("An MSI is sent for every raise, with bus mastering only")
  func msiDelivery() throws {
    let bench = try Bench()
    #expect(bench.trigger(1, 10) == 0)
    #expect(try bench.config(0x40, 4) == 0x0080_0005)
    try bench.store(0x60, 1)
    #expect(bench.world.take(10) == 0)
    try bench.store(0x64, 1)
    try bench.setConfig(0x04, 0x07, 2)
    for value in [1, 2, 0] as [UInt64] {
      try bench.store(0x60, value)
      #expect(bench.world.take(10) == 1)
    }
    try bench.store(0x64, .max)
    try bench.store(0x60, 0)
    #expect(bench.world.take(10) == 0)
    #expect(try bench.config(0x06) == 0x10)
  }

  @Test("A program that clears MSI's enable bit gets the pin instead")
  func msiByConfig() throws {
    let bench = try Bench()
    #expect(bench.trigger(1, 10) == 0)
    try bench.setConfig(0x04, 0x07, 2)
    try bench.setConfig(0x42, 0x80, 2)
    #expect(try bench.config(0x42, 2) == 0x80)
    try bench.store(0x60, 1)
    #expect(bench.world.take(10) == 0)
    #expect(try bench.config(0x06) == 0x18)
    try bench.setConfig(0x42, 0x81, 2)
    #expect(try bench.config(0x42, 2) == 0x81)
    #expect(try bench.config(0x06) == 0x10)
    try bench.store(0x60, 4)
    #expect(bench.world.take(10) == 1)
    #expect(bench.irq(1, .trigger, .none, count: 0) == 0)
    #expect(try bench.config(0x42, 2) == 0x81)
  }

  @Test("The factorial's interrupt comes when asked for")
  func computed() throws {
    let bench = try Bench()
    #expect(bench.trigger(1, 10) == 0)
    try bench.setConfig(0x04, 0x07, 2)
    try bench.store(0x08, 4)
    #expect(bench.world.take(10) == 0)
    try bench.store(0x20, 0x80)
    try bench.store(0x08, 5)
    #expect(bench.world.take(10) == 1)
    #expect(try bench.load(0x24) == 1)
  }

  @Test("INTx masks itself, and an unmask with the pin up sends again")
  func automask() throws {
    let bench = try Bench()
    #expect(bench.trigger(0, 10) == 0)
    try bench.store(0x60, 1)
    #expect(bench.world.take(10) == 1)
    try bench.store(0x60, 2)
    #expect(bench.world.take(10) == 0)
    #expect(bench.irq(0, .unmask, .none) == 0 && bench.world.take(10) == 1)
    try bench.store(0x64, .max)
    #expect(bench.irq(0, .unmask, .booleans([0])) == 0)
    try bench.store(0x60, 1)
    #expect(bench.world.take(10) == 0)
    try bench.store(0x64, .max)
    #expect(bench.irq(0, .unmask, .booleans([1])) == 0 && bench.world.take(10) == 0)
    try bench.store(0x60, 1)
    #expect(bench.world.take(10) == 1)
  }

  @Test("A masked INTx waits for the unmask")
  func masked() throws {
    let bench = try Bench()
    #expect(bench.trigger(0, 10) == 0)
    #expect(bench.irq(0, .mask, .events([10])) == enotty)
    #expect(bench.irq(0, .mask, .none) == 0)
    #expect(bench.irq(0, .mask, .booleans([1])) == 0)
    try bench.store(0x60, 1)
    #expect(bench.world.take(10) == 0)
    #expect(bench.irq(0, .unmask, .none) == 0 && bench.world.take(10) == 1)
  }

  @Test("A pin that rose before INTx was enabled is heard when it rises again")
  func early() throws {
    let bench = try Bench()
    try bench.store(0x60, 1)
    #expect(try bench.config(0x06) == 0x18)
    #expect(bench.trigger(0, 10) == 0)
    try bench.store(0x60, 2)
    #expect(bench.irq(0, .unmask, .none) == 0)
    #expect(bench.world.take(10) == 0)
    try bench.store(0x64, .max)
    try bench.store(0x60, 1)
    #expect(bench.world.take(10) == 1)
  }

  @Test("Loopback signals without masking")
  func loopback() throws {
    let bench = try Bench()
    #expect(bench.trigger(0, 10) == 0)
    #expect(bench.irq(0, .trigger, .none) == 0 && bench.world.take(10) == 1)
    #expect(bench.irq(0, .trigger, .booleans([1])) == 0 && bench.world.take(10) == 1)
    try bench.store(0x60, 1)
    #expect(bench.world.take(10) == 1)
  }

  @Test("An eventfd unmasks; a second one is EBUSY after its own errors")
  func unmaskEvent() throws {
    let bench = try Bench()
    #expect(bench.trigger(0, 10) == 0)
    #expect(bench.irq(0, .unmask, .events([11])) == 0)
    #expect(bench.irq(0, .unmask, .events([11])) == ebusy)
    #expect(bench.irq(0, .unmask, .events([9])) == ebadf)
    #expect(bench.irq(0, .unmask, .events([20])) == einval)
    #expect(bench.world.references[11] == 1 && bench.world.watched[11] == 1)
    try bench.store(0x60, 1)
    #expect(bench.world.take(10) == 1)
    let event = EventTarget(owner: 1, descriptor: 11)
    bench.device.eventArrived(event, &bench.state, in: bench.world)
    #expect(bench.world.take(10) == 1)
    try bench.store(0x64, .max)
    bench.device.eventArrived(event, &bench.state, in: bench.world)
    try bench.store(0x60, 1)
    #expect(bench.world.take(10) == 1)
    #expect(bench.irq(0, .unmask, .events([-1])) == 0)
    #expect(bench.irq(0, .unmask, .events([-1])) == 0)
    #expect(bench.world.references[11] == 0 && bench.world.watched[11] == 0)
  }

  @Test("INTx disable in the command register holds everything back until it is cleared")
  func disabledByConfig() throws {
    let bench = try Bench()
    #expect(bench.trigger(0, 10) == 0)
    try bench.setConfig(0x04, 0x407, 2)
    try bench.store(0x60, 1)
    #expect(try bench.config(0x06) == 0x18)
    #expect(bench.irq(0, .unmask, .none) == 0)
    #expect(bench.irq(0, .trigger, .none) == 0)
    #expect(bench.world.take(10) == 0)
    try bench.setConfig(0x04, 0x007, 2)
    #expect(bench.world.take(10) == 1)
    #expect(try bench.config(0x04, 2) == 0x007)
  }

  @Test("Replacing INTx's eventfd does not send what the old one missed")
  func replacing() throws {
    let bench = try Bench()
    #expect(bench.trigger(0, 10) == 0)
    #expect(bench.trigger(0, 9) == ebadf)
    #expect(bench.trigger(0, -1) == 0)
    try bench.store(0x60, 1)
    #expect(bench.trigger(0, 11) == 0)
    #expect(bench.world.take(10) == 0 && bench.world.take(11) == 0)
    #expect(bench.trigger(1, 10) == einval)
    #expect(bench.irq(0, .trigger, .none, count: 0) == 0)
    #expect(bench.world.references == [10: 0, 11: 0])
  }

  @Test("REQ: every answer of the loopback and of the eventfd")
  func request() throws {
    let bench = try Bench()
    #expect(bench.irq(4, .trigger, .none) == einval)
    #expect(bench.irq(4, .trigger, .none, count: 0) == einval)
    #expect(bench.irq(4, .trigger, .booleans([1])) == 0)
    #expect(bench.irq(4, .trigger, .booleans([]), count: 0) == einval)
    #expect(bench.irq(4, .trigger, .events([]), count: 0) == einval)
    #expect(bench.trigger(4, -1) == 0)
    #expect(bench.trigger(4, -2) == einval)
    #expect(bench.trigger(4, 9) == ebadf)
    #expect(bench.trigger(4, 12) == 0)
    #expect(bench.irq(4, .trigger, .none) == 0 && bench.world.take(12) == 1)
    #expect(bench.irq(4, .trigger, .booleans([1])) == 0 && bench.world.take(12) == 1)
    #expect(bench.irq(4, .trigger, .none, count: 0) == 0)
    #expect(bench.world.references[12] == 0)
  }
}
