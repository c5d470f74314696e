public import DMATypes

/// The way from the devices of one claimed group to whatever table they are attached to.
///
/// Got once from `SoftwareIOMMU.deviceTable(of:)`, it follows later attaches and detaches, and
/// blocks everything once the group is released. The lock that guards its IOMMU guards it too.
@safe public final class DeviceTable {
  // Raw, so that a look-up counts no references and checks no exclusivity.
  // SAFETY: ours alone from init to deinit. The directory takes the table out before it frees it.
  private let slot: UnsafeMutablePointer<RadixTable?>

  /// What a writable mapping grants besides.
  private let besidesWrite: DMAAccess

  init(readsWhatIsWritable: Bool) {
    besidesWrite = readsWhatIsWritable ? .read : []
    unsafe slot = .allocate(capacity: 1)
    unsafe slot.initialize(to: nil)
  }
  deinit { unsafe slot.deallocate() }

  var table: RadixTable? {
    get { unsafe slot.pointee }
    set { unsafe slot.pointee = newValue }
  }

  /// Whether the devices have a table at all.
  public var isAttached: Bool { table != nil }

  /// Whether a mapping allows an access.
  @inline(__always)
  private func allows(_ access: DMAAccess, _ memory: MappedMemory) -> Bool {
    let granted = memory.access
    return granted.union(granted.contains(.write) ? besidesWrite : []).contains(access)
  }

  /// Where an address leads for a device, or nil when the access would fault.
  ///
  /// `mappings` are those of the table's space: they answer what the table has no page for. Nothing
  /// is counted as a fault.
  public func translate(
    _ iova: IOVA, access: DMAAccess, mappings: RangeMap<MappedMemory>
  ) -> Translation? {
    guard let table else { return nil }
    if let hit = table.lookUp(iova) {
      guard allows(access, hit.memory) else { return nil }
      return Translation(hit)
    }
    return try? resolve(iova, access: access, mappings: mappings)
  }

  /// As `translate`, with the reason of a refusal.
  func resolve(
    _ iova: IOVA, access: DMAAccess, mappings: RangeMap<MappedMemory>
  ) throws(DMAFault) -> Translation {
    guard let table else { throw DMAFault(reason: .blocked, iova: iova, access: access) }
    if let hit = table.lookUp(iova) {
      guard allows(access, hit.memory) else {
        throw DMAFault(reason: .denied, iova: iova, access: access)
      }
      return Translation(hit)
    }
    guard table.reaches(iova), let found = mappings.containing(iova) else {
      throw DMAFault(reason: .unmapped, iova: iova, access: access)
    }
    guard allows(access, found.value) else {
      throw DMAFault(reason: .denied, iova: iova, access: access)
    }
    table.promote(iova, of: found.range, found.value)
    let offset = iova.rawValue - found.range.start.rawValue
    return Translation(
      address: found.value.address.advanced(by: offset), owner: found.value.owner,
      // A mapping of the whole space leaves 2⁶⁴ bytes at 0.
      byteCount: min(found.range.last.rawValue - iova.rawValue, .max - 1) + 1)
  }
}

extension Translation {
  @inline(__always) init(_ hit: RadixTable.Hit) {
    self.init(
      address: hit.memory.address.advanced(by: hit.offset), owner: hit.memory.owner,
      byteCount: hit.byteCount)
  }
}
