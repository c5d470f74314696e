import CPreload
import Synchronization

/// Runs when the process starts. Other libraries' constructors may have called us before: nothing
/// here is needed for what has passed, and outside a run one failed stat is all that happens.
@section(".init_array") @used
let whenLoaded: @convention(c) () -> Void = { enterRun() }

private func enterRun() {
  guard machineDevice() != 0 else { return }
  cpreload_set_in_run()
  _ = sharesTheParentsMemory()
  takeOverInheritedMask()
  markInherited()
}

/// Marks the descriptors that came by exec, so that their first use of any kind is seen. The engine
/// stays away.
private func markInherited() {
  let directory = kernel(.open, path("/proc/self/fd"), Word(O_RDONLY | O_DIRECTORY | O_CLOEXEC))
  guard directory >= 0 else { return }
  var names: InlineArray<1024, UInt8> = InlineArray(repeating: 0)
  withUnsafeMutableBytes(of: &names) { buffer in
    while true {
      let count = kernel(.getdents, directory, Word(bitPattern: buffer.baseAddress), 1024)
      if count <= 0 { break }
      markListed(UnsafeRawBufferPointer(rebasing: buffer[0..<count]), Int32(directory))
    }
  }
  kernel(.close, directory)
}

/// struct linux_dirent64: the record's length at 16, the name at 19.
private func markListed(_ records: UnsafeRawBufferPointer, _ directory: Int32) {
  var start = 0
  while start + 19 < records.count {
    var number: Int32 = 0
    var at = start + 19
    while at < records.count, records[at] >= 0x30, records[at] <= 0x39 {
      number = number &* 10 &+ Int32(records[at] - 0x30)
      at += 1
    }
    if number != directory { markIfOurs(number) }
    start += Int(records.loadUnaligned(fromByteOffset: start + 16, as: UInt16.self))
  }
}

/// Marks a descriptor of the engine's files.
func markIfOurs(_ descriptor: Int32) {
  guard UInt32(bitPattern: descriptor) < UInt32(CPRELOAD_DESCRIPTORS),
    let found = status(of: descriptor), isOurs(descriptor, found), !sharesTheParentsMemory()
  else { return }
  drop(replace(descriptor, .marked))
}
