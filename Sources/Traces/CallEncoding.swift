/// What an ioctl of a trace passes, made again for a process that replays it.
public struct EncodedIoctl: Sendable {
  /// The third argument of ioctl(2).
  public enum Argument: Hashable, Sendable {
    /// A number, passed by value.
    case number(UInt64)
    /// An address where there is memory that nobody looks at.
    case anywhere
    /// An address where there is none.
    case nowhere
    /// The address of bytes, with zeros up to `room` bytes behind them.
    case bytes([UInt8], room: Int, memory: Memory)
  }

  /// What the bytes of an argument stand in.
  public enum Memory: Hashable, Sendable {
    /// Memory of the program's.
    case writable
    /// Memory that the call cannot write to.
    case readonly
    /// Memory that ends with the last byte.
    case cut
  }

  /// The second argument.
  public var request: UInt32
  /// The third argument.
  public var argument: Argument
}

extension TracedCall {
  /// The numbers of an ioctl. `resolve` stands in for the program's memory and descriptors: it
  /// answers the address of a place in memory and the number of a descriptor.
  ///
  /// Nil when the call is no ioctl that `TraceLine.parse` accepts.
  public func encoded(resolve: (TracedValue) -> UInt64) -> EncodedIoctl? {
    guard operation == .ioctl, let handle, arguments.count > 1 else { return nil }
    let value = arguments.count > 2 ? arguments[2].value : nil
    switch arguments[1].value {
    case .hex(let number):
      let request = UInt32(truncatingIfNeeded: number)
      let argument: EncodedIoctl.Argument =
        switch value {
        case .hex(let number)?: .number(number)
        case .mark(.unreadable)?: .nowhere
        case .bytes(let bytes)?:
          .bytes(
            bytes.shown, room: max(bytes.shown.count, UnnamedRequest(request).outputCount),
            memory: .writable)
        default: .anywhere
        }
      return EncodedIoctl(request: request, argument: argument)
    case .words(let words, 0):
      guard let request = Vocabulary.requests(of: handle).first(where: { [$0.name] == words }),
        var argument = try? request.argument.encode(value, resolve)
      else { return nil }
      if structure?["vaddr"] == nil, structure?["bitmap_data"] == nil, let present,
        case .bytes(let bytes, _, _) = argument
      {
        let zeros = [UInt8](repeating: 0, count: max(0, Int(clamping: present) - bytes.count))
        argument = .bytes(bytes + zeros, room: bytes.count + zeros.count, memory: .cut)
      }
      return EncodedIoctl(request: request.number, argument: argument)
    default: return nil
    }
  }
}

extension TracedCall {
  /// How many bytes were there when a call was EFAULT: of the memory that MAP_DMA was to pin, of
  /// the bitmap, or of the structure's `argsz`.
  public var present: UInt64? {
    guard case .structure(let fields)? = output, case .hex(let count)? = fields["present"] else {
      return nil
    }
    return count
  }
}

extension ArgumentLayout {
  fileprivate func encode(
    _ value: TracedValue?, _ resolve: (TracedValue) -> UInt64
  ) throws(Complaint) -> EncodedIoctl.Argument {
    guard let value else { return .number(0) }
    switch (self, value) {
    case (_, .mark(.null)): return .number(0)
    case (_, .mark(.unreadable)): return .nowhere
    case (.value(let table), _): return .number(try table.bits(of: value))
    case (.descriptor, _):
      var bytes: [UInt8] = []
      let number = try FieldFormat.descriptor.bits(of: value, width: 4, resolve: resolve)
      bytes.put(number, at: 0, width: 4)
      return .bytes(bytes, room: 4, memory: .writable)
    case (.text, .text(let text)):
      return .bytes(text.count < 4096 ? text + [0] : text, room: 0, memory: .writable)
    case (.structure(let layout), .structure(let fields)):
      let bytes = try layout.encode(fields, resolve: resolve)
      let memory: EncodedIoctl.Memory =
        switch fields.last?.value {
        case .mark(.unreadable): .cut
        case .mark(.readonly): .readonly
        default: .writable
        }
      let told = Int(clamping: bytes.number(at: 0, width: 4) ?? 0)
      let room = max(min(told, StructureLayout.maximum), layout.byteCount, bytes.count)
      return .bytes(bytes, room: memory == .cut ? bytes.count : room, memory: memory)
    default: return .nowhere
    }
  }
}

extension TracedCall {
  /// The arguments that come by name, in the order of the C prototype: sizes, offsets, flags.
  ///
  /// `resolve` as for `encoded`. Nil when the call is none that `TraceLine.parse` accepts.
  public func numbers(resolve: (TracedValue) -> UInt64) -> [UInt64]? {
    var numbers: [UInt64] = []
    for (name, format) in Vocabulary.named(operation) {
      guard let value = arguments[name],
        let bits = try? format.bits(of: value, width: 8, resolve: resolve)
      else { return nil }
      numbers.append(bits)
    }
    return numbers
  }
}
