internal import AddressSpaces
internal import CLinux
internal import DMATypes
internal import HostPlatform
internal import LinuxIOMMUFD
internal import Shim

// A device of the kernel's is the program's own descriptor of its node. Each description of it that
// is bound to a container's iommufd holds the node: alone once a program has the device, together
// with others while it only keeps its group. The kernel drops both with the last descriptor and
// the last mapping of registers.

extension KernelMachine {
  /// Whether a program has the device open.
  func isOpen(_ device: KernelDevice) -> Bool {
    Descriptor.isHeld(files.node(nodeName(of: device)), alone: true) == true
  }

  /// Whether some device of a group is bound to an iommufd of the run.
  func isHeld(groupAt index: Int) -> Bool {
    devices.contains {
      $0.group == index && Descriptor.isHeld(files.node(nodeName(of: $0))) != false
    }
  }

  /// Whether somebody outside the run uses a group that nobody uses in it: another run has taken
  /// it, or another program has its node open. What binds a device by itself is not seen.
  func isUsedElsewhere(groupAt index: Int) -> Bool {
    devices.contains { device in
      guard device.group == index, let node = try? openNode(of: device) else { return false }
      defer { node.close() }
      return clinux_is_held(node.rawValue, 0) == 1 || node.groupIsOpen
    }
  }

  /// A descriptor of a device for the program, the lowest that is free.
  func open(
    _ index: Int, isFirst: Bool, in backend: inout MachineBackend
  ) throws(Errno) -> Int32 {
    let device = devices[index]
    guard isFirst else { return try openAgain(device, holders: backend.objects?.holders ?? []) }
    let opened = try bind(device, in: &backend)
    let failure = clinux_hold_alone(opened.rawValue)
    guard failure == 0 else {
      opened.close()
      throw Errno(rawValue: -failure)
    }
    return opened.rawValue
  }

  /// The device that keeps the group, or another one beside it.
  private func bind(
    _ device: KernelDevice, in backend: inout MachineBackend
  ) throws(Errno) -> DeviceDescriptor {
    try backend.connect()
    guard let objects = backend.objects else { throw .noDevice }
    let group = groups[device.group].number
    // Opened only to be asked for its number; what is taken out next gets its place.
    let node = try openNode(of: device)
    let number = clinux_device_number(node.rawValue)
    node.close()
    if let own = try objects.giveAway(number, of: group, isKept: isKept(device)) { return own }
    objects.settle()
    let opened = try openNode(of: device)
    do throws(Errno) {
      return try backend.onKernel { (kernel) throws(Errno) in
        try kernel.add(opened, to: group).descriptor
      }
    } catch {
      opened.close()
      throw error
    }
  }

  /// One more descriptor of a device that a program has open: a copy of the one that is there.
  private func openAgain(
    _ device: KernelDevice, holders: [KernelWords.Holder]
  ) throws(Errno) -> Int32 {
    let number = unsafe clinux_device_at(files.node(nodeName(of: device)))
    if let own = find(number, in: 0) { return try duplicate(own) }
    for holder in holders {
      guard let other = find(number, in: holder.pid) else { continue }
      let taken = clinux_take_descriptor(holder.pid, other)
      guard taken >= 0 else { continue }
      if clinux_is_held(taken, 1) == 0 { return taken }
      _ = clinux_close(taken)
    }
    // Whoever never called the container: a child that has nothing left but mapped registers.
    let taken = clinux_take_held(number)
    guard taken >= 0 else { throw .busy }
    return taken
  }

  /// A process's descriptor of a device; of this one's, that which holds its node.
  private func find(_ device: UInt64, in pid: Int32) -> Int32? {
    var number: Int32 = -1
    while true {
      number = clinux_find_device(pid, device, number)
      guard number >= 0 else { return nil }
      if pid != 0 || clinux_is_held(number, 1) == 0 { return number }
    }
  }

  private func duplicate(_ descriptor: Int32) throws(Errno) -> Int32 {
    let copy = clinux_duplicate(descriptor, 0)
    guard copy >= 0 else { throw Errno(rawValue: -copy) }
    return copy
  }

  /// Closes the descriptors of containers that this process has no use for: nothing of it is open
  /// here, and another process can be asked for them, or nobody ever will.
  func closeUnused(in machine: ExclusiveMachine) {
    for number in known where !isUsed(number, in: machine) {
      // Gone, if another process removed it.
      guard Descriptor.isHeld(files.container(number)) != nil,
        let replica = try? machine.machine.replica(number)
      else {
        machine.machine.forget(number)
        continue
      }
      replica.withSession { session, _ in
        if session.backend.objects?.isHeldElsewhere == true { session.backend.disconnect() }
      }
    }
  }

  private func isUsed(_ container: UInt64, in machine: ExclusiveMachine) -> Bool {
    isUsed(.container(container))
      || groups.indices.contains {
        machine.machine.container(ofGroupAt: $0) == container && isUsed(.group($0))
      }
  }
}

extension ExclusiveMachine {
  /// Takes a group again whose last device was closed: the kernel let it go with the device's
  /// descriptor. Where this process cannot, another one's look will.
  func holdAgain(_ index: Int) {
    guard let kernel = machine.kernel, !kernel.isHeld(groupAt: index),
      let replica = try? machine.replica(machine.container(ofGroupAt: index))
    else { return }
    let group = kernel.groups[index].number
    replica.withSession { session, _ in
      guard (try? session.backend.connect()) != nil, let objects = session.backend.objects,
        let opened = try? objects.openDevice(of: group)
      else { return }
      do throws(Errno) {
        let claimed = try session.backend.onKernel { (kernel) throws(Errno) in
          try kernel.add(opened, to: group)
        }
        try objects.keep(claimed, of: group)
      } catch { opened.close() }
    }
  }
}

extension Machine {
  /// Takes over a descriptor of a device of the kernel's, if it is one that GET_DEVICE_FD gave.
  func adoptKernelDevice(_ descriptor: Int32, _ number: UInt64) throws(Errno) -> OpenedFile {
    guard let kernel,
      let index = kernel.devices.firstIndex(where: { device in
        guard let node = try? kernel.openNode(of: device) else { return false }
        defer { node.close() }
        return clinux_device_number(node.rawValue) == number
          && clinux_is_held(node.rawValue, 1) == 1 && clinux_is_held(descriptor, 1) == 0
      })
    else { throw .notTypewriter }
    return OpenedFile(
      file: OpenFile(kind: .kernelDevice(index)), descriptor: descriptor,
      kind: isTraced ? .device : .kernelDevice, major: 0, minor: 0)
  }
}
