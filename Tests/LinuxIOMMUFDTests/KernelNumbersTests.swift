import AddressSpaces
import DMATypes
import LinuxIOMMUFD
import Testing

@Suite("What the processes of a container share of the kernel")
struct KernelNumbersTests {
  @Test("A container that has nothing is zeros, and zeros are one")
  func empty() {
    #expect(ContainerNumbers().words.allSatisfy { $0 == 0 })
    #expect(ContainerNumbers().words.count == ContainerNumbers.wordCount)
    #expect(ContainerNumbers(words: ContainerNumbers().words) == ContainerNumbers())
  }

  @Test("Words read back as they were", arguments: [0, 1, 7, ContainerNumbers.maximumTables])
  func roundTrip(count: Int) {
    var numbers = ContainerNumbers()
    numbers.space = IOASID(rawValue: .max)
    for index in 0..<count {
      let id = index % 3 == 2 ? nil : HardwareTableID(rawValue: .max - UInt32(index))
      numbers.tables.append(.init(id: id, isFurther: index % 2 == 1))
    }
    #expect(ContainerNumbers(words: numbers.words) == numbers)
  }

  @Test("Words that no process wrote read as nothing, and trap nowhere")
  func nonsense() {
    #expect(ContainerNumbers(words: []) == ContainerNumbers())
    #expect(ContainerNumbers(words: [.max]) == ContainerNumbers())
    let tooMany = [UInt64(ContainerNumbers.maximumTables + 1) << 32]
    let words = tooMany + [UInt64](repeating: 1, count: 100)
    #expect(ContainerNumbers(words: words) == ContainerNumbers())
  }
}
