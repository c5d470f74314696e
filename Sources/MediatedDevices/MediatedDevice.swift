internal import AddressSpaces
internal import CLinux
public import CMediated
public import DMATypes
internal import Shim

/// A mediated device in its container: what its driver pins and copies by, and what a client calls.
@safe public final class MediatedDevice: @unchecked Sendable {
  let driver: any MediatedDriver
  private let group: GroupNumber
  private unowned let container: MediatedContainer
  // Guarded by the container's `calls`.
  private var openCount = 0
  /// What the driver gives back while it is asked to let go, and on which thread it is asked.
  private var asked: (thread: UInt64, given: [UnpinRequest])?
  private let lock = Lock()

  init(driver: any MediatedDriver, group: GroupNumber, container: MediatedContainer) {
    self.driver = driver
    self.group = group
    self.container = container
  }

  // MARK: Calls of clients

  /// Whether the device is open.
  public var isOpen: Bool { lock.holding { openCount > 0 } }

  /// Opens the device, once more: `EINVAL` while the container has no driver set.
  public func open() throws(Errno) {
    try container.calls.holding { () throws(Errno) in
      guard container.hasDriver else { throw .invalidArgument }
      let isFirst = lock.holding { () -> Bool in
        openCount += 1
        return openCount == 1
      }
      guard isFirst else { return }
      do throws(Errno) {
        try driver.opened(self)
      } catch {
        lock.holding { openCount -= 1 }
        throw error
      }
    }
  }

  /// Closes the device, once.
  public func close() {
    container.calls.holding {
      let count = lock.holding { openCount }
      if count == 1 { driver.closed(self) }
      if count > 0 { lock.holding { openCount -= 1 } }
    }
  }

  /// An ioctl of the open device: its result, or −errno.
  public func ioctl(_ command: UInt32, _ argument: UInt64) -> Int {
    call { () throws(Errno) in try driver.ioctl(self, command: command, argument: argument) }
  }

  /// A read of the open device's file: how many bytes, or −errno.
  public func read(into buffer: UserAddress, count: Int, at position: Int) -> Int {
    call { () throws(Errno) in
      try driver.read(self, into: buffer, count: count, at: position)
    }
  }

  /// A write to the open device's file: how many bytes, or −errno.
  public func write(from buffer: UserAddress, count: Int, at position: Int) -> Int {
    call { () throws(Errno) in
      try driver.write(self, from: buffer, count: count, at: position)
    }
  }

  /// Where the memory of the open device stands that a client would map: what the driver refuses.
  public func memory(
    at position: Int, count: Int, protection: Int32
  ) throws(Errno) -> UserAddress {
    try container.calls.holding { () throws(Errno) in
      guard isOpen else { throw .invalidArgument }
      return try driver.memory(self, at: position, count: count, protection: protection)
    }
  }

  private func call(_ body: () throws(Errno) -> Int) -> Int {
    container.calls.holding {
      guard isOpen else { return -Int(Errno.invalidArgument.rawValue) }
      do throws(Errno) { return try body() } catch { return -Int(error.rawValue) }
    }
  }

  // MARK: Calls of the driver

  private func check() throws(Errno) {
    let isAsked = try lock.holding { () throws(Errno) -> Bool in
      guard openCount > 0 else { throw .invalidArgument }
      return asked?.thread == clinux_thread()
    }
    // Asked to let go, this thread holds the container.
    if isAsked { throw .deadlock }
  }

  /// Pins pages of 4 KiB: `vfio_pin_pages()`. Where each page stands, in order.
  ///
  /// - Parameters:
  ///   - iova: where the first is, odd or not.
  ///   - count: at most 512.
  ///   - protection: 1 for reading, 2 for writing.
  public func pinPages(
    at iova: IOVA, count: Int, protection: UInt32
  ) throws(Errno) -> [UserAddress] {
    guard count != 0 else { throw .invalidArgument }
    try check()
    let request = PinRequest(
      group: group, iova: iova, count: count, protection: protection,
      hasUnmapHook: driver.hasUnmapHook)
    let runs = try container.withContainer { (container) throws(Errno) in
      return try container.session.pin(request, journal: &container.journal)
    }
    return runs.flatMap { run in (0..<run.run.count).map { run[$0].address } }
  }

  /// Gives pages back, each once: `vfio_unpin_pages()`.
  public func unpinPages(at iova: IOVA, count: Int) {
    let request = UnpinRequest(iova: iova, count: count)
    let isTaken = lock.holding { () -> Bool in
      guard asked?.thread == clinux_thread() else { return false }
      asked?.given.append(request)
      return true
    }
    guard !isTaken, isOpen, driver.hasUnmapHook else { return }
    _ = container.withContainer { container in
      container.session.unpin(request, journal: &container.journal)
    }
  }

  /// Copies out of memory: `vfio_dma_rw()`.
  public func read(
    _ bytes: UnsafeMutableRawBufferPointer, from iova: IOVA
  ) throws(Errno) {
    try check()
    try container.withContainer { (container) throws(Errno) in
      try unsafe container.session.read(
        bytes, from: iova, for: ProcessMemory.owner, journal: &container.journal)
    }
  }

  /// Copies into memory: `vfio_dma_rw()`.
  public func write(_ bytes: UnsafeRawBufferPointer, to iova: IOVA) throws(Errno) {
    try check()
    try container.withContainer { (container) throws(Errno) in
      try unsafe container.session.write(
        bytes, to: iova, for: ProcessMemory.owner, journal: &container.journal)
    }
  }

  /// Asks the driver to let go; what it gives back. `calls` and the container's state are held.
  func letGo(of mapping: IOVARange) -> [UnpinRequest] {
    guard driver.hasUnmapHook else { return [] }
    lock.holding { asked = (clinux_thread(), []) }
    driver.dmaUnmap(mapping, of: self)
    return lock.holding {
      defer { asked = nil }
      return asked?.given ?? []
    }
  }
}

// A driver in C, through its table.
extension MediatedDevice: DeviceHost {
  /// `vfio_pin_pages()`.
  public func pin(
    _ iova: IOVA, _ count: Int32, _ protection: Int32,
    into pages: UnsafeMutablePointer<OpaquePointer?>?
  ) -> Int32 {
    do throws(Errno) {
      guard let pages = unsafe pages else { throw .invalidArgument }
      let addresses = try pinPages(
        at: iova, count: Int(count), protection: UInt32(bitPattern: protection))
      for (index, address) in addresses.enumerated() {
        // SAFETY: the driver has room for as many as it asked for.
        unsafe pages[index] = OpaquePointer(bitPattern: UInt(address.rawValue))
      }
      return count
    } catch {
      return -error.rawValue
    }
  }

  /// `vfio_unpin_pages()`.
  public func unpin(_ iova: IOVA, _ count: Int32) { unpinPages(at: iova, count: Int(count)) }

  /// `vfio_dma_rw()`.
  public func copy(
    _ data: UnsafeMutableRawPointer?, _ iova: IOVA, _ count: Int, isWrite: Bool
  ) -> Int32 {
    do throws(Errno) {
      guard let data = unsafe data, count > 0 else { throw .invalidArgument }
      let bytes = unsafe UnsafeMutableRawBufferPointer(start: data, count: count)
      if isWrite {
        try unsafe write(UnsafeRawBufferPointer(bytes), to: iova)
      } else {
        try unsafe read(bytes, from: iova)
      }
      return 0
    } catch {
      return -error.rawValue
    }
  }

  /// Copies within one pinned page.
  public func copy(
    _ page: MappedMemory, _ offset: Int, _ bytes: UnsafeMutableRawBufferPointer, isWrite: Bool
  ) -> Int32 {
    guard offset >= 0, bytes.count <= 4096, offset <= 4096 - bytes.count else {
      return -Errno.invalidArgument.rawValue
    }
    let (memory, address) = (ProcessMemory(), page.address.advanced(by: UInt64(offset)))
    do throws(Errno) {
      if isWrite {
        try unsafe memory.write(
          UnsafeRawBufferPointer(bytes), to: address, of: ProcessMemory.owner)
      } else {
        try unsafe memory.read(bytes, from: address, of: ProcessMemory.owner)
      }
      return 0
    } catch {
      return -error.rawValue
    }
  }

  /// Where a pinned page stands.
  public func address(of page: MappedMemory) -> UInt64 { page.address.rawValue }

  /// Takes a duplicate of an eventfd: `EBADF` when it is not open, `EINVAL` for another file.
  public func takeEvent(_ descriptor: Int32) throws(Errno) -> vfio_ioasid_event {
    let identity = clinux_eventfd_identity(descriptor)
    guard identity >= 0 else { throw Errno(rawValue: Int32(-identity)) }
    let duplicate = clinux_duplicate(descriptor, 0)
    guard duplicate >= 0 else { throw Errno(rawValue: -duplicate) }
    return vfio_ioasid_event(words: (UInt64(duplicate), UInt64(identity)))
  }

  /// Adds one to an eventfd.
  public func signal(_ event: vfio_ioasid_event) {
    _ = clinux_signal_event(Int32(truncatingIfNeeded: event.words.0))
  }

  /// Closes the duplicate.
  public func release(_ event: vfio_ioasid_event) {
    _ = clinux_close(Int32(truncatingIfNeeded: event.words.0))
  }
}
