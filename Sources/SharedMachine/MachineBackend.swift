internal import AddressSpaces
internal import CLinux
internal import DMATypes
internal import LinuxIOMMUFD
internal import SoftwareIOMMU

/// Who makes a run's containers real: the software IOMMU, or the kernel's.
///
/// Both at once and a look at one of them, so that no call moves either.
struct MachineBackend: ReplicatedBackend {
  /// The software IOMMU, which holds nothing where there is a kernel's.
  let software: SoftwareIOMMU<ContainerMemory>
  /// The kernel's iommufd; nil where software answers.
  var kernel: LinuxIOMMUFD?
  /// Where the kernel's descriptors are.
  let objects: KernelContainer?
  /// What the program did to its memory.
  private let program: (any DescriptorTable)?

  /// A container of software.
  init(software: SoftwareIOMMU<ContainerMemory>) {
    self.software = software
    kernel = nil
    objects = nil
    program = nil
  }

  /// A container of the kernel's.
  init(kernel objects: KernelContainer, software: SoftwareIOMMU<ContainerMemory>) {
    self.software = software
    self.objects = objects
    program = objects.program
    kernel = LinuxIOMMUFD(
      iommufd: objects.descriptor ?? IOMMUFDescriptor(rawValue: -1), objects: objects)
  }

  /// Sees to it that kernel calls have a descriptor.
  @inline(__always)
  private mutating func ready() throws(Errno) {
    // In place: a copy of the backend would cost more than the rest of the call.
    if _slowPath((kernel?.iommufd.rawValue ?? 0) < 0) { try connect() }
  }

  /// Lets this process have the container's descriptors: `KernelContainer.connect(making:)`.
  @inline(never)
  mutating func connect(making closesOnExec: Bool? = nil) throws(Errno) {
    guard let objects else { return }
    kernel?.iommufd = try objects.connect(making: closesOnExec)
  }

  /// Forgets the descriptors, which are closed.
  mutating func disconnect() {
    objects?.leave()
    kernel?.iommufd = IOMMUFDescriptor(rawValue: -1)
  }

  var follows: Bool {
    get { kernel?.follows ?? false }
    set { if kernel != nil { kernel?.follows = newValue } }
  }

  // MARK: Spaces, groups and tables

  mutating func allocateSpace() throws(Errno) -> IOASID {
    guard kernel != nil else { return try software.allocateSpace() }
    return try onKernel { (kernel) throws(Errno) in try kernel.allocateSpace() }
  }

  mutating func destroy(space: IOASID) {
    guard kernel != nil else { return software.destroy(space: space) }
    kernel?.destroy(space: space)
  }

  mutating func claim(_ group: GroupFacts) throws(Errno) {
    guard kernel != nil else { return try software.claim(group) }
    try onKernel { (kernel) throws(Errno) in try kernel.claim(group) }
  }

  mutating func release(_ group: GroupNumber) {
    guard kernel != nil else { return software.release(group) }
    kernel?.release(group)
  }

  mutating func allocateTable(
    in space: IOASID, for group: GroupNumber
  ) throws(Errno) -> HardwareTableID {
    guard kernel != nil else { return try software.allocateTable(in: space, for: group) }
    return try onKernel { (kernel) throws(Errno) in
      try kernel.allocateTable(in: space, for: group)
    }
  }

  mutating func destroy(table: HardwareTableID) {
    guard kernel != nil else { return software.destroy(table: table) }
    kernel?.destroy(table: table)
  }

  mutating func attach(
    _ group: GroupNumber, to table: HardwareTableID
  ) throws(Errno) {
    guard kernel != nil else { return try software.attach(group, to: table) }
    try onKernel { (kernel) throws(Errno) in try kernel.attach(group, to: table) }
  }

  mutating func detach(_ group: GroupNumber) {
    guard kernel != nil else { return software.detach(group) }
    kernel?.detach(group)
  }

  /// Runs `body` on the kernel's backend, which is there.
  mutating func onKernel<Result>(
    _ body: (inout LinuxIOMMUFD) throws(Errno) -> Result
  ) throws(Errno) -> Result {
    guard var kernel else { throw .noDevice }
    if !kernel.follows, kernel.iommufd.rawValue < 0 {
      try connect()
      kernel.iommufd = objects?.descriptor ?? kernel.iommufd
    }
    defer { self.kernel = kernel }
    return try body(&kernel)
  }

  // MARK: Mappings

  @inline(__always)
  func prepareChange(at iova: IOVA, in space: IOASID) {
    if _fastPath(kernel == nil) { software.prepareChange(at: iova, in: space) }
  }

  @inline(__always)
  mutating func map(_ mapping: Mapping, in space: IOASID) throws(Errno) {
    if _fastPath(kernel == nil) { return try software.map(mapping, in: space) }
    try ready()
    if _slowPath(!mapping.memory.access.contains(.write)) { try checkReading(mapping) }
    do throws(Errno) { try kernel?.map(mapping, in: space) } catch {
      try mapPeers(mapping, in: space, after: error)
    }
  }

  /// iommufd pins by the processor's page tables, which know no memory that can be written and not
  /// read; type1 asks the mapping: `check_vma_flags()`.
  @inline(never)
  private func checkReading(_ mapping: Mapping) throws(Errno) {
    guard program?.hidesReading == true,
      clinux_readable(mapping.memory.address.rawValue, mapping.range.size) < mapping.range.size
    else { return }
    throw .badAddress
  }

  @inline(__always)
  mutating func unmap(_ range: IOVARange, in space: IOASID) throws(Errno) {
    if _fastPath(kernel == nil) { return try software.unmap(range, in: space) }
    if !follows { try ready() }
    try kernel?.unmap(range, in: space)
  }

  @inline(__always)
  mutating func adopt(_ mapping: Mapping, in space: IOASID) {
    if _fastPath(kernel == nil) { software.adopt(mapping, in: space) }
  }

  // The kernel keeps pages, whatever becomes of their address.

  func releaseAddress(of mapping: Mapping, in space: IOASID) -> MappedMemory {
    kernel == nil ? software.releaseAddress(of: mapping, in: space) : mapping.memory
  }

  func takeAddress(
    of mapping: Mapping, insteadOf old: MappedMemory, in space: IOASID
  ) throws(Errno) {
    if kernel == nil { try software.takeAddress(of: mapping, insteadOf: old, in: space) }
  }
}
