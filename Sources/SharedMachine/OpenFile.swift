internal import CLinux
internal import DMATypes
internal import LegacyVFIO
internal import Shim
internal import UAPI

/// One legacy file that this process has open: what a descriptor of the program stands for.
@safe public final class OpenFile: @unchecked Sendable {
  enum Kind: Equatable {
    case container(UInt64)
    /// By its place in `Machine.groups`.
    case group(Int)
    /// By its place in `Machine.units`.
    case device(Int)
    /// By its place in `KernelMachine.devices`.
    case kernelDevice(Int)
    /// By its place in `Machine.mediated`.
    case mediated(Int)
  }

  let kind: Kind
  /// A container's copy in this process. Set before the file is shared; a forked child, whose copy
  /// is another, looks it up by number.
  public let replica: ContainerReplica?
  // The same, to be called without counting a reference: the file is kept while a call is in it.
  private let borrowedReplica: Unmanaged<ContainerReplica>?

  init(kind: Kind, replica: ContainerReplica? = nil) {
    self.kind = kind
    self.replica = replica
    unsafe borrowedReplica = replica.map { unsafe Unmanaged.passUnretained($0) }
  }
}

extension OpenFile {
  /// A device's place in its list; nil for other files.
  var deviceIndex: Int? {
    switch kind {
    case .device(let index), .kernelDevice(let index): index
    case .container, .group, .mediated: nil
    }
  }
}

/// A file just opened, with the descriptor that stands for it.
public struct OpenedFile {
  /// What the kind of a file is called at the seam: 1 container, 2 group, 3 device, 4 one of the
  /// kernel's whose calls need no engine but for a few.
  public enum Kind: UInt32, Sendable { case container = 1, group, device, kernelDevice }

  /// The file.
  public let file: OpenFile
  /// The real descriptor.
  public let descriptor: Int32
  /// The kind of file.
  public let kind: Kind
  /// The character device that fstat shall show; 0, 0 for a device's anonymous inode.
  public let major: UInt32, minor: UInt32
  /// A group's number, which names its node; 0 for other files.
  public var group: UInt32 = 0
}

extension OpenFile {
  /// One ioctl: the result, or −errno. `descriptor` is asked for a device of the kernel's only.
  /// GET_DEVICE_FD's result is the descriptor of `opened`.
  public func ioctl(
    _ machine: Machine, _ number: UInt64, _ argument: UInt64, descriptor: Int32 = -1,
    opened: inout OpenedFile?
  ) -> Int {
    // SAFETY: `replica` keeps it as long as this file is there.
    let served = unsafe borrowedReplica?._withUnsafeGuaranteedRef {
      $0.belongs(to: machine) ? $0.serveLooking(number, argument, in: machine) : nil
    }
    if let served { return served }
    switch kind {
    case .container(let container):
      do throws(Errno) {
        return try machine.replica(container).serveLooking(number, argument, in: machine)
      } catch {
        return -Int(error.rawValue)
      }
    case .group(let index):
      return machine.serveGroup(index, number, argument, opened: &opened)
    case .device(let index):
      return machine.units[index].serve(machine, number, argument)
    case .kernelDevice(let index):
      return machine.serveKernelDevice(index, descriptor, number, argument)
    case .mediated(let index):
      return machine.mediated[index].serve(machine, number, argument)
    }
  }
}
