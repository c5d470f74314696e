import DMATypes
import Traces

/// An open legacy file: one open description, whatever descriptors it has.
final class LegacyFile {
  enum Kind: Hashable {
    case container(UInt64)
    case group(UInt32)
    case device(String)
  }
  let kind: Kind
  init(_ kind: Kind) { self.kind = kind }
}

/// A process of the program, and what it calls things.
final class RecordedProcess {
  let pid: Int32
  /// Its legacy files by descriptor.
  private(set) var files: [Int32: LegacyFile] = [:]
  /// Mapped registers, as ranges of addresses.
  private var registers: [Range<UInt64>] = []
  private var memoryNames = MemoryNames()
  /// By the kernel's number for the eventfd.
  private var events: [Int: Int] = [:]
  /// Which open of its device a file is.
  private var ordinals: [ObjectIdentifier: Int] = [:]
  /// Which process of the trace it is, once it has made a call.
  var number: Int?

  init(pid: Int32) { self.pid = pid }

  /// A child knows what its parent knew.
  init(pid: Int32, forkedFrom parent: RecordedProcess) {
    self.pid = pid
    files = parent.files
    registers = parent.registers
    memoryNames = parent.memoryNames
    events = parent.events
    ordinals = parent.ordinals
  }

  /// Whether its end closes a legacy file: mapped registers keep their device open.
  var hasFiles: Bool { !files.isEmpty || !registers.isEmpty }

  var memory: RemoteMemory { RemoteMemory(process: pid) }

  /// Another program runs: it has the descriptors that stayed open, and counts anew.
  func executed() {
    files = files.filter { ProcFile.link("/proc/\(pid)/fd/\($0.key)") != nil }
    registers = []
    memoryNames = MemoryNames()
    events = [:]
    ordinals = [:]
    number = nil
  }

  // MARK: - Descriptors

  /// Enters a new descriptor, and answers what it is called. A device that has no number here gets
  /// the lowest that no other open of it has.
  @discardableResult
  func enter(_ descriptor: Int32, _ file: LegacyFile) -> TracedHandle {
    files[descriptor] = file
    if case .device(let name) = file.kind, ordinals[ObjectIdentifier(file)] == nil {
      var taken: Set<Int> = []
      for case let other in files.values where other !== file && other.kind == .device(name) {
        taken.insert(ordinals[ObjectIdentifier(other)] ?? 1)
      }
      ordinals[ObjectIdentifier(file)] = (1...).first { !taken.contains($0) }
    }
    return handle(of: file)
  }

  /// Forgets a descriptor; answers what was closed when it was the file's last in this process.
  func leave(_ descriptor: Int32) -> TracedHandle? {
    guard let file = files.removeValue(forKey: descriptor),
      !files.values.contains(where: { $0 === file })
    else { return nil }
    let handle = handle(of: file)
    ordinals[ObjectIdentifier(file)] = nil
    return handle
  }

  func handle(of file: LegacyFile) -> TracedHandle {
    switch file.kind {
    case .container(let number): .container(number)
    case .group(let number): .group(number)
    case .device(let name): .device(name, ordinal: ordinals[ObjectIdentifier(file)] ?? 1)
    }
  }

  // MARK: - Mapped registers

  func mapped(_ address: UInt64, _ length: UInt64) {
    registers.append(address..<address + length)
  }

  func touchesRegisters(_ address: UInt64, _ length: UInt64) -> Bool {
    let end = address.addingReportingOverflow(length)
    return registers.contains {
      address < $0.upperBound && (end.overflow || end.partialValue > $0.lowerBound)
    }
  }

  func unmapped(_ address: UInt64, _ length: UInt64) {
    registers = registers.flatMap { range -> [Range<UInt64>] in
      let gone = (address..<address + length).clamped(to: range)
      guard !gone.isEmpty else { return [range] }
      return [range.lowerBound..<gone.lowerBound, gone.upperBound..<range.upperBound]
        .filter { !$0.isEmpty }
    }
  }
}

extension RecordedProcess: TraceNaming {
  func name(address: UInt64) -> TracedValue { memoryNames.name(address) }

  func extend(address: UInt64, byteCount: UInt64) {
    memoryNames.extend(address, byteCount: byteCount)
  }

  func name(
    mapping address: UInt64, byteCount: UInt64, chosenByKernel: Bool
  ) -> TracedValue {
    memoryNames.name(mapping: address, byteCount: byteCount, chosenByKernel: chosenByKernel)
  }

  func name(descriptor: Int32) -> TracedValue {
    guard descriptor >= 0 else { return .decimal(Int64(descriptor)) }
    if let file = files[descriptor] { return .handle(handle(of: file)) }
    guard let link = ProcFile.link("/proc/\(pid)/fd/\(descriptor)") else { return .mark(.closed) }
    let information = "/proc/\(pid)/fdinfo/\(descriptor)"
    // O_PATH
    let flags = ProcFile.line("flags:", of: information).flatMap { UInt32($0, radix: 8) } ?? 0
    if flags & 0o10000000 != 0 { return .mark(.path) }
    guard link == "anon_inode:[eventfd]",
      let identity = ProcFile.line("eventfd-id:", of: information).flatMap({ Int($0) })
    else { return .mark(.file) }
    let number = events[identity] ?? events.count + 1
    events[identity] = number
    return .handle(.event(number))
  }
}
