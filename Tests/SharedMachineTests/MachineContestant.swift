import AddressSpaces
import CLinux
import DMATypes
import Glibc
import MachineFile
import Shim
import SimulatedPlatform
import SoftwareIOMMU

@testable import Conformance
@testable import SharedMachine

/// The product as several processes share it: nodes, descriptors, journals and the software IOMMU
/// behind them. Each call is made by another process.
final class MachineContestant: Contestant {
  private let arena: ScriptArena
  private let run: Run
  private let machines: [Machine]
  private var files: [Int: OpenedFile] = [:]
  private var turn = 0
  private let groups: [UInt64] = [3, 4, 6]
  private let foreign: Int32
  /// O_RDWR | O_CLOEXEC: a program that another test starts would keep a group's file open.
  private static let flags: Int32 = 0o2000002

  init(
    world: World, arena: ScriptArena, processes: Int, manner: DirtyManner = .clean
  ) throws {
    self.arena = arena
    arena.restore()
    let options: MachineImage.Options =
      switch manner {
      case .clean: []
      case .stale: .bugCompatible
      case .precise: .preciseDirty
      }
    let run = try Run(mappingLimit: world.entryLimit, options: options)
    self.run = run
    machines = try (0..<processes).map { _ in try run.process() }
    foreign = unsafe clinux_open("/dev/null", 2, 0)
  }

  deinit {
    var open: Set<Int32> = []
    for file in files.values where open.insert(file.descriptor).inserted { run.abandon(file) }
    _ = clinux_close(foreign)
  }

  var memoryBase: UInt64 { arena.base }

  func perform(_ call: Call) -> Outcome {
    turn += 1
    let machine = machines[turn % machines.count]
    do throws(Errno) {
      switch call.verb {
      case .openContainer:
        return enter(try machine.open(inode: Run.containerNode, flags: Self.flags), as: call.into)
      case .openGroup:
        guard let index = groups.firstIndex(of: call.numbers[0].value) else { throw .notFound }
        return enter(
          try machine.open(inode: Run.groupNode(index), flags: Self.flags), as: call.into)
      case .deviceRead, .deviceWrite: return try access(call, machine)
      default: break
      }
      guard let file = files[call.on] else { throw .badDescriptor }
      if call.verb == .close {
        files[call.on] = nil
        close(file, in: machine)
        return Outcome(0)
      }
      if call.verb == .dup {
        if let before = files.updateValue(file, forKey: call.into) { close(before, in: machine) }
        return Outcome(0)
      }
      return ioctl(call, file, machine)
    } catch {
      return Outcome(-Int64(error.rawValue))
    }
  }

  private func enter(_ opened: OpenedFile, as number: Int) -> Outcome {
    run.descriptors.enter(opened)
    if let before = files.updateValue(opened, forKey: number) { close(before, in: machines[0]) }
    return Outcome(0)
  }

  /// An open file ends with the last number that a script has for it.
  private func close(_ file: OpenedFile, in machine: Machine) {
    guard !files.values.contains(where: { $0.descriptor == file.descriptor }) else { return }
    run.close(file, in: machine)
  }

  private func ioctl(_ call: Call, _ file: OpenedFile, _ machine: Machine) -> Outcome {
    if case .device = file.file.kind { return Outcome(0) }
    let number = call.verb.request ?? UInt32(truncatingIfNeeded: call.numbers[0].value)
    let structure = CallerStructure(call, base: memoryBase)
    let argument = arena.argument(of: call, structure) { descriptor(of: $0) }
    var opened: OpenedFile?
    let result = file.file.ioctl(machine, UInt64(number), argument, opened: &opened)
    if let opened { return enter(opened, as: call.into) }
    return arena.outcome(Int64(result), of: call, structure, at: argument)
  }

  private func descriptor(of other: Other) -> Int32 {
    switch other {
    case .closed: -1
    case .foreign: foreign
    case .descriptor(let number): files[number]?.descriptor ?? -1
    }
  }

  private func access(_ call: Call, _ machine: Machine) throws(Errno) -> Outcome {
    let iova = IOVA(call.numbers[0].value & ~7)
    guard let unit = machine.units.first(where: { $0.name.rawValue == call.name }) else {
      throw .badAddress
    }
    let environment = DeviceUnitEnvironment(unit: unit, machine: machine, reachesPeers: false)
    var word = call.verb == .deviceRead ? 0 : call.numbers[1].value
    var failure: Errno?
    unsafe withUnsafeMutableBytes(of: &word) { bytes in
      do throws(Errno) {
        if call.verb == .deviceRead {
          try unsafe environment.dmaRead(bytes, from: iova)
        } else {
          try unsafe environment.dmaWrite(UnsafeRawBufferPointer(bytes), to: iova)
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    if call.verb == .deviceRead { return Outcome(Int64(word >> 1)) }
    try noteWrite(iova, unit, machine)
    return Outcome(0)
  }

  /// Remembers where the word went, so that the next script finds the memory as it was.
  private func noteWrite(_ iova: IOVA, _ unit: DeviceUnit, _ machine: Machine) throws(Errno) {
    let replica = try machine.replica(machine.container(ofGroupAt: unit.group))
    let group = machine.groups[unit.group].number
    let place = replica.withSession { session, _ in
      session.backend.software.translate(
        iova, access: .write, by: group, mappings: session.state.mappings)
    }
    if let place { arena.noteWrite(at: place.address.rawValue) }
  }
}
