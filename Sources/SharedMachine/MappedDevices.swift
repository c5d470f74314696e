internal import CLinux
internal import DMATypes

// A device of the kernel's stays open with its registers mapped, and the next GET_DEVICE_FD is one
// more descriptor of it. No call makes a descriptor of a mapping, so the process that closes its
// last one while it has registers mapped keeps a hidden copy until it unmaps them.

extension Machine {
  /// The program is about to close a descriptor of `file`.
  ///
  /// True where registers of that device are mapped in this process: a copy of the descriptor is
  /// kept until `letGoOfUnmapped` finds them gone.
  public func keepIfMapped(_ file: OpenFile, _ descriptor: Int32) -> Bool {
    guard let kernel, case .kernelDevice(let index) = file.kind else { return false }
    let node = kernel.files.node(kernel.nodeName(of: kernel.devices[index]))
    let isNew = kernel.mapped.withLock { mapped -> Bool? in
      if mapped[index] != nil { return false }
      guard unsafe clinux_maps_file(0, node) == 1 else { return nil }
      let copy = clinux_duplicate(descriptor, 0)
      guard copy >= 0 else { return nil }
      mapped[index] = kernel.descriptors.hide(copy)
      return true
    }
    guard let isNew else { return false }
    if isNew {
      kernel.use(.group(kernel.devices[index].group), by: 1)
      attend(file)
    }
    return true
  }

  /// Closes what is kept of devices that have no registers mapped in this process any more; answers
  /// how many are kept still.
  public func letGoOfUnmapped() -> Int {
    guard let kernel else { return 0 }
    let (gone, count) = kernel.mapped.withLock { mapped in
      var gone: [Int] = []
      for (index, descriptor) in mapped {
        let node = kernel.files.node(kernel.nodeName(of: kernel.devices[index]))
        if unsafe clinux_maps_file(0, node) == 1 { continue }
        mapped[index] = nil
        kernel.descriptors.reveal(descriptor)
        _ = clinux_close(descriptor)
        gone.append(index)
      }
      return (gone, mapped.count)
    }
    for index in gone { release(OpenFile(kind: .kernelDevice(index))) }
    return count
  }
}
