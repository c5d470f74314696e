import UAPI

/// The chains and arrays that replies carry.
enum Capability {
  /// Links that a chain may have before it is taken for a circle.
  private static let maximum = 64

  /// The capabilities from the one that the word at `headOffset` names; nil for none.
  static func list(in bytes: [UInt8], headOffset: Int) -> TracedValue? {
    var values: [TracedValue] = []
    var next = Int(bytes.number(at: headOffset, width: 4) ?? 0)
    while next != 0, values.count < maximum,
      let id = bytes.number(at: next, width: 2), let version = bytes.number(at: next + 2, width: 2),
      let after = bytes.number(at: next + 4, width: 4)
    {
      let end = after > UInt64(next) ? min(Int(after), bytes.count) : bytes.count
      let isContainer = headOffset == 16
      let table = isContainer ? containerNames : regionNames
      var fields = [
        TracedField("id", table.value(of: id)), TracedField("version", .decimal(Int64(version))),
        TracedField("next", .hex(after)),
      ]
      fields += content(of: isContainer ? id : 0, bytes, from: next + 8, to: end)
      values.append(.structure(fields))
      next = Int(after)
    }
    return values.isEmpty ? nil : .list(values)
  }

  private static let containerNames = NameTable(
    mask: .max, choices: [1: "IOVA_RANGE", 2: "MIGRATION", 3: "DMA_AVAIL"])
  private static let regionNames = NameTable(
    mask: .max, choices: [1: "SPARSE_MMAP", 2: "TYPE", 3: "MSIX_MAPPABLE"])

  /// A container's capability by its fields, any other by its bytes.
  private static func content(
    of id: UInt64, _ bytes: [UInt8], from start: Int, to end: Int
  ) -> [TracedField] {
    func hex(_ name: String, _ offset: Int, _ width: Int) -> TracedField {
      TracedField(name, .hex(bytes.number(at: start + offset, width: width) ?? 0))
    }
    switch id {
    case 1:
      let count = Int(bytes.number(at: start, width: 4) ?? 0)
      let ranges = (0..<min(count, bytes.count / 16)).map { index in
        TracedValue.structure([
          hex("start", 8 + index * 16, 8), hex("end", 16 + index * 16, 8),
        ])
      }
      return [
        TracedField("nr_iovas", .decimal(Int64(count))), TracedField("iova_ranges", .list(ranges)),
      ]
    case 2:
      return [
        hex("flags", 0, 4), hex("pgsize_bitmap", 8, 8), hex("max_dirty_bitmap_size", 16, 8),
      ]
    case 3:
      return [TracedField("avail", .decimal(Int64(bytes.number(at: start, width: 4) ?? 0)))]
    default: return [TracedField("data", .bytes(TracedBytes(of: bytes[min(start, end)..<end])))]
    }
  }

  /// The array of GET_PCI_HOT_RESET_INFO.
  static func devices(in bytes: [UInt8]) -> TracedValue {
    let start = MemoryLayout<HotResetLayout>.size
    let width = MemoryLayout<DependentDeviceLayout>.size
    let count = Int(bytes.number(at: 8, width: 4) ?? 0)
    let there = max(0, bytes.count - start) / width
    return .list(
      (0..<min(count, there)).map { index in
        let place = start + index * width
        func number(_ offset: Int, _ width: Int) -> UInt64 {
          bytes.number(at: place + offset, width: width) ?? 0
        }
        return .structure([
          TracedField("group_id", .decimal(Int64(number(0, 4)))),
          TracedField("segment", .hex(number(4, 2))), TracedField("bus", .hex(number(6, 1))),
          TracedField("devfn", .hex(number(7, 1))),
        ])
      })
  }
}
