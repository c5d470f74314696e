public import AddressSpaces
internal import CLinux
public import DMATypes
public import LinuxIOMMUFD
public import Shim

/// Containers of the kernel's iommufd, one iommufd each, whose devices are real.
public struct IOMMUFDGround: ShimGround {
  private let nodes: [GroupNumber: String]
  private let containerNode: String?
  private let looks: LookAllowance?

  /// `nodes` has the path of one device's node, below `/dev/vfio/devices`, for each group;
  /// `containerNode` is `/dev/vfio/vfio` where that may be an iommufd; `looks` rations what the
  /// devices, where they are edus, are made to do.
  public init(
    nodes: [GroupNumber: String], containerNode: String? = nil, looks: LookAllowance? = nil
  ) {
    self.nodes = nodes
    self.looks = looks
    self.containerNode = containerNode
  }

  /// An iommufd of its own, closed with the container.
  public func makeBackend() throws(Errno) -> LinuxIOMMUFD {
    let iommufd = try IOMMUFDescriptor(containerNode: containerNode)
    return LinuxIOMMUFD(
      iommufd: iommufd, objects: PrivateObjects(iommufd: iommufd, nodes: nodes))
  }

  /// Takes the group, and asks what its IOMMU is: not what the world says.
  public func prepare(
    _ facts: GroupFacts, on backend: inout LinuxIOMMUFD
  ) throws(Errno) -> GroupFacts { try backend.prepare(facts) }

  /// Reads through the device that holds the group.
  public func read(
    _ iova: IOVA, by group: GroupNumber,
    in container: ScriptedContainer<LinuxIOMMUFD>, of arena: ScriptArena
  ) -> Outcome {
    look(at: iova, by: group, in: container, of: arena)?.read(iova.rawValue) ?? .unseen
  }

  /// Writes through the device that holds the group.
  public func write(
    _ word: UInt64, to iova: IOVA, by group: GroupNumber,
    in container: ScriptedContainer<LinuxIOMMUFD>, of arena: ScriptArena
  ) -> Outcome {
    // A write that would land nowhere cannot be looked for.
    guard let found = container.session.mappings.containing(iova) else { return .unseen }
    let place = found.value.address.rawValue + (iova.rawValue - found.range.start.rawValue)
    guard arena.isReadable(place) else { return .unseen }
    return look(at: iova, by: group, in: container, of: arena)?
      .write(word, to: iova.rawValue, expecting: place) ?? .unseen
  }

  private func look(
    at iova: IOVA, by group: GroupNumber,
    in container: ScriptedContainer<LinuxIOMMUFD>, of arena: ScriptArena
  ) -> RealLook? {
    let backend = container.session.backend
    guard let looks, RealLook.isPossible(at: iova.rawValue),
      let claimed = try? backend.objects.claimed(group), looks.take()
    else { return nil }
    let device = clinux_duplicate(claimed.descriptor.rawValue, 3)
    guard device >= 0 else { return nil }
    return RealLook(device: device, space: backend.iommufd.rawValue, arena: arena)
  }
}
