import DMATypes
import Foundation
import Testing

@testable import SharedMachine

/// What opens, joins, leaves and closes leave behind, by the processes that do them and by those
/// that look next.
struct LifeTests {
  @Test(
    "A group is open once, until whoever had it is gone, told or not", arguments: [true, false])
  func groupIsFreeAgain(isTold: Bool) throws {
    let run = try Run()
    let (first, second) = (try run.process(), try run.process())
    let group = try first.open(inode: Run.groupNode(0), flags: 2)
    #expect(throws: Errno(rawValue: 16)) {
      _ = try second.open(inode: Run.groupNode(0), flags: 2)
    }
    let other = try second.open(inode: Run.groupNode(1), flags: 2)
    if isTold { run.close(group, in: first) } else { run.abandon(group) }
    let again = try second.open(inode: Run.groupNode(0), flags: 2)
    run.close(again, in: second)
    run.close(other, in: second)
  }

  @Test(
    "A container whose processes were killed loses its group and goes", arguments: [true, false])
  func abandonedContainer(groupFirst: Bool) throws {
    let run = try Run()
    let memory = Pages(1)
    let survivor = try run.process()
    do {
      let client = try Client(in: run)
      #expect(client.map(0x1000, memory.address) == 0)
      for file in groupFirst
        ? [client.group, client.container] : [client.container, client.group]
      {
        run.abandon(file)
      }
    }
    #expect(run.containers.count == 1)
    let group = try survivor.open(inode: Run.groupNode(0), flags: 2)
    #expect(run.containers == [])
    run.close(group, in: survivor)
  }

  @Test("Containers that never had a group go too, some opens later")
  func bareContainers() throws {
    let run = try Run()
    let machine = try run.process()
    for _ in 0..<300 { run.abandon(try machine.open(inode: Run.containerNode, flags: 2)) }
    #expect(run.containers.count <= 64)
  }

  @Test("Another process's mappings are seen, refused twice, and unmapped")
  func sharedContainer() throws {
    let run = try Run()
    let client = try Client(in: run)
    let (memory, other) = (Pages(1), try run.process())
    #expect(client.map(0x1000, memory.address) == 0)
    #expect(client.map(0x1000, memory.address, by: other) == -17)
    #expect(client.map(0x2000, memory.address, by: other) == 0)
    #expect(client.unmap(0x1000, pages: 1, by: other) == 4096)
    #expect(client.unmap(0, all: true) == 4096)
    #expect(client.map(0x1000, memory.address) == 0)
  }

  @Test("A node that is none of the run's is ENXIO", arguments: [0, 50, 102, .max] as [UInt64])
  func noNode(inode: UInt64) throws {
    let machine = try Run().process()
    #expect(throws: Errno(rawValue: 6)) { _ = try machine.open(inode: inode, flags: 2) }
  }
}
