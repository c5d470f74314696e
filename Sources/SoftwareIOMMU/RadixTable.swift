internal import CLinux
internal import DMATypes

/// A translation table as IOMMUs walk them: pages of 512 entries, leaves of 4 K, 2 M and 1 G.
///
/// It is a cache of the mappings that its owner keeps in order: what it holds is always right, and
/// what it lacks is answered by the owner's map. That bounds its memory: it takes a new page only
/// within a budget that grows with the number of live mappings, because scattered addresses would
/// otherwise cost a page each and more.
///
/// A leaf is a `MappedMemory` word. Its address may be any page of the owner, so a large leaf needs
/// only an aligned run of bus addresses.
///
/// SAFETY, for the whole file: a table is valid from `init` to `free`, which its directory calls
/// once, after the last device table has let go of it. Entries with `tableBit` hold the address of
/// a live page, which is freed only after its entry is cleared. Every index is below 512.
@safe struct RadixTable: Equatable {
  struct State: ~Copyable {
    /// The entry above the root page: the page's address and `tableBit`, or 0.
    var root: UInt64 = 0
    let rootShift: UInt64
    /// The addresses that the table can translate.
    let aperture: IOVARange
    let pageSizes: PageSizes
    let budget: PageBudget
    var pageCount = 0
    var pages = BlockPool(blockBytes: RadixTable.pageByteCount)
    /// Those of the table's space.
    let mappings: MappingCount
    /// The next table of the same space.
    var next: RadixTable?
  }
  /// A page that walks of one gigabyte may begin at, as IOMMUs keep some in their walk caches.
  struct Middle {
    /// The number of the gigabyte; none has 2⁶⁴−1.
    var gigabyte: UInt64
    /// The entry that holds the page of 2 M entries.
    var page: UInt64
  }
  static var middleCount: UInt64 { 8 }

  // The middles follow it in the same block.
  private let state: UnsafeMutablePointer<State>

  // An entry is 0, a page's address with bit 2, or a MappedMemory with bit 3 (never with bit 2).
  private static var tableBit: UInt64 { 4 }
  private static var leafBit: UInt64 { 8 }
  private static var entriesPerPage: Int { 512 }
  /// The entries and the number of them in use.
  static var pageByteCount: Int { entriesPerPage * 8 + 8 }

  typealias Page = UnsafeMutablePointer<UInt64>

  init(aperture: IOVARange, pageSizes: PageSizes, budget: PageBudget, mappings: MappingCount) {
    let bits = 64 - aperture.last.rawValue.leadingZeroBitCount
    // Three levels of nine bits above a 4 K page reach 39 bits, four 48, five 57, six all 64.
    let levels = max(3, (bits - 12 + 8) / 9)
    let block = UnsafeMutableRawPointer.allocate(
      byteCount: MemoryLayout<State>.stride
        + Int(Self.middleCount) * MemoryLayout<Middle>.stride, alignment: 16)
    unsafe state = block.bindMemory(to: State.self, capacity: 1)
    unsafe state.initialize(
      to: State(
        rootShift: UInt64(12 + 9 * (levels - 1)), aperture: aperture,
        pageSizes: pageSizes, budget: budget, mappings: mappings))
    forgetMiddles()
  }

  func free() {
    removeAllPages()
    unsafe state.deinitialize(count: 1)
    unsafe state.deallocate()
  }

  /// How many pages of entries there are.
  var pageCount: Int { unsafe state.pointee.pageCount }
  /// The next table of the same space.
  var next: RadixTable? {
    get { unsafe state.pointee.next }
    nonmutating set { unsafe state.pointee.next = newValue }
  }
  /// The addresses that the table can translate.
  var aperture: IOVARange { unsafe state.pointee.aperture }
  private func mayHold(_ pages: Int) -> Bool {
    unsafe state.pointee.budget.allows(pages, forMappings: state.pointee.mappings.value)
  }

  static func == (a: Self, b: Self) -> Bool { unsafe a.state == b.state }
}

/// How many pages of entries a table may hold.
struct PageBudget: Hashable {
  /// What a table may hold with no mapping at all.
  var base = 32
  /// Live mappings for each page more. Dense mappings of one page each need one page in 511; one
  /// in 400 leaves room for gaps and costs at most ten bytes a mapping.
  var mappingsPerPage = 400

  /// Whether `pages` are within `base` and one for each `mappingsPerPage`.
  func allows(_ pages: Int, forMappings count: Int) -> Bool {
    (pages - base) * mappingsPerPage <= count
  }
}

/// How many mappings a space has, in a place that its tables share.
///
/// SAFETY: valid from `init` to `free`, which the directory calls after the last table's.
@safe struct MappingCount {
  private let word: UnsafeMutablePointer<Int>

  init() {
    unsafe word = .allocate(capacity: 1)
    unsafe word.initialize(to: 0)
  }
  func free() { unsafe word.deallocate() }

  var value: Int {
    get { unsafe word.pointee }
    nonmutating set { unsafe word.pointee = newValue }
  }
}

// Look-up.
extension RadixTable {
  /// One leaf, seen from an address inside it.
  struct Hit {
    var memory: MappedMemory
    /// The address's distance from the leaf's first.
    var offset: UInt64
    /// From the address to the end of the leaf.
    var byteCount: UInt64
  }

  /// The leaf that translates the address, if the table holds it.
  @inline(__always) func lookUp(_ iova: IOVA) -> Hit? {
    let address = iova.rawValue
    var shift: UInt64 = 21
    var entry = unsafe middle(address).pointee.page
    if unsafe middle(address).pointee.gigabyte != address &>> 30 {
      (entry, shift) = descend(address)
    }
    while entry & Self.tableBit != 0 {
      entry = unsafe page(entry)[Int(truncatingIfNeeded: address &>> shift & 511)]
      shift &-= 9
    }
    guard entry != 0 else { return nil }
    shift &+= 9
    let offset = address & (1 &<< shift &- 1)
    return Hit(
      memory: MappedMemory(rawValue: entry & ~Self.leafBit), offset: offset,
      byteCount: (1 &<< shift) &- offset)
  }

  /// The entry at which a walk may begin, and the shift of the page under it: that of the
  /// address's gigabyte, which is remembered, or whatever stands in its way.
  @inline(never) private func descend(_ address: UInt64) -> (entry: UInt64, shift: UInt64) {
    guard unsafe address <= state.pointee.aperture.last.rawValue else { return (0, 12) }
    var entry = unsafe state.pointee.root
    var shift = unsafe state.pointee.rootShift
    while shift > 21, entry & Self.tableBit != 0 {
      entry = unsafe page(entry)[Int(truncatingIfNeeded: address &>> shift & 511)]
      shift &-= 9
    }
    if shift == 21, entry & Self.tableBit != 0 {
      unsafe middle(address).pointee = Middle(gigabyte: address &>> 30, page: entry)
    }
    return (entry, shift)
  }

  @inline(__always) private func middle(_ address: UInt64) -> UnsafeMutablePointer<Middle> {
    let first = unsafe UnsafeMutableRawPointer(state + 1).assumingMemoryBound(to: Middle.self)
    return unsafe first + Int(truncatingIfNeeded: address &>> 30 & (Self.middleCount - 1))
  }

  /// Forgets where walks may begin.
  private func forgetMiddles() {
    for gigabyte in 0..<Self.middleCount {
      unsafe middle(gigabyte << 30).initialize(to: Middle(gigabyte: .max, page: 0))
    }
  }

  /// Whether the address is one that the table can translate at all.
  func reaches(_ iova: IOVA) -> Bool {
    unsafe iova.rawValue <= state.pointee.aperture.last.rawValue
  }

  @inline(__always) private func page(_ entry: UInt64) -> Page {
    // Subtracted, not masked: that costs nothing, being part of the load's own address.
    unsafe Page(bitPattern: UInt(entry &- Self.tableBit)).unsafelyUnwrapped
  }
}

// Entering.
extension RadixTable {
  enum Outcome {
    case entered
    /// A page over budget would be needed: nothing was entered.
    case spilled
    /// Another mapping stands there: nothing was entered.
    case occupied
  }

  /// Enters as much of a mapping as the budget allows, in the largest leaves that fit.
  ///
  /// The range lies within the aperture and both its ends on page boundaries.
  @inline(__always) func enter(_ range: IOVARange, _ memory: MappedMemory) -> Outcome {
    let address = range.start.rawValue
    if let slot = unsafe rememberedSlot(of: range), unsafe slot.entry.pointee == 0 {
      unsafe slot.entry.pointee = word(memory, at: address, in: range)
      unsafe slot.table[Self.entriesPerPage] &+= 1
      return .entered
    }
    return enterAll(range, memory)
  }

  @inline(never)
  private func enterAll(_ range: IOVARange, _ memory: MappedMemory) -> Outcome {
    var address = range.start.rawValue
    _ = descend(address)
    while true {
      let shift = leafShift(at: address, last: range.last.rawValue)
      let outcome = enterLeaf(at: address, shift: shift, word(memory, at: address, in: range))
      let last = address | (1 &<< shift &- 1)
      guard outcome == .entered, last != range.last.rawValue else { return outcome }
      address = last + 1
    }
  }

  /// The entry of a range of one 4 K page, and its table, when the page of 2 M entries above them
  /// is remembered and has such a table there: most calls are for such a page.
  @inline(__always)
  private func rememberedSlot(of range: IOVARange) -> (table: Page, entry: Page)? {
    let address = range.start.rawValue
    guard range.last.rawValue &- address == 4095, address & 4095 == 0,
      unsafe middle(address).pointee.gigabyte == address &>> 30
    else { return nil }
    let middle = unsafe page(middle(address).pointee.page)
    let entry = unsafe middle[Int(truncatingIfNeeded: address &>> 21 & 511)]
    guard entry & Self.tableBit != 0 else { return nil }
    let table = unsafe page(entry)
    return unsafe (table, table + Int(truncatingIfNeeded: address &>> 12 & 511))
  }

  /// Asks for the lines that a change of one page will need, before it is known to be granted.
  @inline(__always) func prefetch(_ iova: IOVA) {
    let address = iova.rawValue
    guard unsafe middle(address).pointee.gigabyte == address &>> 30 else { return }
    let middle = unsafe page(middle(address).pointee.page)
    let entry = unsafe middle[Int(truncatingIfNeeded: address &>> 21 & 511)]
    guard entry & Self.tableBit != 0 else { return }
    let table = unsafe page(entry)
    unsafe clinux_prefetch(table + Int(truncatingIfNeeded: address &>> 12 & 511))
    unsafe clinux_prefetch(table + Self.entriesPerPage)
  }

  /// Enters the one leaf of a mapping that holds an address.
  func promote(_ iova: IOVA, of range: IOVARange, _ memory: MappedMemory) {
    // The same leaf that `enter` would have made: the largest aligned run inside the mapping.
    for shift: UInt64 in [30, 21, 12] where isLeaf(shift) {
      let first = iova.rawValue & ~(1 &<< shift &- 1)
      guard first >= range.start.rawValue, first | (1 &<< shift &- 1) <= range.last.rawValue else {
        continue
      }
      _ = enterLeaf(at: first, shift: shift, word(memory, at: first, in: range))
      return
    }
  }

  private func isLeaf(_ shift: UInt64) -> Bool {
    unsafe shift == 12 || state.pointee.pageSizes.rawValue & (1 &<< shift) != 0
  }

  @inline(__always) private func leafShift(at address: UInt64, last: UInt64) -> UInt64 {
    let left = last &- address
    if left < (1 << 21) - 1 || address & ((1 << 21) - 1) != 0 { return 12 }
    if left >= (1 << 30) - 1, address & ((1 << 30) - 1) == 0, isLeaf(30) { return 30 }
    return isLeaf(21) ? 21 : 12
  }

  @inline(__always)
  private func word(_ memory: MappedMemory, at address: UInt64, in range: IOVARange) -> UInt64 {
    // Devices reach the pages whether or not the program's address for them still counts.
    let word = memory.rawValue & ~Self.tableBit | Self.leafBit
    return word &+ (address &- range.start.rawValue)
  }

  @inline(__always)
  private func enterLeaf(at address: UInt64, shift leafShift: UInt64, _ leaf: UInt64) -> Outcome {
    var shift = unsafe state.pointee.rootShift
    // A table with a root has room for a leaf in it; one without needs the whole way down.
    if unsafe state.pointee.root == 0 {
      guard canAllocate(Int((shift - leafShift) / 9) + 1) else { return .spilled }
      unsafe state.pointee.root = newPage()
    }
    var table = unsafe page(state.pointee.root)
    while true {
      let slot = unsafe table + Int(truncatingIfNeeded: address &>> shift & 511)
      let entry = unsafe slot.pointee
      if shift == leafShift {
        guard entry == 0 else { return .occupied }
        unsafe slot.pointee = leaf
        unsafe table[Self.entriesPerPage] &+= 1
        return .entered
      }
      if entry & Self.tableBit != 0 {
        unsafe table = page(entry)
      } else {
        guard entry == 0 else { return .occupied }
        guard canAllocate(Int((shift - leafShift) / 9)) else { return .spilled }
        let new = newPage()
        unsafe slot.pointee = new
        unsafe table[Self.entriesPerPage] &+= 1
        unsafe table = page(new)
      }
      shift &-= 9
    }
  }

  /// Whether all the pages of a way down may be had: asked before the first, so that none is ever
  /// left empty.
  private func canAllocate(_ count: Int) -> Bool { mayHold(pageCount + count) }

  private func newPage() -> UInt64 {
    let block = unsafe state.pointee.pages.allocate()
    unsafe block.initializeMemory(as: UInt64.self, repeating: 0, count: Self.pageByteCount / 8)
    unsafe state.pointee.pageCount += 1
    return UInt64(UInt(bitPattern: block)) | Self.tableBit
  }
}

// Clearing.
extension RadixTable {
  /// Removes every leaf that shares an address with the range, and every page left empty.
  @inline(__always) func clear(_ range: IOVARange) {
    if let slot = unsafe rememberedSlot(of: range), unsafe slot.table[Self.entriesPerPage] > 1 {
      if unsafe slot.entry.pointee == 0 { return }
      unsafe slot.entry.pointee = 0
      unsafe slot.table[Self.entriesPerPage] &-= 1
      return
    }
    clearAll(range)
  }

  @inline(never) private func clearAll(_ range: IOVARange) {
    _ = descend(range.start.rawValue)
    let root = unsafe state.pointee.root
    guard root != 0, unsafe range.start.rawValue <= state.pointee.aperture.last.rawValue else {
      return
    }
    let last = unsafe min(range.last.rawValue, state.pointee.aperture.last.rawValue)
    unsafe clear(page(root), shift: state.pointee.rootShift, from: range.start.rawValue, to: last)
    if unsafe page(root)[Self.entriesPerPage] == 0 {
      freePage(root)
      unsafe state.pointee.root = 0
    }
  }

  private func clear(_ table: Page, shift: UInt64, from first: UInt64, to last: UInt64) {
    var address = first
    while true {
      let slot = unsafe table + Int(truncatingIfNeeded: address &>> shift & 511)
      let end = min(last, address | (1 &<< shift &- 1))
      let entry = unsafe slot.pointee
      var isLeft = false
      if entry & Self.tableBit != 0 {
        unsafe clear(page(entry), shift: shift &- 9, from: address, to: end)
        isLeft = unsafe page(entry)[Self.entriesPerPage] != 0
        if !isLeft { freePage(entry) }
      }
      if entry != 0, !isLeft {
        unsafe slot.pointee = 0
        unsafe table[Self.entriesPerPage] &-= 1
      }
      if end == last { return }
      address = end + 1
    }
  }

  /// Gives all pages back when they are far more than the budget, as after many removals here and
  /// there. What is used again comes back by promotion.
  func trim() {
    if !mayHold((pageCount + 1) / 2) { removeAllPages() }
  }

  private func removeAllPages() {
    let root = unsafe state.pointee.root
    if root != 0 { removePages(under: root) }
    unsafe state.pointee.root = 0
  }

  private func removePages(under entry: UInt64) {
    for index in 0..<Self.entriesPerPage {
      let below = unsafe page(entry)[index]
      if below & Self.tableBit != 0 { removePages(under: below) }
    }
    freePage(entry)
  }

  private func freePage(_ entry: UInt64) {
    forgetMiddles()
    unsafe state.pointee.pages.free(page(entry))
    unsafe state.pointee.pageCount -= 1
  }
}
