import DMATypes
import LegacyVFIO
import Testing
import UAPI

private struct ScriptedGroup: GroupServer {
  var reply = GroupReply.value(0)
  var asked: [GroupRequest] = []
  func admit(_ command: GroupCommand) throws(Errno) {
    if command == .unknown { throw .notTypewriter }
  }
  mutating func perform(_ request: GroupRequest) throws(Errno) -> GroupReply {
    asked.append(request)
    return reply
  }
}

@Suite struct GroupCodecTests {
  @Test("GET_STATUS writes 8 bytes, argsz as it was", arguments: 0...16)
  func status(argsz: Int) {
    let memory = Memory()
    var server = ScriptedGroup(reply: .status([.viable, .containerSet]))
    if argsz < 8 { #expect(GroupCodec.serve(0x3b67, memory.tail(argsz), by: &server) == -14) }
    let address = memory.fill(littleEndian(UInt64(argsz), 0x77, bytes: 4), from: 8)
    #expect(GroupCodec.serve(0x3b67, address, by: &server) == (argsz < 8 ? -22 : 0))
    #expect(
      memory.bytes(8) == littleEndian(UInt64(argsz), argsz < 8 ? 0x77 : 3, bytes: 4))
    #expect(memory.isUntouched(before: 8))
  }

  @Test("SET_CONTAINER reads an int; UNSET_CONTAINER reads nothing")
  func container() {
    let memory = Memory()
    var server = ScriptedGroup()
    let address = memory.fill(littleEndian(0xffff_fffe, bytes: 4), from: 4)
    #expect(GroupCodec.serve(0x3b68, address, by: &server) == 0)
    #expect(GroupCodec.serve(0x3b68, memory.tail(3), by: &server) == -14)
    #expect(GroupCodec.serve(0x3b69, .max, by: &server) == 0)
    #expect(GroupCodec.serve(0x3b6b, .max, by: &server) == -25)
    #expect(server.asked == [.setContainer(descriptor: -2), .unsetContainer])
  }

  @Test("GET_DEVICE_FD reads to the zero and not beyond", arguments: [0, 1, 12, 4094, 4095])
  func name(count: Int) {
    let memory = Memory()
    var server = ScriptedGroup(reply: .value(7))
    let name = [UInt8](repeating: 0x30, count: count)
    let address = memory.fill(name + [0], from: count + 1)
    #expect(GroupCodec.serve(0x3b6a, address, by: &server) == 7)
    #expect(server.asked == [.getDevice(name: name)])
  }

  @Test("GET_DEVICE_FD: a page without a zero is EINVAL, a name that runs out of memory EFAULT")
  func badNames() {
    let memory = Memory()
    var server = ScriptedGroup()
    #expect(GroupCodec.serve(0x3b6a, memory.tail(4096), by: &server) == -22)
    #expect(GroupCodec.serve(0x3b6a, memory.tail(4095), by: &server) == -14)
    #expect(GroupCodec.serve(0x3b6a, memory.tail(8000), by: &server) == -22)
    #expect(GroupCodec.serve(0x3b6a, 0, by: &server) == -14)
    #expect(GroupCodec.serve(0x3b6a, .max, by: &server) == -14)
    #expect(server.asked.isEmpty)
  }
}
