internal import AddressSpaces
public import DMATypes
internal import LegacyVFIO
public import Shim
public import SoftwareIOMMU
internal import UAPI

/// The open mediated devices of a script.
public struct ScriptedDrivers {
  fileprivate var drivers: [GroupNumber: PinsDriver] = [:]

  mutating func open(_ device: String, in group: GroupNumber) {
    guard PinsDriver.names.contains(device) else { return }
    drivers[group] = PinsDriver(of: device)
  }
}

/// Those of one container.
extension ScriptedDrivers: MediatedDrivers {
  /// What they give back of a mapping that goes.
  public mutating func letGo(of mapping: IOVARange) -> [UnpinRequest] {
    drivers.keys.sorted().flatMap { group in
      guard drivers[group]?.hears ?? false else { return [UnpinRequest]() }
      return drivers[group]?.letGo(mapping.start.rawValue, mapping.size).map { $0.request } ?? []
    }
  }

  /// They are deaf to that.
  public mutating func unmapFailed(_ mapping: IOVARange) {}

  fileprivate func isIn(_ container: ScriptedContainer<SoftwareGround.Backend>) -> Self {
    Self(drivers: drivers.filter { container.session.state.group($0.key) != nil })
  }
}

extension PinsDriver.Held {
  fileprivate var request: UnpinRequest { UnpinRequest(iova: IOVA(iova), count: Int(count)) }
}

/// A container whose drivers are asked before memory goes.
private struct AskingContainer: ContainerServer {
  var served: ScriptedContainer<SoftwareGround.Backend>
  var drivers: ScriptedDrivers

  func admit(_ command: ContainerCommand) throws(Errno) { try served.admit(command) }

  mutating func perform(_ request: ContainerRequest) throws(Errno) -> ContainerReply {
    if case .unmap(let request) = request {
      try served.session.letGo(before: request, drivers: &drivers, journal: &served.journal)
    }
    return try served.perform(request)
  }
}

extension SoftwareGround {
  /// Asks drivers before an UNMAP.
  public func serve(
    _ number: UInt32, _ argument: UInt64, by container: inout ScriptedContainer<Backend>,
    asking drivers: inout ScriptedDrivers
  ) -> Int {
    var asking = AskingContainer(served: container, drivers: drivers.isIn(container))
    let result = ContainerCodec.serve(number, argument, by: &asking)
    container = asking.served
    drivers.drivers.merge(asking.drivers.drivers) { $1 }
    return result
  }

  /// As `pins_perform()` of pins.h.
  public func perform(
    _ call: Call, byDriverOf group: GroupNumber, of drivers: inout ScriptedDrivers,
    in container: inout ScriptedContainer<Backend>, of arena: ScriptArena
  ) -> Outcome {
    guard let driver = drivers.drivers[group] else {
      return Outcome(-Int64(Errno.invalidArgument.rawValue))
    }
    let numbers = call.numbers.map(\.value)
    switch call.verb {
    case .pin:
      let pins = PinsDriver.Held(iova: numbers[0], count: Int32(truncatingIfNeeded: numbers[1]))
      guard driver.hasRoom else { return Outcome(-Int64(Errno.noSpace.rawValue)) }
      let outcome = pin(pins, numbers[2], driver, group, &container)
      if outcome.result > 0 { drivers.drivers[group]?.remember(pins) }
      return outcome
    case .unpin:
      let pins = PinsDriver.Held(iova: numbers[0], count: Int32(truncatingIfNeeded: numbers[1]))
      if driver.hears { container.session.unpin(pins.request, journal: &container.journal) }
      drivers.drivers[group]?.forget(pins)
      return Outcome(0)
    case .driverRead, .driverWrite:
      if call.verb == .driverWrite { arena.noteWrites() }
      return copy(call, numbers[0], numbers[1], &container)
    case .keep:
      drivers.drivers[group]?.keep(Int32(truncatingIfNeeded: numbers[0]))
      return Outcome(0)
    default: return drivers.drivers[group]?.takeTold() ?? Outcome(0)
    }
  }

  /// What the driver holds.
  public func closeDriver(
    of group: GroupNumber, of drivers: inout ScriptedDrivers,
    in container: inout ScriptedContainer<Backend>
  ) {
    guard let driver = drivers.drivers.removeValue(forKey: group), driver.hears else { return }
    for pins in driver.everything {
      container.session.unpin(pins.request, journal: &container.journal)
    }
  }

  private func pin(
    _ pins: PinsDriver.Held, _ protection: UInt64, _ driver: PinsDriver, _ group: GroupNumber,
    _ container: inout ScriptedContainer<Backend>
  ) -> Outcome {
    let request = PinRequest(
      group: group, iova: IOVA(pins.iova), count: Int(pins.count),
      protection: UInt32(truncatingIfNeeded: protection), hasUnmapHook: driver.hears)
    do throws(Errno) {
      let runs = try container.session.pin(request, journal: &container.journal)
      let pages = [runs[0][0], runs[runs.count - 1][runs[runs.count - 1].run.count - 1]]
      var bytes: [UInt8] = []
      for page in pages {
        var word = [UInt8](repeating: 0, count: 8)
        // SAFETY: the buffer is the word's, for as long as the call takes.
        unsafe word.withUnsafeMutableBytes { buffer in
          // Memory that can be pinned can be read.
          try? unsafe container.session.read(buffer, from: page, offset: 0)
        }
        bytes += word
      }
      return Outcome(Int64(pins.count), bytes: bytes)
    } catch {
      return Outcome(-Int64(error.rawValue))
    }
  }

  private func copy(
    _ call: Call, _ iova: UInt64, _ length: UInt64,
    _ container: inout ScriptedContainer<Backend>
  ) -> Outcome {
    let isWrite = call.verb == .driverWrite
    var bytes =
      isWrite
      ? PinsDriver.data(call.numbers[2].value, count: min(length, PinsDriver.mostCopied))
      : Array(repeating: PinsDriver.filling, count: Int(min(length, PinsDriver.mostCopied)))
    guard length <= PinsDriver.mostCopied else { return Outcome(0, bytes: isWrite ? [] : bytes) }
    var result: Int64 = 0
    let owner = container.caller.owner
    // SAFETY: the buffer is the array's, for as long as the call takes.
    unsafe bytes.withUnsafeMutableBytes { buffer in
      do throws(Errno) {
        if isWrite {
          try unsafe container.session.write(
            UnsafeRawBufferPointer(buffer), to: IOVA(iova), for: owner,
            journal: &container.journal)
        } else {
          try unsafe container.session.read(
            buffer, from: IOVA(iova), for: owner, journal: &container.journal)
        }
      } catch {
        result = -Int64(error.rawValue)
      }
    }
    return Outcome(result, bytes: isWrite ? [] : bytes)
  }
}
