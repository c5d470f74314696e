import DMATypes
import Traces

/// How much memory each region of a trace needs: what its calls say of it, whether they were
/// granted or not.
struct RegionPlan: Sendable {
  static let pageBytes: UInt64 = 4096
  /// More than any program maps: what is larger is no size.
  private static let maximum: UInt64 = 1 << 44

  /// In bytes from the region's start, by the region's number.
  private(set) var extents: [Int: UInt64] = [:]

  init(_ calls: [TracedCall]) {
    for call in calls {
      for field in call.arguments { reach(field.value, 1) }
      if let fields = call.structure { read(fields, of: call) }
      guard case .value(let result) = call.result else { continue }
      switch call.operation {
      case .mmap, .munmap, .mprotect:
        guard case .hex(let length)? = call.arguments["length"] else { continue }
        if call.operation == .mmap { reach(result, length) }
        if let first = call.arguments.first { reach(first.value, length) }
      case .mremap:
        if case .hex(let length)? = call.arguments["new_length"] { reach(result, length) }
      default: break
      }
    }
  }

  private mutating func read(_ fields: [TracedField], of call: TracedCall) {
    for field in fields { reach(field.value, 1) }
    for (address, size) in [("vaddr", "size"), ("bitmap_data", "bitmap_size")] {
      guard let place = fields[address], case .hex(let byteCount)? = fields[size] else { continue }
      switch call.result {
      case .value, .failure(.noMemory): reach(place, byteCount)
      case .failure: break
      }
    }
    // The first page that is not there is the region's, too.
    if let place = fields["vaddr"] ?? fields["bitmap_data"], let present = call.present {
      reach(place, present + Self.pageBytes)
    }
  }

  private mutating func reach(_ value: TracedValue, _ byteCount: UInt64) {
    guard case .memory(let region, let offset) = value, offset < Self.maximum,
      byteCount < Self.maximum
    else { return }
    extents[region] = max(extents[region] ?? 0, offset + byteCount)
  }
}
