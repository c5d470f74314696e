/// Long random scripts: a seed gives a world, a style (how often each call is made: swarm testing)
/// and then call after call, with numbers drawn near the places where behaviour changes.
public struct SeededGenerator {
  private var numbers: SeededNumbers
  private let world: World
  private let weights: [Int]
  /// The type of this script's containers where their groups have an IOMMU, and as they are now.
  private let usual: UInt64
  private var type: UInt64
  private let wildness: Int
  /// What each descriptor ought to be: the call that made it, and a group's index.
  private var isOpen: [Int: Verb] = [:]
  private var groupOf: [Int: Int] = [:]
  private var nextDescriptor = 0
  /// The containers that groups were put into at the last beginning, and the first file of it.
  private var containers: [Int] = []
  private var beginning = 0
  private var used: [(iova: UInt64, size: UInt64)] = []
  /// What UNMAP with VADDR was asked for, the latest last.
  private var taken: [(iova: UInt64, size: UInt64)] = []
  /// The memory that every MAP at an address named so far; none where they named several.
  private var addresses: [UInt64: Number?] = [:]
  private var calls: [Call] = []

  /// Open devices of a driver that takes commands, and what it was told to pin.
  private var drivers: [Int] = []
  private var pinned: [(iova: UInt64, count: UInt64)] = []
  private let verbs: [Verb]

  private static let verbs: [Verb] = [
    .mapDMA, .unmapDMA, .getInfo, .deviceRead, .deviceWrite, .openContainer, .openGroup, .close,
    .setContainer, .setIOMMU, .unsetContainer, .getDeviceFD, .getStatus, .checkExtension,
    .dirtyPages, .getAPIVersion, .ioctl, .dup,
  ]

  /// The script of a seed, on a world of its choice or on the one given.
  public static func script(seed: UInt64, length: Int, on world: World? = nil) -> Script {
    var generator = Self(seed: seed, world: world)
    generator.openEverything()
    while generator.calls.count < length { generator.makeCall() }
    return Script(world: generator.world, calls: generator.calls)
  }

  private init(seed: UInt64, world: World?) {
    var numbers = SeededNumbers(seed: seed)
    var world = world ?? numbers.pick([World.lab, .mixed, .mixed, .three, .coarse])
    if numbers.chance(1, in: 3) { world.entryLimit = numbers.pick([0, 1, 2, 3, 8, 100]) }
    self.world = world
    usual = numbers.pick([1, 3, 3, 3])
    type = usual
    wildness = numbers.pick([0, 1, 5, 20])
    // Mappings lead; each of the others is common, rare or absent in this script.
    // Drivers see what memory holds, and real devices do not make all of the writes of a script.
    verbs =
      world.hasPins
      ? Self.verbs.filter { $0 != .deviceWrite } + Verb.allCases.filter(\.isOfDriver) : Self.verbs
    weights = verbs.map { verb in
      verb == .mapDMA || verb == .unmapDMA || verb == .pin
        ? numbers.pick([10, 40, 80]) : numbers.pick([0, 1, 1, 3, 10])
    }
    self.numbers = numbers
  }

  /// Begins anew: whatever became of the earlier container, this one is likely to work.
  private mutating func openEverything() {
    for file in isOpen.keys.sorted() { calls.append(Call(.close, on: file)) }
    (isOpen, groupOf, used, taken, addresses) = ([:], [:], [], [], [:])
    (drivers, pinned) = ([], [])
    let isWithoutIOMMU = world.hasPins && numbers.chance(1, in: 2)
    // Groups of both kinds do not mix: mostly one or the other is tried.
    let wantsUnprotected = world.allowsUnprotected && numbers.chance(1, in: 2)
    type = wantsUnprotected ? 8 : usual
    beginning = nextDescriptor
    containers = [make(.openContainer)]
    if numbers.chance(1, in: 5) { containers.append(make(.openContainer)) }
    for index in world.groups.indices where numbers.chance(1, in: 2) {
      if isWithoutIOMMU, world.groups[index].iommu != nil { continue }
      // A group that cannot be taken spoils the container for the rest of the script.
      let group = world.groups[index]
      if world.allowsUnprotected, group.unprotected != wantsUnprotected,
        numbers.chance(7, in: 8)
      {
        continue
      }
      if !(group.viable && group.safeInterrupts) && numbers.chance(7, in: 8) { continue }
      let file = makeGroup(index)
      let container = numbers.pick(containers)
      calls.append(Call(.setContainer, on: file, other: .descriptor(container)))
      if numbers.chance(1, in: 3) { setIOMMU(container) }
    }
    for container in containers { setIOMMU(container) }
    for (file, index) in groupOf.sorted(by: { $0.key < $1.key })
    where PinsDriver.names.contains(world.groups[index].devices[0]) {
      openDriver(of: file, world.groups[index].devices[0])
    }
    if numbers.chance(1, in: 3) {
      calls.append(Call(.dirtyPages, on: numbers.pick(containers), [8, 1, 0, 0, 0, 0, 0]))
    }
  }

  @discardableResult
  private mutating func makeGroup(_ index: Int) -> Int {
    let file = make(.openGroup, [Number(UInt64(world.groups[index].number))])
    groupOf[file] = index
    return file
  }

  private mutating func setIOMMU(_ container: Int) {
    calls.append(Call(.setIOMMU, on: container, [Number(type)]))
  }

  @discardableResult
  private mutating func make(_ verb: Verb, on: Int = 0, _ numbers: [Number] = []) -> Int {
    let descriptor = nextDescriptor
    nextDescriptor += 1
    isOpen[descriptor] = verb
    calls.append(Call(verb, on: on, into: descriptor, numbers))
    return descriptor
  }

  /// A descriptor of a kind, now and then of another kind or closed.
  private mutating func descriptor(_ kind: Verb) -> Int {
    if numbers.chance(wildness, in: 200) {
      return Int.random(in: 0..<nextDescriptor + 1, using: &numbers)
    }
    if kind == .openContainer && numbers.chance(9, in: 10) { return numbers.pick(containers) }
    return numbers.pick(isOpen.keys.filter { isOpen[$0] == kind }.sorted() + containers)
  }

  private mutating func makeCall() {
    if numbers.chance(1, in: 80) { return openEverything() }
    let verb = verbs[numbers.pick(weights: weights)]
    switch verb {
    case .openContainer: if numbers.chance(1, in: 8) { make(verb) }
    case .openGroup: makeGroup(numbers.pick(Array(world.groups.indices)))
    case .close:
      // Closing is rare, and rarer for the first container, or nothing ever stands for long.
      guard numbers.chance(1, in: 6) else { return }
      let file = Int.random(in: beginning...nextDescriptor, using: &numbers)
      guard !containers.contains(file) || numbers.chance(1, in: 4) else { return }
      isOpen[file] = nil
      groupOf[file] = nil
      calls.append(Call(.close, on: file))
    case .setContainer:
      let other: Other =
        numbers.chance(wildness, in: 200)
        ? numbers.pick([.closed, .foreign]) : .descriptor(descriptor(.openContainer))
      add(Call(verb, on: descriptor(.openGroup), other: other))
    case .unsetContainer:
      if numbers.chance(1, in: 4) { calls.append(Call(verb, on: descriptor(.openGroup))) }
    case .getStatus: add(Call(verb, on: descriptor(.openGroup), [argsz(8)]))
    case .getDeviceFD: addDevice()
    case .setIOMMU:
      let type =
        numbers.chance(1, in: 4)
        ? oddNumber() : type
      calls.append(Call(verb, on: descriptor(.openContainer), [Number(type)]))
    case .checkExtension:
      let number = oddNumber()
      calls.append(Call(verb, on: descriptor(.openContainer), [Number(number)]))
    case .getAPIVersion: calls.append(Call(verb, on: descriptor(.openContainer)))
    case .ioctl:
      let kind = numbers.pick([.openContainer, .openContainer, .openGroup] as [Verb])
      calls.append(Call(verb, on: descriptor(kind), [Number(unknownRequest())]))
    case .dup:
      guard numbers.chance(1, in: 6) else { return }
      let open = isOpen.keys.filter { $0 >= beginning }.sorted()
      let file = numbers.pick(open.isEmpty ? [beginning] : open)
      let copy = make(.dup, on: file)
      (isOpen[copy], groupOf[copy]) = (isOpen[file], groupOf[file])
    case .getInfo:
      let argsz: UInt64 = numbers.pick([72, 88, 104, 120, 136, 152, 168, 184, 24, 16, 4096])
      add(Call(verb, on: descriptor(.openContainer), [self.argsz(argsz)]))
    case .mapDMA: addMap()
    case .unmapDMA: addUnmap()
    case .dirtyPages: addDirty()
    case .deviceRead, .deviceWrite: addAccess(verb)
    case .pin, .unpin, .driverRead, .driverWrite, .keep, .told: addCommand(verb)
    }
  }

  private mutating func add(_ call: Call) {
    var call = call
    if numbers.chance(wildness, in: 100) {
      call.place = numbers.pick([
        .readOnly,
        .edge(Int.random(in: 0...(call.verb == .getInfo ? 200 : 64), using: &numbers)),
        .absent(0), .absent(1 << 63), .absent(.max - 15),
      ])
    }
    // What a child has pinned of its memory no driver can reach any more, nor its bitmaps we.
    if !world.hasPins, call.isForChildren, numbers.chance(1, in: 25) { call.byChild = true }
    calls.append(call)
  }

  /// A type or an extension, mostly one that exists somewhere.
  private mutating func oddNumber() -> UInt64 {
    guard numbers.chance(1, in: 8) else { return UInt64.random(in: 0...12, using: &numbers) }
    return numbers.pick([13, 255, 1 << 32 | 3, 1 << 32 | 10, 1 << 63 | 9, .max])
  }

  /// A number that neither containers nor groups have a call for: some are devices', some other
  /// files', some one of theirs with a size in it.
  private mutating func unknownRequest() -> UInt64 {
    guard numbers.chance(1, in: 4) else {
      return numbers.pick([0x3b63, 0x3b6b, 0x3b73, 0x3b74, 0x3b76, 0x3b79, 0x3ba0, 0x5401])
    }
    let number = UInt64.random(in: 0x3b00...0x3bff, using: &numbers)
    let isKnown = Verb.allCases.contains { $0.request == UInt32(number) }
    return isKnown ? numbers.pick([0xc020_0000, 0x4018_0000, 0x8000_0000]) | number : number
  }

  private mutating func argsz(_ usual: UInt64) -> Number {
    guard numbers.chance(wildness, in: 100) else { return Number(usual) }
    let off = UInt64.random(in: 0...usual + 8, using: &numbers)
    return Number(numbers.pick([off, off, 0xffff_ffff, 0]))
  }

  private mutating func addDevice() {
    let file = descriptor(.openGroup)
    let group = numbers.chance(1, in: 10) ? nil : groupOf[file].map { world.groups[$0] }
    let name = numbers.pick((group ?? numbers.pick(world.groups)).devices)
    let suffix =
      numbers.chance(5 + wildness, in: 100)
      ? numbers.pick([
        "x", " ", "  ", " x=1", " vf_token=83a8d1d0-4c0a-4f5c-9b1f-6f0f3b6f2a11", " vf_token=8",
        String(repeating: " ", count: 4083), String(repeating: " ", count: 4084),
      ]) : ""
    let descriptor = nextDescriptor
    nextDescriptor += 1
    isOpen[descriptor] = .getDeviceFD
    add(Call(.getDeviceFD, on: file, into: descriptor, name: name + suffix))
  }

  // MARK: - Addresses

  private static let edges: [UInt64] = [
    0x8000, 0x3000_0000, 0x20_0000, 0x1_0000_8000, 0x4000_0000,
    0, 0x1000, 0xa_0000, 0x10_0000, 0x20_0000, 0x4000_0000, 0xfee0_0000, 0xfef0_0000, 1 << 32,
    1 << 39, 1 << 48, 1 << 63, 0 &- 0x1000,
  ]

  /// Without an IOMMU mappings may end at 2⁶⁴, which the kernel loses count of (2.5).
  private func below(_ number: UInt64) -> UInt64 {
    world.hasPins ? number & (1 << 62 - 1) : number
  }

  private mutating func size() -> UInt64 {
    let unit: UInt64 = world.name == "coarse" ? 0x1_0000 : 0x1000
    let usual = unit * UInt64.random(in: 1...4, using: &numbers)
    if numbers.chance(1, in: 20) { return numbers.pick([0x20_0000, 0x40_0000, 0x1_0000]) }
    guard numbers.chance(wildness, in: 200) else { return usual }
    return below(numbers.pick([0, 1, 0x800, usual + 8, 1 << 48, 1 << 63, 0 &- 0x1000, .max]))
  }

  private mutating func iova() -> UInt64 {
    let unit: UInt64 = world.name == "coarse" ? 0x1_0000 : 0x1000
    let step = unit &* (UInt64.random(in: 0...8, using: &numbers) &- 4)
    if !used.isEmpty && numbers.chance(1, in: 2) {
      let old = numbers.pick(used)
      return below(numbers.pick([old.iova, old.iova &+ old.size, old.iova &+ step]))
    }
    var iova = numbers.pick(Self.edges) &+ step
    if numbers.chance(wildness, in: 400) { iova |= numbers.pick([1, 8, 0x800]) }
    return below(iova)
  }

  private mutating func address() -> Number {
    if numbers.chance(wildness, in: 200) {
      return numbers.pick([0, Number(1 << 63), Number(0 &- 0x1000), .memory(0x800), .memory(1)])
    }
    if world.name == "coarse" || numbers.chance(1, in: 8) {
      return .memory(0x20_0000 + 0x1_0000 * UInt64.random(in: 0...65, using: &numbers))
    }
    // Mostly good memory, now and then read-only, missing, or beyond the end of a file.
    let page =
      numbers.chance(4, in: 5)
      ? UInt64.random(in: 20..<29, using: &numbers) : UInt64.random(in: 0..<33, using: &numbers)
    return .memory(page << 12)
  }

  private mutating func addMap() {
    var flags = UInt64.random(in: 1...3, using: &numbers)
    if numbers.chance(wildness, in: 200) { flags = numbers.pick([0, 4, 5, 7, 8, 0xffff_ffff]) }
    let isTaken = !taken.isEmpty && numbers.chance(1, in: 4)
    if !used.isEmpty && (isTaken || numbers.chance(1, in: 40)) { return addNewAddress(isTaken) }
    let (iova, size, address) = (iova(), size(), address())
    used.append((iova, size))
    if let before = addresses[iova] {
      if before != address { addresses[iova] = .some(nil) }
    } else {
      addresses[iova] = address
    }
    if used.count > 24 { used.removeFirst() }
    add(
      Call(
        .mapDMA, on: descriptor(.openContainer),
        [argsz(32), Number(flags), address, Number(iova), Number(size)]))
  }

  /// Registers memory anew at the address it has: devices reach the same pages before and after.
  private mutating func addNewAddress(_ isTaken: Bool) {
    let old = isTaken ? taken.removeLast() : numbers.pick(used)
    let size = numbers.chance(1, in: 8) ? size() : old.size
    guard let address = addresses[old.iova] ?? nil else { return }
    add(
      Call(
        .mapDMA, on: descriptor(.openContainer),
        [argsz(32), 4, address, Number(old.iova), Number(size)]))
  }

  private mutating func addUnmap() {
    var (iova, size, flags): (UInt64, UInt64, UInt64) = (iova(), size(), 0)
    if !used.isEmpty && numbers.chance(1, in: 2) {
      let old = numbers.pick(used)
      (iova, size) = (old.iova, numbers.pick([old.size, old.size, old.size &+ size]))
    }
    if numbers.chance(1, in: 60) {
      (iova, size, flags) = (0, 0, 2)
    } else if numbers.chance(1, in: 10) {
      flags = numbers.pick([1, 1, 4])
      if flags == 4 && numbers.chance(1, in: 4) { (iova, size, flags) = (0, 0, 6) }
    } else if numbers.chance(wildness, in: 200) {
      flags = numbers.pick([1, 2, 3, 4, 5, 6, 8])
    }
    if flags == 4 { taken.append((iova, size)) }
    if flags == 6 { taken += used }
    add(
      Call(
        .unmapDMA, on: descriptor(.openContainer),
        [argsz(flags & 1 != 0 ? 48 : 24), Number(flags), Number(iova), Number(size)]
          + bitmap(for: size)))
  }

  private mutating func addDirty() {
    let flags =
      numbers.chance(1, in: 12)
      ? numbers.pick([0, 3, 8]) : numbers.pick([1, 1, 2, 4, 4, 4, 4, 4] as [UInt64])
    var (iova, size) = (iova(), size())
    if !used.isEmpty && numbers.chance(7, in: 8) {
      // From one mapping to the same or another, all that lies between included.
      let (one, other) = (numbers.pick(used), numbers.pick(used))
      let (low, high) = one.iova < other.iova ? (one, other) : (other, one)
      iova = low.iova &- numbers.pick([0, 0, 0x1000, 0x2_0000])
      size = numbers.chance(1, in: 2) ? one.size : high.iova &- iova &+ high.size
      // A longer bitmap would end outside the script's memory.
      if size > 0x2000_0000 { (iova, size) = (one.iova, one.size) }
    }
    add(
      Call(
        .dirtyPages, on: descriptor(.openContainer),
        [argsz(flags & 4 != 0 ? 48 : 8), Number(flags), Number(iova), Number(size)]
          + bitmap(for: size)))
  }

  /// A bitmap for a range, mostly as large as it must be; its words at any address, good or bad.
  private mutating func bitmap(for size: UInt64) -> [Number] {
    let unit: UInt64 = world.name == "coarse" ? 0x1_0000 : 0x1000
    let needed = (size / unit / 64 + 1) &* 8
    var page = unit
    var bytes = numbers.pick([needed, needed, needed, needed &+ 8, 64])
    if numbers.chance(1 + wildness, in: 100) { page = numbers.pick([1, 0x800, 0x20_0000]) }
    if numbers.chance(1 + wildness, in: 100) { bytes = numbers.pick([0, 7, needed &- 8, 1 << 29]) }
    var data = Number.memory(8 * UInt64.random(in: 0..<64, using: &numbers))
    if numbers.chance(1, in: 8) {
      // Across the end of what can be written or read, unaligned, or nowhere.
      data = numbers.pick([
        .memory(0x8000 - 8), .memory(0x8000 - 64), .memory(0x1_2000 - 16), .memory(0x8000),
        .memory(0x1_2000 - 5), .memory(0xc000), .memory(3), 0, Number(1 << 63),
      ])
    }
    return [Number(page), Number(bytes), data]
  }

  private mutating func addAccess(_ verb: Verb) {
    var iova = iova() & ~7
    if !used.isEmpty && numbers.chance(3, in: 4) {
      let old = numbers.pick(Array(used.suffix(8)))
      iova = old.iova &+ numbers.pick([0, 8, old.size &- 8, old.size / 2 & ~7])
    }
    let open = groupOf.values.sorted().map { world.groups[$0] }
    let name = numbers.pick(
      numbers.pick(open.isEmpty || numbers.chance(1, in: 8) ? world.groups : open).devices)
    let value = verb == .deviceWrite ? [Number(numbers.next())] : []
    calls.append(Call(verb, [Number(iova)] + value, name: name))
  }
}

// MARK: - Drivers

extension SeededGenerator {
  private mutating func openDriver(of group: Int, _ device: String) {
    let descriptor = nextDescriptor
    nextDescriptor += 1
    isOpen[descriptor] = .getDeviceFD
    drivers.append(descriptor)
    calls.append(Call(.getDeviceFD, on: group, into: descriptor, name: device))
  }

  private mutating func addCommand(_ verb: Verb) {
    let open = drivers.filter { isOpen[$0] != nil }
    guard !open.isEmpty else { return }
    // The one that can be told to let go is the first.
    let driver = numbers.chance(9, in: 10) ? open[0] : numbers.pick(open)
    var fields: [UInt64] = []
    switch verb {
    case .pin:
      let pages = pages()
      pinned.append(pages)
      fields = [pages.iova, pages.count, numbers.pick([1, 1, 2, 3, 3, 0, 4])]
    case .unpin:
      var pages = pages()
      if !pinned.isEmpty && numbers.chance(3, in: 4) { pages = numbers.pick(pinned) }
      fields = [pages.iova, pages.count]
    case .driverRead, .driverWrite:
      let offset = numbers.pick([0, 0, 8, 0xff0, 0xffc, 0x7ff] as [UInt64])
      let length: UInt64 = numbers.pick([1, 4, 8, 8, 64, 256])
      fields = [pages().iova &+ offset, numbers.chance(1, in: 40) ? 0 : length]
      if verb == .driverWrite { fields.append(numbers.next()) }
    // The kernel stops when a driver does not hear eleven times.
    case .keep: fields = [numbers.pick([0, 1, 2, 5])]
    default: break
    }
    calls.append(Call(verb, on: driver, fields.map { Number($0) }))
  }

  /// Pages that are mapped, as far as anybody can tell, and now and then some more.
  private mutating func pages() -> (iova: UInt64, count: UInt64) {
    guard !used.isEmpty, numbers.chance(15, in: 16) else { return (iova() & ~0xfff, 1) }
    let old = numbers.pick(Array(used.suffix(8)))
    let pages = max(1, min(old.size >> 12, 8))
    let first = UInt64.random(in: 0..<pages, using: &numbers)
    var count = numbers.pick([1, 1, 2, pages - first, pages - first])
    if numbers.chance(1, in: 40) { count = numbers.pick([0, 512, 513, 0xffff_ffff]) }
    return ((old.iova & ~0xfff) &+ first << 12, count)
  }
}
