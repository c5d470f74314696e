internal import CLinux
internal import AddressSpaces
internal import DMATypes

/// The files of a run, by their paths below its directory.
struct RunFiles: Sendable {
  /// The run's directory, as every process of the run sees it.
  let directory: String

  func machine() -> String { "\(directory)/machine" }
  func trace() -> String { "\(directory)/trace" }
  func container(_ number: UInt64) -> String { "\(directory)/containers/\(number)" }
  /// What happened in a container; the program's descriptor is of `container(_:)`, so that no
  /// call of it, whatever it does to its file, reaches this.
  func journal(_ number: UInt64) -> String { "\(directory)/journals/\(number)" }
  func group(_ facts: GroupFacts) -> String { "\(directory)/groups/\(facts.nodeName)" }
  func device(_ name: String) -> String { "\(directory)/devices/\(name)" }
  /// A device's registers, apart from the file of its descriptors for the same reason.
  func state(_ name: String) -> String { "\(directory)/states/\(name)" }
  /// A device's node on the machine, by the name that the kernel gave it.
  func node(_ name: String) -> String { "\(directory)/machine-nodes/devices/\(name)" }
  /// The machine's `/dev/vfio/vfio`, if it has one.
  func containerNode() -> String { "\(directory)/machine-nodes/vfio" }
  /// The machine's `/dev/iommu`.
  func iommuNode() -> String { "\(directory)/iommu" }

  /// The number of the container whose file a descriptor is: `ENOTTY` when it is another file.
  func container(of descriptor: Int32) throws(Errno) -> UInt64 {
    let number = unsafe clinux_link_number(descriptor, "containers")
    guard number > 0 else { throw .notTypewriter }
    return UInt64(number)
  }
}

/// An open descriptor that is closed when it goes out of scope, unless it is given away.
struct Descriptor: ~Copyable {
  /// O_RDWR | O_CLOEXEC.
  static let temporary: Int32 = 0o2000002

  let number: Int32

  /// Opens a path as the kernel's open(2) does.
  init(opening path: String, flags: Int32 = Descriptor.temporary, mode: UInt32 = 0) throws(Errno) {
    let number = unsafe clinux_open(path, flags, mode)
    guard number >= 0 else { throw Errno(rawValue: -number) }
    self.number = number
  }

  deinit { _ = clinux_close(number) }

  /// Whether any description of the file at a path holds it; nil when there is no such file. What
  /// cannot be looked at counts as held: nothing in use is ever swept away.
  ///
  /// `alone`: whether one holds it exclusively.
  static func isHeld(_ path: String, alone: Bool = false) -> Bool? {
    let answer = unsafe clinux_is_file_held(path, alone ? 1 : 0)
    return answer == -Errno.notFound.rawValue ? nil : answer != 0
  }

  /// Gives the number to the program.
  consuming func relinquish() -> Int32 {
    let number = number
    discard self
    return number
  }

  /// Locks the file for this description, until its last reference goes: others see that it is
  /// open.
  func hold() throws(Errno) {
    let failure = clinux_hold(number)
    guard failure == 0 else { throw Errno(rawValue: -failure) }
  }

  /// The file's size and inode number.
  func status() throws(Errno) -> (inode: UInt64, size: UInt64) {
    var (device, inode, size) = (UInt64(0), UInt64(0), UInt64(0))
    let failure = unsafe clinux_identity(number, &device, &inode, &size)
    guard failure == 0 else { throw Errno(rawValue: -failure) }
    return (inode, size)
  }
}
