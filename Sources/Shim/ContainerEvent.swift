public import AddressSpaces
public import DMATypes

/// What happened in a container. A container's state is the fold of its events.
///
/// `mapped` and `unmapped` are flat words, made at every call; the others are rare and may own
/// memory.
public enum ContainerEvent: Hashable, Sendable {
  /// SET_IOMMU succeeded: the groups inside were attached, the newest first.
  case iommuSet(ContainerDriver, mappingLimit: UInt32)
  /// A group joined, and was attached when a driver was set.
  indirect case joined(GroupFacts)
  /// A group left; with the last one everything was lost.
  case left(GroupNumber)
  /// A mapping was made.
  case mapped(Mapping)
  /// The mapping that starts here is gone.
  case unmapped(start: IOVA)
  /// The mapping that starts here has other memory behind it.
  case readdressed(start: IOVA, MappedMemory)
  /// A mediated driver pinned pages of mappings, as often as it says.
  case pinned(PageRun, times: UInt32)
  /// A mediated driver gave pages back, each once.
  case unpinned(PageRun)
  /// A group's devices used the pin interface: what they pin is all that they write.
  case limitedToPins(GroupNumber)
  /// Drivers would not let go of the mapping that starts here: nothing more of it is pinned.
  case unmapFailed(start: IOVA)
  /// Dirty tracking was switched, with every page clean.
  case trackingSet(Bool)
  /// Pages of mappings were written, or must be reported as if they had been.
  case dirtied(IOVARange)
  /// Pages were reported, and count as clean again.
  case cleaned(IOVARange)
  /// What reports left behind the bitmap of the mapping that starts here.
  case leftBehind(start: IOVA, StaleBits)
  /// Everything before is replaced; the mappings follow as `mapped`.
  case restored(ContainerSnapshot)
}

/// What takes down a container's events, one by one, after their effect and before the state shows
/// them.
public protocol ContainerJournal {
  /// Takes down one event; cannot fail.
  mutating func record(_ event: ContainerEvent)
}

/// A journal for a container that nobody else follows.
public struct NoJournal: ContainerJournal, Sendable {
  /// Makes one.
  @inlinable public init() {}
  /// Drops the event.
  @inlinable public mutating func record(_ event: ContainerEvent) {}
}

/// A container's state without its mappings.
public struct ContainerSnapshot: Hashable, Sendable {
  /// The driver.
  public let driver: ContainerDriver
  /// How many mappings may exist at once.
  public let mappingLimit: UInt32
  /// The groups in joining order.
  public let groups: [GroupFacts]
  /// The hardware tables, the oldest first.
  public let domains: [TranslationDomain]
  /// The usable addresses, ascending; empty means all.
  public let usableRanges: [IOVARange]
  /// Whether dirty pages are tracked.
  public let isTracking: Bool

  /// The same as words, groups named by number. `init(words:facts:)` reads them back.
  public var words: [UInt64] {
    var words = [
      UInt64(driver.rawValue) | (isTracking ? 1 << 8 : 0) | UInt64(mappingLimit) << 32
    ]
    words.append(UInt64(groups.count))
    words += groups.map { UInt64($0.number.rawValue) }
    words.append(UInt64(domains.count))
    for domain in domains {
      let facts = domain.facts
      words.append(
        UInt64(facts.driver) | (facts.enforcesCoherency ? 1 << 32 : 0)
          | (facts.readsWhatIsWritable ? 1 << 33 : 0))
      words += [facts.aperture.start.rawValue, facts.aperture.last.rawValue]
      words += [facts.pageSizes.rawValue, UInt64(domain.members.count)]
      words += domain.members.map { UInt64($0.rawValue) }
    }
    words.append(UInt64(usableRanges.count))
    for range in usableRanges { words += [range.start.rawValue, range.last.rawValue] }
    return words
  }

  /// Reads words back; `facts` tells what the platform knows of a group.
  ///
  /// Nil when the words are not a snapshot of groups that exist.
  public init?(words: [UInt64], facts: (GroupNumber) -> GroupFacts?) {
    var reader = WordReader(words: words[...])
    guard let head = reader.next(), head & 0xffff_fe00 == 0,
      let driver = ContainerDriver(rawValue: UInt8(head & 0xff)),
      let groups = reader.list({ $0.group().flatMap(facts) }),
      let domains = reader.list({ $0.domain() }),
      let ranges = reader.list({ $0.range() }), reader.isAtEnd,
      zip(ranges, ranges.dropFirst()).allSatisfy({ $0.last < $1.start })
    else { return nil }
    self.init(
      driver: driver, mappingLimit: UInt32(head >> 32), groups: groups, domains: domains,
      usableRanges: ranges, isTracking: head >> 8 & 1 == 1)
  }

  init(
    driver: ContainerDriver, mappingLimit: UInt32, groups: [GroupFacts],
    domains: [TranslationDomain], usableRanges: [IOVARange], isTracking: Bool
  ) {
    self.driver = driver
    self.mappingLimit = mappingLimit
    self.groups = groups
    self.domains = domains
    self.usableRanges = usableRanges
    self.isTracking = isTracking
  }
}

/// Takes words off the front, nil where they make no sense.
private struct WordReader {
  var words: ArraySlice<UInt64>

  var isAtEnd: Bool { words.isEmpty }

  mutating func next() -> UInt64? { words.popFirst() }

  mutating func list<Element>(_ element: (inout Self) -> Element?) -> [Element]? {
    // Every element takes a word at least: a wild count cannot ask for more than there is.
    guard let count = next(), count <= words.count else { return nil }
    var list: [Element] = []
    for _ in 0..<count {
      guard let next = element(&self) else { return nil }
      list.append(next)
    }
    return list
  }

  mutating func group() -> GroupNumber? {
    next().flatMap { UInt32(exactly: $0) }.map { GroupNumber(rawValue: $0) }
  }

  mutating func range() -> IOVARange? {
    guard let start = next(), let last = next(), start <= last else { return nil }
    return IOVARange(start: IOVA(start), last: IOVA(last))
  }

  mutating func domain() -> TranslationDomain? {
    guard let head = next(), head >> 34 == 0, let aperture = range(), let sizes = next(),
      let members = list({ $0.group() }), !members.isEmpty
    else { return nil }
    return TranslationDomain(
      facts: IOMMUFacts(
        driver: UInt32(truncatingIfNeeded: head), aperture: aperture,
        pageSizes: PageSizes(rawValue: sizes), enforcesCoherency: head >> 32 & 1 == 1,
        readsWhatIsWritable: head >> 33 & 1 == 1),
      members: members)
  }
}
