public import AddressSpaces
public import DMATypes

extension GroupFacts {
  /// Finds the device that a program asks for: `vfio_device_get_from_name()`.
  ///
  /// `name` holds the bytes before the terminating zero. The devices are asked in order, and the
  /// first that takes offence ends the search.
  public func device(named name: [UInt8]) throws(Rule) -> DeviceName {
    for device in devices {
      if try kind == .emulated ? name.elementsEqual(device.rawValue.utf8) : device.matches(name) {
        return device
      }
    }
    throw .deviceNotFound
  }
}

extension DeviceName {
  /// Whether a request names this PCI function: `vfio_pci_core_match()`.
  ///
  /// The whole name, then nothing or a blank; behind blanks one `vf_token=` and a UUID may stand.
  /// No function here is virtual or has virtual functions, so a well-formed token is refused too.
  func matches(_ request: [UInt8]) throws(Rule) -> Bool {
    let name = Array(rawValue.utf8)
    guard request.starts(with: name) else { return false }
    var rest = request.dropFirst(name.count)
    guard rest.isEmpty || rest.first == blank else { return false }
    var hasToken = false
    while let next = rest.first {
      if next == blank {
        rest = rest.dropFirst()
      } else if !hasToken, rest.starts(with: tokenOption) {
        rest = rest.dropFirst(tokenOption.count)
        guard isUUID(rest.prefix(uuidByteCount)) else { throw .deviceTokenMalformed }
        rest = rest.dropFirst(uuidByteCount)
        hasToken = true
      } else {
        throw .deviceOptionUnknown
      }
    }
    if hasToken { throw .deviceTakesNoToken }
    return true
  }
}

private let blank = UInt8(ascii: " ")
private let tokenOption = Array("vf_token=".utf8)
private let uuidByteCount = 36

/// Whether the bytes spell a UUID, in either case: `uuid_is_valid()`.
private func isUUID(_ bytes: ArraySlice<UInt8>) -> Bool {
  bytes.count == uuidByteCount
    && zip(bytes, 0...).allSatisfy { byte, place in
      switch place {
      case 8, 13, 18, 23: byte == UInt8(ascii: "-")
      default: Character(UnicodeScalar(byte)).isHexDigit && byte < 0x80
      }
    }
}
