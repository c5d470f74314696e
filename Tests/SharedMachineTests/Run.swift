import CLinux
import DMATypes
import Foundation
import LegacyVFIO
import MachineFile
import SimulatedPlatform
import Testing
import UAPI

@testable import SharedMachine

/// A run's files in a directory of its own, laid out as the launcher does, and the processes that
/// joined it: in a test these live in one process, each with a token and copies of its own.
final class Run: @unchecked Sendable {
  static let containerNode: UInt64 = 1
  /// The node of the group that the machine counts so.
  static func groupNode(_ index: Int) -> UInt64 { 2 + UInt64(index) }

  let directory: URL
  let descriptors = Descriptors()
  let platform: Platform

  init(mappingLimit: UInt32 = 65535, options: MachineImage.Options = []) throws {
    CallerMemory.installFaultGuard()
    var platform = Platform.builtIn
    platform.parameters.dmaEntryLimit = mappingLimit
    self.platform = platform
    directory = URL(filePath: "/dev/shm/ioasid-test-\(UUID().uuidString)")
    for name in ["containers", "journals", "groups", "devices", "states"] {
      try FileManager.default.createDirectory(
        at: directory.appending(path: name), withIntermediateDirectories: true)
    }
    var nodes = [
      MachineImage.Node(
        inode: Self.containerNode, role: .containerNode, index: 0, major: 10, minor: 196)
    ]
    for (index, group) in [3, 4, 6].enumerated() {
      try Data().write(to: directory.appending(path: "groups/\(group)"))
      let (number, inode) = (UInt32(index), Self.groupNode(index))
      nodes.append(.init(inode: inode, role: .groupNode, index: number, major: 240, minor: number))
      nodes.append(
        .init(inode: 100 + inode, role: .groupFile, index: number, major: 240, minor: number))
    }
    for function in platform.functions {
      for name in ["devices", "states"] {
        try Data().write(to: directory.appending(path: "\(name)/\(function.address.name.rawValue)"))
      }
    }
    let image = MachineImage(
      options: options, nodes: nodes, platform: platform.encoded, groupCount: 3)
    let file = directory.appending(path: "machine")
    let region = [UInt8](repeating: 0, count: image.sharedBytes)
    try Data(image.bytes() + region).write(to: file)
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  /// One more process joins.
  func process() throws -> Machine {
    try #require(Machine(directory: directory.path, descriptors: descriptors))
  }

  /// The containers that have a file.
  var containers: [String] {
    (try? FileManager.default.contentsOfDirectory(
      atPath: directory.appending(path: "containers").path)) ?? []
  }

  /// Closes a descriptor, and lets a process see it.
  func close(_ file: OpenedFile, in machine: Machine) {
    abandon(file)
    machine.release(file.file)
  }

  /// Closes it as a killed process does: nobody is told.
  ///
  /// A child that another test has forked and that executes nothing yet holds copies of all
  /// descriptors. What says that a file is open goes before the descriptor, so that this close is
  /// the last one whoever forks.
  func abandon(_ file: OpenedFile) {
    descriptors.forget(file.descriptor)
    var nothing = flock(
      l_type: Int16(F_UNLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
    unsafe withUnsafeMutablePointer(to: &nothing) { lock in
      // F_OFD_SETLK. SAFETY: the kernel reads one structure of its own during the call.
      _ = unsafe fcntl(file.descriptor, 37, lock)
    }
    _ = clinux_close(file.descriptor)
  }
}

/// The descriptors of the test's process that stand for files of a run. Under Foundation's lock,
/// which the thread sanitizer knows.
final class Descriptors: DescriptorTable, @unchecked Sendable {
  private let lock = NSLock()
  private var files: [Int32: OpenFile] = [:]
  func enter(_ opened: OpenedFile) { lock.withLock { files[opened.descriptor] = opened.file } }
  func forget(_ descriptor: Int32) { lock.withLock { files[descriptor] = nil } }
  func file(_ descriptor: Int32) -> OpenFile? { lock.withLock { files[descriptor] } }
  func hide(_ descriptor: Int32) -> Int32 { descriptor }
  func reveal(_ descriptor: Int32) {}
  var hidesReading: Bool { false }
}

/// A container that holds a group, seen by one or several processes.
struct Client: @unchecked Sendable {
  let run: Run
  let machine: Machine
  let container: OpenedFile
  let group: OpenedFile

  init(in run: Run, machine: Machine? = nil, group index: Int = 0, type: UInt64 = 3) throws {
    let machine = try machine ?? run.process()
    (self.run, self.machine) = (run, machine)
    container = try machine.open(inode: Run.containerNode, flags: 2)
    group = try machine.open(inode: Run.groupNode(index), flags: 2)
    run.descriptors.enter(container)
    run.descriptors.enter(group)
    try #require(Self.setContainer(machine, group, container.descriptor) == 0)
    var none: OpenedFile?
    try #require(container.file.ioctl(machine, 0x3b66, type, opened: &none) == 0)
  }

  static func setContainer(_ machine: Machine, _ group: OpenedFile, _ descriptor: Int32) -> Int {
    var none: OpenedFile?
    return unsafe withUnsafePointer(to: descriptor) {
      group.file.ioctl(machine, 0x3b68, UInt64(UInt(bitPattern: $0)), opened: &none)
    }
  }

  /// MAP_DMA by a process.
  func map(
    _ iova: UInt64, pages: UInt64 = 1, _ memory: UInt64, by machine: Machine? = nil
  ) -> Int {
    call(0x3b71, [32 | 3 << 32, memory, iova, pages << 12], by: machine).result
  }

  /// UNMAP_DMA by a process: the bytes unmapped, or −errno.
  func unmap(
    _ iova: UInt64, pages: UInt64 = 0, all: Bool = false, by machine: Machine? = nil
  ) -> Int {
    let (result, words) = call(
      0x3b72, [24 | (all ? 2 << 32 : 0), iova, pages << 12, 0], by: machine)
    return result < 0 ? result : Int(words[2])
  }

  private func call(
    _ number: UInt64, _ words: [UInt64], by machine: Machine?
  ) -> (result: Int, words: [UInt64]) {
    var words = words
    var none: OpenedFile?
    let result = unsafe words.withUnsafeMutableBytes { bytes in
      container.file.ioctl(
        machine ?? self.machine, number, UInt64(UInt(bitPattern: bytes.baseAddress)),
        opened: &none)
    }
    return (result, words)
  }

  var number: UInt64 {
    guard case .container(let number) = container.file.kind else { return 0 }
    return number
  }
}

/// Pages of the test's own memory.
final class Pages: @unchecked Sendable {
  let address: UInt64
  let count: Int
  init(_ count: Int) {
    self.count = count
    address = UInt64(bitPattern: clinux_map(0, UInt64(count) << 12, 3, 0x22, -1, 0))
  }
  deinit { _ = clinux_unmap(address, UInt64(count) << 12) }
}

/// Runs a body on as many threads at once, and waits for all.
func threads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let done = DispatchGroup()
  for index in 0..<count {
    done.enter()
    Thread.detachNewThread {
      body(index)
      done.leave()
    }
  }
  done.wait()
}
