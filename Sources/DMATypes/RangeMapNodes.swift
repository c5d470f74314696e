public import CLinux

// The nodes of RangeMap: blocks of raw memory in which the keys lie in a column of their own, so
// that a search reads nothing else.
//
// SAFETY, for the whole file: a handle is made only by `allocate` or read from a live node of the
// same tree; the tree frees a node only after taking the last reference to it out of its parent and
// its neighbours. Indices are below the node's count, which never exceeds its capacity; both are
// the duty of RangeMapTree.swift, and `isConsistent` checks them.

/// The index of the first key above `key` in a column of `room`, 32 or 64, whose keys ascend and
/// end before `end`. Behind them it holds the greatest number; before them there may be zeros.
///
/// Each step leaves a quarter: its three loads do not wait for one another, as those of a binary
/// search do. No branch depends on a key: to guess one wrong costs more than all of them.
@inlinable @inline(__always)
func upperBound(
  _ keys: UnsafeMutablePointer<UInt64>, _ end: Int, in room: Int, _ key: UInt64
) -> Int {
  var index = 0
  var span = room
  while span > 4 {
    span /= 4
    index &+= unsafe quarters(keys + index, of: span, key) &* span
  }
  let left = unsafe keys + index
  var place = 0
  while place < span {
    index &+= unsafe left[place] <= key ? 1 : 0
    place &+= 1
  }
  // The greatest number is not below itself.
  return index < end ? index : end
}

/// How many quarters of a column lie wholly below the first key above `key`: at most three.
@inlinable @inline(__always)
func quarters(_ keys: UnsafeMutablePointer<UInt64>, of span: Int, _ key: UInt64) -> Int {
  let first = unsafe keys + (span &- 1)
  var quarters = unsafe first[0] <= key ? 1 : 0
  quarters &+= unsafe first[span] <= key ? 1 : 0
  quarters &+= unsafe first[2 * span] <= key ? 1 : 0
  return quarters
}

/// What the unused places of a column of keys hold.
@inlinable @inline(__always)
func clearKeys(_ keys: UnsafeMutablePointer<UInt64>, from count: Int, to end: Int) {
  guard count < end else { return }
  unsafe (keys + count).update(repeating: .max, count: end &- count)
}

/// Opens a gap of `gap` items at `index` in a column that holds `count`.
@inlinable @inline(__always)
func openGap<T: BitwiseCopyable>(
  _ column: UnsafeMutablePointer<T>, at index: Int, _ gap: Int = 1, count: Int
) {
  // Ascending inserts move nothing.
  guard index < count else { return }
  unsafe (column + index + gap).update(from: column + index, count: count &- index)
}

/// Closes a gap of `gap` items at `index` in a column that holds `count`.
@inlinable @inline(__always)
func closeGap<T: BitwiseCopyable>(
  _ column: UnsafeMutablePointer<T>, at index: Int, _ gap: Int = 1, count: Int
) {
  guard index &+ gap < count else { return }
  unsafe (column + index).update(from: column + index + gap, count: count &- index &- gap)
}

/// Moves items between the columns of two neighbours until the left one holds `goal`.
@inlinable
func shift<T: BitwiseCopyable>(
  _ left: UnsafeMutablePointer<T>, _ leftCount: Int,
  _ right: UnsafeMutablePointer<T>, _ rightCount: Int, goal: Int
) {
  if leftCount > goal {
    unsafe openGap(right, at: 0, leftCount - goal, count: rightCount)
    unsafe right.update(from: left + goal, count: leftCount - goal)
  } else {
    unsafe (left + leftCount).update(from: right, count: goal - leftCount)
    unsafe closeGap(right, at: 0, goal - leftCount, count: rightCount)
  }
}

extension RangeMap {
  /// A node that holds ranges, linked to its neighbours in order.
  ///
  /// Its ranges lie at the indices from `first` to below `end`: what is removed in ascending order
  /// moves nothing. The places before them hold zeros for keys, which every search passes.
  @safe @usableFromInline struct Leaf {
    @usableFromInline let base: UnsafeMutableRawPointer
    @inlinable init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    // Few, because a change moves half of them on average; the fan-out that keeps the tree low is
    // that of the nodes above.
    @inlinable static var capacity: Int { 32 }
    // End, first, previous and next leaf.
    @inlinable static var headerBytes: Int { 32 }
    @inlinable static var byteCount: Int {
      headerBytes + capacity * (8 + MemoryLayout<Rest>.stride)
    }

    /// What a leaf holds of a range beside its start: found together, moved together.
    @usableFromInline struct Rest: BitwiseCopyable {
      @usableFromInline var last: UInt64
      @usableFromInline var value: Value

      @inlinable init(last: UInt64, value: Value) {
        self.last = last
        self.value = value
      }
    }

    @inlinable static func allocate(in pool: inout BlockPool) -> Self {
      precondition(MemoryLayout<Rest>.alignment <= 16)
      let leaf = unsafe Self(base: pool.allocate())
      leaf.end = 0
      leaf.first = 0
      leaf.previous = nil
      leaf.next = nil
      unsafe leaf.starts.initialize(repeating: .max, count: capacity)
      return leaf
    }
    @inlinable func free(to pool: inout BlockPool) { unsafe pool.free(base) }
    /// A leaf with the same ranges and no neighbours.
    @inlinable func clone(in pool: inout BlockPool) -> Self {
      let leaf = Self.allocate(in: &pool)
      unsafe leaf.starts.update(from: starts + first, count: count)
      unsafe leaf.rests.update(from: rests + first, count: count)
      leaf.end = count
      return leaf
    }

    /// One past the index of the last range.
    @inlinable var end: Int {
      get { unsafe base.load(as: Int.self) }
      nonmutating set { unsafe base.storeBytes(of: newValue, as: Int.self) }
    }
    /// The index of the first range.
    @inlinable var first: Int {
      get { unsafe base.load(fromByteOffset: 8, as: Int.self) }
      nonmutating set { unsafe base.storeBytes(of: newValue, toByteOffset: 8, as: Int.self) }
    }
    @inlinable var count: Int { end &- first }
    @inlinable var previous: Leaf? {
      get { neighbour(at: 16) }
      nonmutating set { setNeighbour(newValue, at: 16) }
    }
    @inlinable var next: Leaf? {
      get { neighbour(at: 24) }
      nonmutating set { setNeighbour(newValue, at: 24) }
    }
    @inlinable func neighbour(at offset: Int) -> Leaf? {
      let base = unsafe base.load(fromByteOffset: offset, as: UnsafeMutableRawPointer?.self)
      guard let base = unsafe base else { return nil }
      return unsafe Leaf(base: base)
    }
    @inlinable func setNeighbour(_ leaf: Leaf?, at offset: Int) {
      unsafe base.storeBytes(
        of: leaf?.base, toByteOffset: offset, as: UnsafeMutableRawPointer?.self)
    }
    /// The node's address, to compare.
    @inlinable var identity: UInt { unsafe UInt(bitPattern: base) }

    @inlinable var starts: UnsafeMutablePointer<UInt64> {
      unsafe (base + Self.headerBytes).assumingMemoryBound(to: UInt64.self)
    }
    @inlinable var rests: UnsafeMutablePointer<Rest> {
      unsafe (base + (Self.headerBytes + 8 * Self.capacity)).assumingMemoryBound(to: Rest.self)
    }

    /// Asks for all of the node before any of it is needed, so that its cache misses overlap: one
    /// search reads all keys, and the change after it moves half of the rest.
    @inlinable @inline(__always) func prefetch() {
      var offset = 0
      while offset < Self.byteCount {
        unsafe clinux_prefetch(base + offset)
        offset &+= 64
      }
    }

    @inlinable func start(at index: Int) -> UInt64 { unsafe starts[index] }
    @inlinable func last(at index: Int) -> UInt64 { unsafe rests[index].last }
    @inlinable func element(at index: Int) -> Element {
      unsafe Element(
        range: IOVARange(start: IOVA(starts[index]), last: IOVA(rests[index].last)),
        value: rests[index].value)
    }
    @inlinable func setValue(_ value: Value, at index: Int) { unsafe rests[index].value = value }

    /// The index of the first range that starts above `start`.
    @inlinable @inline(__always) func upperBound(_ start: UInt64) -> Int {
      unsafe DMATypes.upperBound(starts, end, in: Self.capacity, start)
    }

    /// Whether another range fits in behind the last place.
    @inlinable @inline(__always) var hasRoom: Bool { end < Self.capacity }

    /// Moves the ranges to the front, so that all free places lie behind them.
    @inlinable func compact() {
      let (count, end) = (self.count, self.end)
      guard first > 0 else { return }
      unsafe closeGap(starts, at: 0, first, count: end)
      unsafe closeGap(rests, at: 0, first, count: end)
      unsafe clearKeys(starts, from: count, to: end)
      first = 0
      self.end = count
    }

    /// Enters a range in a leaf that has room.
    @inlinable @inline(__always)
    func insert(start: UInt64, last: UInt64, _ value: Value, at index: Int) {
      let end = self.end
      unsafe openGap(starts, at: index, count: end)
      unsafe openGap(rests, at: index, count: end)
      unsafe starts[index] = start
      unsafe rests[index] = Rest(last: last, value: value)
      self.end = end &+ 1
    }

    /// Removes a range; the index of the one behind it from then on.
    @inlinable @inline(__always) func remove(at index: Int) -> Int {
      let end = self.end
      // A last one goes from the end, so that an emptied leaf is as it was.
      if index == first, index &+ 1 < end {
        unsafe starts[index] = 0
        first = index &+ 1
        return index &+ 1
      }
      unsafe closeGap(starts, at: index, count: end)
      unsafe closeGap(rests, at: index, count: end)
      unsafe starts[end &- 1] = .max
      self.end = end &- 1
      return index
    }

    /// Moves ranges to or from the next leaf until this one holds `goal`.
    @inlinable func share(with right: Leaf, goal: Int) {
      compact()
      right.compact()
      let (mine, its) = (count, right.count)
      unsafe shift(starts, mine, right.starts, its, goal: goal)
      unsafe shift(rests, mine, right.rests, its, goal: goal)
      unsafe clearKeys(starts, from: goal, to: mine)
      unsafe clearKeys(right.starts, from: mine + its - goal, to: its)
      end = goal
      right.end = mine + its - goal
    }

    /// Puts an empty leaf after this one in the chain.
    @inlinable func link(_ leaf: Leaf) {
      leaf.previous = self
      leaf.next = next
      next?.previous = leaf
      next = leaf
    }

    /// Takes this leaf out of the chain.
    @inlinable func unlink() {
      previous?.next = next
      next?.previous = previous
    }
  }

  /// A node that leads to others: child `i` holds the ranges that start at `key(i)` or above, and
  /// below `key(i + 1)`. The first key of a node is its own key in its parent.
  @safe @usableFromInline struct Inner {
    @usableFromInline let base: UnsafeMutableRawPointer
    @inlinable init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    @inlinable static var capacity: Int { 64 }
    // Count, and a zero: see `Node.count`.
    @inlinable static var headerBytes: Int { 16 }
    @inlinable static var byteCount: Int { headerBytes + capacity * 16 }

    @inlinable static func allocate() -> Self {
      let inner = unsafe Self(base: .allocate(byteCount: byteCount, alignment: 16))
      inner.count = 0
      unsafe inner.base.storeBytes(of: 0, toByteOffset: 8, as: Int.self)
      unsafe inner.keys.initialize(repeating: .max, count: capacity)
      return inner
    }
    @inlinable func free() { unsafe base.deallocate() }

    @inlinable var count: Int {
      get { unsafe base.load(as: Int.self) }
      nonmutating set { unsafe base.storeBytes(of: newValue, as: Int.self) }
    }
    @inlinable var keys: UnsafeMutablePointer<UInt64> {
      unsafe (base + Self.headerBytes).assumingMemoryBound(to: UInt64.self)
    }
    @inlinable var children: UnsafeMutablePointer<Node> {
      unsafe (base + (Self.headerBytes + 8 * Self.capacity)).assumingMemoryBound(to: Node.self)
    }

    @inlinable func key(at index: Int) -> UInt64 { unsafe keys[index] }
    @inlinable func setKey(_ key: UInt64, at index: Int) { unsafe keys[index] = key }
    @inlinable func child(at index: Int) -> Node { unsafe children[index] }
    @inlinable func setChild(_ child: Node, at index: Int) { unsafe children[index] = child }

    /// The index of the child under which `start` belongs.
    @inlinable @inline(__always) func childIndex(for start: UInt64) -> Int {
      let span = Self.capacity / 4
      let index = unsafe quarters(keys, of: span, start) &* span
      // The child's line is fetched while the key is looked for: among many nodes neither is in the
      // nearest cache.
      unsafe clinux_prefetch(children + index)
      unsafe clinux_prefetch(children + (index &+ span / 2))
      // Whoever goes down to a node looks for its own key or a greater start.
      return unsafe index
        &+ DMATypes.upperBound(keys + index, count &- index, in: span, start) &- 1
    }

    /// The same, faster where it is the last one: ascending inserts go there.
    @inlinable @inline(__always) func lastChildIndex(for start: UInt64) -> Int {
      let last = count &- 1
      return key(at: last) <= start ? last : childIndex(for: start)
    }

    @inlinable func insert(_ key: UInt64, _ child: Node, at index: Int) {
      let count = self.count
      unsafe openGap(keys, at: index, count: count)
      unsafe openGap(children, at: index, count: count)
      unsafe keys[index] = key
      unsafe children[index] = child
      self.count = count + 1
    }

    @inlinable func remove(at index: Int) {
      let count = self.count
      unsafe closeGap(keys, at: index, count: count)
      unsafe closeGap(children, at: index, count: count)
      unsafe keys[count - 1] = .max
      self.count = count - 1
    }

    /// Moves children to or from the next node until this one holds `goal`.
    @inlinable func share(with right: Inner, goal: Int) {
      let (mine, its) = (count, right.count)
      unsafe shift(keys, mine, right.keys, its, goal: goal)
      unsafe shift(children, mine, right.children, its, goal: goal)
      unsafe clearKeys(keys, from: goal, to: mine)
      unsafe clearKeys(right.keys, from: mine + its - goal, to: its)
      count = goal
      right.count = mine + its - goal
    }
  }

  /// A node of either kind; its level in the tree tells which.
  @safe @usableFromInline struct Node: BitwiseCopyable {
    @usableFromInline let base: UnsafeMutableRawPointer
    @inlinable init(_ leaf: Leaf) { unsafe base = leaf.base }
    @inlinable init(_ inner: Inner) { unsafe base = inner.base }

    @inlinable var leaf: Leaf { unsafe Leaf(base: base) }
    @inlinable var inner: Inner { unsafe Inner(base: base) }
    /// How many ranges or children it holds: both kinds begin with where these end and begin.
    @inlinable var count: Int {
      unsafe base.load(as: Int.self) &- base.load(fromByteOffset: 8, as: Int.self)
    }
  }

  /// A place in the chain of leaves.
  @usableFromInline struct Cursor: @unchecked Sendable {
    @usableFromInline var leaf: Leaf
    @usableFromInline var index: Int

    @inlinable init(leaf: Leaf, index: Int) {
      self.leaf = leaf
      self.index = index
    }

    @inlinable var start: UInt64 { leaf.start(at: index) }
    @inlinable var last: UInt64 { leaf.last(at: index) }
    @inlinable @inline(__always) var range: IOVARange {
      IOVARange(start: IOVA(start), last: IOVA(last))
    }
    @inlinable var element: Element { leaf.element(at: index) }

    /// This place, or the first of the next leaf when it is one past the end of its own.
    @inlinable var normalized: Cursor? {
      if index < leaf.end { return self }
      return leaf.next.map { Cursor(leaf: $0, index: $0.first) }
    }
    /// Whether there is room for a range here for certain: above the one before, and below the one
    /// behind.
    @inlinable @inline(__always) func isGap(for range: IOVARange) -> Bool {
      // What is free at an end of a leaf may belong to its neighbour.
      if index > leaf.first {
        guard leaf.last(at: index &- 1) < range.start.rawValue else { return false }
      } else if leaf.previous != nil {
        return false
      }
      guard index < leaf.end else { return leaf.next == nil }
      return leaf.start(at: index) > range.last.rawValue
    }

    /// Whether exactly this range lies here.
    @inlinable @inline(__always) func isAt(_ range: IOVARange) -> Bool {
      start == range.start.rawValue && last == range.last.rawValue
    }

    /// The place of exactly this range, if that is the one behind or the one before.
    @inlinable @inline(__always) func neighbour(with range: IOVARange) -> Cursor? {
      if index < leaf.end {
        if isAt(range) { return self }
      } else if let next = leaf.next {
        let behind = Cursor(leaf: next, index: next.first)
        if behind.isAt(range) { return behind }
      }
      let before = Cursor(leaf: leaf, index: index &- 1)
      return index > leaf.first && before.isAt(range) ? before : nil
    }

    @inlinable var successor: Cursor? { Cursor(leaf: leaf, index: index + 1).normalized }
    @inlinable var predecessor: Cursor? {
      if index > leaf.first { return Cursor(leaf: leaf, index: index - 1) }
      return leaf.previous.map { Cursor(leaf: $0, index: $0.end - 1) }
    }
  }
}
