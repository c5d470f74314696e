internal import AddressSpaces
public import DMATypes
internal import LegacyVFIO
internal import MachineFile
internal import Traces

// The calls of the program with a line written for each. The engine chooses at its start between
// these and the bare ones, so that nobody else pays.

extension Machine {
  /// Whether the run writes a trace.
  public var isTraced: Bool { tracer != nil }

  /// Runs `body`, a call and its line, while no other thread makes a call.
  func inTurn<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard let tracer else { return try body() }
    return try tracer.turn.withLock { (_: inout Void) throws(Failure) in try body() }
  }

  /// `open` with its line.
  public func tracedOpen(inode: UInt64, flags: Int32) throws(Errno) -> OpenedFile {
    try inTurn { () throws(Errno) in try openWithLine(inode: inode, flags: flags) }
  }

  private func openWithLine(inode: UInt64, flags: Int32) throws(Errno) -> OpenedFile {
    let result: Result<OpenedFile, Errno>
    do throws(Errno) {
      result = .success(try open(inode: inode, flags: flags))
    } catch {
      result = .failure(error)
    }
    if let path = path(ofNode: inode) {
      tracer?.write(self) { names in
        .open(path, flags: flags, result.map { names.handle(ofOpened: $0.file) })
      }
    }
    return try result.get()
  }

  private func path(ofNode inode: UInt64) -> String? {
    guard let node = image.nodes.first(where: { $0.inode == inode }) else { return nil }
    switch node.role {
    case .containerNode: return "\(RunPaths.nodes)/vfio"
    case .groupNode:
      let index = Int(node.index)
      guard groups.indices.contains(index) else { return nil }
      return "\(RunPaths.nodes)/\(groups[index].number.rawValue)"
    case .groupFile, .deviceFile: return nil
    }
  }

  /// `release` with its line.
  public func tracedRelease(_ file: OpenFile) {
    inTurn {
      release(file)
      tracer?.write(self) { names in
        let handle = names.handle(of: file)
        names.forget(file)
        return TracedCall(.close, [TracedField(nil, .handle(handle))], result: .value(.decimal(0)))
      }
    }
  }

  /// `unmapTrapped` with its line.
  public func tracedUnmap(_ address: UserAddress, length: UInt64) -> Int64 {
    inTurn {
      let result = unmapTrapped(address, length: length)
      note(.munmap, address, [length], result)
      return result
    }
  }

  /// `protectTrapped` with its line.
  public func tracedProtect(_ address: UserAddress, length: UInt64, protection: Int32) -> Int64 {
    inTurn {
      let result = protectTrapped(address, length: length, protection: protection)
      note(.mprotect, address, [length, UInt64(UInt32(bitPattern: protection))], result)
      return result
    }
  }

  /// `remapTrapped` with its line.
  public func tracedRemap(
    _ address: UserAddress, length: UInt64, newLength: UInt64, flags: Int32,
    newAddress: UserAddress
  ) -> Int64 {
    inTurn {
      let result = remapTrapped(
        address, length: length, newLength: newLength, flags: flags, newAddress: newAddress)
      // MREMAP_FIXED: without it there is no fifth argument.
      let place = flags & 2 != 0 ? newAddress.rawValue : 0
      note(.mremap, address, [length, newLength, UInt64(UInt32(bitPattern: flags)), place], result)
      return result
    }
  }

  /// The line of an access to a mapped register.
  func note(_ access: RegisterAccess) {
    tracer?.write(self) { names in
      .access(
        isStore: access.isStore, access.address.rawValue, access.value,
        byteCount: access.byteCount, &names)
    }
  }

  private func note(
    _ operation: TracedOperation, _ address: UserAddress, _ numbers: [UInt64], _ result: Int64
  ) {
    tracer?.write(self) { names in
      .memory(operation, address.rawValue, numbers, result: result, &names)
    }
  }
}

/// A load or a store that a device answered.
struct RegisterAccess {
  var isStore: Bool
  var address: UserAddress
  var value: UInt64
  var byteCount: Int
}

extension OpenFile {
  /// `ioctl` with its line.
  public func tracedIoctl(
    _ machine: Machine, _ number: UInt64, _ argument: UInt64, descriptor: Int32 = -1,
    opened: inout OpenedFile?
  ) -> Int {
    machine.inTurn {
      ioctlWithLine(machine, number, argument, descriptor: descriptor, opened: &opened)
    }
  }

  private func ioctlWithLine(
    _ machine: Machine, _ number: UInt64, _ argument: UInt64, descriptor: Int32,
    opened: inout OpenedFile?
  ) -> Int {
    let recording = machine.tracer?.withNames(machine) { names in
      IoctlRecording(
        of: names.handle(of: self), request: UInt32(truncatingIfNeeded: number),
        argument: argument, in: OwnMemory(), &names)
    }
    let result = ioctl(machine, number, argument, descriptor: descriptor, opened: &opened)
    if let recording {
      let file = opened?.file
      machine.tracer?.write(machine) { names in
        let handle = file.map { names.handle(ofOpened: $0) }
        return recording.call(result: result, opened: handle, &names)
      }
    }
    return result
  }

  /// `read` with its line.
  public func tracedRead(
    _ machine: Machine, _ descriptor: Int32, _ address: UserAddress, count: UInt64, offset: Int64
  ) -> Int64 {
    machine.inTurn {
      let recording = recording(
        machine, isWrite: false, at: address, count: count, offset: offset)
      let result = read(machine, descriptor, address, count: count, offset: offset)
      machine.tracer?.write(machine) { _ in recording?.call(result: result) }
      return result
    }
  }

  /// `write` with its line.
  public func tracedWrite(
    _ machine: Machine, _ descriptor: Int32, _ address: UserAddress, count: UInt64, offset: Int64
  ) -> Int64 {
    machine.inTurn {
      let recording = recording(
        machine, isWrite: true, at: address, count: count, offset: offset)
      let result = write(machine, descriptor, address, count: count, offset: offset)
      machine.tracer?.write(machine) { _ in recording?.call(result: result) }
      return result
    }
  }

  private func recording(
    _ machine: Machine, isWrite: Bool, at address: UserAddress, count: UInt64, offset: Int64
  ) -> TransferRecording<OwnMemory>? {
    machine.tracer?.withNames(machine) { names in
      TransferRecording(
        isWrite: isWrite, of: names.handle(of: self), at: address, count: count, offset: offset,
        in: OwnMemory())
    }
  }

  /// `map` with its line.
  public func tracedMap(
    _ machine: Machine, _ descriptor: Int32, _ address: UserAddress, length: UInt64,
    protection: Int32, flags: Int32, offset: Int64
  ) -> Int64 {
    machine.inTurn {
      let result = map(
        machine, descriptor, address, length: length, protection: protection, flags: flags,
        offset: offset)
      machine.tracer?.write(machine) { names in
        .map(
          names.handle(of: self),
          [
            address.rawValue, length, UInt64(UInt32(bitPattern: protection)),
            UInt64(UInt32(bitPattern: flags)), UInt64(bitPattern: offset),
          ], result: result, &names)
      }
      return result
    }
  }
}
