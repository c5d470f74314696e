import DMATypes
import UAPI

/// One ioctl while it is made: what the program said is read before, what it was told after.
///
/// The same on whatever answers: the software IOMMU or the real kernel.
public struct IoctlRecording<Memory: TracedMemory> {
  private let layout: RequestLayout?
  private let argument: UserAddress
  private let before: [UInt8]
  private let memory: Memory
  private var fields: [TracedField]
  /// Bytes that a request without a name writes.
  private let written: Int
  /// What stood in the bitmap, unless that was all zeros: type1 adds to its first word.
  private var bitmapBefore: TracedBytes?

  /// Reads the argument from the program's memory. `handle` must be a container, a group or a
  /// device.
  public init(
    of handle: TracedHandle, request: UInt32, argument: UInt64, in memory: Memory,
    _ naming: inout some TraceNaming
  ) {
    self.memory = memory
    self.argument = UserAddress(argument)
    layout = Vocabulary.request(request, on: handle)
    fields = [TracedField(nil, .handle(handle))]
    guard let layout else {
      let count = UnnamedRequest(request).inputCount
      before = memory.readable(at: self.argument, count: count)
      fields.append(TracedField(nil, .hex(UInt64(request))))
      fields.append(TracedField(nil, Self.value(argument, count, before)))
      written = UnnamedRequest(request).outputCount
      return
    }
    written = 0
    fields.append(TracedField(nil, .words([layout.name], rest: 0)))
    before = Self.read(layout.argument, at: self.argument, in: memory)
    guard let value = value(of: layout.argument, &naming) else { return }
    fields.append(TracedField(nil, value))
    if case .structure(let structure) = layout.argument, let place = bitmap(of: structure) {
      let content = content(of: place)
      if content.shown.contains(where: { $0 != 0 }) { bitmapBefore = content }
    }
  }

  /// The argument of a request without a name that takes so many bytes.
  private static func value(_ argument: UInt64, _ count: Int, _ before: [UInt8]) -> TracedValue {
    if argument < 0x10000 || argument >> 47 != 0 { return .hex(argument) }
    if count == 0 { return .mark(.pointer) }
    return before.count < count ? .mark(.unreadable) : .bytes(TracedBytes(before))
  }

  private static func read(
    _ layout: ArgumentLayout, at address: UserAddress, in memory: Memory
  ) -> [UInt8] {
    switch layout {
    case .none, .value: return []
    case .descriptor: return memory.readable(at: address, count: 4)
    case .text: return memory.readable(at: address, count: 4096)
    case .structure(let layout):
      let head = memory.readable(at: address, count: layout.byteCount)
      return memory.readable(at: address, count: layout.inputByteCount(head))
    }
  }

  private func value(
    of layout: ArgumentLayout, _ naming: inout some TraceNaming
  ) -> TracedValue? {
    switch layout {
    case .none: return nil
    case .value(let table): return table.value(of: argument.rawValue)
    case _ where argument.rawValue == 0 && before.isEmpty: return .mark(.null)
    case .descriptor:
      guard let number = before.number(at: 0, width: 4) else { return .mark(.unreadable) }
      return naming.name(descriptor: Int32(truncatingIfNeeded: number))
    case .text:
      let text = before.prefix { $0 != 0 }
      // Text without an end is text all the same, if the memory has the page that the kernel reads.
      return text.count < before.count || before.count == 4096
        ? .text(Array(text)) : .mark(.unreadable)
    case .structure(let layout):
      let fields = layout.decode(before, &naming)
      return fields.first?.name == nil ? .mark(.unreadable) : .structure(fields)
    }
  }

  /// The whole call. `result` is the ioctl's own or −errno; `opened` the file that it is the
  /// descriptor of.
  public func call(
    result: Int, opened: TracedHandle?, _ naming: inout some TraceNaming
  ) -> TracedCall {
    var call = TracedCall(
      .ioctl, fields,
      result: result < 0
        ? .failure(Errno(rawValue: Int32(clamping: -result)))
        : .value(opened.map { .handle($0) } ?? .decimal(Int64(result))))
    if written > 0, result >= 0 {
      call.output = .bytes(TracedBytes(memory.readable(at: argument, count: written)))
    }
    guard case .structure(let layout) = self.layout?.argument, before.count >= layout.byteCount
    else { return call }
    if result == -Int(Errno.badAddress.rawValue) { note(fault: layout, in: &call) }
    if result >= 0, let bitmapBefore, var parts = call.structure {
      parts.append(TracedField("bitmap", .bytes(bitmapBefore)))
      call.arguments[2].value = .structure(parts)
    }
    let room = min(
      Int(before.number(at: 0, width: 4) ?? 0), StructureLayout.maximum)
    let after = memory.readable(at: argument, count: max(room, layout.byteCount))
    var output =
      layout.output(before: before, after: after, isGranted: result >= 0, &naming) ?? []
    output += fault(result, layout)
    output += shortage(result, in: call, layout, room)
    if result >= 0 { output += granted(layout, &naming) }
    if !output.isEmpty { call.output = .structure(output) }
    return call
  }

  /// Says why a structure that could be read was EFAULT: it cannot be written.
  private func note(fault layout: StructureLayout, in call: inout TracedCall) {
    let count = UInt64(layout.byteCount)
    guard case .structure(var fields) = call.arguments.last?.value,
      fields.last?.name != nil,
      memory.present(at: argument, count: count, for: .write) < count
    else { return }
    fields.append(TracedField(nil, .mark(.readonly)))
    call.arguments[call.arguments.count - 1].value = .structure(fields)
  }

  /// How much of the structure is there, up to what its `argsz` says, when that explains EFAULT.
  private func shortage(
    _ result: Int, in call: TracedCall, _ layout: StructureLayout, _ room: Int
  ) -> [TracedField] {
    guard result == -Int(Errno.badAddress.rawValue), !isMap, bitmap(of: layout) == nil,
      room > layout.byteCount,
      call.structure?.last?.name != nil
    else { return [] }
    let there = memory.present(at: argument, count: UInt64(room), for: .write)
    return there < room ? [TracedField("present", .hex(there))] : []
  }

  private var isMap: Bool { layout?.name == "VFIO_IOMMU_MAP_DMA" }

  /// How much of the memory is there that a refused MAP_DMA asked for, or of a bitmap.
  private func fault(_ result: Int, _ layout: StructureLayout) -> [TracedField] {
    if result == -Int(Errno.badAddress.rawValue), let place = bitmap(of: layout) {
      let there = memory.present(
        at: UserAddress(place.address), count: place.byteCount, for: .write)
      return there < place.byteCount ? [TracedField("present", .hex(there))] : []
    }
    guard isMap, result == -Int(Errno.badAddress.rawValue),
      let flags = before.number(at: 4, width: 4), let address = before.number(at: 8, width: 8),
      let size = before.number(at: 24, width: 8)
    else { return [] }
    let there = memory.present(
      at: UserAddress(address), count: size, for: flags & 2 != 0 ? .write : .read)
    return there < size ? [TracedField("present", .hex(there))] : []
  }

  /// What a granted call says of memory beyond the structure.
  private func granted(
    _ layout: StructureLayout, _ naming: inout some TraceNaming
  ) -> [TracedField] {
    if isMap, let address = before.number(at: 8, width: 8),
      let size = before.number(at: 24, width: 8)
    {
      naming.extend(address: address, byteCount: size)
    }
    guard let bitmap = bitmap(of: layout) else { return [] }
    naming.extend(address: bitmap.address, byteCount: bitmap.byteCount)
    return [TracedField("bitmap", .bytes(content(of: bitmap)))]
  }

  /// Where the program wants a bitmap.
  private func bitmap(of layout: StructureLayout) -> (address: UInt64, byteCount: UInt64)? {
    guard case .bitmap = layout.tail, before.count >= layout.byteCount else { return nil }
    let rest = layout.rest(before).fields
    guard let data = rest.first(where: { $0.name == "bitmap_data" }),
      let length = rest.first(where: { $0.name == "bitmap_size" }),
      let address = before.number(at: data.offset, width: 8),
      let size = before.number(at: length.offset, width: 8)
    else { return nil }
    return (address, size)
  }

  private func content(of bitmap: (address: UInt64, byteCount: UInt64)) -> TracedBytes {
    let shown = memory.readable(
      at: UserAddress(bitmap.address),
      count: Int(min(bitmap.byteCount, UInt64(TracedBytes.maximum))))
    return TracedBytes(shown, omitted: bitmap.byteCount - UInt64(shown.count))
  }
}
