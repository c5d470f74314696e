import CLinux
import DMATypes
import Traces

/// A system call that a stopped thread is about to make, when it can matter.
struct SystemCall {
  /// Numbers of x86-64.
  private enum Number: UInt64 {
    case read = 0, write = 1, open = 2, close = 3, mmap = 9, mprotect = 10, munmap = 11, ioctl = 16
    case pread = 17, pwrite = 18, readv = 19, writev = 20, mremap = 25, dup = 32, dup2 = 33
    case fcntl = 72, creat = 85, openat = 257, dup3 = 292, preadv = 295, pwritev = 296
    case preadv2 = 327, pwritev2 = 328, closeRange = 436, openat2 = 437
  }

  private let number: Number
  private let arguments: [UInt64]
  private let process: RecordedProcess
  private let recorder: Recorder
  private let file: LegacyFile?
  private let node: LegacyNode?

  /// Nil for a call that changes nothing about VFIO files.
  init?(_ stop: clinux_stop, _ process: RecordedProcess, _ recorder: Recorder) {
    guard let number = Number(rawValue: stop.number) else { return nil }
    let words = stop.arguments
    let arguments = [words.0, words.1, words.2, words.3, words.4, words.5]
    self.number = number
    self.arguments = arguments
    self.process = process
    self.recorder = recorder
    var (file, node) = (LegacyFile?.none, LegacyNode?.none)
    func legacy(_ place: Int) -> LegacyFile? {
      process.files[Int32(truncatingIfNeeded: arguments[place])]
    }
    switch number {
    case .open, .creat: node = Self.node(nil, arguments[0], process)
    case .openat, .openat2:
      node = Self.node(Int32(truncatingIfNeeded: arguments[0]), arguments[1], process)
    case .mmap: file = legacy(4)
    case .dup2, .dup3: file = legacy(0) ?? legacy(1)
    case .ioctl:
      // FIONBIO, FIONCLEX, FIOCLEX, FIOASYNC: the file is not asked.
      if [0x5421, 0x5450, 0x5451, 0x5452].contains(arguments[1] & 0xffff_ffff) { return nil }
      file = legacy(0)
      // VFIO's requests have the type ';'.
      if file == nil, arguments[1] >> 8 & 0xff == 0x3b {
        file = recorder.received(Int32(truncatingIfNeeded: arguments[0]), by: process)
      }
    case .munmap, .mprotect, .mremap:
      guard process.touchesRegisters(arguments[0], arguments[1]) else { return nil }
    case .closeRange: guard !process.files.isEmpty else { return nil }
    case .close, .dup, .fcntl: file = legacy(0)
    default:
      // Containers and groups cannot be read or written: the kernel does not ask them.
      file = legacy(0).flatMap { if case .device = $0.kind { $0 } else { nil } }
      let isPlaced = [.pread, .pwrite, .preadv, .pwritev].contains(number)
      // Nor is a device asked with an offset below 0. preadv2(2) takes -1 for the position.
      if isPlaced, Int64(bitPattern: arguments[3]) < 0 { return nil }
    }
    self.file = file
    self.node = node
    switch number {
    case .munmap, .mprotect, .mremap, .closeRange: break
    default: if file == nil && node == nil { return nil }
    }
  }

  /// Whether a line may come of it: such calls are let through one at a time.
  var isLegacy: Bool {
    switch number {
    case .dup, .fcntl: false
    default: true
    }
  }

  /// Which node a path leads to, as the process sees it.
  private static func node(
    _ directory: Int32?, _ address: UInt64, _ process: RecordedProcess
  ) -> LegacyNode? {
    let text = process.memory.text(at: address)
    let own = "/proc/\(process.pid)"
    if text.hasPrefix("/proc/self/") { return ProcFile.node(own + text.dropFirst(10)) }
    if text.hasPrefix("/") { return ProcFile.node("\(own)/root\(text)") }
    // AT_FDCWD
    let base = directory.map { $0 == -100 ? "cwd" : "fd/\($0)" } ?? "cwd"
    return text.isEmpty ? nil : ProcFile.node("\(own)/\(base)/\(text)")
  }

  /// Reads what the program says; answers what to do with the result.
  func begin() -> (Int64) -> Void {
    switch number {
    case .open: return open(flags: arguments[1])
    case .creat: return open(flags: 0o1101)
    case .openat: return open(flags: arguments[2])
    case .openat2: return open(flags: process.memory.word(at: arguments[2]) ?? 0)
    case .close: return { _ in leave(descriptor(0)) }
    case .closeRange: return closeRange()
    case .dup: return { duplicated(to: $0) }
    case .dup2, .dup3: return { duplicatedOver($0) }
    case .fcntl:
      // F_DUPFD, F_DUPFD_CLOEXEC
      return { if [0, 1030].contains(arguments[1]) { duplicated(to: $0) } }
    case .ioctl: return ioctl()
    case .mmap: return map()
    case .munmap, .mprotect, .mremap: return changeMemory()
    case .read: return transfer(isWrite: false, offset: -1)
    case .write: return transfer(isWrite: true, offset: -1)
    case .pread: return transfer(isWrite: false, offset: Int64(bitPattern: arguments[3]))
    case .pwrite: return transfer(isWrite: true, offset: Int64(bitPattern: arguments[3]))
    case .readv: return transferVector(isWrite: false, offset: -1)
    case .writev: return transferVector(isWrite: true, offset: -1)
    case .preadv, .preadv2:
      return transferVector(isWrite: false, offset: Int64(bitPattern: arguments[3]))
    case .pwritev, .pwritev2:
      return transferVector(isWrite: true, offset: Int64(bitPattern: arguments[3]))
    }
  }

  private func descriptor(_ place: Int) -> Int32 { Int32(truncatingIfNeeded: arguments[place]) }

  private func handle() -> TracedHandle? { file.map { process.handle(of: $0) } }

  // MARK: - Opening and closing

  private func open(flags: UInt64) -> (Int64) -> Void {
    let flags = Int32(truncatingIfNeeded: flags)
    // O_PATH: the node is not opened.
    guard let node, flags & 0o10000000 == 0 else { return { _ in } }
    return { result in
      guard result >= 0 else {
        // EACCES, EEXIST, ENOTDIR, ELOOP: the look-up ended before it reached the node.
        if [-13, -17, -20, -40].contains(result) { return }
        recorder.write(
          .open(node.path, flags: flags, .failure(Errno(rawValue: Int32(-result)))), of: process)
        return
      }
      let kind: LegacyFile.Kind
      switch node {
      case .container:
        recorder.containerCount += 1
        kind = .container(recorder.containerCount)
      case .group(let number), .unprotectedGroup(let number): kind = .group(number)
      }
      let handle = process.enter(Int32(result), LegacyFile(kind))
      recorder.write(.open(node.path, flags: flags, .success(handle)), of: process)
    }
  }

  private func leave(_ descriptor: Int32) {
    guard let handle = process.leave(descriptor) else { return }
    recorder.write(
      TracedCall(.close, [TracedField(nil, .handle(handle))], result: .value(.decimal(0))),
      of: process)
  }

  private func closeRange() -> (Int64) -> Void {
    // CLOSE_RANGE_CLOEXEC closes nothing yet.
    guard arguments[2] & 4 == 0 else { return { _ in } }
    return { result in
      guard result == 0 else { return }
      let range = arguments[0]...max(arguments[0], arguments[1] & 0xffff_ffff)
      for descriptor in process.files.keys.sorted() where range.contains(UInt64(descriptor)) {
        leave(descriptor)
      }
    }
  }

  private func duplicated(to copy: Int64) {
    if copy >= 0, let file { process.enter(Int32(copy), file) }
  }

  /// dup2(2) and dup3(2): what stood under the number is closed.
  private func duplicatedOver(_ copy: Int64) {
    guard copy >= 0, descriptor(0) != descriptor(1) else { return }
    leave(Int32(copy))
    if let file = process.files[descriptor(0)] { process.enter(Int32(copy), file) }
  }

  // MARK: - Calls with lines

  private func ioctl() -> (Int64) -> Void {
    guard let handle = handle() else { return { _ in } }
    var naming = process
    let request = UInt32(truncatingIfNeeded: arguments[1])
    let recording = IoctlRecording(
      of: handle, request: request, argument: arguments[2], in: process.memory, &naming)
    return { result in
      var opened: TracedHandle?
      // VFIO_GROUP_GET_DEVICE_FD
      if request == 0x3b6a, case .group = handle, result >= 0 {
        let text = process.memory.text(at: arguments[2]).prefix { $0 != " " }
        opened = process.enter(Int32(result), LegacyFile(.device(String(text))))
      }
      recorder.write(
        recording.call(result: Int(result), opened: opened, &naming), of: process)
    }
  }

  private func transfer(isWrite: Bool, offset: Int64) -> (Int64) -> Void {
    guard let handle = handle() else { return { _ in } }
    let recording = TransferRecording(
      isWrite: isWrite, of: handle, at: UserAddress(arguments[1]), count: arguments[2],
      offset: offset, in: process.memory)
    return { recorder.write(recording.call(result: $0), of: process) }
  }

  /// Devices have no read_iter: the kernel moves the segments one after the other, and so they are
  /// written down.
  private func transferVector(isWrite: Bool, offset: Int64) -> (Int64) -> Void {
    guard let handle = handle() else { return { _ in } }
    let (vector, count) = (arguments[1], min(arguments[2], 1024))
    return { result in
      var (rest, at) = (result, offset)
      for index in 0..<count {
        guard let address = process.memory.word(at: vector + index * 16),
          let length = process.memory.word(at: vector + index * 16 + 8)
        else { return }
        let moved = result < 0 ? result : min(rest, Int64(clamping: length))
        let recording = TransferRecording(
          isWrite: isWrite, of: handle, at: UserAddress(address), count: length, offset: at,
          in: process.memory)
        recorder.write(recording.call(result: moved), of: process)
        rest -= moved
        if at >= 0 { at += moved }
        if moved < Int64(clamping: length) || rest <= 0 { return }
      }
    }
  }

  private func map() -> (Int64) -> Void {
    guard let handle = handle() else { return { _ in } }
    let numbers = Array(arguments[0...3]) + [arguments[5]]
    return { result in
      if result >= 0 { process.mapped(UInt64(result), numbers[1]) }
      var naming = process
      recorder.write(.map(handle, numbers, result: result, &naming), of: process)
    }
  }

  private func changeMemory() -> (Int64) -> Void {
    { result in
      var naming = process
      switch number {
      case .munmap:
        if result == 0 { process.unmapped(arguments[0], arguments[1]) }
        recorder.write(
          .memory(.munmap, arguments[0], [arguments[1]], result: result, &naming), of: process)
      case .mprotect:
        recorder.write(
          .memory(.mprotect, arguments[0], Array(arguments[1...2]), result: result, &naming),
          of: process)
      default:
        // MREMAP_FIXED: without it there is no fifth argument.
        let place = arguments[3] & 2 != 0 ? arguments[4] : 0
        if result >= 0 {
          process.unmapped(arguments[0], arguments[1])
          process.mapped(UInt64(result), arguments[2])
        }
        recorder.write(
          .memory(
            .mremap, arguments[0], Array(arguments[1...3]) + [place], result: result, &naming),
          of: process)
      }
    }
  }
}
