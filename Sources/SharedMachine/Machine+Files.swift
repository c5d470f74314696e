internal import AddressSpaces
internal import CLinux
public import DMATypes
internal import MachineFile
internal import Shim

/// The machine while its lock is held.
struct ExclusiveMachine {
  let machine: Machine

  /// Whether any descriptor of the group's file, in any process, is open. The file is always there:
  /// where a process cannot see it (chroot), nothing is known to be closed.
  private func isGroupFileOpen(_ index: Int) -> Bool {
    Descriptor.isHeld(machine.files.group(machine.groups[index])) != false
  }

  private func isDeviceFileOpen(_ name: DeviceName) -> Bool {
    Descriptor.isHeld(machine.files.device(name.rawValue)) != false
  }

  /// How many devices of a group are open in some process.
  private func openDevices(ofGroupAt index: Int) -> Int {
    guard let kernel = machine.kernel else {
      return machine.units.count { $0.group == index && isDeviceFileOpen($0.name) }
        + machine.mediated.count { $0.group == index && isDeviceFileOpen($0.name) }
    }
    return kernel.devices.count { $0.group == index && kernel.isOpen($0) }
  }

  /// A group as its calls see it. Every open device keeps its group open:
  /// `vfio_device_open_file()`.
  func group(_ index: Int) -> GroupState {
    let devices = openDevices(ofGroupAt: index)
    let container = machine.container(ofGroupAt: index)
    return GroupState(
      isOpen: devices > 0 || isGroupFileOpen(index),
      container: container == 0 ? nil : ContainerNumber(rawValue: container),
      openDeviceCount: devices)
  }

  /// Does what the last closes of files left to do, in this process or one that is gone: devices
  /// are disabled, groups leave their containers, containers that nobody can reach are removed.
  func sweep() {
    for unit in machine.units where unit.isOpen(self) && !isDeviceFileOpen(unit.name) {
      unit.close(self)
    }
    for unit in machine.mediated where unit.isOpen(machine) && !isDeviceFileOpen(unit.name) {
      unit.close(machine)
    }
    for index in machine.groups.indices {
      let container = machine.container(ofGroupAt: index)
      guard container != 0 else { continue }
      disableUnused(ofGroupAt: index)
      if !group(index).isOpen { leave(index) } else { holdAgain(index) }
    }
    machine.kernel?.closeUnused(in: self)
  }

  /// Takes a group out of its container: `vfio_group_detach_container()`.
  func leave(_ index: Int) {
    let container = machine.container(ofGroupAt: index)
    let number = machine.groups[index].number
    if let replica = try? machine.replica(container) {
      replica.withSession { session, journal in session.leave(number, journal: &journal) }
    }
    machine.setContainer(ofGroupAt: index, 0)
    removeIfUnreachable(container)
  }

  /// Removes a container that has neither a descriptor nor a group.
  func removeIfUnreachable(_ container: UInt64) {
    let hasGroup = machine.groups.indices.contains { machine.container(ofGroupAt: $0) == container }
    let path = machine.files.container(container)
    guard !hasGroup, Descriptor.isHeld(path) != true else { return }
    _ = unsafe clinux_unlink(path)
    _ = unsafe clinux_unlink(machine.files.journal(container))
    machine.forget(container)
  }
}

extension Machine {
  /// Keeps the directories that the engine opens files in, out of the program's sight, for the time
  /// when it has changed its root or left its mount namespace. Once in a process.
  public static func keepPlaces(of directory: String, in descriptors: any DescriptorTable) {
    // A mount in another is not below it any more once both are gone from a namespace.
    for place in ["\(directory)/machine-nodes", directory, "/proc"] {
      // O_PATH | O_DIRECTORY | O_CLOEXEC
      let number = unsafe clinux_open(place, 0o12200000, 0)
      guard number >= 0 else { continue }
      let hidden = descriptors.hide(number)
      let limit = clinux_descriptor_limit()
      // A program with room for a few descriptors, and without the right to more, has all of them.
      if limit >= 256 || UInt64(hidden) >= limit {
        unsafe clinux_keep_place(place, hidden)
      } else {
        descriptors.reveal(hidden)
        _ = clinux_close(hidden)
      }
    }
  }

  // O_ACCMODE, O_CLOEXEC, O_NONBLOCK, O_APPEND, O_DSYNC, O_SYNC, O_NOATIME, O_NOFOLLOW, O_ASYNC:
  // what fcntl shows later.
  private static let keptFlags: Int32 =
    0o3 | 0o2000000 | 0o4000 | 0o2000 | 0o4010000 | 0o1000000 | 0o400000 | 0o20000
  // O_CREAT | O_EXCL
  private static let newFile: Int32 = 0o300

  /// Opens the node with an inode number: `vfio_fops_open()`, `vfio_group_fops_open()`.
  ///
  /// Throws `ENXIO` for an inode that is no node of the run.
  public func open(inode: UInt64, flags: Int32) throws(Errno) -> OpenedFile {
    guard let node = image.nodes.first(where: { $0.inode == inode }) else {
      throw Errno(rawValue: 6)
    }
    var kept = flags & Self.keptFlags
    // A descriptor for ioctls alone; a file so opened could not be held.
    if kept & 0o3 == 0o3 { kept ^= 0o1 }
    switch node.role {
    case .containerNode:
      let opened = try openContainer(node, flags: kept)
      if case .container(let number) = opened.file.kind, let kernel {
        kernel.use(.container(number), by: 1)
        // O_CLOEXEC
        try makeInKernel(opened, number, closesOnExec: flags & 0o2000000 != 0)
      }
      return opened
    case .groupNode:
      let opened = try openGroup(node, flags: kept)
      attend(opened.file)
      return opened
    case .groupFile, .deviceFile: throw Errno(rawValue: 6)
    }
  }

  private func openContainer(_ node: MachineImage.Node, flags: Int32) throws(Errno) -> OpenedFile {
    // Under the machine's lock until the description holds the file: what nobody holds is removed.
    let (number, file, descriptor) = try exclusively { (machine) throws(Errno) in
      let number = nextContainer()
      // Processes that died before any group joined left a file that no group's closing finds: it
      // goes when its place is taken.
      let older = remember(number)
      if older != 0 { machine.removeIfUnreachable(older) }
      // The journal's descriptor is closed before the program's is opened: that gets the number
      // that the kernel would give it, which may be the last.
      let file = try makeJournal(number)
      do throws(Errno) {
        return (number, file, try openHeld(number, flags: flags))
      } catch {
        _ = unsafe clinux_unlink(files.container(number))
        _ = unsafe clinux_unlink(files.journal(number))
        throw error
      }
    }
    let replica = enter(ContainerReplica(number: number, file: file, machine: self))
    return OpenedFile(
      file: OpenFile(kind: .container(number), replica: replica),
      descriptor: descriptor, kind: .container, major: node.major, minor: node.minor)
  }

  /// Opens the container's iommufd, while the program has the right to: it may give it up later.
  /// Without a free number that waits until a group joins.
  private func makeInKernel(
    _ opened: OpenedFile, _ number: UInt64, closesOnExec: Bool
  ) throws(Errno) {
    do throws(Errno) {
      try opened.file.replica?.withSession { (session, _) throws(Errno) in
        try session.backend.connect(making: closesOnExec)
      }
    } catch {
      guard error != .tooManyDescriptors else { return }
      _ = clinux_close(opened.descriptor)
      release(opened.file)
      throw error
    }
  }

  private func openHeld(_ number: UInt64, flags: Int32) throws(Errno) -> Int32 {
    let descriptor = try Descriptor(
      opening: files.container(number), flags: flags | Self.newFile, mode: 0o666)
    try descriptor.hold()
    return descriptor.relinquish()
  }

  private func makeJournal(_ number: UInt64) throws(Errno) -> JournalFile {
    let path = files.journal(number)
    let content = try Descriptor(
      opening: path, flags: Descriptor.temporary | Self.newFile, mode: 0o666)
    do throws(Errno) {
      return try JournalFile(
        making: number, descriptor: content.number,
        mappingLimit: parameters.mappingLimit.multipliedSaturating(by: recordsPerMapping))
    } catch {
      _ = unsafe clinux_unlink(path)
      throw error
    }
  }

  private func openGroup(_ node: MachineImage.Node, flags: Int32) throws(Errno) -> OpenedFile {
    let index = Int(node.index)
    guard groups.indices.contains(index) else { throw .noDevice }
    return try exclusively { (machine) throws(Errno) in
      let descriptor = try Descriptor(opening: files.group(groups[index]), flags: flags)
      machine.sweep()
      do throws(Rule) {
        try machine.group(index).checkOpen(of: groups[index], for: caller)
      } catch {
        throw error.errno
      }
      if let kernel, container(ofGroupAt: index) == 0, kernel.isUsedElsewhere(groupAt: index) {
        throw .busy
      }
      try descriptor.hold()
      kernel?.use(.group(index), by: 1)
      return OpenedFile(
        file: OpenFile(kind: .group(index)), descriptor: descriptor.relinquish(), kind: .group,
        major: node.major, minor: node.minor, group: groups[index].openName)
    }
  }

  /// Takes over a descriptor that this process did not open itself.
  ///
  /// Throws `ENOTTY` when it is no file of the run.
  public func adopt(descriptor: Int32, inode: UInt64) throws(Errno) -> OpenedFile {
    let opened = try find(descriptor: descriptor, inode: inode)
    attend(opened.file)
    if let kernel, let use = self.use(of: opened.file) {
      kernel.use(use, by: 1)
      connect(use)
    }
    return opened
  }

  /// Has this process take the descriptors of a container while those who have them are there.
  private func connect(_ use: KernelMachine.Use) {
    let number =
      switch use {
      case .container(let number): number
      case .group(let index): container(ofGroupAt: index)
      }
    guard number != 0, let replica = try? replica(number) else { return }
    replica.withSession { session, _ in _ = try? session.backend.connect() }
  }

  private func find(descriptor: Int32, inode: UInt64) throws(Errno) -> OpenedFile {
    let device = clinux_device_number(descriptor)
    if device != 0 { return try adoptKernelDevice(descriptor, device) }
    if let node = image.nodes.first(where: { $0.inode == inode }) {
      let index = Int(node.index)
      switch node.role {
      case .groupFile where groups.indices.contains(index):
        return OpenedFile(
          file: OpenFile(kind: .group(index)), descriptor: descriptor, kind: .group,
          major: node.major, minor: node.minor, group: groups[index].openName)
      case .deviceFile:
        if let unit = mediated.first(where: { $0.place == index }) {
          return OpenedFile(
            file: OpenFile(kind: .mediated(unit.index)), descriptor: descriptor, kind: .device,
            major: 0, minor: 0)
        }
        guard let unit = units.first(where: { $0.function == index }) else { throw .notTypewriter }
        return OpenedFile(
          file: OpenFile(kind: .device(unit.index)), descriptor: descriptor, kind: .device,
          major: 0, minor: 0)
      default: throw .notTypewriter
      }
    }
    let number = try files.container(of: descriptor)
    let replica = try replica(number)
    let node = image.nodes.first { $0.role == .containerNode }
    return OpenedFile(
      file: OpenFile(kind: .container(number), replica: replica), descriptor: descriptor,
      kind: .container, major: node?.major ?? 0, minor: node?.minor ?? 0)
  }

  /// This process has no descriptor of a file any more; others may.
  public func release(_ file: OpenFile) {
    if let kernel, let use = use(of: file) { kernel.use(use, by: -1) }
    leave(file)
    exclusively { machine in
      machine.sweep()
      if case .container(let number) = file.kind { machine.removeIfUnreachable(number) }
    }
  }

  /// What of the kernel's a descriptor of the file makes use of.
  private func use(of file: OpenFile) -> KernelMachine.Use? {
    switch file.kind {
    case .container(let number): .container(number)
    case .group(let index): .group(index)
    case .kernelDevice(let index): (kernel?.devices[index].group).map { .group($0) }
    case .device, .mediated: nil
    }
  }
}

extension GroupFacts {
  /// What `ioasid_open_file` says of it.
  fileprivate var openName: UInt32 { number.rawValue | (kind == .noIOMMU ? 1 << 31 : 0) }
}
