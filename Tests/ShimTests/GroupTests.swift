import AddressSpaces
import DMATypes
import LegacyVFIO
import Shim
import Testing

/// A name given to GET_DEVICE_FD, against the devices 0000:02:02.0 and 0000:02:01.0.
struct NameExample: Sendable, CustomTestStringConvertible {
  var name: String
  var found: String?
  var rule: Rule?
  var testDescription: String { name }

  init(_ name: String, _ found: String) { (self.name, self.found) = (name, found) }
  init(_ name: String, _ rule: Rule) { (self.name, self.rule) = (name, rule) }
}

private let token = "bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3"

private let names: [NameExample] = [
  .init("0000:02:01.0", "0000:02:01.0"),
  .init("0000:02:02.0", "0000:02:02.0"),
  .init("0000:02:01.0 ", "0000:02:01.0"),
  .init("0000:02:01.0    ", "0000:02:01.0"),
  .init("", .deviceNotFound),
  .init(" 0000:02:01.0", .deviceNotFound),
  .init("0000:02:01", .deviceNotFound),
  .init("0000:02:01.00", .deviceNotFound),
  .init("0000:02:01.0x", .deviceNotFound),
  .init("0000:02:01.0\t", .deviceNotFound),
  .init("0000:02:01.0vf_token=\(token)", .deviceNotFound),
  .init("0000:02:01.0 x", .deviceOptionUnknown),
  .init("0000:02:01.0 vf_token", .deviceOptionUnknown),
  .init("0000:02:01.0 vf_token=", .deviceTokenMalformed),
  .init("0000:02:01.0 vf_token=\(token.dropLast())", .deviceTokenMalformed),
  .init("0000:02:01.0 vf_token=\(token.dropLast())g", .deviceTokenMalformed),
  .init("0000:02:01.0 vf_token=\(token.replacing("-", with: "_"))", .deviceTokenMalformed),
  .init("0000:02:01.0 vf_token=\(token)", .deviceTakesNoToken),
  .init("0000:02:01.0  vf_token=\(token.uppercased())  ", .deviceTakesNoToken),
  .init("0000:02:01.0 vf_token=\(token)x", .deviceOptionUnknown),
  .init("0000:02:01.0 vf_token=\(token) vf_token=\(token)", .deviceOptionUnknown),
]

@Suite struct GroupTests {
  @Test("A device is named as its driver reads names", arguments: names)
  func name(example: NameExample) throws {
    var facts = group(6)
    facts.devices = [DeviceName(rawValue: "0000:02:02.0"), DeviceName(rawValue: "0000:02:01.0")]
    if let rule = example.rule {
      #expect(throws: rule) { try facts.device(named: Array(example.name.utf8)) }
    } else {
      #expect(try facts.device(named: Array(example.name.utf8)).rawValue == example.found)
    }
  }

  @Test("A mediated device's name is compared whole")
  func emulatedName() throws {
    var facts = group(9, .emulated)
    facts.devices = [DeviceName(rawValue: token)]
    #expect(try facts.device(named: Array(token.utf8)).rawValue == token)
    #expect(throws: Rule.deviceNotFound) { try facts.device(named: Array((token + " ").utf8)) }
  }

  @Test("GET_STATUS: viable alone, both once a container is set")
  func status() {
    #expect(GroupState().status(of: group()).rawValue == 1)
    #expect(GroupState().status(of: group(viable: false)).rawValue == 0)
    let joined = GroupState(isOpen: true, container: ContainerNumber(rawValue: 1))
    #expect(joined.status(of: group()).rawValue == 3)
    #expect(joined.status(of: group(viable: false)).rawValue == 3)
  }

  @Test("SET_CONTAINER looks the descriptor up first")
  func setContainer() throws {
    let number = ContainerNumber(rawValue: 7)
    let free = GroupState(isOpen: true)
    let joined = GroupState(isOpen: true, container: number)
    #expect(try free.plan(settingContainer: .container(number)) == number)
    #expect(throws: Rule.containerDescriptorClosed) { try joined.plan(settingContainer: .closed) }
    #expect(throws: Rule.groupHasContainer) {
      try joined.plan(settingContainer: .container(number))
    }
    #expect(throws: Rule.groupHasContainer) { try joined.plan(settingContainer: .otherFile) }
    #expect(throws: Rule.notAContainer) { try free.plan(settingContainer: .otherFile) }
    #expect(try joined.planUnsettingContainer() == number)
  }

  @Test("A device opened before asks neither the driver nor the capability again")
  func secondOpen() throws {
    let caller = Caller(owner: MemoryOwner(rawValue: 0))
    let joined = GroupState(
      isOpen: true, container: ContainerNumber(rawValue: 1), openDeviceCount: 1)
    try joined.checkDeviceOpen(of: group(), driver: .none, isFirstOpen: false, for: caller)
    try joined.checkDeviceOpen(of: group(), driver: .version2, isFirstOpen: true, for: caller)
    #expect(throws: Rule.deviceBeforeDriver) {
      try joined.checkDeviceOpen(of: group(), driver: .none, isFirstOpen: true, for: caller)
    }
  }

  @Test("A group opens once")
  func open() throws {
    let caller = Caller(owner: MemoryOwner(rawValue: 0))
    try GroupState().checkOpen(of: group(viable: false), for: caller)
    #expect(throws: Rule.groupAlreadyOpen) {
      try GroupState(isOpen: true).checkOpen(of: group(), for: caller)
    }
    // The capability is asked for before the group is found to be open.
    #expect(throws: Rule.groupOpenNeedsRawIO) {
      try GroupState(isOpen: true).checkOpen(of: group(0, .noIOMMU), for: caller)
    }
  }
}
