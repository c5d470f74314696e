internal import DMATypes
internal import LegacyVFIO
internal import SimulatedPlatform
internal import UAPI

/// Answers the calls of one open device, whose lock is held.
@unsafe private struct DeviceService: DeviceServer {
  let unit: DeviceUnit
  let state: UnsafeMutablePointer<DeviceState>
  let environment: DeviceUnitEnvironment

  mutating func perform(_ request: DeviceRequest) throws(Errno) -> DeviceReply {
    // SAFETY: the pointer is the shared state, for as long as the lock is held.
    try unsafe unit.device.perform(request, &state.pointee, in: environment)
  }
}

extension DeviceUnit {
  /// One ioctl of the device's file: its result, or −errno.
  func serve(_ machine: Machine, _ number: UInt64, _ argument: UInt64) -> Int {
    let result = withState(machine) { state, environment in
      unsafe withUnsafeMutablePointer(to: &state) { state in
        var service = unsafe DeviceService(unit: self, state: state, environment: environment)
        return unsafe DeviceCodec.serve(
          UInt32(truncatingIfNeeded: number), argument, by: &service)
      }
    }
    return result ?? -Int(Errno.inputOutput.rawValue)
  }
}
