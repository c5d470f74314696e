/// Every script of a tiny universe: a beginning, then every sequence of `length` calls out of a
/// list, in the order of counting.
public struct ExhaustiveGenerator: Sequence, Sendable {
  /// The machine.
  public var world: World
  /// The calls every script begins with.
  public var beginning: [Call]
  /// The calls that follow in every order, with repetition.
  public var choices: [Call]
  /// How many follow.
  public var length: Int

  /// States a universe.
  public init(world: World, beginning: [Call], choices: [Call], length: Int) {
    self.world = world
    self.beginning = beginning
    self.choices = choices
    self.length = length
  }

  /// How many scripts there are.
  public var scriptCount: Int { (0..<length).reduce(1) { count, _ in count * choices.count } }

  /// Counts through the scripts.
  public func makeIterator() -> AnyIterator<Script> {
    var number = 0
    return AnyIterator {
      guard number < scriptCount else { return nil }
      var calls = beginning
      var rest = number
      for _ in 0..<length {
        calls.append(choices[rest % choices.count])
        rest /= choices.count
      }
      number += 1
      return Script(world: world, calls: calls)
    }
  }
}

extension ExhaustiveGenerator {
  /// Containers, groups and devices from the beginning: who may do what in which state.
  public static func beginnings(length: Int) -> Self {
    Self(
      world: .mixed,
      beginning: [Call(.openContainer, into: 0), Call(.openGroup, into: 1, [3])],
      choices: [
        Call(.setContainer, on: 1, other: .descriptor(0)),
        Call(.openGroup, into: 2, [9]), Call(.setContainer, on: 2, other: .descriptor(0)),
        Call(.setIOMMU, on: 0, [3]), Call(.unsetContainer, on: 1),
        Call(.getDeviceFD, on: 1, into: 3, name: "0000:00:05.0"),
        map(0x1000, 0x1000), Call(.close, on: 1), Call(.getStatus, on: 1, [8]),
      ], length: length)
  }

  /// Everything is open and mapped; files are closed in every order, and groups leave.
  public static func endings(length: Int) -> Self {
    Self(
      world: .mixed,
      beginning: ready(groups: [3, 6], version: 2) + [
        Call(.getDeviceFD, on: 2, into: 3, name: "0000:02:01.0"),
        Call(.getDeviceFD, on: 2, into: 4, name: "0000:02:01.0"), map(0x1000, 0x1000),
      ],
      choices: [
        Call(.close, on: 0), Call(.close, on: 1), Call(.close, on: 2), Call(.close, on: 3),
        Call(.close, on: 4), Call(.unsetContainer, on: 1), Call(.unsetContainer, on: 2),
        Call(.openGroup, into: 2, [6]), Call(.setContainer, on: 2, other: .descriptor(0)),
        map(0x2000, 0x1000),
      ], length: length)
  }

  /// Mappings of up to three pages in five, and every range of unmapping them.
  public static func mappings(version: UInt64, length: Int) -> Self {
    var choices: [Call] = []
    for (start, count) in [(0, 1), (0, 2), (1, 2), (2, 1), (3, 2)] as [(UInt64, UInt64)] {
      choices.append(map(start << 12, count << 12))
    }
    for start in 0..<4 as Range<UInt64> {
      for count in [1, 2, 4] as [UInt64] { choices.append(unmap(start << 12, count << 12)) }
    }
    choices.append(unmap(0, 0, flags: 2))
    choices.append(unmap(0x1000, 0 &- 0x1000))
    return Self(
      world: .lab.limited(to: 2), beginning: ready(groups: [3], version: version),
      choices: choices, length: length)
  }

  /// Mappings that share words of a bitmap, reported together and apart, while tracking comes and
  /// goes, and groups with it: descriptor 2 is a mediated device's.
  public static func dirtyPages(length: Int) -> Self {
    let get = { (iova: UInt64, size: UInt64, data: UInt64) in
      Call(
        .dirtyPages, on: 0,
        [48, 4, Number(iova), Number(size), 0x1000, 24, .memory(data)])
    }
    var beginning = [Call(.openContainer, into: 0)]
    for (file, group) in [(1, 3), (2, 20)] as [(Int, UInt64)] {
      beginning.append(Call(.openGroup, into: file, [Number(group)]))
      beginning.append(Call(.setContainer, on: file, other: .descriptor(0)))
    }
    beginning.append(Call(.setIOMMU, on: 0, [3]))
    beginning.append(map(0x1000, 0x3000))
    beginning.append(Call(.dirtyPages, on: 0, [8, 1, 0, 0, 0, 0, 0]))
    return Self(
      world: .mixed, beginning: beginning,
      choices: [
        Call(.dirtyPages, on: 0, [8, 1, 0, 0, 0, 0, 0]),
        Call(.dirtyPages, on: 0, [8, 2, 0, 0, 0, 0, 0]),
        map(0x4000, 0x8000), map(0x4_0000, 0x4000),
        // From 0 on, of one mapping, over both words; and one whose second word cannot be written.
        get(0, 0x8_0000, 0), get(0x1000, 0x3000, 0x40), get(0x4000, 0x4_0000, 0x8000 - 8),
        Call(.unmapDMA, on: 0, [48, 1, 0, 0x8_0000, 0x1000, 16, .memory(0x20)]),
        Call(.unsetContainer, on: 1), Call(.setContainer, on: 1, other: .descriptor(0)),
      ], length: length)
  }

  /// A driver's pins and copies, what is dirty by them, and who must let go before memory goes.
  ///
  /// Of the two mappings, one behind the other, the second ends where no memory is.
  public static func pins(length: Int) -> Self {
    var second = map(0x3000, 0x3000)
    second.numbers[2] = .memory(0x1_f000)
    let beginning =
      ready(groups: [7], version: 2) + [
        Call(.getDeviceFD, on: 1, into: 3, name: PinsDriver.name),
        Call(.openGroup, into: 2, [3]), map(0x1000, 0x2000), second,
      ]
    return Self(
      world: .labWithPins, beginning: beginning,
      choices: [
        Call(.dirtyPages, on: 0, [8, 1, 0, 0, 0, 0, 0]),
        Call(.dirtyPages, on: 0, [48, 4, 0x1000, 0x5000, 0x1000, 8, .memory(0x40)]),
        Call(.pin, on: 3, [0x1000, 2, 3]), Call(.pin, on: 3, [0x2000, 3, 1]),
        Call(.unpin, on: 3, [0x2000, 2]), Call(.driverWrite, on: 3, [0x2ffc, 8, 0x1234_5678_9abc]),
        Call(.driverRead, on: 3, [0x3ffc, 8]), Call(.keep, on: 3, [2]), Call(.told, on: 3),
        Call(.pin, on: 3, [0x1000, 1, 1]),
        unmap(0x1000, 0x2000),
        Call(.unmapDMA, on: 0, [48, 1, 0x1000, 0x5000, 0x1000, 8, .memory(0x20)]),
        Call(.setContainer, on: 2, other: .descriptor(0)), Call(.unsetContainer, on: 2),
        Call(.close, on: 3),
      ], length: length)
  }

  /// Addresses taken away and given back, and what may not happen meanwhile.
  public static func addresses(version: UInt64, length: Int) -> Self {
    var choices = [map(0x1000, 0x1000), map(0x2000, 0x2000)]
    for (iova, size) in [(0x1000, 0x1000), (0x2000, 0x2000), (0x1000, 0x3000)] as [(UInt64, UInt64)]
    {
      choices.append(unmap(iova, size, flags: 4))
      choices.append(Call(.mapDMA, on: 0, [32, 4, .memory(0x1_4000), Number(iova), Number(size)]))
    }
    choices += [
      unmap(0x2000, 0x1000, flags: 4), unmap(0, 0, flags: 6), unmap(0x1000, 0x3000),
      Call(.setContainer, on: 2, other: .descriptor(0)), Call(.unsetContainer, on: 2),
    ]
    return Self(
      world: .mixed,
      beginning: ready(groups: [3], version: version) + [
        Call(.openGroup, into: 2, [version == 1 ? 20 : 6])
      ],
      choices: choices, length: length)
  }

  /// Groups behind different IOMMUs that come and go around mappings in critical places.
  ///
  /// The group of descriptor `first` (1…4: wide, narrow, high, mediated) is in from the start.
  public static func domains(first: Int, length: Int) -> Self {
    var choices: [Call] = []
    for file in 1...4 {
      choices.append(Call(.setContainer, on: file, other: .descriptor(0)))
      choices.append(Call(.unsetContainer, on: file))
    }
    for iova in [0xa_0000, 0x80_0000_0000, 0xfee0_0000] as [UInt64] {
      choices.append(map(iova, 0x1000))
    }
    choices += [
      Call(.getInfo, on: 0, [256]), Call(.setIOMMU, on: 0, [3]),
      Call(.checkExtension, on: 0, [4]), unmap(0, 0, flags: 2),
    ]
    var beginning = [Call(.openContainer, into: 0)]
    for (file, group) in [(1, 3), (2, 9), (3, 12), (4, 20)] as [(Int, UInt64)] {
      beginning.append(Call(.openGroup, into: file, [Number(group)]))
    }
    beginning.append(Call(.setContainer, on: first, other: .descriptor(0)))
    beginning.append(Call(.setIOMMU, on: 0, [3]))
    return Self(world: .mixed, beginning: beginning, choices: choices, length: length)
  }

  /// Three groups of one driver whose domains may be shared one way only: wide, narrow, wide.
  public static func sharing(length: Int) -> Self {
    var beginning = ready(groups: [3], version: 2)
    beginning.append(Call(.openGroup, into: 2, [13]))
    beginning.append(Call(.openGroup, into: 3, [6]))
    var choices = [Call(.getInfo, on: 0, [256]), map(0xfee0_0000, 0x1000)]
    for file in 1...3 {
      choices.append(Call(.setContainer, on: file, other: .descriptor(0)))
      choices.append(Call(.unsetContainer, on: file))
    }
    return Self(world: .mixed, beginning: beginning, choices: choices, length: length)
  }

  /// Three groups behind three IOMMUs, and what each device reads of mappings that only some of
  /// them reach, and of one whose memory is missing.
  public static func threeIOMMUs(length: Int) -> Self {
    var beginning = ready(groups: [3], version: 2)
    beginning.append(Call(.openGroup, into: 2, [4]))
    beginning.append(Call(.openGroup, into: 3, [6]))
    var choices = [
      map(0x1000, 0x1000), map(0x80_0000_0000, 0x1000), map(0x20_0000, 0x2000),
      Call(.mapDMA, on: 0, [32, 3, 0xdead_0000, 0x30_0000, 0x1000]),
      unmap(0, 0, flags: 2), Call(.getInfo, on: 0, [256]),
    ]
    for (file, name) in [(1, "0000:00:05.0"), (2, "0000:00:06.0"), (3, "0000:02:01.0")] {
      choices.append(Call(.setContainer, on: file, other: .descriptor(0)))
      choices.append(Call(.deviceRead, [0x20_1000], name: name))
      if file > 1 { choices.append(Call(.unsetContainer, on: file)) }
    }
    return Self(world: .three, beginning: beginning, choices: choices, length: length)
  }

  static func ready(groups: [UInt64], version: UInt64) -> [Call] {
    var calls = [Call(.openContainer, into: 0)]
    for (index, group) in groups.enumerated() {
      calls.append(Call(.openGroup, into: index + 1, [Number(group)]))
      calls.append(Call(.setContainer, on: index + 1, other: .descriptor(0)))
    }
    return calls + [Call(.setIOMMU, on: 0, [Number(version == 1 ? 1 : 3)])]
  }

  static func map(_ iova: UInt64, _ size: UInt64) -> Call {
    Call(.mapDMA, on: 0, [32, 3, .memory(0x1_4000), Number(iova), Number(size)])
  }

  static func unmap(_ iova: UInt64, _ size: UInt64, flags: UInt64 = 0) -> Call {
    Call(.unmapDMA, on: 0, [24, Number(flags), Number(iova), Number(size), 0, 0, 0])
  }
}
