/// An ordered map from disjoint ranges of bus addresses to small values: a B+tree.
///
/// It has value semantics: a copy is made whole when a shared map is first changed. Ranges may end
/// at 2⁶⁴−1. Nothing here traps on any range; two ranges that overlap are the caller's mistake.
///
/// Ascending inserts fill nodes completely; elsewhere a full node first gives elements to a
/// neighbour, so that random inserts keep nodes four fifths full. Neighbours that fit in one node
/// are joined on removal, so memory follows the live ranges, down to one node.
public struct RangeMap<Value: BitwiseCopyable & Sendable>: Sendable {
  /// One range and what it maps to.
  public struct Element: Sendable {
    /// The addresses, both ends inclusive.
    public var range: IOVARange
    /// What they map to.
    public var value: Value

    /// Pairs a range with a value.
    @inlinable public init(range: IOVARange, value: Value) {
      self.range = range
      self.value = value
    }
  }

  /// Where a look-up ended, so that the change that follows need not search again.
  ///
  /// Once the map has changed, its places are stale: a change at one is then made by a search.
  public struct Place: Sendable {
    @usableFromInline let cursor: Cursor?
    @usableFromInline let revision: Revision

    @inlinable init(at cursor: Cursor?, revision: Revision) {
      self.cursor = cursor
      self.revision = revision
    }
  }

  @usableFromInline var tree: Tree

  /// An empty map.
  @inlinable public init() { tree = Tree() }

  /// How many ranges there are.
  @inlinable public var count: Int { tree.count }
  /// Whether there are none.
  @inlinable public var isEmpty: Bool { tree.count == 0 }
  /// The bytes that the nodes hold.
  @inlinable public var memoryFootprint: Int {
    tree.leafCount * Leaf.byteCount + tree.innerCount * Inner.byteCount
  }

  /// The lowest element that shares an address with `range`.
  @inlinable public func firstOverlapping(_ range: IOVARange) -> Element? {
    guard let leaf = tree.leaf(for: range.start.rawValue) else { return nil }
    let next = Cursor(leaf: leaf, index: leaf.upperBound(range.start.rawValue))
    if let before = next.predecessor, before.last >= range.start.rawValue { return before.element }
    guard let after = next.normalized, after.start <= range.last.rawValue else { return nil }
    return after.element
  }

  /// The element whose range holds the address.
  @inlinable public func containing(_ address: IOVA) -> Element? {
    guard let leaf = tree.leaf(for: address.rawValue) else { return nil }
    let next = Cursor(leaf: leaf, index: leaf.upperBound(address.rawValue))
    guard let found = next.predecessor, found.last >= address.rawValue else { return nil }
    return found.element
  }

  /// The lowest element that starts at the address or above it.
  @inlinable public func firstStarting(atOrAfter address: IOVA) -> Element? {
    cursor(atOrAfter: address.rawValue)?.element
  }

  /// The highest element that starts below the address.
  @inlinable public func lastStarting(before address: IOVA) -> Element? {
    guard address.rawValue > 0 else { return nil }
    guard let leaf = tree.leaf(for: address.rawValue - 1) else { return nil }
    return Cursor(leaf: leaf, index: leaf.upperBound(address.rawValue - 1)).predecessor?.element
  }

  @inlinable func cursor(atOrAfter start: UInt64) -> Cursor? {
    // Starts at or above s are those above s − 1; for 0 that is all of them.
    guard let leaf = tree.leaf(for: start == 0 ? 0 : start - 1) else { return nil }
    let index = start == 0 ? leaf.first : leaf.upperBound(start - 1)
    return Cursor(leaf: leaf, index: index).normalized
  }

  /// Adds a range, which must overlap no other.
  ///
  /// After `firstOverlapping` of the same range the way down is in the cache already.
  @inlinable public mutating func insert(_ range: IOVARange, _ value: Value) {
    assert(firstOverlapping(range) == nil, "ranges of a RangeMap are disjoint")
    makeUnique()
    tree.insert(start: range.start.rawValue, last: range.last.rawValue, value)
  }

  /// Where the range would be entered, or nil when another shares an address with it.
  @inlinable @inline(__always)
  public func gap(for range: IOVARange) -> Place? {
    if let finger = tree.finger, finger.isGap(for: range) {
      return Place(at: finger, revision: tree.revision)
    }
    guard let leaf = tree.leaf(for: range.start.rawValue) else {
      return Place(at: nil, revision: tree.revision)
    }
    leaf.prefetch()
    let next = Cursor(leaf: leaf, index: leaf.upperBound(range.start.rawValue))
    if let before = next.predecessor, before.last >= range.start.rawValue { return nil }
    if let after = next.normalized, after.start <= range.last.rawValue { return nil }
    return Place(at: next, revision: tree.revision)
  }

  /// The place of the element with exactly this range, or nil.
  @inlinable @inline(__always)
  public func place(of range: IOVARange) -> Place? {
    if let found = tree.finger?.neighbour(with: range) {
      return Place(at: found, revision: tree.revision)
    }
    return search(for: range)
  }

  @inlinable @inline(never) func search(for range: IOVARange) -> Place? {
    guard let leaf = tree.leaf(for: range.start.rawValue) else { return nil }
    leaf.prefetch()
    let next = Cursor(leaf: leaf, index: leaf.upperBound(range.start.rawValue))
    guard let found = next.predecessor, found.isAt(range) else { return nil }
    return Place(at: found, revision: tree.revision)
  }

  /// Adds a range, which must overlap no other, at the place that `gap` answered.
  @inlinable @inline(__always)
  public mutating func insert(_ range: IOVARange, _ value: Value, at place: Place) {
    makeUnique()
    guard let cursor = tree.cursor(at: place), cursor.leaf.hasRoom else {
      return insert(range, value)
    }
    tree.insert(start: range.start.rawValue, last: range.last.rawValue, value, at: cursor)
  }

  /// Removes the range that starts exactly at the address, at the place that `place(of:)` answered.
  @inlinable @inline(__always)
  public mutating func remove(startingAt start: IOVA, at place: Place) {
    makeUnique()
    guard let cursor = tree.cursor(at: place), tree.isSettled(cursor) else {
      remove(startingAt: start)
      return
    }
    tree.remove(at: cursor)
  }

  /// Removes the range that starts exactly at the address, and returns it.
  @inlinable @discardableResult
  public mutating func remove(startingAt start: IOVA) -> Element? {
    guard tree.count > 0 else { return nil }
    makeUnique()
    return tree.remove(start: start.rawValue)
  }

  /// Gives the range that starts exactly at the address another value; false when there is none.
  @inlinable @discardableResult
  public mutating func update(startingAt start: IOVA, _ value: Value) -> Bool {
    makeUnique()
    guard let found = cursor(atOrAfter: start.rawValue), found.start == start.rawValue else {
      return false
    }
    found.leaf.setValue(value, at: found.index)
    return true
  }

  /// Removes everything and gives all memory back.
  @inlinable public mutating func removeAll() { tree = Tree() }

  @inlinable @inline(__always) mutating func makeUnique() {
    if !isKnownUniquelyReferenced(&tree) { tree = tree.copy() }
  }
}

extension RangeMap.Element: Equatable where Value: Equatable {}
extension RangeMap.Element: Hashable where Value: Hashable {}

extension RangeMap: Sequence {
  /// Walks elements in ascending order.
  ///
  /// It allocates nothing and sees the map as it was when the walk began; a map that is changed
  /// while a walk of it lives is copied first.
  public struct Iterator: IteratorProtocol, Sequence {
    @usableFromInline let tree: Tree
    @usableFromInline var place: Cursor?

    @inlinable init(tree: Tree, place: Cursor?) {
      self.tree = tree
      self.place = place
    }

    /// The next element, or nil at the end.
    @inlinable public mutating func next() -> Element? {
      guard let here = place else { return nil }
      if here.index == here.leaf.first { here.leaf.next?.prefetch() }
      place = here.successor
      return here.element
    }
  }

  /// All elements, ascending.
  @inlinable public func makeIterator() -> Iterator { elements(startingAtOrAfter: IOVA(0)) }
  /// Calls `body` with each element, ascending: a walk of every leaf in turn.
  @inlinable public func forEach(_ body: (Element) -> Void) {
    var next = cursor(atOrAfter: 0)?.leaf
    while let leaf = next {
      next = leaf.next
      next?.prefetch()
      var index = leaf.first
      while index < leaf.end {
        body(leaf.element(at: index))
        index &+= 1
      }
    }
  }
  /// The number of elements, which is known.
  @inlinable public var underestimatedCount: Int { count }

  /// The elements that start at the address or above it, ascending.
  @inlinable public func elements(startingAtOrAfter address: IOVA) -> Iterator {
    Iterator(tree: tree, place: cursor(atOrAfter: address.rawValue))
  }
}
