import DMATypes
import SeededRandom
import Traces

/// Calls of a program that does everything with containers and groups, in no order. What they
/// answer is made up.
struct ConversationGenerator {
  private var random: SplitMix64
  private var containers: UInt64 = 0
  private var open: [TracedHandle] = []

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  private mutating func next(_ end: UInt64) -> UInt64 { random.next() % end }

  private mutating func pick<Value>(_ values: [Value]) -> Value {
    values[Int(next(UInt64(values.count)))]
  }

  mutating func conversation(_ count: Int) -> [TracedCall] {
    var calls = [openContainer(), openGroup(3), join(), setIOMMU()]
    while calls.count < count { calls.append(call()) }
    return calls
  }

  private mutating func call() -> TracedCall {
    switch next(24) {
    case 0: openContainer()
    case 1: openGroup(pick([3, 4, 6]))
    case 2: join()
    case 3: setIOMMU()
    case 4 where next(4) == 0: close()
    case 5: ioctl(group(), "VFIO_GROUP_GET_STATUS", [("argsz", .decimal(Int64(next(12))))])
    case 6: ioctl(container(), "VFIO_GROUP_UNSET_CONTAINER", nil, on: group())
    case 7:
      ioctl(
        container(), "VFIO_IOMMU_GET_INFO",
        [("argsz", .decimal(Int64(next(160)))), ("flags", .hex(0))])
    case 8..<14: unmap()
    default: map()
    }
  }

  private func container() -> TracedHandle {
    open.last { if case .container = $0 { true } else { false } } ?? .container(1)
  }

  private mutating func group() -> TracedHandle {
    let groups = open.filter { if case .group = $0 { true } else { false } }
    return groups.isEmpty ? .group(3) : pick(groups)
  }

  private mutating func openContainer() -> TracedCall {
    containers += 1
    open.append(.container(containers))
    return .open("/dev/vfio/vfio", flags: 2, .success(.container(containers)))
  }

  private mutating func openGroup(_ number: UInt32) -> TracedCall {
    open.removeAll { $0 == .group(number) }
    open.append(.group(number))
    return .open("/dev/vfio/\(number)", flags: 2, .success(.group(number)))
  }

  private mutating func close() -> TracedCall {
    guard !open.isEmpty else { return openContainer() }
    let handle = open.remove(at: Int(next(UInt64(open.count))))
    return TracedCall(.close, [TracedField(nil, .handle(handle))], result: .value(.decimal(0)))
  }

  private mutating func join() -> TracedCall {
    let arguments: [TracedValue] = [
      .handle(group()), .words(["VFIO_GROUP_SET_CONTAINER"], rest: 0), .handle(container()),
    ]
    return TracedCall(
      .ioctl, arguments.map { TracedField(nil, $0) }, result: .value(.decimal(0)))
  }

  private mutating func setIOMMU() -> TracedCall {
    let type = pick(["VFIO_TYPE1v2_IOMMU", "VFIO_TYPE1v2_IOMMU", "VFIO_TYPE1_IOMMU"])
    let arguments: [TracedValue] = [
      .handle(container()), .words(["VFIO_SET_IOMMU"], rest: 0), .words([type], rest: 0),
    ]
    return TracedCall(
      .ioctl, arguments.map { TracedField(nil, $0) }, result: .value(.decimal(0)))
  }

  private mutating func map() -> TracedCall {
    let size = next(8) << 12
    return ioctl(
      container(), "VFIO_IOMMU_MAP_DMA",
      [
        ("argsz", .decimal(32)), ("flags", .words(pick([["READ"], ["READ", "WRITE"]]), rest: 0)),
        ("vaddr", .memory(region: 1, offset: next(64) << 12)),
        ("iova", .hex(pick([0, 0xfee0_0000 - 0x8000]) + next(24) << 12)), ("size", .hex(size)),
      ])
  }

  private mutating func unmap() -> TracedCall {
    let isWhole = next(8) == 0
    let flags: TracedValue = isWhole ? .words(["ALL"], rest: 0) : .hex(0)
    return ioctl(
      container(), "VFIO_IOMMU_UNMAP_DMA",
      [
        ("argsz", .decimal(24)), ("flags", flags), ("iova", .hex(isWhole ? 0 : next(24) << 12)),
        ("size", .hex(isWhole ? 0 : next(10) << 12)),
      ])
  }

  private func ioctl(
    _ handle: TracedHandle, _ name: String, _ fields: [(String, TracedValue)]?,
    on other: TracedHandle? = nil
  ) -> TracedCall {
    var arguments = [
      TracedField(nil, .handle(other ?? handle)), TracedField(nil, .words([name], rest: 0)),
    ]
    if let fields {
      arguments.append(TracedField(nil, .structure(fields.map { TracedField($0.0, $0.1) })))
    }
    return TracedCall(.ioctl, arguments, result: .value(.decimal(0)))
  }
}
