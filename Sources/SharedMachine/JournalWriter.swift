internal import Shim

/// Publishes a container's events, each by one store.
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
    var (place, position) = (place, position)
    encode(event) { record in
      records.write(record, at: &place)
      position.word &+= 1
    }
    self.place = place
    self.position = position
    records.published = position
  }
}
