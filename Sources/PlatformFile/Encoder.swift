internal import AddressSpaces
internal import DMATypes
internal import SimulatedPlatform

/// Writes a platform as people would: addresses in hexadecimal, counts in decimal.
enum Encoder {
  private indirect enum Node {
    case plain(String)
    case array([Node])
    case object(KeyValuePairs<String, Node>)

    static func string(_ text: String) -> Node { .plain(quoted(text)) }
    static func hex(_ number: UInt64) -> Node { .plain("\"0x\(String(number, radix: 16))\"") }
    static func count(_ number: some BinaryInteger) -> Node { .plain("\(number)") }
    static func bool(_ value: Bool) -> Node { .plain("\(value)") }

    /// Whether it fits on the line of its key.
    var isShort: Bool {
      switch self {
      case .plain: true
      case .array(let elements): elements.isEmpty
      case .object(let members): members.count <= 3 && members.allSatisfy(\.value.isPlain)
      }
    }
    var isPlain: Bool { if case .plain = self { true } else { false } }
  }

  static func text(of platform: Platform) -> String {
    let file: Node = .object([
      "iommus": .array(platform.iommus.map(node)),
      "bridges": .array(platform.bridges.map(node)),
      "devices": .array(platform.functions.map(node)),
      "parameters": node(platform.parameters),
      "mediated": .array(platform.mediated.map(node)),
    ])
    var text = ""
    write(file, indent: "", to: &text)
    return text + "\n"
  }

  private static func node(_ unit: Platform.IOMMU) -> Node {
    .object([
      "driver": .count(unit.driver),
      "aperture": .object([
        "start": .hex(unit.aperture.start.rawValue), "last": .hex(unit.aperture.last.rawValue),
      ]),
      "page_sizes": .hex(unit.pageSizes.rawValue),
      "enforces_coherency": .bool(unit.enforcesCoherency),
      "isolates_interrupts": .bool(unit.isolatesInterrupts),
      "reads_what_is_writable": .bool(unit.readsWhatIsWritable),
      "reserved_regions": .array(
        unit.reservedRegions.map {
          .object([
            "start": .hex($0.range.start.rawValue), "last": .hex($0.range.last.rawValue),
            "kind": .string($0.kind.rawValue),
          ])
        }),
    ])
  }

  private static func node(_ device: Platform.Mediated) -> Node {
    .object([
      "name": .string(device.name.rawValue), "driver": .string(device.driver),
      "group": .count(device.group.rawValue),
    ])
  }

  private static func node(_ bridge: Platform.Bridge) -> Node {
    .object([
      "address": .string(bridge.address.name.rawValue),
      "model": .string(bridge.model.rawValue),
      "secondary_bus": .count(bridge.secondaryBus),
      "group": .count(bridge.group.rawValue),
    ])
  }

  private static func node(_ function: Platform.Function) -> Node {
    let mask =
      switch function.model {
      case .edu(let mask): mask
      }
    let driver: Node =
      switch function.driver {
      case .none: .plain("null")
      case .vfio: .string("vfio-pci")
      case .native(let name): .string(name)
      }
    return .object([
      "address": .string(function.address.name.rawValue),
      "model": .string("edu"),
      "dma_mask": .hex(mask),
      "driver": driver,
      "group": .count(function.group.rawValue),
      "iommu": function.iommu.map { .count($0) } ?? .plain("null"),
      "memory_base": .hex(UInt64(function.memoryBase)),
      "interrupt_line": .count(function.interruptLine),
    ])
  }

  private static func node(_ parameters: Platform.Parameters) -> Node {
    .object([
      "dma_entry_limit": .count(parameters.dmaEntryLimit),
      "allow_unsafe_interrupts": .bool(parameters.allowUnsafeInterrupts),
      "disable_hugepages": .bool(parameters.disableHugePages),
      "enable_unsafe_noiommu_mode": .bool(parameters.allowNoIOMMU),
    ])
  }

  private static func write(_ node: Node, indent: String, to text: inout String) {
    let inner = indent + "  "
    switch node {
    case .plain(let word): text += word
    case .array(let elements) where elements.isEmpty: text += "[]"
    case .array(let elements):
      text += "[\n"
      for (index, element) in elements.enumerated() {
        text += inner
        write(element, indent: inner, to: &text)
        text += index + 1 < elements.count ? ",\n" : "\n"
      }
      text += indent + "]"
    case .object(let members):
      let isShort = node.isShort
      text += isShort ? "{ " : "{\n"
      for (index, member) in members.enumerated() {
        text += (isShort ? "" : inner) + quoted(member.key) + ": "
        write(member.value, indent: inner, to: &text)
        text += index + 1 < members.count ? (isShort ? ", " : ",\n") : (isShort ? " " : "\n")
      }
      text += isShort ? "}" : indent + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\\(scalar)"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
