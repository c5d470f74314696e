internal import AddressSpaces
internal import CLinux
internal import CMediated
internal import DMATypes
internal import MediatedDevices
internal import Shim
internal import SimulatedPlatform
internal import UAPI

/// One device of a driver in user space: the driver's code in this process, and the device's state
/// in a file that the processes of the run share, under the lock that lies beside it.
@safe final class MediatedUnit: @unchecked Sendable {
  private static let madeOffset = 0
  fileprivate static let openOffset = 8
  private static let lockOffset = 64
  private static let stateOffset = 4096

  /// The device's place in `Machine.mediated`.
  let index: Int
  /// Its place among the devices of the platform.
  let place: Int
  /// What programs call it.
  let name: DeviceName
  /// The place of its group in `Machine.groups`.
  let group: Int
  private let path: String
  private let known = Guarded<Loaded?>(nil)
  /// The machine that the unit belongs to; set with the driver.
  private unowned(unsafe) var machine: Machine?
  /// What the driver gives back while it is asked to let go, and which thread asks.
  private let asked = Guarded<(thread: UInt64, given: [UnpinRequest])?>(nil)

  /// The device's file and its driver, once both are here.
  struct Loaded {
    let memory: SharedMemory
    /// What programs may map; nil when the device has none.
    let shown: SharedMemory?
    let device: DriverDevice
  }

  init(index: Int, place: Int, device: Platform.Mediated, group: Int) {
    self.index = index
    self.place = place
    self.group = group
    name = device.name
    path = device.driver
  }

  /// Loads the driver and maps the device's file: `ENODEV` when the driver is none.
  @discardableResult
  func prepare(_ machine: Machine) throws(Errno) -> Loaded {
    try known.withLock { (known: inout Loaded?) throws(Errno) -> Loaded in
      if let known { return known }
      let loaded = try load(machine)
      known = loaded
      return loaded
    }
  }

  private var loaded: Loaded? { known.withLock { $0 } }

  private func load(_ machine: Machine) throws(Errno) -> Loaded {
    guard let symbol = unsafe clinux_load_driver(path) else {
      machine.tell("\(name): \(path) is no mediated driver that loads here")
      throw .noDevice
    }
    let operations = unsafe symbol.assumingMemoryBound(to: vfio_device_ops.self)
    guard unsafe operations.pointee.version == UInt32(VFIO_IOASID_VERSION) else {
      machine.tell("\(name): \(path) was built for another vfio_ioasid.h")
      throw .noDevice
    }
    let byteCount = unsafe (Self.stateOffset + Int(operations.pointee.state_bytes) + 4095) & ~4095
    let memory = try Self.share(machine.files.state(name.rawValue), byteCount: byteCount)
    // In the file that programs have open, so that what they map keeps the device open.
    let shownBytes = unsafe (Int(operations.pointee.memory_bytes) + 4095) & ~4095
    let shown =
      try shownBytes == 0
      ? nil : Self.share(machine.files.device(name.rawValue), byteCount: shownBytes)
    unsafe self.machine = machine
    let device = unsafe DriverDevice(
      operations: operations, state: memory.pointer(at: Self.stateOffset),
      memory: shown?.pointer(at: 0), host: self)
    return Loaded(memory: memory, shown: shown, device: device)
  }

  private static func share(_ path: String, byteCount: Int) throws(Errno) -> SharedMemory {
    let file = try Descriptor(opening: path)
    if try file.status().size < UInt64(byteCount) {
      let failure = clinux_resize(file.number, UInt64(byteCount))
      guard failure == 0 else { throw Errno(rawValue: -failure) }
    }
    return try SharedMemory(descriptor: file.number, byteCount: byteCount)
  }

  /// Whether the device counts as open.
  func isOpen(_ machine: Machine) -> Bool {
    // What no process has opened needs no driver to be told so.
    if let loaded { return loaded.isOpen }
    guard let file = try? Descriptor(opening: machine.files.state(name.rawValue)),
      let size = try? file.status().size, size > 0
    else { return false }
    return (try? prepare(machine))?.isOpen ?? false
  }

  // MARK: Calls of programs

  /// Runs `body` with the device to itself.
  private func exclusively<Result, Failure: Error>(
    _ loaded: Loaded, _ body: (DriverDevice) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let lock = loaded.memory.lock(at: Self.lockOffset)
    lock.take()
    defer { lock.drop() }
    SharedLock.settle()
    return try body(loaded.device)
  }

  /// The first open: `vfio_df_open()`. The machine's lock is held.
  func open(_ machine: Machine) throws(Errno) {
    let loaded = try prepare(machine)
    let memory = loaded.memory
    if memory[Self.madeOffset] == 0 {
      memory.words.storeReleasing(Self.madeOffset, 1)
    }
    try exclusively(loaded) { device throws(Errno) in
      memory[Self.openOffset] = 1
      guard let open = unsafe device.operations.open_device else { return }
      let failure = unsafe open(device.pointer)
      guard failure == 0 else {
        memory[Self.openOffset] = 0
        throw Errno(rawValue: -failure)
      }
    }
  }

  /// The last reference is gone: `vfio_df_device_last_close()`. The machine's lock is held.
  func close(_ machine: Machine) {
    guard let loaded = try? prepare(machine) else { return }
    exclusively(loaded) { device in
      unsafe device.operations.close_device?(device.pointer)
      loaded.memory[Self.openOffset] = 0
    }
  }

  /// One ioctl of the device's file: its result, or −errno.
  func serve(_ machine: Machine, _ number: UInt64, _ argument: UInt64) -> Int {
    guard let loaded = try? prepare(machine) else { return -Int(Errno.inputOutput.rawValue) }
    let number = UInt32(truncatingIfNeeded: number)
    if let refusal = refusal(number, UserAddress(argument)) { return -Int(refusal.rawValue) }
    return exclusively(loaded) { device in
      guard let ioctl = unsafe device.operations.ioctl else {
        return -Int(Errno.invalidArgument.rawValue)
      }
      return unsafe ioctl(device.pointer, number, UInt(argument))
    }
  }

  /// What VFIO answers before it asks the driver: `vfio_device_fops_unl_ioctl()`.
  private func refusal(_ number: UInt32, _ argument: UserAddress) -> Errno? {
    // DEVICE_FEATURE, BIND_IOMMUFD.
    guard number == 0x3b75 || number == 0x3b76 else { return nil }
    var head: (argsz: UInt32, flags: UInt32) = (0, 0)
    do throws(Errno) { try CallerMemory.load(from: argument, into: &head) } catch { return error }
    return number == 0x3b75 && head.argsz >= 8 ? .notTypewriter : .invalidArgument
  }

  /// read(2), pread(2) and their opposites: bytes moved, or −errno. Offset −1 is the description's
  /// own position, which moves on.
  func transfer(
    _ machine: Machine, _ descriptor: Int32, _ address: UserAddress, count: UInt64, offset: Int64,
    isWrite: Bool
  ) -> Int64 {
    guard let loaded = try? prepare(machine) else { return -Int64(Errno.inputOutput.rawValue) }
    // SEEK_CUR
    var position = Int(offset < 0 ? clinux_seek(descriptor, 0, 1) : offset)
    guard position >= 0 else { return Int64(position) }
    let count = Int(clamping: count)
    let done = exclusively(loaded) { device -> Int in
      let operations = unsafe device.operations
      // SAFETY: the driver was told that the program's addresses are to be copied, not followed.
      let buffer = unsafe UnsafeMutablePointer<CChar>(bitPattern: UInt(address.rawValue))
      if isWrite {
        return unsafe operations.write?(device.pointer, buffer, count, &position)
          ?? -Int(Errno.invalidArgument.rawValue)
      }
      return unsafe operations.read?(device.pointer, buffer, count, &position)
        ?? -Int(Errno.invalidArgument.rawValue)
    }
    // SEEK_SET
    if offset < 0, done >= 0 { _ = clinux_seek(descriptor, Int64(position), 0) }
    return Int64(done)
  }

  /// mmap(2) of the device's file: the address, or −errno. The driver says what stands there; the
  /// rest is the kernel's.
  func map(
    _ machine: Machine, _ descriptor: Int32, _ address: UserAddress, length: UInt64,
    protection: Int32, flags: Int32, offset: Int64
  ) -> Int64 {
    do throws(Errno) {
      let loaded = try prepare(machine)
      let part = try exclusively(loaded) { device throws(Errno) in
        try device.part(at: Int(offset), count: length, protection: protection)
      }
      return clinux_map(
        address.rawValue, length, protection, flags, descriptor, Int64(part))
    } catch {
      return -Int64(error.rawValue)
    }
  }

  // MARK: Unmapping

  /// Runs `body` with every one of the devices to itself, in their order.
  static func exclusively<Result>(
    _ units: ArraySlice<MediatedUnit>, _ machine: Machine, _ body: () -> Result
  ) -> Result {
    guard let unit = units.first else { return body() }
    let rest = units.dropFirst()
    guard let loaded = try? unit.prepare(machine), loaded.memory[madeOffset] != 0 else {
      return exclusively(rest, machine, body)
    }
    return unit.exclusively(loaded) { _ in exclusively(rest, machine, body) }
  }

  /// Tells the driver that a mapping goes; what it gives back. The device is the caller's.
  func letGo(of mapping: IOVARange) -> [UnpinRequest] {
    guard let loaded, loaded.isOpen, let hook = unsafe loaded.device.operations.dma_unmap else {
      return []
    }
    asked.withLock { $0 = (clinux_thread(), []) }
    unsafe hook(loaded.device.pointer, mapping.start.rawValue, mapping.size)
    return asked.withLock { asked in
      defer { asked = nil }
      return asked?.given ?? []
    }
  }

  /// Tells the driver that it kept a mapping in place. The device is the caller's.
  func unmapFailed(_ mapping: IOVARange) {
    guard let loaded, loaded.isOpen else { return }
    unsafe loaded.device.operations.unmap_failed?(
      loaded.device.pointer, mapping.start.rawValue, mapping.size)
  }
}

extension MediatedUnit.Loaded {
  /// Whether the device counts as open.
  fileprivate var isOpen: Bool { memory[MediatedUnit.openOffset] != 0 }
  /// Whether the driver can be told to let go.
  fileprivate var hasUnmapHook: Bool { unsafe device.operations.dma_unmap != nil }
}

// MARK: Calls of the driver

extension MediatedUnit: DeviceHost {
  /// The container that the device is in, while it is open.
  private func container() throws(Errno) -> (machine: Machine, replica: ContainerReplica) {
    guard let machine = unsafe machine, let loaded, loaded.isOpen else { throw .invalidArgument }
    let number = machine.container(ofGroupAt: group)
    guard number != 0 else { throw .invalidArgument }
    // Asked to let go, this thread holds the container.
    let isAsked = asked.withLock { $0?.thread == clinux_thread() }
    if isAsked { throw .deadlock }
    return (machine, try machine.replica(number))
  }

  /// `vfio_pin_pages()`: how many, or −errno.
  func pin(
    _ iova: IOVA, _ count: Int32, _ protection: Int32,
    into pages: UnsafeMutablePointer<OpaquePointer?>?
  ) -> Int32 {
    do throws(Errno) {
      guard let pages = unsafe pages, count != 0 else { throw .invalidArgument }
      let (machine, replica) = try container()
      let request = PinRequest(
        group: machine.groups[group].number, iova: iova, count: Int(count),
        protection: UInt32(bitPattern: protection),
        hasUnmapHook: loaded?.hasUnmapHook ?? false)
      var place = 0
      for run in try replica.pin(request, in: machine) {
        for page in 0..<run.run.count {
          // SAFETY: the runs have `count` pages together, for which the driver has room.
          unsafe pages[place] = OpaquePointer(bitPattern: UInt(run[page].rawValue))
          place += 1
        }
      }
      return count
    } catch {
      return -error.rawValue
    }
  }

  /// `vfio_unpin_pages()`.
  func unpin(_ iova: IOVA, _ count: Int32) {
    let request = UnpinRequest(iova: iova, count: Int(count))
    let isTaken = asked.withLock { asked in
      guard asked?.thread == clinux_thread() else { return false }
      asked?.given.append(request)
      return true
    }
    guard !isTaken, let (machine, replica) = try? container() else { return }
    if loaded?.hasUnmapHook != true || replica.unpin(request) {
      machine.tell("\(name): unpins \(count) pages at \(hex(iova)), not all of them mapped")
    }
  }

  /// `vfio_dma_rw()`: 0, or −errno.
  func copy(
    _ data: UnsafeMutableRawPointer?, _ iova: IOVA, _ count: Int, isWrite: Bool
  ) -> Int32 {
    do throws(Errno) {
      guard let data = unsafe data, count > 0 else { throw .invalidArgument }
      let (_, replica) = try container()
      try unsafe replica.copy(
        UnsafeMutableRawBufferPointer(start: data, count: count), iova, isWrite: isWrite)
      return 0
    } catch {
      return -error.rawValue
    }
  }

  /// Copies within one pinned page, whosever it is: 0, or −errno.
  func copy(
    _ page: MappedMemory, _ offset: Int, _ bytes: UnsafeMutableRawBufferPointer, isWrite: Bool
  ) -> Int32 {
    do throws(Errno) {
      guard offset >= 0, bytes.count <= 4096, offset <= 4096 - bytes.count else {
        throw .invalidArgument
      }
      let (_, replica) = try container()
      try replica.withSession { (session, _) throws(Errno) in
        if isWrite {
          try unsafe session.write(
            UnsafeRawBufferPointer(bytes), to: page, offset: UInt64(offset))
        } else {
          try unsafe session.read(bytes, from: page, offset: UInt64(offset))
        }
      }
      return 0
    } catch {
      return -error.rawValue
    }
  }

  /// Where a pinned page stands in this process; 0 when it is another's.
  func address(of page: MappedMemory) -> UInt64 {
    guard let (_, replica) = try? container() else { return 0 }
    return replica.isOwn(page.owner) ? page.address.rawValue : 0
  }

  /// Takes hold of the caller's eventfd.
  func takeEvent(_ descriptor: Int32) throws(Errno) -> vfio_ioasid_event {
    guard let machine = unsafe machine else { throw .badDescriptor }
    return vfio_ioasid_event(try machine.events.resolve(descriptor))
  }

  /// Adds one to an eventfd.
  func signal(_ event: vfio_ioasid_event) { unsafe machine?.events.signal(event.target) }

  /// Lets an eventfd go.
  func release(_ event: vfio_ioasid_event) { unsafe machine?.events.release(event.target) }

  private func hex(_ iova: IOVA) -> String { "0x" + String(iova.rawValue, radix: 16) }
}

extension vfio_ioasid_event {
  fileprivate init(_ target: EventTarget) {
    let holder = UInt64(target.owner) << 32 | UInt64(UInt32(bitPattern: target.descriptor))
    self.init(words: (holder, UInt64(bitPattern: target.identity)))
  }

  fileprivate var target: EventTarget {
    EventTarget(
      owner: UInt32(words.0 >> 32), descriptor: Int32(truncatingIfNeeded: words.0),
      identity: Int64(bitPattern: words.1))
  }
}
