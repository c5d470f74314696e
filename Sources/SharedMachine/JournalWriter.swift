internal import Shim

/// Writes a container's events, and makes each count by one store.
struct JournalWriter: ContainerJournal {
  let records: JournalRecords
  private(set) var position: JournalRecords.Position
  /// Where the next record goes, known ahead.
  private var place: JournalRecords.Place

  init(records: JournalRecords, position: JournalRecords.Position) {
    self.records = records
    self.position = position
    place = records.place(of: position)
  }

  @inline(__always)
  mutating func record(_ event: ContainerEvent) {
    write(event)
    publish()
  }

  /// Writes an event that counts once it is published.
  @inline(__always)
  mutating func write(_ event: ContainerEvent) {
    var (place, position) = (place, position)
    encode(event) { record in
      records.write(record, at: &place)
      position.word &+= 1
    }
    self.place = place
    self.position = position
  }

  /// Makes all that was written count, by one store.
  @inline(__always)
  func publish() { records.published = position }
}
