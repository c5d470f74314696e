import CLinux
import CMediated
import DMATypes
import Glibc
import SimulatedPlatform

/// `--mediated [NAME=]DRIVER`: a device that a driver in user space makes.
struct MediatedOption: Equatable {
  /// What programs call the device: the driver's file name without `.so` when nothing else is said.
  let name: String
  /// The driver's path as it was given.
  let path: String

  init(_ text: String) throws(Refusal) {
    if let equals = text.firstIndex(of: "=") {
      name = String(text[..<equals])
      path = String(text[text.index(after: equals)...])
    } else {
      path = text
      let file = text.split(separator: "/").last.map(String.init) ?? ""
      name = file.hasSuffix(".so") ? String(file.dropLast(3)) : file
    }
    guard !name.isEmpty, !path.isEmpty else {
      throw Refusal("--mediated wants [NAME=]DRIVER.so, not '\(text)'", status: Refusal.usage)
    }
  }

  /// A driver's whole path: it is looked for from wherever a process of the run stands. What will
  /// not load there is told here.
  private static func whole(_ path: String) throws(Refusal) -> String {
    guard let whole = unsafe realpath(path, nil) else {
      throw Refusal("cannot find the driver \(path): \(System.Failure(number: errno).text)")
    }
    defer { unsafe free(whole) }
    guard let driver = unsafe clinux_load_driver(whole) else {
      let reason = unsafe dlerror().map { unsafe String(cString: $0) }
      throw Refusal("\(path) is no mediated driver: \(reason ?? "no vfio_ioasid_driver")")
    }
    // SAFETY: the symbol is the driver's vfio_device_ops, which begin with their version.
    guard unsafe driver.load(as: UInt32.self) == UInt32(VFIO_IOASID_VERSION) else {
      throw Refusal("\(path) was built for another vfio_ioasid.h")
    }
    return unsafe String(cString: whole)
  }

  /// Finds the drivers that a platform's file names, beside that file when their paths are not
  /// whole.
  static func findDrivers(of platform: inout Platform, in file: String) throws(Refusal) {
    let directory = file.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .map { $0 + "/" }.joined()
    for (index, device) in platform.mediated.enumerated() {
      let isWhole = device.driver.hasPrefix("/")
      platform.mediated[index].driver = try whole(
        isWhole ? device.driver : directory + device.driver)
    }
  }

  /// Registers the device.
  func add(to platform: inout Platform) throws(Refusal) {
    platform.add(mediated: DeviceName(rawValue: name), driver: try Self.whole(path))
    if let problem = platform.problem { throw Refusal("--mediated \(name): \(problem)") }
  }
}
