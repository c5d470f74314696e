internal import AddressSpaces
internal import CLinux
internal import DMATypes
internal import HostPlatform
internal import LinuxIOMMUFD
internal import MachineFile

/// This process's part in one container of the kernel: its descriptors, and where the container's
/// numbers and devices are. Guarded by the container's lock.
///
/// The iommufd and the devices that hold groups wait in a *parking*, a socket that sends to itself:
/// no process has a descriptor of such a device, so that a child that fork made keeps nothing open,
/// and whoever needs one takes it out and leaves it there again. Every process that uses the
/// container has the parking and the iommufd under high numbers that the program does not see. With
/// the last parking everything is closed, as a container's last reference does it.
final class KernelContainer: KernelObjects, @unchecked Sendable {
  /// What the iommufd waits under; a device under its group's place, counted from 1.
  private static let iommufdKey: UInt64 = 0

  let kernel: KernelMachine
  private let words: KernelWords
  private var parking: Int32 = -1
  private var iommufd: Int32 = -1
  /// Whether the iommufd holds what is pinned against the user's limit.
  private(set) var countsForUser = false
  /// Devices taken out.
  private var taken: [Int: ClaimedDevice] = [:]
  /// Whether other processes know of the descriptors.
  private var isEntered = false

  init(kernel: KernelMachine, words: KernelWords) {
    self.kernel = kernel
    self.words = words
  }

  /// The descriptors that a parent had when fork made this process.
  init(forkedFrom parent: KernelContainer, kernel: KernelMachine) {
    self.kernel = kernel
    words = parent.words
    (parking, iommufd) = (parent.parking, parent.iommufd)
    countsForUser = parent.countsForUser
  }

  // MARK: Descriptors

  /// What the preload keeps.
  var program: any DescriptorTable { kernel.descriptors }

  /// The iommufd, if this process has it.
  var descriptor: IOMMUFDescriptor? { iommufd < 0 ? nil : IOMMUFDescriptor(rawValue: iommufd) }

  /// Lets this process have the container's descriptors: those that exec or fork left it, or copies
  /// of another process's. Makes them when there are none yet and `closesOnExec`, which says what
  /// becomes of them then, is not nil.
  ///
  /// `ENODEV` when the processes that had them are gone, or do not let this one take them.
  func connect(making closesOnExec: Bool? = nil) throws(Errno) -> IOMMUFDescriptor {
    if let descriptor {
      if !isEntered { enter() }
      return descriptor
    }
    if let found = findParking() {
      parking = kernel.descriptors.hide(found)
    } else {
      guard let closesOnExec, words.numbers.space == nil else { throw .noDevice }
      try make(closesOnExec: closesOnExec)
    }
    let parked = clinux_unpark(parking, Self.iommufdKey)
    guard parked >= 0 else {
      leave()
      throw Errno(rawValue: -parked)
    }
    _ = clinux_park(parking, Self.iommufdKey, parked)
    iommufd = kernel.descriptors.hide(parked)
    enter()
    let descriptor = IOMMUFDescriptor(rawValue: iommufd)
    countsForUser = (try? descriptor.accounting()) == .perUser
    return descriptor
  }

  private func make(closesOnExec: Bool) throws(Errno) {
    let made = try IOMMUFDescriptor(
      containerNode: kernel.containerNodeIsIOMMUFD ? kernel.files.containerNode() : nil,
      node: kernel.files.iommuNode())
    defer { made.close() }
    var name: UInt64 = 0
    let socket = unsafe clinux_make_parking(&name)
    guard socket >= 0 else { throw Errno(rawValue: -socket) }
    let failure = clinux_park(socket, Self.iommufdKey, made.rawValue)
    guard failure == 0 else {
      _ = clinux_close(socket)
      throw Errno(rawValue: -failure)
    }
    parking = kernel.descriptors.hide(socket)
    _ = clinux_set_closes_on_exec(parking, closesOnExec ? 1 : 0)
    words.parkingName = name
  }

  /// A descriptor of the parking, not hidden yet.
  private func findParking() -> Int32? {
    let name = words.parkingName
    guard name != 0 else { return nil }
    let holders = words.holders
    // Exec, and fork followed by exec, leave it under the number that it had.
    for holder in holders where clinux_parking_name(holder.number) == name { return holder.number }
    for holder in holders {
      let taken = clinux_take_descriptor(holder.pid, holder.number)
      guard taken >= 0 else { continue }
      if clinux_parking_name(taken) == name { return taken }
      _ = clinux_close(taken)
    }
    return nil
  }

  private func enter() {
    words.enter(.init(pid: clinux_pid(), number: parking)) { clinux_is_process($0) == 0 }
    isEntered = true
  }

  /// Whether another process has the descriptors, and would let this one have them again.
  var isHeldElsewhere: Bool {
    let name = words.parkingName
    return words.holders.contains { holder in
      guard holder.pid != clinux_pid() else { return false }
      let taken = clinux_take_descriptor(holder.pid, holder.number)
      guard taken >= 0 else { return false }
      defer { _ = clinux_close(taken) }
      return clinux_parking_name(taken) == name
    }
  }

  /// The processes that have the descriptors, or had.
  var holders: [KernelWords.Holder] { words.holders }

  /// Closes this process's descriptors.
  func leave() {
    for descriptor in [parking, iommufd] where descriptor >= 0 {
      kernel.descriptors.reveal(descriptor)
      _ = clinux_close(descriptor)
    }
    (parking, iommufd, isEntered) = (-1, -1, false)
    words.remove(clinux_pid())
  }

  // MARK: Devices that hold groups

  /// Leaves the devices taken out where they were: at the end of whatever the container's lock was
  /// taken for.
  func settle() {
    guard !taken.isEmpty else { return }
    for (index, device) in taken {
      _ = clinux_park(parking, UInt64(index) + 1, device.descriptor.rawValue)
      device.descriptor.close()
    }
    taken = [:]
  }

  private func index(of group: GroupNumber) throws(Errno) -> Int {
    guard let index = kernel.groups.firstIndex(where: { $0.number == group }) else {
      throw .noDevice
    }
    return index
  }

  func openDevice(of group: GroupNumber) throws(Errno) -> DeviceDescriptor {
    let index = try index(of: group)
    guard let device = kernel.devices.first(where: { $0.group == index }) else { throw .noDevice }
    return try kernel.openNode(of: device)
  }

  func claimed(_ group: GroupNumber) throws(Errno) -> ClaimedDevice? {
    let index = try index(of: group)
    if let device = taken[index] { return device }
    guard parking >= 0 else { throw .noDevice }
    let parked = clinux_unpark(parking, UInt64(index) + 1)
    guard parked >= 0 else { return nil }
    let device = ClaimedDevice(
      descriptor: DeviceDescriptor(rawValue: parked),
      id: DeviceID(rawValue: UInt32(truncatingIfNeeded: kernel.words[.device, index])))
    taken[index] = device
    return device
  }

  func keep(_ device: ClaimedDevice, of group: GroupNumber) throws(Errno) {
    let index = try index(of: group)
    let failure = clinux_hold(device.descriptor.rawValue)
    guard failure == 0 else { throw Errno(rawValue: -failure) }
    kernel.words[.device, index] = UInt64(device.id.rawValue)
    taken[index] = device
  }

  func drop(_ group: GroupNumber) {
    guard let device = try? claimed(group), let index = try? index(of: group) else { return }
    taken[index] = nil
    device.descriptor.close()
  }

  /// Gives the device that holds a group away, if it is the one whose device number is asked for;
  /// where it `isKept`, the container keeps it too.
  func giveAway(
    _ number: UInt64, of group: GroupNumber, isKept: Bool
  ) throws(Errno) -> DeviceDescriptor? {
    guard let device = try claimed(group),
      clinux_device_number(device.descriptor.rawValue) == number
    else { return nil }
    let index = try index(of: group)
    guard isKept else {
      taken[index] = nil
      return device.descriptor
    }
    // The program gets the number that is the lowest.
    let copy = clinux_duplicate(device.descriptor.rawValue, device.descriptor.rawValue + 1)
    guard copy >= 0 else { throw Errno(rawValue: -copy) }
    taken[index] = ClaimedDevice(descriptor: DeviceDescriptor(rawValue: copy), id: device.id)
    return device.descriptor
  }

  // MARK: Numbers

  var numbers: ContainerNumbers {
    get { words.numbers }
    set { words.numbers = newValue }
  }

  func probed(_ group: GroupNumber) -> ProbedIOMMU? {
    (try? index(of: group)).flatMap { kernel.probedIOMMU(ofGroupAt: $0) }
  }

  func remember(_ iommu: ProbedIOMMU, of group: GroupNumber) {
    guard let index = try? index(of: group) else { return }
    kernel.remember(iommu, ofGroupAt: index)
  }

  func table(of group: GroupNumber) -> HardwareTableID? {
    guard let index = try? index(of: group) else { return nil }
    let number = UInt32(truncatingIfNeeded: kernel.words[.table, index])
    return number == 0 ? nil : HardwareTableID(rawValue: number)
  }

  func setTable(_ table: HardwareTableID?, of group: GroupNumber) {
    guard let index = try? index(of: group) else { return }
    kernel.words[.table, index] = UInt64(table?.rawValue ?? 0)
  }
}
