/// The oracle's `vfio_pin_pages`, `vfio_unpin_pages` and `vfio_dma_rw` (3), and the letting go
/// before an UNMAP.
extension OracleContainer {
  /// What the driver of a group's open device is told to do.
  mutating func perform(
    _ call: Call, byDriverOf group: Int, _ memory: inout OracleMemory
  ) -> Outcome {
    let numbers = call.numbers.map(\.value)
    switch call.verb {
    case .pin:
      return pin(numbers[0], Int32(truncatingIfNeeded: numbers[1]), numbers[2], group, memory)
    case .unpin:
      let pins = PinsDriver.Held(iova: numbers[0], count: Int32(truncatingIfNeeded: numbers[1]))
      if drivers[group]?.hears ?? false { unpin(pins) }
      drivers[group]?.forget(pins)
      return Outcome(0)
    case .driverRead: return copyOut(numbers[0], numbers[1], memory)
    case .driverWrite: return copyIn(numbers[0], numbers[1], numbers[2], &memory)
    case .keep:
      drivers[group]?.keep(Int32(truncatingIfNeeded: numbers[0]))
      return Outcome(0)
    default: return drivers[group]?.takeTold() ?? Outcome(-errnoNOTTY)
    }
  }

  /// The device's last descriptor is closed: what the driver holds it gives back.
  mutating func closeDriver(of group: Int) {
    let driver = drivers.removeValue(forKey: group)
    if driver?.hears ?? false { for pins in driver?.everything ?? [] { unpin(pins) } }
  }

  private func mapping(of iova: UInt64) -> Int? {
    mappings.firstIndex { $0.iova.contains(World.Run(iova, iova)) }
  }

  // MARK: - Pins (3.1, 3.2)

  private mutating func pin(
    _ iova: UInt64, _ count: Int32, _ protection: UInt64, _ group: Int, _ memory: OracleMemory
  ) -> Outcome {
    guard let driver = drivers[group] else { return Outcome(-errnoINVAL) }
    if !driver.hasRoom { return Outcome(-errnoNOSPC) }
    if count == 0 || !driver.hears { return Outcome(-errnoINVAL) }
    if count < 0 || count > 512 { return Outcome(-errnoE2BIG) }
    if version == 1 { return Outcome(-errnoACCES) }
    if mappings.contains(where: \.invalid) { return Outcome(-errnoBUSY) }
    var addresses: [UInt64] = []
    let before = mappings
    for number in 0..<UInt64(count) {
      let page = iova &+ number << 12
      guard let index = mapping(of: page) else { return unwind(to: before, errnoINVAL) }
      let mapping = mappings[index]
      if mapping.access & protection != protection { return unwind(to: before, errnoPERM) }
      let address = mapping.address &+ (page - mapping.iova.start)
      addresses.append(address)
      mappings[index].pins[page, default: 0] += 1
      if mapping.pins[page] != nil { continue }
      if !isPinnable(address, 4096, mapping.access) { return unwind(to: before, errnoFAULT) }
      if tracking { mappings[index].bits[Int((page - mapping.iova.start) / pageSize)] = true }
    }
    drivers[group]?.remember(PinsDriver.Held(iova: iova, count: count))
    let words = [addresses[0], addresses[addresses.count - 1]].map { memory.word(at: $0) ?? 0 }
    return Outcome(Int64(count), bytes: PinsDriver.bytes(of: words))
  }

  /// All pages or none are pinned; those that were stay dirty.
  private mutating func unwind(to before: [Mapping], _ errno: Int64) -> Outcome {
    for index in before.indices { mappings[index].pins = before[index].pins }
    return Outcome(-errno)
  }

  private mutating func unpin(_ pins: PinsDriver.Held) {
    if version == 1 || pins.count <= 0 || pins.count > 512 { return }
    for number in 0..<UInt64(pins.count) {
      let page = pins.iova &+ number << 12
      guard let index = mapping(of: page) else { return }
      guard let times = mappings[index].pins[page] else { continue }
      mappings[index].pins[page] = times == 1 ? nil : times - 1
    }
  }

  /// Before a mapping goes its pages are given back: every open device that hears is told, again
  /// and again. Scripts have no driver that never does: it would stop the kernel.
  mutating func letGo(_ index: Int) {
    var rounds = 0
    while !mappings[index].pins.isEmpty, rounds < 11 {
      rounds += 1
      let mapping = mappings[index]
      for group in drivers.keys where drivers[group]?.hears ?? false {
        for pins in drivers[group]?.letGo(mapping.iova.start, mapping.size) ?? [] { unpin(pins) }
      }
    }
  }

  // MARK: - Copies (3.3)

  /// Hands over the parts of a copy that lie in one mapping each: address and count. What comes
  /// before a refusal is done.
  private func eachPart(
    _ iova: UInt64, _ length: UInt64, needing access: UInt64,
    _ body: (_ index: Int, _ address: UInt64, _ done: UInt64, _ count: UInt64) -> Bool
  ) -> Int64 {
    if length == 0 { return errnoINVAL }
    if mappings.contains(where: \.invalid) { return errnoBUSY }
    var done: UInt64 = 0
    while done < length {
      guard let index = mapping(of: iova &+ done) else { return errnoINVAL }
      let mapping = mappings[index]
      if mapping.access & access != access { return errnoPERM }
      let offset = iova &+ done &- mapping.iova.start
      let count = min(length - done - 1, mapping.iova.last &- mapping.iova.start &- offset) + 1
      if !body(index, mapping.address &+ offset, done, count) { return errnoFAULT }
      done += count
    }
    return 0
  }

  private func copyOut(_ iova: UInt64, _ length: UInt64, _ memory: OracleMemory) -> Outcome {
    if length > PinsDriver.mostCopied {
      return Outcome(
        0, bytes: Array(repeating: PinsDriver.filling, count: Int(PinsDriver.mostCopied)))
    }
    var bytes = [UInt8](repeating: PinsDriver.filling, count: Int(length))
    let result = eachPart(iova, length, needing: 1) { _, address, done, count in
      let found = memory.bytes(Int(count), at: address)
      bytes.replaceSubrange(Int(done)..<Int(done) + found.count, with: found)
      return found.count == Int(count)
    }
    return Outcome(-result, bytes: bytes)
  }

  private mutating func copyIn(
    _ iova: UInt64, _ length: UInt64, _ value: UInt64, _ memory: inout OracleMemory
  ) -> Outcome {
    if length > PinsDriver.mostCopied { return Outcome(0) }
    let data = PinsDriver.data(value, count: length)
    var dirty: [(mapping: Int, page: Int)] = []
    let result = eachPart(iova, length, needing: 3) { index, address, done, count in
      let part = Array(data[Int(done)..<Int(done + count)])
      if !memory.store(part, at: address) { return false }
      let first = iova &+ done - mappings[index].iova.start
      for page in first / pageSize...(first + count - 1) / pageSize {
        dirty.append((index, Int(page)))
      }
      return true
    }
    if tracking { for place in dirty { mappings[place.mapping].bits[place.page] = true } }
    return Outcome(-result)
  }
}
