import UAPI

/// A structure that an ioctl points at: what the program puts in, and what comes out.
struct StructureLayout: Sendable {
  /// What comes out beyond the fields.
  enum OutputTail: Sendable {
    case none, containerCapabilities, regionCapabilities, devices, payload, bitmap
  }
  /// What the structure's first bytes say of the rest.
  struct Rest: Sendable {
    var fields: [FieldLayout] = []
    var data: DataLayout?
  }

  /// The structure without what follows it, in bytes.
  let byteCount: Int
  let fields: [FieldLayout]
  var tail = OutputTail.none
  var rest: @Sendable ([UInt8]) -> Rest = { _ in Rest() }

  /// Structures never take more of a line than this many bytes.
  static let maximum = 65536

  private func inputs(_ bytes: [UInt8]) -> [FieldLayout] {
    fields.filter { $0.direction != .output } + (bytes.count < byteCount ? [] : rest(bytes).fields)
  }

  /// How many bytes the call may read, by the first of them.
  func inputByteCount(_ bytes: [UInt8]) -> Int {
    guard bytes.count >= byteCount else { return byteCount }
    let rest = rest(bytes)
    return max(byteCount, rest.fields.map(\.end).max() ?? 0, rest.data?.end ?? 0)
  }

  /// What the program put in. Fewer bytes than `inputByteCount`: the rest is not there.
  func decode(_ bytes: [UInt8], _ naming: inout some TraceNaming) -> [TracedField] {
    var result: [TracedField] = []
    for field in inputs(bytes) {
      guard let number = bytes.number(at: field.offset, width: field.width) else { break }
      result.append(
        TracedField(field.name, field.format.value(of: number, width: field.width, &naming)))
    }
    if bytes.count >= byteCount, let data = rest(bytes).data {
      result.append(TracedField(data.name, value(of: data, bytes, &naming)))
    }
    if bytes.count < inputByteCount(bytes) { result.append(TracedField(nil, .mark(.unreadable))) }
    return result
  }

  private func value(
    of data: DataLayout, _ bytes: [UInt8], _ naming: inout some TraceNaming
  ) -> TracedValue {
    guard let width = data.elementWidth else {
      return .bytes(TracedBytes(of: bytes[min(data.offset, bytes.count)...].prefix(data.count)))
    }
    var values: [TracedValue] = []
    for index in 0..<data.count {
      guard let number = bytes.number(at: data.offset + index * width, width: width) else { break }
      values.append(data.format.value(of: number, width: width, &naming))
    }
    return .list(values)
  }

  /// The bytes that a program puts in, `resolve` standing in for its memory and descriptors.
  func encode(
    _ fields: [TracedField], resolve: (TracedValue) -> UInt64
  ) throws(Complaint) -> [UInt8] {
    var bytes: [UInt8] = []
    var given = fields[...]
    let isCut = given.last?.value == .mark(.unreadable)
    if given.last?.name == nil { given = given.dropLast() }
    if case .bitmap = tail, let field = given.last, field.name == "bitmap" {
      guard case .bytes = field.value else { throw Complaint("a bitmap is bytes") }
      given = given.dropLast()
    }
    try put(self.fields.filter { $0.direction != .output }, &given, isCut, &bytes, resolve)
    if isCut && given.isEmpty { return bytes }
    if bytes.count < byteCount { bytes.put(0, at: byteCount - 1, width: 1) }
    let rest = rest(bytes)
    try put(rest.fields, &given, isCut, &bytes, resolve)
    if let data = rest.data, !(isCut && given.isEmpty) {
      guard let field = given.popFirst(), field.name == data.name else {
        throw Complaint("the field '\(data.name)' is missing")
      }
      try put(data, field.value, isCut, &bytes, resolve)
    }
    if let field = given.first { throw Complaint("the field '\(field)' does not belong here") }
    return bytes
  }

  private func put(
    _ layouts: [FieldLayout], _ given: inout ArraySlice<TracedField>, _ isCut: Bool,
    _ bytes: inout [UInt8], _ resolve: (TracedValue) -> UInt64
  ) throws(Complaint) {
    for layout in layouts {
      if isCut && given.isEmpty { return }
      guard let field = given.popFirst(), field.name == layout.name else {
        throw Complaint("the field '\(layout.name)' is missing")
      }
      let number = try layout.format.bits(of: field.value, width: layout.width, resolve: resolve)
      bytes.put(number, at: layout.offset, width: layout.width)
    }
  }

  private func put(
    _ data: DataLayout, _ value: TracedValue, _ isCut: Bool, _ bytes: inout [UInt8],
    _ resolve: (TracedValue) -> UInt64
  ) throws(Complaint) {
    switch (data.elementWidth, value) {
    case (nil, .bytes(let content)):
      let count = content.shown.count + Int(clamping: content.omitted)
      guard count == data.count || isCut && count < data.count else {
        throw Complaint("\(data.count) bytes belong to '\(data.name)'")
      }
      for (index, byte) in content.shown.enumerated() {
        bytes.put(UInt64(byte), at: data.offset + index, width: 1)
      }
    case (let width?, .list(let values)):
      guard values.count == data.count || isCut && values.count < data.count else {
        throw Complaint("\(data.count) elements belong to '\(data.name)'")
      }
      for (index, value) in values.enumerated() {
        let number = try data.format.bits(of: value, width: width, resolve: resolve)
        bytes.put(number, at: data.offset + index * width, width: width)
      }
    default: throw Complaint("'\(value)' cannot be '\(data.name)'")
    }
  }

  /// What came out: after success every field that the call writes, after a refusal what changed.
  /// Nil for nothing. `after` reaches as far as the program said it has room.
  func output(
    before: [UInt8], after: [UInt8], isGranted: Bool, _ naming: inout some TraceNaming
  ) -> [TracedField]? {
    let room = Int(clamping: before.number(at: 0, width: 4) ?? 0)
    var result: [TracedField] = []
    for field in fields where field.direction != .input && field.end <= room {
      let known = before.number(at: field.offset, width: field.width)
      guard let number = after.number(at: field.offset, width: field.width),
        isGranted || known != nil && known != number
      else { continue }
      result.append(
        TracedField(field.name, field.format.value(of: number, width: field.width, &naming)))
    }
    if isGranted, let tail = outputTail(before: before, after: Array(after.prefix(room))) {
      result.append(tail)
    }
    return result.isEmpty ? nil : result
  }

  private func outputTail(before: [UInt8], after: [UInt8]) -> TracedField? {
    // cap_offset means nothing without CAPS: what it points at then is the program's own.
    let flags = after.number(at: 4, width: 4) ?? 0
    switch tail {
    case .none, .bitmap: return nil
    case .containerCapabilities where flags & 2 == 0, .regionCapabilities where flags & 8 == 0:
      return nil
    case .containerCapabilities:
      return Capability.list(in: after, headOffset: 16).map { TracedField("capabilities", $0) }
    case .regionCapabilities:
      return Capability.list(in: after, headOffset: 12).map { TracedField("capabilities", $0) }
    case .devices: return TracedField("devices", Capability.devices(in: after))
    case .payload:
      let isGet = before.number(at: 4, width: 4).map { $0 & 0x50000 == 0x10000 } ?? false
      return isGet ? TracedField("data", .bytes(TracedBytes(of: after.dropFirst(8)))) : nil
    }
  }

  /// Refuses output that no call writes.
  func check(output fields: [TracedField]) throws(Complaint) {
    for field in fields {
      if let layout = self.fields.first(where: { $0.name == field.name && $0.direction != .input })
      {
        _ = try layout.format.bits(of: field.value, width: layout.width) { _ in 0 }
      } else if !["capabilities", "devices", "data", "bitmap", "present"].contains(field.name) {
        throw Complaint("no output '\(field.name ?? field.description)'")
      }
    }
  }
}
