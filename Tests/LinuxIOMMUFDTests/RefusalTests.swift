import DMATypes
import Testing

@testable import LinuxIOMMUFD

@Suite("What the kernel refuses is answered as type1 answers")
struct RefusalTests {
  @Test("A claimed device that is open elsewhere is busy; the rest of BIND's words stand")
  func claims() {
    #expect(Errno.invalidArgument.asClaimRefusal == .busy)
    for other in [Errno.notPermitted, .busy, .noDevice] { #expect(other.asClaimRefusal == other) }
  }

  @Test("What an iommufd calls invalid of a granted MAP, type1 finds when it pins")
  func maps() {
    #expect(Errno.invalidArgument.asMapRefusal == .badAddress)
    #expect(Errno.overflow.asMapRefusal == .badAddress)
    for other in [Errno.noMemory, .badAddress] { #expect(other.asMapRefusal == other) }
  }

  @Test("An attach that meets a mapping in the wrong place is invalid")
  func attaches() {
    #expect(Errno.addressInUse.asAttachRefusal == .invalidArgument)
    for other in [Errno.noMemory, .notSupported] { #expect(other.asAttachRefusal == other) }
  }

  @Test("The limit counts before a bad page behind it")
  func limits() {
    #expect(Errno.ofMap(goodPages: 3, allowedPages: 2) == .noMemory)
    #expect(Errno.ofMap(goodPages: 2, allowedPages: 2) == .badAddress)
    #expect(Errno.ofMap(goodPages: 0, allowedPages: 0) == .badAddress)
  }
}
