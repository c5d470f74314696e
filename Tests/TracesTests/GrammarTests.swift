import DMATypes
import Testing

@testable import Traces

/// Law: what is printed parses to what was printed, and what is accepted prints as it was written.
@Suite("The text of a trace")
struct GrammarTests {
  @Test("Generated calls of every request survive print and parse", arguments: 0..<64)
  func law(seed: UInt64) throws {
    var generator = CallGenerator(seed: seed)
    for call in generator.callsOfEveryKind() {
      let line = call.description
      #expect(try TraceLine.parse(line: Array(line.utf8)) == .call(call), "\(line)")
    }
  }

  @Test("Comments and empty lines stay as they stand")
  func comments() throws {
    let text = "# Linux 6.12\n\nclose(group3) = 0\n"
    let lines = try TraceLine.parse(text)
    #expect(lines.count == 3)
    #expect(lines.map { "\($0)\n" }.joined() == text)
  }

  @Test("A line with a byte changed is refused or prints as it stands", arguments: 0..<16)
  func mutations(seed: UInt64) {
    var generator = CallGenerator(seed: seed)
    for call in generator.callsOfEveryKind() {
      var bytes = Array(call.description.utf8)
      bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(0x20 + generator.next() % 0x5f)
      guard let line = try? TraceLine.parse(line: bytes) else { continue }
      #expect(Array(line.description.utf8) == bytes)
    }
  }

  @Test(
    "A bad line is refused with its place and the reason",
    arguments: [
      ("frob(group3) = 0", 1, "no call 'frob'"),
      ("close(group3)", 14, "' = ' is missing"),
      ("close(group3) = 0 0", 1, "close has no output"),
      ("close(grup3) = 0", 7, "no value 'grup3'"),
      ("close(group3) = -1 ENOFUN", 20, "no error 'ENOFUN'"),
      ("[1] close(group3) = 0", 3, "the first process has no number"),
      ("[2]close(group3) = 0", 3, "'] ' is missing"),
      ("open(\"/dev/vfio/3) = 0", 23, "the text does not end"),
      ("close(group03) = 0", 12, "it is written '3) = 0'"),
      ("close(group3) = 99999999999999999999", 37, "the number is too large"),
      ("close({{{{{{{{{{{{) = 0", 15, "too deep"),
    ])
  func badLines(line: String, column: Int, reason: String) {
    let error = #expect(throws: TraceError.self) { try TraceLine.parse("# first\n\(line)\n") }
    #expect(error?.line == 2)
    #expect(error?.reason == reason)
    #expect(line.hasPrefix("close(gr") == false || error?.column == column)
  }

  @Test(
    "An ioctl that says what no program can say is refused",
    arguments: [
      ("(group3, VFIO_IOMMU_MAP_DMA, null)", "group3 has no request 'VFIO_IOMMU_MAP_DMA'"),
      ("(container1, 0x3b71, 0x0)", "the request has a name"),
      ("(container1, VFIO_IOMMU_MAP_DMA)", "an argument is missing"),
      ("(container1, VFIO_IOMMU_MAP_DMA, {argsz=32})", "the field 'flags' is missing"),
      ("(group3, VFIO_GROUP_GET_STATUS, {argsz=8, x=1})", "the field 'x=1' does not belong here"),
      (
        "(group3, VFIO_GROUP_GET_STATUS, {argsz=5000000000})",
        "'5000000000' is too large for 4 bytes"
      ),
      ("(group3, VFIO_GROUP_GET_STATUS, {argsz=0x8})", "'0x8' cannot stand here"),
      (
        "(container1, VFIO_IOMMU_DIRTY_PAGES, {argsz=8, flags=START|FROB})",
        "no name 'FROB' here"
      ),
      (
        "(container1, VFIO_IOMMU_DIRTY_PAGES, {argsz=8, flags=0x1})", "it is written 'START'"
      ),
      ("(container1, VFIO_SET_IOMMU, 0x3)", "it is written 'VFIO_TYPE1v2_IOMMU'"),
    ])
  func badIoctls(arguments: String, reason: String) {
    let error = #expect(throws: TraceError.self) {
      try TraceLine.parse("ioctl\(arguments) = 0")
    }
    #expect(error?.reason == reason)
  }

  @Test("Every errno has one name", arguments: 1...140)
  func errnos(number: Int32) {
    let errno = Errno(rawValue: number)
    #expect(ErrnoNames.errno(named: ErrnoNames.name(of: errno)) == errno)
  }

  @Test("Known errnos have the names of errno.h")
  func knownErrnos() {
    let known: [(Errno, String)] = [
      (.notPermitted, "EPERM"), (.invalidArgument, "EINVAL"), (.deadlock, "EDEADLK"),
      (.overflow, "EOVERFLOW"), (.wrongDescriptor, "EBADFD"), (.notSupported, "EOPNOTSUPP"),
      (.addressInUse, "EADDRINUSE"), (Errno(rawValue: 133), "EHWPOISON"),
      (Errno(rawValue: 524), "E524"),
    ]
    for (errno, name) in known { #expect(ErrnoNames.name(of: errno) == name) }
  }
}
