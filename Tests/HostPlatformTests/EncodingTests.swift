import AddressSpaces
import DMATypes
import HostPlatform
import Testing

/// Random machines, the same for the same seed.
struct MachineGenerator {
  var state: UInt64

  mutating func next(below bound: UInt64) -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state >> 33) % bound
  }

  mutating func pick<Value>(_ values: [Value]) -> Value {
    values[Int(next(below: UInt64(values.count)))]
  }

  mutating func machine() -> HostPlatform {
    HostPlatform(groups: (0..<next(below: 5)).map { _ in group() })
  }

  private mutating func group() -> HostGroup {
    HostGroup(
      number: GroupNumber(rawValue: UInt32(next(below: 100))),
      type: pick(["", "DMA-FQ", "identity"]), kind: pick([.physical, .emulated, .noIOMMU]),
      devices: (0..<next(below: 4)).map { _ in device() },
      reservedRegions: (0..<next(below: 3)).map { _ in
        let start = next(below: 1 << 30)
        return ReservedRegion(
          range: IOVARange(
            start: IOVA(start), last: IOVA(pick([start, start + 4095, .max]))),
          kind: pick([.direct, .directRelaxable, .reserved, .interrupt]))
      }, iommuDriver: pick(["", "dmar", "smmu3"]))
  }

  private mutating func device() -> HostDevice {
    HostDevice(
      name: DeviceName(rawValue: pick(["0000:00:05.0", "10000:e1:00.0", "gerät", ""])),
      driver: pick([nil, "", "vfio-pci", "e1000e"]), isBoundToVFIO: next(below: 2) == 0,
      cdev: pick([nil, "vfio0", "vfio17"]), major: UInt32(next(below: 4096)),
      minor: UInt32(next(below: 1 << 20)), isPCI: next(below: 2) == 0)
  }
}

@Suite("A machine's groups as bytes")
struct EncodingTests {
  @Test("What was encoded decodes to the same", arguments: 0..<200 as Range<UInt64>)
  func identity(seed: UInt64) {
    var generator = MachineGenerator(state: seed)
    let machine = generator.machine()
    #expect(HostPlatform(decoding: machine.encoded) == machine)
  }

  @Test("Any other length and any other byte is refused", arguments: 0..<20 as Range<UInt64>)
  func damage(seed: UInt64) {
    var generator = MachineGenerator(state: seed)
    let bytes = generator.machine().encoded
    for count in bytes.indices {
      #expect(HostPlatform(decoding: Array(bytes[..<count])) == nil)
      var damaged = bytes
      damaged[count] ^= UInt8(1 + generator.next(below: 255))
      #expect(HostPlatform(decoding: damaged) == nil)
    }
    #expect(HostPlatform(decoding: bytes + [0]) == nil)
  }

  @Test("Counts and lengths beyond the end are refused although the checksum is right")
  func lengths() {
    let machine = HostPlatform(groups: [
      HostGroup(
        number: GroupNumber(rawValue: 3), type: "DMA",
        devices: [HostDevice(name: DeviceName(rawValue: "0000:00:05.0"), driver: "vfio-pci")])
    ])
    let body = machine.encoded.dropLast(8)
    for place in 8..<body.count {
      for byte in [0x02, 0x7f, 0xff] as [UInt8] {
        var damaged = Array(body)
        damaged[place] = byte
        let sum = damaged.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
          ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        damaged += (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) }
        // Another machine or none; what decodes, encodes to the same bytes.
        if let other = HostPlatform(decoding: damaged) { #expect(other.encoded == damaged) }
      }
    }
  }
}
