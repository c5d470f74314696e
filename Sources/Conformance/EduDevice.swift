internal import CLinux
import Glibc

/// A real edu function behind a VFIO device descriptor, as far as its DMA engine goes. A transfer
/// takes it 100 ms; the caller sleeps on the interrupt's eventfd meanwhile.
struct EduDevice: ~Copyable {
  private let device: Int32
  private let event: Int32

  private enum Place {
    static let config: Int = 7 << 40
    static let acknowledge = 0x64
    static let source = 0x80
    static let destination = 0x88
    static let count = 0x90
    static let command = 0x98
  }
  private static let setInterrupts: UInt64 = 0x3b6e
  /// The device's own memory, as its DMA engine numbers it.
  private static let buffer: UInt64 = 0x4_0000

  /// Takes over a device descriptor, and closes it where it belongs to no edu.
  init?(device: Int32) {
    self.device = device
    event = clinux_make_event()
    guard event >= 0, load(Place.config, UInt32.self) == 0x11e8_1234 else { return nil }
    store(Place.config + 4, 0x0006 as UInt16)  // memory decoding and bus mastering
    // One MSI, sent to the eventfd: argsz, DATA_EVENTFD and ACTION_TRIGGER, index, start, count.
    var request: [UInt32] = [24, 4 | 32, 1, 0, 1, UInt32(bitPattern: event)]
    let isSet = unsafe request.withUnsafeMutableBytes { bytes in
      KernelCalls.ioctl(
        device, Self.setInterrupts, UInt64(UInt(bitPattern: bytes.baseAddress)))
    }
    guard isSet == 0 else { return nil }
  }

  deinit {
    if event >= 0 { KernelCalls.close(event) }
    KernelCalls.close(device)
  }

  /// Has the device read from an address into its own memory: at most 4095 bytes.
  func read(from address: UInt64, count: UInt64) -> Bool {
    transfer(address, Self.buffer, count, command: 1)
  }

  /// Has the device write from its own memory to an address.
  func write(to address: UInt64, count: UInt64) -> Bool {
    transfer(Self.buffer, address, count, command: 3)
  }

  private func transfer(
    _ source: UInt64, _ destination: UInt64, _ count: UInt64, command: UInt64
  ) -> Bool {
    store(Place.source, source)
    store(Place.destination, destination)
    store(Place.count, count)
    store(Place.command, command | 4)  // and an interrupt at the end
    var waiting = pollfd(fd: event, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&waiting, 1, 5000) == 1 else { return false }
    clinux_drain_event(event)
    store(Place.acknowledge, 0x100 as UInt32)
    return true
  }

  private func load<Word: FixedWidthInteger>(_ place: Int, _: Word.Type) -> Word {
    var word: Word = 0
    _ = unsafe pread(device, &word, MemoryLayout<Word>.size, place)
    return word
  }

  private func store(_ place: Int, _ word: some FixedWidthInteger) {
    var word = word
    _ = unsafe pwrite(device, &word, MemoryLayout.size(ofValue: word), place)
  }
}
