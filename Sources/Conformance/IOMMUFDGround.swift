public import AddressSpaces
public import DMATypes
public import LinuxIOMMUFD
public import Shim

/// Containers of the kernel's iommufd, one iommufd each, whose devices are real.
public struct IOMMUFDGround: ShimGround {
  private let nodes: [GroupNumber: String]
  private let containerNode: String?

  /// `nodes` has the path of one device's node, below `/dev/vfio/devices`, for each group;
  /// `containerNode` is `/dev/vfio/vfio` where that may be an iommufd.
  public init(nodes: [GroupNumber: String], containerNode: String? = nil) {
    self.nodes = nodes
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

  /// Nobody looks.
  public func read(
    _ iova: IOVA, by group: GroupNumber, in container: DrivenContainer<LinuxIOMMUFD, NoJournal>
  ) -> Outcome { .unseen }

  /// Nobody looks.
  public func write(
    _ word: UInt64, to iova: IOVA, by group: GroupNumber,
    in container: DrivenContainer<LinuxIOMMUFD, NoJournal>, of arena: ScriptArena
  ) -> Outcome { .unseen }
}
