internal import DMATypes
internal import Shim

/// The drivers of a container's devices, each of which the caller has to itself.
struct HeldDrivers: MediatedDrivers {
  let units: [MediatedUnit]

  mutating func letGo(of mapping: IOVARange) -> [UnpinRequest] {
    units.flatMap { $0.letGo(of: mapping) }
  }

  mutating func unmapFailed(_ mapping: IOVARange) {
    for unit in units { unit.unmapFailed(mapping) }
  }
}
