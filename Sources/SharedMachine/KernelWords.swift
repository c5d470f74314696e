internal import DMATypes
internal import LinuxIOMMUFD
internal import MachineFile

/// What processes share of one container in the kernel: words in the container's file, guarded by its
/// lock.
///
/// | offset | bytes | what |
/// |---|---|---|
/// | 0 | 8 | the name of the parking; 0 before there is one |
/// | 8 | 512 | `ContainerNumbers` |
/// | 520 | 376 | processes that have a descriptor of the parking: pid in the upper half, number in the lower |
struct KernelWords {
  private static let numbersOffset = 8
  private static let holdersOffset = numbersOffset + ContainerNumbers.wordCount * 8
  private static let holderCount = 47
  static let byteCount = holdersOffset + holderCount * 8

  private let memory: SharedMemory
  private let offset: Int

  /// The words at an offset of the container's file.
  init(memory: SharedMemory, offset: Int) {
    self.memory = memory
    self.offset = offset
  }

  /// What tells the parking from every other socket; 0 for none.
  var parkingName: UInt64 {
    get { memory[offset] }
    nonmutating set { memory.words[offset] = newValue }
  }

  /// The kernel's numbers.
  var numbers: ContainerNumbers {
    get {
      let at = offset + Self.numbersOffset
      return ContainerNumbers(
        words: (0..<ContainerNumbers.wordCount).map { memory[at + $0 * 8] })
    }
    nonmutating set {
      for (index, word) in newValue.words.enumerated() {
        memory.words[offset + Self.numbersOffset + index * 8] = word
      }
    }
  }

  /// A process that has a descriptor of the parking, or had: it may be gone, and the number be
  /// another file's.
  struct Holder: Equatable {
    var pid: Int32
    var number: Int32
  }

  private subscript(place: Int) -> Holder {
    get {
      let word = memory[offset + Self.holdersOffset + place * 8]
      return Holder(
        pid: Int32(truncatingIfNeeded: word >> 32), number: Int32(truncatingIfNeeded: word))
    }
    nonmutating set {
      memory.words[offset + Self.holdersOffset + place * 8] =
        UInt64(UInt32(bitPattern: newValue.pid)) << 32 | UInt64(UInt32(bitPattern: newValue.number))
    }
  }

  /// All of them.
  var holders: [Holder] { (0..<Self.holderCount).map { self[$0] }.filter { $0.pid != 0 } }

  /// Enters a process, in the place of one that is gone where there is no room. Where all are alive
  /// nobody finds it here, which matters only to a process that finds no other.
  func enter(_ holder: Holder, isGone: (Int32) -> Bool) {
    func first(where isSuitable: (Int32) -> Bool) -> Int? {
      (0..<Self.holderCount).first { isSuitable(self[$0].pid) }
    }
    let place = first { $0 == holder.pid } ?? first { $0 == 0 } ?? first(where: isGone)
    if let place { self[place] = holder }
  }

  /// Takes a process off.
  func remove(_ pid: Int32) {
    for place in 0..<Self.holderCount where self[place].pid == pid {
      self[place] = Holder(pid: 0, number: 0)
    }
  }
}

/// What processes share of the groups: words in the machine file.
struct GroupWords {
  private let memory: SharedMemory
  private let offset: Int

  /// The words of a shared region that begins at an offset of its file.
  init(memory: SharedMemory, offset: Int) {
    self.memory = memory
    self.offset = offset
  }

  /// One word of the group that the machine counts so.
  subscript(word: SharedRegion.GroupWord, index: Int) -> UInt64 {
    get { memory.words.loadAcquiring(offset + SharedRegion.word(word, ofGroupAt: index)) }
    nonmutating set {
      memory.words.storeReleasing(offset + SharedRegion.word(word, ofGroupAt: index), newValue)
    }
  }
}
