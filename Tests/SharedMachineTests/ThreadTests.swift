import DMATypes
import Foundation
import SeededRandom
import Shim
import Synchronization
import Testing

@testable import SharedMachine

/// Threads of one process and of several in the same run.
struct ThreadTests {
  /// Every page has one owner at a time: between a MAP that succeeded and its UNMAP no other
  /// succeeds.
  @Test("Eight threads of two processes in one container act one after another")
  func oneContainer() throws {
    let run = try Run()
    let client = try Client(in: run)
    let machines = [client.machine, try run.process()]
    let memory = Pages(1)
    let owners = Owners(count: 16)
    let wrong = Atomic(0), mapped = Atomic(0)
    threads(8) { thread in
      var random = SplitMix64(seed: UInt64(thread))
      let machine = machines[thread % 2]
      for _ in 0..<1500 {
        let page = Int(random.next() % 16)
        let iova = UInt64(page) << 12
        let result = client.map(iova, memory.address, by: machine)
        if result == 0 {
          mapped.add(1, ordering: .relaxed)
          if !owners.take(page) { wrong.add(1, ordering: .relaxed) }
          if client.map(iova, memory.address, by: machine) != -17 {
            wrong.add(1, ordering: .relaxed)
          }
          owners.drop(page)
          if client.unmap(iova, pages: 1, by: machine) != 4096 { wrong.add(1, ordering: .relaxed) }
        } else if result != -17 {
          wrong.add(1, ordering: .relaxed)
        }
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
    #expect(mapped.load(ordering: .relaxed) > 1000)
    for machine in machines {
      let left = try machine.replica(client.number).withSession { session, _ in
        session.state.mappings.count
      }
      #expect(left == 0)
    }
  }

  @Test("Eight threads in eight containers do not meet")
  func eightContainers() throws {
    let run = try Run()
    let machine = try run.process()
    let memory = Pages(1)
    let groups = try (0..<3).map { try Client(in: run, machine: machine, group: $0) }
    let wrong = Atomic(0)
    threads(8) { thread in
      // Five of them have no group, and are refused every time.
      let client = thread < 3 ? groups[thread] : nil
      let container = try? machine.open(inode: Run.containerNode, flags: 2)
      for round in 0..<1000 as Range<UInt64> {
        if let client {
          let page = (round % 32) << 12
          if client.map(page, memory.address) != 0 || client.unmap(page, pages: 1) != 4096 {
            wrong.add(1, ordering: .relaxed)
          }
        } else {
          var none: OpenedFile?
          if container?.file.ioctl(machine, 0x3b71, 0, opened: &none) != -22 {
            wrong.add(1, ordering: .relaxed)
          }
        }
      }
      if let container { run.close(container, in: machine) }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
    for client in groups {
      run.close(client.group, in: machine)
      run.close(client.container, in: machine)
    }
    #expect(run.containers == [])
  }

  /// Nothing orders what two threads do with one address after the other, but the kernel's having
  /// taken it back in between: the thread sanitizer must hear of that.
  @Test("Pages where another thread's stood before are other pages")
  func pagesOfTwoThreadsAtOnePlace() {
    let wrong = Atomic(0)
    threads(8) { _ in
      for round in 1...2000 as ClosedRange<UInt64> {
        let pages = Pages(1)
        withExtendedLifetime(pages) {
          let word = unsafe UnsafeMutablePointer<UInt64>(bitPattern: UInt(pages.address))
          if unsafe word?.pointee != 0 { wrong.add(1, ordering: .relaxed) }
          unsafe word?.pointee = round
        }
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
  }
}

/// Which pages a thread holds. The lock is one that the thread sanitizer knows.
private final class Owners: @unchecked Sendable {
  private let lock = NSLock()
  private var held: [Bool]
  init(count: Int) { held = Array(repeating: false, count: count) }
  func take(_ page: Int) -> Bool {
    lock.withLock {
      defer { held[page] = true }
      return !held[page]
    }
  }
  func drop(_ page: Int) { lock.withLock { held[page] = false } }
}
