internal import CLinux
import Glibc

/// The running kernel: real nodes, real ioctls, real devices.
public final class KernelContestant: Contestant {
  private enum Kind { case container, group(UInt32), device(String) }
  private struct File {
    var kind: Kind
    var descriptor: Int32
    /// Which open it is of.
    var open: Int
  }
  private var opens = 0

  private let arena: ScriptArena
  private let looks: LookAllowance
  private let names: [String: UInt32]
  private let unprotected: Set<UInt32>
  private var files: [Int: File] = [:]
  /// Descriptors whose numbers the script has given to others: nobody closed them.
  private var forgotten: [Int32] = []
  private let foreign: Int32
  /// The open container that each group was put into.
  private var containers: [UInt32: Int] = [:]
  /// What was mapped, the newest last, by the open container.
  private var mapped: [Mapped] = []
  /// Without an address: a child's that is gone.
  private struct Mapped { var container: Int, iova: UInt64, size: UInt64, address: UInt64? }

  /// The kernel with nothing of ours open, and memory whose words hold their first values again.
  public init(world: World, arena: ScriptArena, looks: LookAllowance) {
    self.arena = arena
    self.looks = looks
    var names: [String: UInt32] = [:]
    for group in world.groups { for device in group.devices { names[device] = group.number } }
    self.names = names
    unprotected = Set(world.groups.filter(\.unprotected).map(\.number))
    arena.restore()
    foreign = KernelCalls.open("/dev/null", O_RDWR)
  }

  deinit {
    closeAll()
    KernelCalls.close(foreign)
  }

  /// Where the script's memory lies.
  public var memoryBase: UInt64 { arena.base }

  /// Closes everything, devices and groups before containers.
  public func finish() { closeAll() }

  private func closeAll() {
    for descriptor in files.values.map(\.descriptor) + forgotten { KernelCalls.close(descriptor) }
    (files, forgotten, mapped, containers) = ([:], [], [], [:])
  }

  /// Makes one call.
  public func perform(_ call: Call) -> Outcome {
    switch call.verb {
    case .openContainer: return open("/dev/vfio/vfio", .container, call)
    case .openGroup:
      // A node's name is a number in decimal; no group has a larger one.
      let number = UInt32(truncatingIfNeeded: call.numbers[0].value)
      let prefix = unprotected.contains(number) ? "noiommu-" : ""
      return open("/dev/vfio/\(prefix)\(number)", .group(number), call)
    case .deviceRead, .deviceWrite: return look(call)
    default: break
    }
    guard let file = files[call.on] else { return Outcome(-Int64(EBADF)) }
    if call.verb == .close {
      files[call.on] = nil
      KernelCalls.close(file.descriptor)
      return Outcome(0)
    }
    if call.verb == .dup {
      let copy = dup(file.descriptor)
      guard copy >= 0 else { return Outcome(-Int64(errno)) }
      enter(File(kind: file.kind, descriptor: copy, open: file.open), as: call.into)
      return Outcome(0)
    }
    if case .device(let name) = file.kind {
      guard call.verb.isOfDriver, PinsDriver.names.contains(name) else { return Outcome(0) }
      return command(call, on: file)
    }
    guard !call.verb.isOfDriver else { return Outcome(-Int64(ENOTTY)) }
    return ioctl(call, on: file)
  }

  /// What the module is told to do.
  private func command(_ call: Call, on file: File) -> Outcome {
    var command = PinsCommand(call)
    let argument = arena.place(command.bytes, at: .plain)
    let result = KernelCalls.ioctl(file.descriptor, PinsCommand.request, argument)
    guard result == 0 else { return Outcome(result) }
    command.bytes = arena.bytes(PinsCommand.byteCount, at: argument)
    if call.verb == .driverWrite { arena.noteWrites() }
    return command.outcome(of: call)
  }

  private func open(_ path: String, _ kind: Kind, _ call: Call) -> Outcome {
    let descriptor = KernelCalls.open(path, O_RDWR)
    guard descriptor >= 0 else { return Outcome(Int64(descriptor)) }
    enter(kind, descriptor, as: call.into)
    return Outcome(0)
  }

  private func enter(_ kind: Kind, _ descriptor: Int32, as number: Int) {
    opens += 1
    enter(File(kind: kind, descriptor: descriptor, open: opens), as: number)
  }

  private func enter(_ file: File, as number: Int) {
    if let before = files.updateValue(file, forKey: number) { forgotten.append(before.descriptor) }
  }

  private func ioctl(_ call: Call, on file: File) -> Outcome {
    let request = call.verb.request.map(UInt64.init) ?? call.numbers[0].value
    let structure = CallerStructure(call, base: memoryBase)
    let argument = arena.argument(of: call, structure) { descriptor(of: $0) }
    let result =
      call.byChild
      ? KernelCalls.ioctlByChild(file.descriptor, request, argument)
      : KernelCalls.ioctl(file.descriptor, request, argument)
    if call.verb == .getDeviceFD, result >= 0 {
      if case .group = file.kind {
        enter(.device(call.name), Int32(result), as: call.into)
        return Outcome(0)
      }
    }
    if result == 0 { note(call, file) }
    return arena.outcome(result, of: call, structure, at: argument)
  }

  private func descriptor(of other: Other) -> Int32 {
    switch other {
    case .closed: -1
    case .foreign: foreign
    case .descriptor(let number): files[number]?.descriptor ?? -1
    }
  }

  /// Remembers what a look will need.
  private func note(_ call: Call, _ file: File) {
    switch (call.verb, file.kind) {
    case (.setContainer, .group(let group)):
      if case .descriptor(let number) = call.other { containers[group] = files[number]?.open }
    case (.unsetContainer, .group(let group)): containers[group] = nil
    case (.mapDMA, .container):
      mapped.append(
        Mapped(
          container: file.open, iova: call.numbers[3].value, size: call.numbers[4].value,
          address: call.byChild ? nil : call.numbers[2].resolved(memoryBase)))
    default: break
    }
  }
}

/// What a device reaches.
extension KernelContestant {
  private func look(_ call: Call) -> Outcome {
    let iova = call.numbers[0].value & ~7
    guard RealLook.isPossible(at: iova), let group = names[call.name],
      let container = containers[group],
      let space = files.values.first(where: { $0.open == container }),
      case .container = space.kind, let node = node(of: group)
    else { return .unseen }
    // What a child mapped was its own memory, like and not the same.
    let mapping = mapped.last { $0.container == container && iova &- $0.iova < $0.size }
    if let mapping, mapping.address == nil { return .unseen }
    let place = place(of: iova, in: mapping)
    // A write that would land nowhere we know cannot be looked for.
    guard call.verb == .deviceRead || place != nil, looks.take() else { return .unseen }
    let name = arena.place(Array(call.name.utf8) + [0], at: .plain)
    let device = KernelCalls.ioctl(node, 0x3b6a, name)
    guard device >= 0 else { return .unseen }
    let look = RealLook(device: Int32(device), space: space.descriptor, arena: arena)
    guard call.verb == .deviceWrite, let place else { return look.read(iova) }
    return look.write(call.numbers[1].value, to: iova, expecting: place)
  }

  private func node(of group: UInt32) -> Int32? {
    for file in files.values {
      if case .group(group) = file.kind { return file.descriptor }
    }
    return nil
  }

  /// Where a mapping leads, if the program can read there.
  private func place(of iova: UInt64, in mapping: Mapped?) -> UInt64? {
    guard let mapping, let start = mapping.address else { return nil }
    let address = start &+ (iova &- mapping.iova)
    return arena.isReadable(address) ? address : nil
  }
}
