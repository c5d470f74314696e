import CEngine
import CPreload
import Synchronization

/// What the table says of a descriptor: one word, so that the pass path is a bounds check and a
/// load.
struct Entry: Equatable {
  var bits: UInt32
  static var none: Entry { Entry(bits: 0) }
  /// It may be a file of the machine; the first use finds out.
  static var marked: Entry { Entry(bits: 1) }
  /// It is the engine's own; the program has no such descriptor.
  static var hidden: Entry { Entry(bits: 2) }
  static let firstSlot: UInt32 = 16
  var slot: Int? { bits >= Entry.firstSlot ? Int(bits - Entry.firstSlot) : nil }
}

/// An open file as this process knows it. Slots are never unmapped, so a racing look-up may always
/// try to pin one. `references`: 0 free, above 0 one per descriptor and one per call in progress,
/// `building` while one thread alone fills or clears it. The other fields are written only then and
/// read only while pinned.
struct Slot: ~Copyable {
  static let building = Int32.min
  let references: Atomic<Int32>
  var file: ioasid_open_file
}

/// Whether a device was opened, be it the engine's or the kernel's.
@inline(__always)
func isDevice(_ file: ioasid_open_file) -> Bool {
  file.kind == ioasid_device.rawValue || file.kind == ioasid_kernel_device.rawValue
}

/// What the table holds.
@inline(__always)
func tableEntry(_ descriptor: Int32) -> Entry { Entry(bits: cpreload_entry(descriptor)) }

/// What an interposed function goes by: the engine's own calls reach libc through us too, and must
/// pass.
@inline(__always)
func entry(_ descriptor: Int32) -> Entry {
  let held = tableEntry(descriptor)
  if _fastPath(held == .none) { return held }
  return cpreload_depth() == 0 ? held : .none
}

/// The table's word, for a number within it.
@inline(__always)
func cell(_ descriptor: Int32) -> UnsafeMutablePointer<Atomic<UInt32>> {
  cpreload_entries().assumingMemoryBound(to: Atomic<UInt32>.self) + Int(descriptor)
}

@inline(__always)
func slot(_ index: Int) -> UnsafeMutablePointer<Slot> {
  (cpreload_slot_memory() + index &* Int(CPRELOAD_SLOT_BYTES)).assumingMemoryBound(to: Slot.self)
}

/// Whether this is a vfork child: it shares our memory but not our descriptors, so it must not edit
/// the table. The word is the owner's process id on a page that fork wipes; a forked copy owns
/// itself. Needs no atfork handler and sees a raw clone too.
@inline(never)
func sharesTheParentsMemory() -> Bool {
  let owner = cpreload_owner().assumingMemoryBound(to: Atomic<Int>.self)
  let me = kernel(.getpid)
  let known = owner.pointee.load(ordering: .relaxed)
  if known == me { return false }
  if known != 0 { return true }
  // A forked copy has none of the threads that were changing something when it was made.
  cpreload_abandon_locks()
  kernel(.madvise, word(cpreload_owner()), 4096, 18)  // MADV_WIPEONFORK
  owner.pointee.store(me, ordering: .relaxed)
  return false
}

/// Adds a reference unless the last is gone.
@inline(__always)
func retain(_ index: Int) -> Bool {
  let slot = slot(index)
  var count = slot.pointee.references.load(ordering: .relaxed)
  while count > 0 {
    let (exchanged, now) = slot.pointee.references.weakCompareExchange(
      expected: count, desired: count &+ 1, ordering: .acquiring)
    if exchanged { return true }
    count = now
  }
  return false
}

/// Gives a reference back; with the last the engine hears that the process is done with the file.
@inline(__always)
func release(_ index: Int) {
  let slot = slot(index)
  var count = slot.pointee.references.load(ordering: .relaxed)
  while true {
    let desired = count == 1 ? Slot.building : count &- 1
    let (exchanged, now) = slot.pointee.references.weakCompareExchange(
      expected: count, desired: desired, ordering: .acquiringAndReleasing)
    if exchanged { break }
    count = now
  }
  if _slowPath(count == 1) { retire(index) }
}

@inline(never)
func retire(_ index: Int) {
  let file = slot(index).pointee.file.file
  slot(index).pointee.references.store(0, ordering: .releasing)
  releaseToken(file)
}

/// Gives a reference of the engine's token back. Inside the engine, which may hold locks of its own
/// there, only once the thread has left it: a number that it was given may be one that the program
/// closed where we could not see it.
func releaseToken(_ file: UInt64) {
  guard let engine = loadedEngine() else { return }
  if _slowPath(cpreload_depth() != 0) {
    var index = 0
    while index < Int(CPRELOAD_LEFT) {
      if leftTokens[index].compareExchange(
        expected: 0, desired: file, ordering: .acquiringAndReleasing
      ).exchanged {
        cpreload_set_left(1)
        return
      }
      index += 1
    }
    return  // More at once than there is room for stay open to the engine.
  }
  _ = insideWithRoom(function(engine.pointee.release), Word(bitPattern: UInt(file)))
}

/// Tokens to be given back when the thread has left the engine; 0 is room for one.
private var leftTokens: UnsafeMutablePointer<Atomic<UInt64>> {
  cpreload_left_tokens().assumingMemoryBound(to: Atomic<UInt64>.self)
}

@inline(never)
func releaseLeft() {
  cpreload_set_left(0)
  var index = 0
  while index < Int(CPRELOAD_LEFT) {
    let file = leftTokens[index].exchange(0, ordering: .acquiringAndReleasing)
    if file != 0 { releaseToken(file) }
    index += 1
  }
}

/// A free slot holding the file, with one reference for the caller.
func claimSlot(_ file: ioasid_open_file) -> Int? {
  var index = 0
  while index < Int(CPRELOAD_SLOTS) {
    let references = UnsafeMutableRawPointer(slot(index)).assumingMemoryBound(
      to: Atomic<Int32>.self)
    if references.pointee.load(ordering: .relaxed) == 0,
      references.pointee.compareExchange(
        expected: 0, desired: Slot.building, ordering: .acquiring
      ).exchanged
    {
      slot(index).pointee.file = file
      references.pointee.store(1, ordering: .releasing)
      return index
    }
    index += 1
  }
  return nil
}

/// Sets the entry of a descriptor and answers what stood there, whose reference is the caller's to
/// give back.
@inline(__always)
func replace(_ descriptor: Int32, _ entry: Entry) -> Entry {
  raiseHighest(descriptor)
  return Entry(
    bits: cell(descriptor).pointee.exchange(entry.bits, ordering: .acquiringAndReleasing))
}

/// One more than the highest number ever entered: bounds the walk of close_range.
var highest: UnsafeMutablePointer<Atomic<Int32>> {
  cpreload_highest().assumingMemoryBound(to: Atomic<Int32>.self)
}

func raiseHighest(_ descriptor: Int32) {
  var known = highest.pointee.load(ordering: .relaxed)
  while known <= descriptor {
    let (exchanged, now) = highest.pointee.weakCompareExchange(
      expected: known, desired: descriptor + 1, ordering: .relaxed)
    if exchanged { return }
    known = now
  }
}

@inline(__always)
func drop(_ entry: Entry) {
  if let index = entry.slot { release(index) }
}

/// A descriptor that was opened is the file's. False: no room, or a number beyond the table.
func install(_ file: ioasid_open_file) -> Bool {
  guard UInt32(bitPattern: file.descriptor) < UInt32(CPRELOAD_DESCRIPTORS) else { return false }
  guard !sharesTheParentsMemory() else { return true }
  guard let index = claimSlot(file) else { return false }
  drop(replace(file.descriptor, Entry(bits: UInt32(index) + Entry.firstSlot)))
  return true
}

/// The slot of a descriptor with a reference added, or nil when it is not ours.
@inline(__always)
func pin(_ descriptor: Int32) -> Int? {
  while true {
    let seen = tableEntry(descriptor)
    guard let index = seen.slot else { return seen == .marked ? adopt(descriptor) : nil }
    if retain(index) {
      if tableEntry(descriptor) == seen { return index }
      release(index)
    }
  }
}

/// Sets the entry if it still is what the caller saw.
func exchange(_ descriptor: Int32, _ seen: Entry, _ entry: Entry) -> Bool {
  raiseHighest(descriptor)
  return cell(descriptor).pointee.compareExchange(
    expected: seen.bits, desired: entry.bits, ordering: .acquiringAndReleasing
  ).exchanged
}
