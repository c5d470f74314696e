internal import DMATypes
internal import SimulatedPlatform
internal import UAPI

extension DeviceUnit {
  /// One ioctl of the device's file: its result, or −errno.
  func serve(_ machine: Machine, _ number: UInt64, _ argument: UInt64) -> Int {
    withState(machine) { state, environment in
      0
    } ?? -Int(Errno.inputOutput.rawValue)
  }
}
