import AddressSpaces
import DMATypes

/// A backend that holds what it was told, writes each call down, and fails the one it is asked to.
struct RecordingBackend: ReplicatedBackend, AccessBackend {
  struct Table: Equatable {
    var space: IOASID
    var members: [GroupNumber]
  }

  /// What stands after the calls: equal before and after a call that had no effect.
  struct Content: Equatable {
    var spaces: [IOASID: [IOVA: Mapping]] = [:]
    var claimed: Set<GroupNumber> = []
    var tables: [HardwareTableID: Table] = [:]
    /// Pages whose memory is kept, and how often.
    var pinned: [Mapping: Int] = [:]
  }

  var content = Content()
  var calls: [String] = []
  /// Calls that can fail, so far.
  var failable = 0
  /// The number of the call that fails, from 0.
  var failing: Int?
  private var nextIdentifier: UInt32 = 1

  static let failure = Errno.noMemory

  init() {}

  mutating func note(_ call: String) throws(Errno) {
    calls.append(call)
    defer { failable += 1 }
    if failable == failing { throw Self.failure }
  }

  private mutating func identifier() -> UInt32 {
    defer { nextIdentifier += 1 }
    return nextIdentifier
  }

  mutating func allocateSpace() throws(Errno) -> IOASID {
    try note("space")
    let space = IOASID(rawValue: identifier())
    content.spaces[space] = [:]
    return space
  }

  mutating func destroy(space: IOASID) {
    calls.append("destroy space")
    precondition(!content.tables.values.contains { $0.space == space })
    content.spaces[space] = nil
  }

  mutating func claim(_ group: GroupFacts) throws(Errno) {
    try note("claim \(group.number.rawValue)")
    content.claimed.insert(group.number)
  }

  mutating func release(_ group: GroupNumber) {
    calls.append("release \(group.rawValue)")
    precondition(content.claimed.remove(group) != nil)
  }

  mutating func allocateTable(
    in space: IOASID, for group: GroupNumber
  ) throws(Errno) -> HardwareTableID {
    try note("table for \(group.rawValue)")
    let table = HardwareTableID(rawValue: identifier())
    content.tables[table] = Table(space: space, members: [])
    return table
  }

  mutating func destroy(table: HardwareTableID) {
    calls.append("destroy table")
    precondition(content.tables[table]?.members == [])
    content.tables[table] = nil
  }

  mutating func attach(_ group: GroupNumber, to table: HardwareTableID) throws(Errno) {
    try note("attach \(group.rawValue)")
    precondition(content.claimed.contains(group))
    content.tables[table]?.members.append(group)
  }

  mutating func detach(_ group: GroupNumber) {
    calls.append("detach \(group.rawValue)")
    for table in content.tables.keys { content.tables[table]?.members.removeAll { $0 == group } }
  }

  mutating func map(_ mapping: Mapping, in space: IOASID) throws(Errno) {
    try note("map \(hexadecimal(mapping.range))")
    content.spaces[space]?[mapping.range.start] = mapping
  }

  mutating func unmap(_ range: IOVARange, in space: IOASID) throws(Errno) {
    try note("unmap \(hexadecimal(range))")
    precondition(content.spaces[space]?.removeValue(forKey: range.start)?.range == range)
  }

  mutating func adopt(_ mapping: Mapping, in space: IOASID) {
    calls.append("adopt \(hexadecimal(mapping.range))")
    content.spaces[space]?[mapping.range.start] = mapping
  }
}

extension RecordingBackend {
  mutating func pin(_ part: Mapping, isCharged: Bool, in space: IOASID) throws(Errno) {
    try note("pin \(hexadecimal(part.range))\(isCharged ? " charged" : "")")
    for page in part.pages { content.pinned[page, default: 0] += 1 }
  }

  mutating func unpin(_ part: Mapping, in space: IOASID) {
    calls.append("unpin \(hexadecimal(part.range))")
    for page in part.pages {
      let left = content.pinned[page, default: 0] - 1
      precondition(left >= 0)
      content.pinned[page] = left == 0 ? nil : left
    }
  }

  func isAlive(_ owner: MemoryOwner) -> Bool { true }

  func load(_ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress) throws(Errno) {
    for index in bytes.indices {
      bytes[index] = UInt8(truncatingIfNeeded: address.rawValue &+ UInt64(index))
    }
  }

  func store(_ bytes: UnsafeRawBufferPointer, to address: UserAddress) throws(Errno) {
    if address.rawValue & 0xfff == 0xbad { throw .badAddress }
  }

  func read(
    _ bytes: UnsafeMutableRawBufferPointer, from address: UserAddress, of memory: MappedMemory,
    in space: IOASID
  ) throws(Errno) { try load(bytes, from: address) }

  func write(
    _ bytes: UnsafeRawBufferPointer, to address: UserAddress, of memory: MappedMemory,
    in space: IOASID
  ) throws(Errno) { try store(bytes, to: address) }
}

extension Mapping {
  /// Its pages, one by one.
  fileprivate var pages: [Mapping] {
    stride(from: 0, through: range.last.rawValue - range.start.rawValue, by: 4096).map { distance in
      let start = range.start.rawValue + distance
      return Mapping(
        range: IOVARange(start: IOVA(start), last: IOVA(start + 4095)),
        memory: MappedMemory(rawValue: memory.rawValue + distance))
    }
  }
}

/// The two inclusive ends.
func hexadecimal(_ range: IOVARange) -> String {
  "\(String(range.start.rawValue, radix: 16))-\(String(range.last.rawValue, radix: 16))"
}
