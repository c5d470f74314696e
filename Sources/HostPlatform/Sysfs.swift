internal import AddressSpaces
public import DMATypes
internal import Glibc

extension HostPlatform {
  /// Reads the groups of a machine whose sysfs lies at `root` (`/sys`).
  ///
  /// A machine without an IOMMU has no groups. What goes while it is read is left out. Fails as
  /// opendir(3) does where there is no sysfs or it cannot be read.
  public init(sysfs root: String) throws(Errno) {
    _ = try Sysfs.names(in: root)
    groups = []
    for name in try Sysfs.namesIfThere(in: "\(root)/kernel/iommu_groups") {
      guard let number = UInt32(name) else { continue }
      do throws(Errno) {
        groups.append(try HostGroup(GroupNumber(rawValue: number), sysfs: root))
      } catch {
        guard error == .notFound else { throw error }
      }
    }
    groups.sort { $0.number < $1.number }
  }
}

extension HostGroup {
  /// Reads one group of such a machine and no other's files: a large machine has hundreds.
  ///
  /// Throws `ENOENT` where there is no such group, and what opendir(3) says else.
  public init(_ number: GroupNumber, sysfs root: String) throws(Errno) {
    let path = "\(root)/kernel/iommu_groups/\(number.rawValue)"
    self.number = number
    type = Sysfs.word("\(path)/type") ?? ""
    kind = .physical
    // VFIO gives both kinds of its own groups this name, and one kind's nodes another.
    if Sysfs.word("\(path)/name") == "vfio-noiommu" {
      let isNoIOMMU = Sysfs.link("\(root)/class/vfio/noiommu-\(number.rawValue)") != nil
      kind = isNoIOMMU ? .noIOMMU : .emulated
    }
    devices = try Sysfs.namesIfThere(in: "\(path)/devices").sorted()
      .map { name throws(Errno) in try HostDevice(name, at: "\(path)/devices/\(name)") }
    if devices.isEmpty { _ = try Sysfs.names(in: path) }
    reservedRegions = Sysfs.text("\(path)/reserved_regions").map(Self.regions) ?? []
    let unit = devices.lazy.compactMap { Sysfs.target("\(path)/devices/\($0.name)/iommu") }.first
    iommuDriver = Self.driver(ofUnit: unit ?? "")
  }

  /// `dmar` of `dmar0`, `smmu3` of `smmu3.0x0000000009050000`.
  static func driver(ofUnit name: String) -> String {
    let parts = name.split(separator: ".", maxSplits: 1)
    if parts.count == 2 { return String(parts[0]) }
    let digits = name.reversed().prefix { $0.isWholeNumber }.count
    return String(name.dropLast(digits))
  }

  /// Reads lines `0x… 0x… kind`; a kind that a later kernel invents takes addresses away.
  static func regions(_ text: String) -> [ReservedRegion] {
    text.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard words.count == 3, let start = Sysfs.address(words[0]),
        let last = Sysfs.address(words[1]), start <= last
      else { return nil }
      return ReservedRegion(
        range: IOVARange(start: start, last: last),
        kind: ReservedRegion.Kind(rawValue: String(words[2])) ?? .reserved)
    }
  }
}

extension HostDevice {
  fileprivate init(_ name: String, at path: String) throws(Errno) {
    let driver = Sysfs.target("\(path)/driver")
    var cdev: String?
    var numbers: (major: UInt32, minor: UInt32) = (0, 0)
    // A VFIO driver's device has a child of class vfio-dev; it has a number where there are cdevs.
    let child = try Sysfs.namesIfThere(in: "\(path)/vfio-dev").first { $0.hasPrefix("vfio") }
    if let child, let text = Sysfs.word("\(path)/vfio-dev/\(child)/dev") {
      let parts = text.split(separator: ":").compactMap { UInt32($0) }
      if parts.count == 2 { (cdev, numbers) = (child, (parts[0], parts[1])) }
    }
    self.init(
      name: DeviceName(rawValue: name), driver: driver,
      // Before Linux 6.1 there is no child to tell it by.
      isBoundToVFIO: child != nil || driver?.hasPrefix("vfio-") == true,
      cdev: cdev, major: numbers.major, minor: numbers.minor,
      isPCI: Sysfs.target("\(path)/subsystem") == "pci")
  }
}

/// Files of sysfs, read whole.
package enum Sysfs {
  /// The names in a directory, `.` and `..` aside, in no particular order.
  package static func names(in path: String) throws(Errno) -> [String] {
    guard let directory = unsafe opendir(path) else { throw Errno(rawValue: errno) }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      // SAFETY: the name ends with a zero byte inside the entry that readdir returned.
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// The same; none where there is no such directory.
  package static func namesIfThere(in path: String) throws(Errno) -> [String] {
    do throws(Errno) { return try names(in: path) } catch {
      guard error == .notFound else { throw error }
      return []
    }
  }

  /// A file's content; nil when it cannot be read.
  package static func text(_ path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = unsafe read(descriptor, &block, block.count)
      guard count >= 0 else { return nil }
      if count == 0 { return String(decoding: content, as: UTF8.self) }
      content += block[..<count]
    }
  }

  /// A file's first line; nil when it cannot be read.
  package static func word(_ path: String) -> String? {
    text(path).map { String($0.prefix { $0 != "\n" }) }
  }

  /// What a symbolic link holds; nil when it is none.
  package static func link(_ path: String) -> String? {
    var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(path, &bytes, bytes.count)
    guard count >= 0 else { return nil }
    return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The last name in a symbolic link; nil when it is none.
  package static func target(_ path: String) -> String? {
    link(path)?.split(separator: "/").last.map(String.init)
  }

  /// `0x00000000fee00000`.
  package static func address(_ word: Substring) -> IOVA? {
    guard word.hasPrefix("0x") else { return nil }
    return UInt64(word.dropFirst(2), radix: 16).map { IOVA($0) }
  }
}
