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

  /// Registers the device. The driver is looked for from wherever a process of the run stands, so
  /// its whole path is kept.
  func add(to platform: inout Platform) throws(Refusal) {
    guard let whole = unsafe realpath(path, nil) else {
      throw Refusal("cannot find the driver \(path): \(System.Failure(number: errno).text)")
    }
    defer { unsafe free(whole) }
    platform.add(mediated: DeviceName(rawValue: name), driver: unsafe String(cString: whole))
    if let problem = platform.problem { throw Refusal("--mediated \(name): \(problem)") }
  }
}
