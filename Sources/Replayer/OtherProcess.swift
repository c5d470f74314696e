import CLinux
import Traces

/// A process of a trace beside the first: a child that does what it is told on a socket.
///
/// It is forked before the first call is made, so that it has no file but those that it opens and
/// those that are handed over to it.
struct OtherProcess {
  private enum Order: UInt64 {
    /// Make the call of a line; answered by the line that came of it.
    case perform = 1
    /// Send the file of a handle that the line before speaks of.
    case give = 2
    /// Receive it.
    case take = 3
    /// End.
    case end = 4
  }

  private let socket: Int32
  private let child: Int32

  /// Forks one; nil when the kernel has none.
  init?(_ lines: [TraceLine], like process: ReplayProcess) {
    var socket: Int32 = -1
    let child = unsafe clinux_libc_fork(&socket)
    guard child >= 0 else { return nil }
    if child == 0 { Self.serve(socket, lines, process) }
    self.socket = socket
    self.child = Int32(child)
  }

  /// Has a call made, and answers the line that came of it.
  func perform(_ index: Int) -> String {
    Self.send(Order.perform.rawValue, to: socket)
    Self.send(UInt64(index), to: socket)
    return Self.receiveText(socket) ?? "(not made: its process ended)"
  }

  /// The number here of a file that it has.
  func give(_ handle: TracedHandle) -> Int32? {
    Self.send(Order.give.rawValue, to: socket)
    Self.send(handle.description, to: socket)
    guard Self.receive(socket) == 1 else { return nil }
    let descriptor = clinux_libc_take(socket)
    return descriptor < 0 ? nil : Int32(descriptor)
  }

  /// Hands a file over to it.
  func take(_ handle: TracedHandle, _ descriptor: Int32) {
    Self.send(Order.take.rawValue, to: socket)
    Self.send(handle.description, to: socket)
    _ = clinux_libc_give(socket, descriptor)
    _ = Self.receive(socket)
  }

  /// Ends it: its files are closed.
  func end() {
    Self.send(Order.end.rawValue, to: socket)
    _ = clinux_libc_close(socket)
    clinux_libc_wait(child)
  }

  // MARK: - In the child

  private static func serve(
    _ socket: Int32, _ lines: [TraceLine], _ first: ReplayProcess
  ) -> Never {
    var process = first
    var handles: [String: TracedHandle] = [:]
    for case .handle(let handle) in lines.flatMap({ $0.call?.values ?? [] }) {
      handles[handle.description] = handle
    }
    while let order = receive(socket).flatMap(Order.init), order != .end {
      switch order {
      case .perform:
        guard let index = receive(socket), let call = lines[Int(index)].call else { break }
        send(Replay.tell(process.perform(call)), to: socket)
      case .give:
        let number = receiveText(socket).flatMap { handles[$0] }.flatMap { process.number(of: $0) }
        send(number == nil ? 0 : 1, to: socket)
        if let number { _ = clinux_libc_give(socket, number) }
      case .take:
        let handle = receiveText(socket).flatMap { handles[$0] }
        let descriptor = clinux_libc_take(socket)
        if let handle, descriptor >= 0 { process.take(handle, Int32(descriptor)) }
        send(1, to: socket)
      case .end: break
      }
    }
    clinux_libc_exit()
  }

  // MARK: - Words on the socket

  private static func send(_ number: UInt64, to socket: Int32) {
    var number = number
    _ = unsafe clinux_libc_send(socket, &number, 8)
  }

  private static func send(_ text: String, to socket: Int32) {
    let bytes = Array(text.utf8)
    send(UInt64(bytes.count), to: socket)
    _ = unsafe clinux_libc_send(socket, bytes, UInt64(bytes.count))
  }

  private static func receive(_ socket: Int32) -> UInt64? {
    var number: UInt64 = 0
    return unsafe clinux_libc_receive(socket, &number, 8) == 0 ? number : nil
  }

  private static func receiveText(_ socket: Int32) -> String? {
    guard let count = receive(socket), count < 1 << 24 else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(count))
    guard unsafe clinux_libc_receive(socket, &bytes, count) == 0 else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }
}
