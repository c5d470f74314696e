internal import AddressSpaces
public import DMATypes
internal import LegacyVFIO
internal import Shim
internal import SoftwareIOMMU
internal import UAPI

/// A legacy container with its mediated devices, all in this process: what a program holds that
/// emulates devices, and what a driver is tested with. Any thread may call.
///
/// It answers the calls of `<linux/vfio.h>` as type1 does; all memory is the process's own. Locks,
/// in this order: `calls`, held while drivers run; `state`, held while the container is looked at
/// or changed. A driver's function runs under the first and takes the second for each call.
public final class MediatedContainer: @unchecked Sendable {
  private var content: Content
  let calls = Lock()
  private let state = Lock()
  private var devices: [MediatedDevice] = []

  /// A container without groups.
  public init() {
    CallerMemory.installFaultGuard()
    content = Content()
  }

  /// One ioctl of a container: its result, or −errno.
  public func ioctl(_ number: UInt32, _ argument: UInt64) -> Int {
    let result = state.holding { ContainerCodec.serve(number, argument, by: &content) }
    guard result == -Int(Errno.tryAgain.rawValue) else { return result }
    // Drivers hold what is to be unmapped. Theirs comes first, so all is taken again in order.
    return calls.holding {
      state.holding {
        content.drivers = OpenDrivers(devices: devices.filter(\.isOpen))
        defer { content.drivers = nil }
        return ContainerCodec.serve(number, argument, by: &content)
      }
    }
  }

  /// Adds a driver's device, in an emulated group of its own that joins the container:
  /// `vfio_register_emulated_iommu_dev()` and SET_CONTAINER. `EINVAL` when it accepts no software
  /// space.
  public func register(
    _ driver: any MediatedDriver, named name: String = "mediated"
  ) throws(Errno) -> MediatedDevice {
    guard driver.accepts.contains(AccessAttachment.software.kind) else { throw .invalidArgument }
    return try state.holding { () throws(Errno) in
      let group = GroupNumber(rawValue: UInt32(devices.count))
      let facts = GroupFacts(
        number: group, kind: .emulated, devices: [DeviceName(rawValue: name)], isViable: true,
        reservedRegions: [], interruptsAreSafe: true, iommu: nil)
      try content.served.join(facts)
      let device = MediatedDevice(driver: driver, group: group, container: self)
      devices.append(device)
      return device
    }
  }

  typealias Served = DrivenContainer<SoftwareIOMMU<ProcessMemory>, NoJournal, CallerBitmaps>

  /// Runs `body` with the container to itself.
  func withContainer<Result, Failure: Error>(
    _ body: (inout Served) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try state.holding { () throws(Failure) in try body(&content.served) }
  }

  /// Whether a driver is set: a device can be opened.
  var hasDriver: Bool { state.holding { content.served.session.state.driver != .none } }
}

/// The container, and the drivers to be asked before memory goes while they are to be had.
private struct Content: ContainerServer {
  var served = DrivenContainer(
    session: ContainerSession(backend: SoftwareIOMMU(memory: ProcessMemory())),
    caller: Caller(owner: ProcessMemory.owner), journal: NoJournal(), bitmaps: CallerBitmaps())
  var drivers: OpenDrivers?

  func admit(_ command: ContainerCommand) throws(Errno) { try served.admit(command) }

  mutating func perform(_ request: ContainerRequest) throws(Errno) -> ContainerReply {
    if case .unmap(let request) = request, served.session.hasPins {
      guard var drivers else { throw .tryAgain }
      try served.session.letGo(before: request, drivers: &drivers, journal: &served.journal)
    }
    return try served.perform(request)
  }
}

/// The drivers of the open devices, which the caller has to itself.
private struct OpenDrivers: MediatedDrivers {
  let devices: [MediatedDevice]

  mutating func letGo(of mapping: IOVARange) -> [UnpinRequest] {
    devices.flatMap { $0.letGo(of: mapping) }
  }

  mutating func unmapFailed(_ mapping: IOVARange) {
    for device in devices { device.driver.unmapFailed(mapping, of: device) }
  }
}
