public import DMATypes
public import LegacyVFIO

/// A group call read from the program, with what its answer needs of the structure.
public struct GroupCall: Hashable, Sendable {
  /// What is asked.
  public var request: GroupRequest
  /// `argsz` of GET_STATUS as it was read, once.
  public var argsz: UInt32 = 0
}

/// Group calls: numbers and structures ⇄ requests and replies.
public enum GroupCodec {
  /// Which call an ioctl number is.
  public static func command(of number: UInt32) -> GroupCommand {
    switch number {
    case 0x3b67: .getStatus
    case 0x3b68: .setContainer
    case 0x3b69: .unsetContainer
    case 0x3b6a: .getDevice
    default: .unknown
    }
  }

  /// Answers one ioctl on a group: the result, or a negative errno.
  @inlinable public static func serve(
    _ number: UInt32, _ argument: UInt64, by server: inout some GroupServer
  ) -> Int {
    do throws(Errno) {
      let command = command(of: number)
      try server.admit(command)
      let call = try decode(command, UserAddress(argument))
      return try encode(try server.perform(call.request), to: call, UserAddress(argument))
    } catch {
      return -Int(error.rawValue)
    }
  }

  /// Reads a call's argument.
  ///
  /// `ENOTTY` for an unknown call: the server should have refused it before.
  public static func decode(
    _ command: GroupCommand, _ argument: UserAddress
  ) throws(Errno) -> GroupCall {
    switch command {
    case .getStatus:
      var layout = GroupStatusLayout()
      try CallerMemory.load(from: argument, into: &layout)
      guard layout.argsz >= MemoryLayout<GroupStatusLayout>.size else { throw .invalidArgument }
      return GroupCall(request: .getStatus, argsz: layout.argsz)
    case .setContainer:
      var descriptor: Int32 = 0
      try CallerMemory.load(from: argument, into: &descriptor)
      return GroupCall(request: .setContainer(descriptor: descriptor))
    case .unsetContainer: return GroupCall(request: .unsetContainer)
    case .getDevice: return GroupCall(request: .getDevice(name: try name(at: argument)))
    case .unknown: throw .notTypewriter
    }
  }

  /// Writes an answer where the call has one; the ioctl's result.
  public static func encode(
    _ reply: GroupReply, to call: GroupCall, _ argument: UserAddress
  ) throws(Errno) -> Int {
    switch reply {
    case .value(let value): return value
    case .status(let status):
      var layout = GroupStatusLayout()
      layout.argsz = call.argsz
      layout.flags = status.rawValue
      try CallerMemory.store(layout, to: argument)
      return 0
    }
  }

  /// Reads a string of at most a page, its zero included: `strndup_user()`.
  private static func name(at address: UserAddress) throws(Errno) -> [UInt8] {
    let page = Int(PageSizes.processorPageBytes)
    var name: [UInt8] = []
    while name.count < page {
      // Never beyond the page that holds the next byte: the one after may not be there.
      let next = address.advanced(by: UInt64(name.count))
      let rest = page - Int(next.rawValue & UInt64(page - 1))
      let chunk = try bytes(at: next, count: min(rest, page - name.count))
      if let zero = chunk.firstIndex(of: 0) { return name + chunk[..<zero] }
      name += chunk
    }
    throw .invalidArgument
  }

  private static func bytes(at address: UserAddress, count: Int) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    // SAFETY: the destination is the array's own storage.
    let failure = unsafe bytes.withUnsafeMutableBytes { (destination) -> Errno? in
      do throws(Errno) {
        try unsafe CallerMemory.read(unsafe destination, from: address)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
    return bytes
  }
}
