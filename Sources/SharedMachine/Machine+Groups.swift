internal import AddressSpaces
internal import CLinux
internal import DMATypes
internal import LegacyVFIO
internal import LinuxIOMMUFD
internal import Shim
internal import UAPI

/// Answers the calls of one open group.
struct GroupService: GroupServer {
  let machine: Machine
  let index: Int
  /// The device that GET_DEVICE_FD opened.
  var opened: OpenedFile?

  private var facts: GroupFacts { machine.facts(ofGroupAt: index) }

  func admit(_ command: GroupCommand) throws(Errno) {
    try refusing { () throws(Rule) in try GroupState().admit(command) }
  }

  mutating func perform(_ request: GroupRequest) throws(Errno) -> GroupReply {
    switch request {
    case .getStatus:
      let status = machine.exclusively { $0.group(index).status(of: facts) }
      return .status(status)
    case .setContainer(let descriptor):
      try setContainer(descriptor)
      return .value(0)
    case .unsetContainer:
      try machine.exclusively { (machine) throws(Errno) in
        machine.sweep()
        let state = machine.group(index)
        _ = try refusing { () throws(Rule) in try state.planUnsettingContainer() }
        machine.leave(index)
      }
      return .value(0)
    case .getDevice(let name):
      let opened = try openDevice(named: name)
      self.opened = opened
      return .value(Int(opened.descriptor))
    }
  }

  private func target(_ descriptor: Int32) -> ContainerTarget {
    if let file = machine.events.descriptors.file(descriptor) {
      guard case .container(let number) = file.kind else { return .otherFile }
      return .container(ContainerNumber(rawValue: number))
    }
    let flags = clinux_status_flags(descriptor)
    // O_PATH: such a descriptor names no open file.
    return flags < 0 || flags & 0o10000000 != 0 ? .closed : .otherFile
  }

  private func setContainer(_ descriptor: Int32) throws(Errno) {
    let target = target(descriptor)
    try machine.exclusively { (exclusive) throws(Errno) in
      exclusive.sweep()
      let state = exclusive.group(index)
      let number = try refusing { () throws(Rule) in
        try state.plan(settingContainer: target)
      }.rawValue
      let replica = try machine.replica(number)
      // The word first: whoever dies between the two leaves a group that the next sweep takes out
      // of a container that never had it.
      machine.setContainer(ofGroupAt: index, number)
      do throws(Errno) {
        try replica.withSession { (session, journal) throws(Errno) in
          session.parameters = machine.parameters.current()
          try session.backend.connect(making: clinux_closes_on_exec(descriptor) != 0)
          let facts = try prepared(&session.backend)
          do throws(Errno) {
            try session.join(facts, for: machine.caller, journal: &journal)
          } catch {
            if facts.kind == .physical { session.backend.release(facts.number) }
            throw error
          }
        }
      } catch {
        machine.setContainer(ofGroupAt: index, 0)
        throw error
      }
    }
  }

  /// The group's facts, with what only the kernel knows once it has given the group to us.
  private func prepared(_ backend: inout MachineBackend) throws(Errno) -> GroupFacts {
    var facts = facts
    guard machine.kernel != nil else { return facts }
    let allowsUnsafe = KernelMachine.allowsUnsafeInterrupts
    // With leave given, a refusal has another reason than interrupts.
    facts.interruptsAreSafe = allowsUnsafe
    facts = try backend.onKernel { (kernel) throws(Errno) in try kernel.prepare(facts) }
    if allowsUnsafe { facts.interruptsAreSafe = false }
    return facts
  }

  /// `vfio_group_ioctl_get_device_fd()`: the name is found before a descriptor number is taken, and
  /// that before anything is asked of the container.
  private func openDevice(named name: [UInt8]) throws(Errno) -> OpenedFile {
    let device = try refusing { () throws(Rule) in try facts.device(named: name) }
    if let unit = machine.mediated.first(where: { $0.name == device }) { return try open(unit) }
    if let kernel = machine.kernel {
      guard let index = kernel.devices.firstIndex(where: { $0.name == device }) else {
        throw .noDevice
      }
      return try openKernelDevice(index, kernel)
    }
    guard let unit = machine.units.first(where: { $0.name == device }) else { throw .noDevice }
    return try machine.exclusively { (exclusive) throws(Errno) in
      // Looked at before the program's descriptor is opened, which may be the last.
      try unit.prepare(machine)
      let descriptor = try Descriptor(opening: machine.files.device(device.rawValue))
      exclusive.sweep()
      let isFirst = !unit.isOpen(exclusive)
      try check(exclusive, isFirstOpen: isFirst)
      try descriptor.hold()
      if isFirst { try unit.open(exclusive) }
      return OpenedFile(
        file: OpenFile(kind: .device(unit.index)), descriptor: descriptor.relinquish(),
        kind: .device, major: 0, minor: 0)
    }
  }
}

extension GroupService {
  /// Whether a device of the group may be opened now.
  private func check(_ exclusive: ExclusiveMachine, isFirstOpen: Bool) throws(Errno) {
    let state = exclusive.group(index)
    let driver = try state.container.map { (number) throws(Errno) in
      try machine.replica(number.rawValue).withSession { session, _ in session.state.driver }
    }
    try refusing { () throws(Rule) in
      try state.checkDeviceOpen(
        of: facts, driver: driver ?? .none, isFirstOpen: isFirstOpen, for: machine.caller)
    }
  }

  /// A device of a driver in user space, which may refuse.
  private func open(_ unit: MediatedUnit) throws(Errno) -> OpenedFile {
    try machine.exclusively { (exclusive) throws(Errno) in
      try unit.prepare(machine)
      let descriptor = try Descriptor(opening: machine.files.device(unit.name.rawValue))
      exclusive.sweep()
      let isFirst = !unit.isOpen(machine)
      try check(exclusive, isFirstOpen: isFirst)
      try descriptor.hold()
      if isFirst { try unit.open(machine) }
      return OpenedFile(
        file: OpenFile(kind: .mediated(unit.index)), descriptor: descriptor.relinquish(),
        kind: .device, major: 0, minor: 0)
    }
  }
}

/// Turns a refusal into what the program sees.
func refusing<Result>(_ body: () throws(Rule) -> Result) throws(Errno) -> Result {
  do throws(Rule) { return try body() } catch { throw error.errno }
}

extension GroupService {
  /// The same on the kernel's own devices.
  private func openKernelDevice(
    _ device: Int, _ kernel: KernelMachine
  ) throws(Errno) -> OpenedFile {
    try machine.exclusively { (exclusive) throws(Errno) in
      // There must be a number for the program's descriptor before the rest is looked at.
      try kernel.openNode(of: kernel.devices[device]).close()
      exclusive.sweep()
      let state = exclusive.group(index)
      let isFirst = !kernel.isOpen(kernel.devices[device])
      let replica = try state.container.map { (number) throws(Errno) in
        try machine.replica(number.rawValue)
      }
      let driver = replica?.withSession { session, _ in session.state.driver }
      try refusing { () throws(Rule) in
        try state.checkDeviceOpen(
          of: facts, driver: driver ?? .none, isFirstOpen: isFirst, for: machine.caller)
      }
      guard let replica else { throw .invalidArgument }
      let descriptor = try replica.withSession { (session, _) throws(Errno) in
        try kernel.open(device, isFirst: isFirst, in: &session.backend)
      }
      kernel.use(.group(index), by: 1)
      return OpenedFile(
        file: OpenFile(kind: .kernelDevice(device)), descriptor: descriptor,
        kind: machine.isTraced ? .device : .kernelDevice, major: 0, minor: 0)
    }
  }
}

extension Machine {
  /// One ioctl of a group: the result, or a negative errno.
  func serveGroup(
    _ index: Int, _ number: UInt64, _ argument: UInt64, opened: inout OpenedFile?
  ) -> Int {
    var service = GroupService(machine: self, index: index)
    let result = GroupCodec.serve(UInt32(truncatingIfNeeded: number), argument, by: &service)
    opened = service.opened
    if let opened { attend(opened.file) }
    return result
  }
}
