/// The oracle's MAP_DMA, UNMAP_DMA and GET_INFO, from the caller's bytes on. Each
/// answers an error number, or 0.
extension OracleContainer {
  // MARK: - MAP_DMA (2.2)

  mutating func map(_ structure: CallerStructure) -> Int64 {
    guard let argsz = structure.load32(0), let flags = structure.load32(4),
      let address = structure.load64(8), let iova = structure.load64(16),
      let size = structure.load64(24)
    else { return errnoFAULT }
    if argsz < 32 || flags & ~7 != 0 { return errnoINVAL }
    let access = flags & 3
    let replacesAddress = flags & 4 != 0
    if (access != 0) == replacesAddress { return errnoINVAL }
    if size == 0 || (size | iova | address) % pageSize != 0 { return errnoINVAL }
    if iova &+ (size - 1) < iova || address &+ (size - 1) < address { return errnoINVAL }
    let run = World.Run(iova, iova &+ (size - 1))
    if replacesAddress {
      guard let index = mappings.firstIndex(where: { $0.iova.overlaps(run) }) else {
        return errnoNOENT
      }
      if !mappings[index].invalid || mappings[index].iova != run { return errnoINVAL }
      // The new address is not looked at. Honest programs give the same pages, which devices
      // reach all the while.
      mappings[index].address = address
      mappings[index].invalid = false
      return 0
    }
    if overlapsMapping(run) { return errnoEXIST }
    if available == 0 { return errnoNOSPC }
    if !usable.isEmpty && !usable.contains(where: { $0.contains(run) }) { return errnoINVAL }
    if !domains.isEmpty && !isPinnable(address, size, access) { return errnoFAULT }
    if tracking && size / pageSize > 0x7fff_ffff { return errnoINVAL }
    mappings.append(Mapping(iova: run, address: address, access: access))
    if tracking { allocateBits(mappings.count - 1) }
    available -= 1
    return 0
  }

  // MARK: - UNMAP_DMA (2.4)

  mutating func unmap(
    _ structure: inout CallerStructure, _ memory: inout OracleMemory
  ) -> Int64 {
    guard let argsz = structure.load32(0), let flags = structure.load32(4),
      let iova = structure.load64(8), let size = structure.load64(16)
    else { return errnoFAULT }
    if argsz < 24 || flags & ~7 != 0 { return errnoINVAL }
    let (wantsDirty, all, invalidates) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0)
    if wantsDirty && (all || invalidates) { return errnoINVAL }
    if wantsDirty {
      if argsz < 48 { return errnoINVAL }
      guard let bits = structure.bitmap else { return errnoFAULT }
      if !isBitmap(size: size, bits.pgsize, bits.bytes, bits.data) { return errnoINVAL }
    }
    if invalidates && !emulated.isEmpty { return errnoBUSY }
    if iova % pageSize != 0 { return errnoINVAL }
    if all {
      if iova != 0 || size != 0 { return errnoINVAL }
    } else if size == 0 || size % pageSize != 0 || iova &+ (size - 1) < iova {
      return errnoINVAL
    }
    if wantsDirty && (!tracking || structure.bitmap?.pgsize != pageSize) { return errnoINVAL }
    let run = all ? World.Run(0, .max) : World.Run(iova, iova &+ (size - 1))
    if version == 2 && !all {
      for mapping in mappings where mapping.iova.overlaps(run) && !run.contains(mapping.iova) {
        // The kernel does not find a mapping up to 2⁶⁴ (2.5); only where it then does nothing
        // either (see `leaving`), its answer is kept.
        if run.last == .max && mapping.iova.last == .max { continue }
        return errnoINVAL
      }
    }
    let named = leaving(run, all: all)
    if invalidates && named.contains(where: \.invalid) { return errnoINVAL }
    for mapping in named {
      guard let index = mappings.firstIndex(where: { $0.iova == mapping.iova }) else { continue }
      if invalidates {
        mappings[index].invalid = true
        continue
      }
      letGo(index)
      // Mappings that went before one that cannot be reported stay gone.
      if wantsDirty, let bits = structure.bitmap,
        !report(index, from: iova, to: bits.data, &memory)
      {
        return errnoFAULT
      }
      mappings.remove(at: index)
      available += 1
    }
    if !structure.isWritable { return errnoFAULT }  // although the mappings are gone
    structure.store64(named.reduce(0) { $0 &+ $1.size }, 16)
    return 0
  }

  /// The mappings that an accepted request takes away.
  private func leaving(_ run: World.Run, all: Bool) -> [Mapping] {
    // The kernel computes the end as iova + size: a range up to 2⁶⁴ ends at 0 for it (2.5).
    if !all && run.last == .max { return [] }
    let touched = mappings.filter { $0.iova.overlaps(run) }.sorted { $0.iova.start < $1.iova.start }
    // v1 stops at a first mapping that begins below, and otherwise takes whole mappings.
    if let first = touched.first, first.iova.start < run.start { return [] }
    return touched
  }

  // MARK: - GET_INFO (2.7)

  func getInfo(_ structure: inout CallerStructure) -> Int64 {
    guard let argsz = structure.load32(0), structure.readable >= 16 else { return errnoFAULT }
    if argsz < 16 { return errnoINVAL }
    let needed = 24 + 32 + 16 + (usable.isEmpty ? 0 : 16 + 16 * usable.count)
    let fits = argsz >= needed
    let rewritten = Int(min(argsz, 24))
    if !structure.isWritable { return errnoFAULT }
    if structure.readable < (fits ? needed : rewritten) { return errnoFAULT }
    if !fits { structure.store32(UInt64(needed), 0) }
    structure.store32(3, 4)
    structure.store64(pageSizes, 8)
    // cap_offset and pad, as far as argsz reaches.
    if rewritten > 16 { for index in 16..<rewritten { structure.bytes[index] = 0 } }
    if !fits { return 0 }
    structure.store32(24, 16)
    structure.store32(2 | 1 << 16, 24)
    structure.store32(56, 28)
    structure.store32(0, 32)
    structure.store32(0, 36)
    structure.store64(pageSize, 40)
    structure.store64(0x1000_0000, 48)
    structure.store32(3 | 1 << 16, 56)
    structure.store32(usable.isEmpty ? 0 : 72, 60)
    structure.store32(UInt64(available), 64)
    structure.store32(0, 68)
    if usable.isEmpty { return 0 }
    structure.store32(1 | 1 << 16, 72)
    structure.store32(0, 76)
    structure.store32(UInt64(usable.count), 80)
    structure.store32(0, 84)
    for (index, run) in usable.enumerated() {
      structure.store64(run.start, 88 + 16 * index)
      structure.store64(run.last, 96 + 16 * index)
    }
    return 0
  }
}
