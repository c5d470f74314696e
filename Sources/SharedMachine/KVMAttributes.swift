internal import CLinux
public import DMATypes
internal import LinuxIOMMUFD
internal import UAPI

/// `struct kvm_device_attr`.
private struct AttributeLayout: BitwiseCopyable {
  var flags: UInt32 = 0
  var group: UInt32 = 0
  var attribute: UInt64 = 0
  var address: UInt64 = 0

  static let files: UInt32 = 1
  static let add: UInt64 = 1
  static let remove: UInt64 = 2
}

/// KVM wants to know of devices that are given to a guest, because they may bypass caches. It is told
/// of a group by the group's descriptor, and it takes only the kernel's own: in place of a group of
/// ours it is told of each of its devices, by descriptors that are opened for it alone. They are
/// bound to nothing, so that they keep no device open.
final class KVMAttributes: Sendable {
  private struct Key: Hashable {
    var device: Int32
    var group: Int
  }

  /// What KVM was told of: by the program's descriptor of KVM's device and the group's place.
  private let told = Guarded<[Key: [Int32]]>([:])

  /// Makes a call of KVM_SET_DEVICE_ATTR: 0 or −errno; nil when it names no group of ours.
  func set(_ descriptor: Int32, _ address: UserAddress, _ kernel: KernelMachine) -> Int? {
    var layout = AttributeLayout()
    var number: Int32 = -1
    guard (try? CallerMemory.load(from: address, into: &layout)) != nil,
      layout.group == AttributeLayout.files,
      (try? CallerMemory.load(from: UserAddress(layout.address), into: &number)) != nil,
      let file = kernel.descriptors.file(number), case .group(let group) = file.kind
    else { return nil }
    let key = Key(device: descriptor, group: group)
    return told.withLock { told in
      switch layout.attribute {
      case AttributeLayout.add: return add(key, kernel, &told)
      case AttributeLayout.remove:
        guard let files = told.removeValue(forKey: key) else { return nil }
        return remove(files, from: descriptor, kernel)
      default: return nil
      }
    }
  }

  private func add(_ key: Key, _ kernel: KernelMachine, _ told: inout [Key: [Int32]]) -> Int {
    // The number may stand for another KVM device by now: the kernel knows.
    if let known = told[key] {
      let result = known.first.map { tell(key.device, AttributeLayout.add, $0) } ?? 0
      if result == -Int(Errno.exists.rawValue) { return result }
      _ = remove(known, from: key.device, kernel)
    }
    var files: [Int32] = []
    for device in kernel.devices where device.group == key.group {
      guard let node = try? kernel.openNode(of: device) else { continue }
      let hidden = kernel.descriptors.hide(node.rawValue)
      files.append(hidden)
      let result = tell(key.device, AttributeLayout.add, hidden)
      if result < 0 {
        _ = remove(files, from: key.device, kernel)
        return result
      }
    }
    told[key] = files
    return 0
  }

  private func remove(_ files: [Int32], from device: Int32, _ kernel: KernelMachine) -> Int {
    var result = 0
    for file in files {
      let answer = tell(device, AttributeLayout.remove, file)
      if result == 0 { result = answer }
      kernel.descriptors.reveal(file)
      _ = clinux_close(file)
    }
    return result
  }

  private func tell(_ device: Int32, _ attribute: UInt64, _ file: Int32) -> Int {
    var file = file
    return unsafe withUnsafeMutablePointer(to: &file) { file in
      var layout = AttributeLayout(
        group: AttributeLayout.files, attribute: attribute,
        address: UInt64(UInt(bitPattern: file)))
      // KVM_SET_DEVICE_ATTR
      return unsafe withUnsafeMutablePointer(to: &layout) {
        Int(clinux_ioctl(device, 0x4018_aee1, UInt64(UInt(bitPattern: $0))))
      }
    }
  }
}

extension Machine {
  /// KVM_SET_DEVICE_ATTR by which KVM's VFIO device is told of a group of ours: 0 or −errno; nil
  /// where the call names none.
  public func setAttribute(_ descriptor: Int32, _ address: UserAddress) -> Int? {
    kernel.flatMap { $0.attributes.set(descriptor, address, $0) }
  }
}
