internal import Synchronization

/// Which state of which tree, in one number: each tree counts its changes from a start of its own,
/// a million million apart.
@usableFromInline struct Revision: Equatable, BitwiseCopyable, Sendable {
  @usableFromInline var number: UInt64

  @usableFromInline init() {
    number = treesMade.wrappingAdd(1, ordering: .relaxed).newValue << 40
  }
  @inlinable @inline(__always) mutating func advance() { number &+= 1 }
}

private let treesMade = Atomic<UInt64>(0)

extension RangeMap {
  /// The nodes of one map, freed with it.
  ///
  /// Both changes go down once: an insert makes room in each full node before it enters it, a
  /// removal joins each node that has become small with a neighbour before it enters it.
  ///
  /// Sendable because only a map that holds the tree alone changes it.
  @safe @usableFromInline final class Tree: @unchecked Sendable {
    @usableFromInline struct State: ~Copyable {
      @usableFromInline var root: Node?
      @usableFromInline var height = 0
      @usableFromInline var count = 0
      @usableFromInline var leafCount = 0
      @usableFromInline var innerCount = 0
      @usableFromInline var revision = Revision()
      @usableFromInline var finger: Cursor?
      @usableFromInline var leaves = BlockPool(blockBytes: Leaf.byteCount)

      @inlinable init() {}
    }

    // Outside the object, because the map's own exclusivity covers it: checking a class's variable
    // again would cost as much as a search.
    // SAFETY: ours alone from init to deinit, never handed out.
    @usableFromInline let state: UnsafeMutablePointer<State>

    @inlinable init() {
      unsafe state = .allocate(capacity: 1)
      unsafe state.initialize(to: State())
    }
    @inlinable deinit {
      if let root { free(root, level: height) }
      unsafe state.deinitialize(count: 1)
      unsafe state.deallocate()
    }

    @inlinable var root: Node? {
      get { unsafe state.pointee.root }
      set { unsafe state.pointee.root = newValue }
    }
    /// The levels above the leaves.
    @inlinable var height: Int {
      get { unsafe state.pointee.height }
      set { unsafe state.pointee.height = newValue }
    }
    @inlinable var count: Int {
      get { unsafe state.pointee.count }
      set { unsafe state.pointee.count = newValue }
    }
    @inlinable var leafCount: Int {
      get { unsafe state.pointee.leafCount }
      set { unsafe state.pointee.leafCount = newValue }
    }
    @inlinable var innerCount: Int {
      get { unsafe state.pointee.innerCount }
      set { unsafe state.pointee.innerCount = newValue }
    }

    /// Changes with every change; no two trees ever have the same.
    @inlinable var revision: Revision {
      get { unsafe state.pointee.revision }
      set { unsafe state.pointee.revision = newValue }
    }

    /// The cursor of a place, unless the tree has changed since or the place is another tree's.
    @inlinable @inline(__always) func cursor(at place: Place) -> Cursor? {
      place.revision == revision ? place.cursor : nil
    }

    /// Right above the last change: in a leaf of the tree, its end at most. Changes come side by
    /// side, so that the next is looked for here first.
    @inlinable var finger: Cursor? {
      get { unsafe state.pointee.finger }
      set { unsafe state.pointee.finger = newValue }
    }

    /// The leaf in which a range with this start lies or would lie.
    @inlinable @inline(__always) func leaf(for start: UInt64) -> Leaf? {
      guard var node = root else { return nil }
      var level = height
      while level > 0 {
        let inner = node.inner
        node = inner.child(at: inner.childIndex(for: start))
        level -= 1
      }
      return node.leaf
    }
  }
}

// Insertion.
extension RangeMap.Tree {
  @usableFromInline typealias Node = RangeMap<Value>.Node
  @usableFromInline typealias Leaf = RangeMap<Value>.Leaf
  @usableFromInline typealias Inner = RangeMap<Value>.Inner
  @usableFromInline typealias Cursor = RangeMap<Value>.Cursor

  /// Enters a range where a look-up for it ended, in a leaf that has room.
  @inlinable @inline(__always) func insert(
    start: UInt64, last: UInt64, _ value: Value, at cursor: Cursor
  ) {
    revision.advance()
    count &+= 1
    finger = Cursor(leaf: cursor.leaf, index: cursor.index &+ 1)
    cursor.leaf.insert(start: start, last: last, value, at: cursor.index)
  }

  @inlinable @inline(never) func insert(start: UInt64, last: UInt64, _ value: Value) {
    revision.advance()
    count += 1
    var node = root ?? plantRoot()
    if node.count == capacity(level: height) { node = raiseRoot(over: node) }
    var level = height
    var isRightmost = true
    while level > 0 {
      let parent = node.inner
      level -= 1
      var index = parent.lastChildIndex(for: start)
      if parent.child(at: index).count == capacity(level: level) {
        makeRoom(
          under: parent, at: index, level: level, for: start,
          isRightmost: isRightmost && index == parent.count - 1)
        index = parent.lastChildIndex(for: start)
      }
      isRightmost = isRightmost && index == parent.count - 1
      node = parent.child(at: index)
    }
    if !node.leaf.hasRoom { node.leaf.compact() }
    let index = node.leaf.upperBound(start)
    finger = Cursor(leaf: node.leaf, index: index + 1)
    node.leaf.insert(start: start, last: last, value, at: index)
  }

  @inlinable func capacity(level: Int) -> Int { level == 0 ? Leaf.capacity : Inner.capacity }

  @inlinable func plantRoot() -> Node {
    let node = unsafe Node(Leaf.allocate(in: &state.pointee.leaves))
    leafCount = 1
    root = node
    return node
  }

  @inlinable func raiseRoot(over node: Node) -> Node {
    let inner = Inner.allocate()
    innerCount += 1
    inner.insert(0, node, at: 0)
    height += 1
    root = Node(inner)
    return Node(inner)
  }

  /// Makes room in the full child at `index`: in a neighbour with eight places free, or by a split.
  @inlinable func makeRoom(
    under parent: Inner, at index: Int, level: Int, for start: UInt64, isRightmost: Bool
  ) {
    let full = parent.child(at: index)
    let capacity = capacity(level: level)
    let last = level == 0 ? full.leaf.start(at: capacity - 1) : full.inner.key(at: capacity - 1)
    // Ascending inserts come here: what is full stays full.
    let isAppend = isRightmost && start > last
    if !isAppend {
      for left in (index - 1)...index where left >= 0 && left + 1 < parent.count {
        let total = parent.child(at: left).count + parent.child(at: left + 1).count
        if total <= 2 * capacity - 8 {
          return share(under: parent, left: left, level: level, goal: total / 2)
        }
      }
    }
    if level == 0 {
      let new = unsafe Leaf.allocate(in: &state.pointee.leaves)
      leafCount += 1
      full.leaf.link(new)
      parent.insert(start, Node(new), at: index + 1)
      if isAppend { return }
    } else {
      let new = Inner.allocate()
      innerCount += 1
      parent.insert(start, Node(new), at: index + 1)
    }
    share(
      under: parent, left: index, level: level, goal: isAppend ? capacity - 1 : capacity / 2)
  }

  /// Moves items between two neighbours until the left one holds `goal`, at least one staying on
  /// the right.
  @inlinable func share(under parent: Inner, left: Int, level: Int, goal: Int) {
    let (a, b) = (parent.child(at: left), parent.child(at: left + 1))
    if level == 0 {
      a.leaf.share(with: b.leaf, goal: goal)
      parent.setKey(b.leaf.start(at: 0), at: left + 1)
    } else {
      a.inner.share(with: b.inner, goal: goal)
      parent.setKey(b.inner.key(at: 0), at: left + 1)
    }
  }
}

// Removal.
extension RangeMap.Tree {
  /// Whether the removal of a range leaves its leaf as it is: `refill` would do nothing.
  ///
  /// Looked at each time the leaf is down to half of what it was looked at before.
  @inlinable @inline(__always) func isSettled(_ cursor: Cursor) -> Bool {
    let count = cursor.leaf.count
    return count > Leaf.capacity / 2 || count & (count &- 1) != 0 || height == 0
      || isSettledThoughSmall(cursor)
  }

  @inlinable @inline(never) func isSettledThoughSmall(_ cursor: Cursor) -> Bool {
    let leaf = cursor.leaf
    let count = leaf.count
    guard count > 1 else { return false }
    // One that is emptied in ascending order: what would be moved goes next.
    if cursor.index == leaf.first, leaf.first >= Leaf.capacity / 2 { return true }
    // Neighbours of another parent are looked at, too: it costs the removal a search at worst.
    let most = Leaf.capacity - Leaf.capacity / 8
    if let previous = leaf.previous, previous.count &+ count <= most { return false }
    if let next = leaf.next, next.count &+ count <= most { return false }
    return true
  }

  /// Removes a range from a settled leaf.
  @inlinable @inline(__always) func remove(at cursor: Cursor) {
    revision.advance()
    count &-= 1
    finger = Cursor(leaf: cursor.leaf, index: cursor.leaf.remove(at: cursor.index))
  }

  @inlinable @inline(never) func remove(start: UInt64) -> RangeMap<Value>.Element? {
    revision.advance()
    guard var node = root else { return nil }
    var level = height
    var above: (parent: Inner, index: Int)?
    while level > 0 {
      let parent = node.inner
      var index = parent.childIndex(for: start)
      let count = parent.child(at: index).count
      // A leaf of one is dropped when it goes: nothing need be moved.
      if count <= capacity(level: level - 1) / 2, level > 1 || count > 1 {
        refill(under: parent, at: index, level: level - 1)
        index = parent.childIndex(for: start)
      }
      node = parent.child(at: index)
      if level == height, parent.count == 1 {
        dropRoot(leaving: node)
        above = nil
      } else {
        above = (parent, index)
      }
      level -= 1
    }
    let leaf = node.leaf
    // Its leaf may be gone.
    finger = nil
    let index = leaf.upperBound(start) - 1
    guard index >= leaf.first, leaf.start(at: index) == start else { return nil }
    let removed = leaf.element(at: index)
    let next = leaf.remove(at: index)
    count -= 1
    if leaf.count == 0, let above {
      let (before, behind) = (leaf.previous, leaf.next)
      drop(leaf, under: above.parent, at: above.index)
      finger =
        behind.map { Cursor(leaf: $0, index: $0.first) }
        ?? before.map { Cursor(leaf: $0, index: $0.end) }
    } else {
      finger = Cursor(leaf: leaf, index: next)
    }
    return removed
  }

  /// Gives an empty leaf back, which is not its parent's only child.
  @inlinable func drop(_ leaf: Leaf, under parent: Inner, at index: Int) {
    // The first child's key is the parent's own.
    if index == 0 { parent.setKey(parent.key(at: 0), at: 1) }
    parent.remove(at: index)
    leaf.unlink()
    unsafe leaf.free(to: &state.pointee.leaves)
    leafCount -= 1
    if parent.count == 1, height == 1 { dropRoot(leaving: parent.child(at: 0)) }
  }

  /// Joins a small child with a neighbour when one node holds both with room to spare; otherwise
  /// lets it take from one when it is down to a quarter. A leaf drains: its neighbours are full.
  @inlinable func refill(under parent: Inner, at index: Int, level: Int) {
    guard parent.count > 1 else { return }
    let capacity = capacity(level: level)
    for left in (index - 1)...index where left >= 0 && left + 1 < parent.count {
      let (a, b) = (parent.child(at: left), parent.child(at: left + 1))
      let total = a.count + b.count
      if total <= capacity - capacity / 8 {
        join(a, b, level: level, total: total)
        return parent.remove(at: left + 1)
      }
    }
    guard level > 0, parent.child(at: index).count <= capacity / 4 else { return }
    let left = index > 0 ? index - 1 : 0
    let total = parent.child(at: left).count + parent.child(at: left + 1).count
    share(under: parent, left: left, level: level, goal: total / 2)
  }

  @inlinable func join(_ a: Node, _ b: Node, level: Int, total: Int) {
    if level == 0 {
      a.leaf.share(with: b.leaf, goal: total)
      b.leaf.unlink()
      unsafe b.leaf.free(to: &state.pointee.leaves)
      leafCount -= 1
    } else {
      a.inner.share(with: b.inner, goal: total)
      b.inner.free()
      innerCount -= 1
    }
  }

  @inlinable func dropRoot(leaving node: Node) {
    root?.inner.free()
    innerCount -= 1
    height -= 1
    root = node
  }
}

// The whole tree.
extension RangeMap.Tree {
  @inlinable func free(_ node: Node, level: Int) {
    guard level > 0 else { return unsafe node.leaf.free(to: &state.pointee.leaves) }
    for index in 0..<node.inner.count { free(node.inner.child(at: index), level: level - 1) }
    node.inner.free()
  }

  @inlinable func copy() -> RangeMap<Value>.Tree {
    let copy = RangeMap<Value>.Tree()
    var lastLeaf: Leaf?
    copy.root = root.map { copy.copyNode($0, level: height, after: &lastLeaf) }
    copy.height = height
    copy.count = count
    copy.leafCount = leafCount
    copy.innerCount = innerCount
    return copy
  }

  @inlinable func copyNode(
    _ node: Node, level: Int, after lastLeaf: inout Leaf?
  ) -> Node {
    if level == 0 {
      let new = unsafe node.leaf.clone(in: &state.pointee.leaves)
      lastLeaf?.link(new)
      lastLeaf = new
      return Node(new)
    }
    let new = Inner.allocate()
    for index in 0..<node.inner.count {
      let child = copyNode(
        node.inner.child(at: index), level: level - 1, after: &lastLeaf)
      new.insert(node.inner.key(at: index), child, at: index)
    }
    return Node(new)
  }

  /// Whether order, disjointness, keys, links and counts are what the operations rely on.
  func isConsistent() -> Bool {
    guard let root else { return count == 0 && height == 0 && leafCount == 0 && innerCount == 0 }
    // An emptied tree keeps its last leaf for what comes next.
    if count == 0 { return height == 0 && leafCount == 1 && innerCount == 0 && root.count == 0 }
    var seen = Census()
    guard isConsistent(root, level: height, from: 0, below: nil, &seen) else { return false }
    return seen.count == count && seen.leaves == leafCount && seen.inners == innerCount
      && seen.lastLeaf?.next == nil && (finger == nil || seen.hasFinger)
  }

  struct Census {
    var count = 0
    var leaves = 0
    var inners = 0
    var last: UInt64?
    var lastLeaf: Leaf?
    var hasFinger = false
  }

  private func isConsistent(
    _ node: Node, level: Int, from low: UInt64, below high: UInt64?, _ seen: inout Census
  ) -> Bool {
    guard node.count > 0, node.count <= capacity(level: level) else { return false }
    if level == 0 { return isConsistent(node.leaf, from: low, below: high, &seen) }
    seen.inners += 1
    let inner = node.inner
    guard inner.key(at: 0) == low, level < height || inner.count > 1 else { return false }
    for index in inner.count..<Inner.capacity where inner.key(at: index) != .max { return false }
    for index in 0..<inner.count {
      let end = index + 1 < inner.count ? inner.key(at: index + 1) : high
      let child = inner.child(at: index)
      let start = inner.key(at: index)
      if let end, end <= start { return false }
      guard isConsistent(child, level: level - 1, from: start, below: end, &seen) else {
        return false
      }
    }
    return true
  }

  private func isConsistent(
    _ leaf: Leaf, from low: UInt64, below high: UInt64?, _ seen: inout Census
  ) -> Bool {
    guard leaf.previous?.identity == seen.lastLeaf?.identity else { return false }
    guard leaf.first >= 0, leaf.first <= leaf.end else { return false }
    for index in 0..<leaf.first where leaf.start(at: index) != 0 { return false }
    for index in leaf.end..<Leaf.capacity where leaf.start(at: index) != .max { return false }
    for index in leaf.first..<leaf.end {
      let (start, last) = (leaf.start(at: index), leaf.last(at: index))
      guard start >= low, last >= start else { return false }
      if let high, start >= high { return false }
      if let previous = seen.last, start <= previous { return false }
      seen.last = last
    }
    seen.count += leaf.count
    seen.leaves += 1
    seen.lastLeaf = leaf
    if let finger, finger.leaf.identity == leaf.identity {
      guard finger.index >= leaf.first, finger.index <= leaf.end else { return false }
      seen.hasFinger = true
    }
    return true
  }
}
