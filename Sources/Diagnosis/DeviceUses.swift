internal import DMATypes
internal import HostPlatform

/// What a machine uses the members of its groups for.
///
/// A thing belongs to the member that is last in its path: a disk on a USB controller to the
/// controller, and not to the bridge above.
struct DeviceUses {
  private(set) var found: [DeviceName: [DeviceUse]] = [:]
  private let sysfs: String
  private let members: Set<String>
  /// Where things are mounted, by device number.
  private let mounts: [String: [String]]

  init(root: String, platform: HostPlatform) {
    sysfs = "\(root)/sys"
    members = Set(platform.groups.flatMap(\.devices).map(\.name.rawValue))
    mounts = Self.mounts(Sysfs.text("\(root)/proc/self/mountinfo") ?? "")
    for name in names("class/net") {
      add(.network(name), at: "class/net/\(name)")
    }
    for name in names("class/block") {
      add(
        .disk(name, mountedAt: mountPoints(of: name)), at: "class/block/\(name)")
    }
  }

  private mutating func add(_ use: DeviceUse, at path: String) {
    guard let target = Sysfs.link("\(sysfs)/\(path)"),
      let owner = target.split(separator: "/").last(where: { members.contains(String($0)) })
    else { return }
    found[DeviceName(rawValue: String(owner)), default: []].append(use)
  }

  private func names(_ path: String) -> [String] {
    ((try? Sysfs.namesIfThere(in: "\(sysfs)/\(path)")) ?? []).sorted()
  }

  /// Where a disk is mounted, itself or what is made of it (device mapper, RAID).
  private func mountPoints(of disk: String, depth: Int = 0) -> [String] {
    guard depth < 8 else { return [] }
    let own = Sysfs.word("\(sysfs)/class/block/\(disk)/dev").flatMap { mounts[$0] } ?? []
    return own
      + names("class/block/\(disk)/holders").flatMap { mountPoints(of: $0, depth: depth + 1) }
  }

  /// Reads mountinfo: field 3 is the device's number, field 5 the mount point.
  private static func mounts(_ text: String) -> [String: [String]] {
    var mounts: [String: [String]] = [:]
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ", maxSplits: 5)
      guard fields.count > 4 else { continue }
      mounts[String(fields[2]), default: []].append(String(fields[4]).replacing("\\040", with: " "))
    }
    return mounts
  }
}

/// Who has the nodes of groups open.
struct Holders {
  private(set) var found: [GroupNumber: [Holder]] = [:]

  init(root: String, platform: HostPlatform) {
    var groupOfNode: [String: GroupNumber] = [:]
    for group in platform.groups {
      groupOfNode["/dev/vfio/\(group.number.rawValue)"] = group.number
      for case let cdev? in group.devices.map(\.cdev) {
        groupOfNode["/dev/vfio/devices/\(cdev)"] = group.number
      }
    }
    guard platform.groups.contains(where: { $0.devices.contains(where: \.isBoundToVFIO) }),
      let processes = try? Sysfs.names(in: "\(root)/proc")
    else { return }
    for process in processes.compactMap(Int32.init).sorted() {
      let place = "\(root)/proc/\(process)"
      // Other users' descriptors may not be listed.
      guard let descriptors = try? Sysfs.names(in: "\(place)/fd") else { continue }
      let groups = Set(
        descriptors.compactMap { Sysfs.link("\(place)/fd/\($0)") }.compactMap { groupOfNode[$0] })
      for group in groups {
        let name = Sysfs.word("\(place)/comm") ?? ""
        found[group, default: []].append(Holder(process: process, name: name))
      }
    }
  }
}
