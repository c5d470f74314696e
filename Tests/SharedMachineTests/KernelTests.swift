import AddressSpaces
import CLinux
import DMATypes
import LinuxIOMMUFD
import MachineFile
import Testing

@testable import SharedMachine

/// What processes share of the kernel's containers, as far as it needs no iommufd.
struct KernelTests {
  static func memory() throws -> SharedMemory {
    let file = try Descriptor(
      opening: "/dev/shm/ioasid-words-\(clinux_random())", flags: 0o302, mode: 0o600)
    #expect(clinux_resize(file.number, 4096) == 0)
    return try SharedMemory(descriptor: file.number, byteCount: 4096)
  }

  @Test func theWordsOfAContainerFitBetweenItsOwnersAndItsJournal() {
    #expect(128 + OwnerTable.byteCount + KernelWords.byteCount <= 4096)
  }

  @Test func numbersReadBackBesideHolders() throws {
    let words = KernelWords(memory: try Self.memory(), offset: 3200)
    #expect(words.numbers == ContainerNumbers())
    var numbers = ContainerNumbers()
    numbers.space = IOASID(rawValue: 7)
    numbers.tables = [
      .init(id: HardwareTableID(rawValue: 9), isFurther: false),
      .init(id: nil, isFurther: true),
    ]
    words.numbers = numbers
    words.parkingName = 5
    for pid in 1...47 { words.enter(.init(pid: Int32(pid), number: 900)) { _ in false } }
    #expect(words.numbers == numbers)
    #expect(words.parkingName == 5)
    #expect(words.holders.count == 47)
  }

  @Test func aHolderHasOnePlaceAndTakesThatOfOneThatIsGone() throws {
    let words = KernelWords(memory: try Self.memory(), offset: 0)
    words.enter(.init(pid: 5, number: 900)) { _ in false }
    words.enter(.init(pid: 5, number: 901)) { _ in false }
    #expect(words.holders == [.init(pid: 5, number: 901)])
    for pid in 6...51 { words.enter(.init(pid: Int32(pid), number: 900)) { _ in false } }
    words.enter(.init(pid: 99, number: 902)) { _ in false }
    #expect(!words.holders.contains { $0.pid == 99 })
    words.enter(.init(pid: 99, number: 902)) { $0 == 20 }
    #expect(words.holders.contains { $0.pid == 99 } && !words.holders.contains { $0.pid == 20 })
    words.remove(5)
    #expect(words.holders.count == 46)
  }

  @Test func aParkingGivesEachFileBackOnceAndByItsKey() throws {
    var name: UInt64 = 0
    let parking = unsafe clinux_make_parking(&name)
    defer { _ = clinux_close(parking) }
    #expect(parking >= 0 && name != 0 && clinux_parking_name(parking) == name)
    let files = try ["/proc", "/sys", "/dev"].map { try Descriptor.number(of: $0) }
    for (key, file) in files.enumerated() {
      #expect(clinux_park(parking, UInt64(key), file) == 0)
    }
    func inode(_ descriptor: Int32) -> [UInt64] {
      var (device, inode, size) = (UInt64(0), UInt64(0), UInt64(0))
      _ = unsafe clinux_identity(descriptor, &device, &inode, &size)
      return [device, inode]
    }
    for key in [1, 2, 0] {
      let file = clinux_unpark(parking, UInt64(key))
      #expect(inode(file) == inode(files[key]), "\(key)")
      #expect(clinux_unpark(parking, UInt64(key)) == -Errno.notFound.rawValue)
      _ = clinux_close(file)
    }
    for file in files { _ = clinux_close(file) }
  }

  @Test func twoParkingsHaveTwoNamesAndNoOtherFileHasOne() throws {
    var names = (UInt64(0), UInt64(0))
    let first = unsafe clinux_make_parking(&names.0)
    let second = unsafe clinux_make_parking(&names.1)
    #expect(names.0 != names.1)
    _ = clinux_close(first)
    _ = clinux_close(second)
    let other = try Descriptor.number(of: "/proc")
    #expect(clinux_parking_name(other) == 0)
    _ = clinux_close(other)
  }

  @Test func aFileHeldAloneIsToldFromOneHeldWithOthers() throws {
    let path = "/dev/shm/ioasid-held-\(clinux_random())"
    let file = try Descriptor(opening: path, flags: 0o302, mode: 0o600)
    defer { _ = unsafe clinux_unlink(path) }
    #expect(Descriptor.isHeld(path) == false && Descriptor.isHeld(path, alone: true) == false)
    try file.hold()
    #expect(Descriptor.isHeld(path) == true && Descriptor.isHeld(path, alone: true) == false)
    #expect(clinux_hold_alone(file.number) == 0)
    #expect(Descriptor.isHeld(path) == true && Descriptor.isHeld(path, alone: true) == true)
    // The description itself is in nobody's way.
    #expect(clinux_is_held(file.number, 1) == 0)
  }
}

extension Descriptor {
  /// A directory opened for good.
  static func number(of path: String) throws -> Int32 {
    // O_RDONLY | O_DIRECTORY | O_CLOEXEC
    try Descriptor(opening: path, flags: 0o2200000).relinquish()
  }
}
