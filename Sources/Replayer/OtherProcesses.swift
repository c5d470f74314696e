import CLinux
import Traces

/// The processes of a trace beside the first: each makes the calls that it is told the lines of.
struct OtherProcesses {
  /// Where each is spoken to, by its number in the trace.
  private var sockets: [Int: Int32] = [:]

  /// Has a call made by its process, and answers the line that came of it.
  mutating func perform(
    _ call: TracedCall, _ index: Int, _ lines: [TraceLine], forkedFrom first: ReplayProcess
  ) -> String {
    guard let socket = socket(call.process, lines, first) else {
      return "(not made: no process \(call.process))"
    }
    send(UInt64(index), to: socket)
    guard let line = Self.receiveText(socket) else {
      return "(not made: process \(call.process) ended)"
    }
    return line
  }

  /// Ends them.
  mutating func end() {
    for socket in sockets.values { _ = clinux_libc_close(socket) }
    sockets = [:]
  }

  private mutating func socket(
    _ process: Int, _ lines: [TraceLine], _ first: ReplayProcess
  ) -> Int32? {
    if let known = sockets[process] { return known }
    var socket: Int32 = -1
    let child = unsafe clinux_libc_fork(&socket)
    guard child >= 0 else { return nil }
    if child == 0 { Self.serve(socket, lines, first) }
    sockets[process] = socket
    return socket
  }

  private func send(_ number: UInt64, to socket: Int32) { Self.send(number, to: socket) }

  // MARK: - In the other process

  private static func serve(
    _ socket: Int32, _ lines: [TraceLine], _ first: ReplayProcess
  ) -> Never {
    var process = first
    while let index = receive(socket), let call = lines[Int(index)].call {
      let text = Array(Replay.tell(process.perform(call)).utf8)
      send(UInt64(text.count), to: socket)
      // SAFETY: the bytes live through the call.
      _ = unsafe text.withUnsafeBytes { bytes in
        unsafe bytes.baseAddress.map { unsafe clinux_libc_send(socket, $0, UInt64(text.count)) }
      }
    }
    clinux_libc_exit()
  }

  // MARK: - Words on a socket

  private static func send(_ number: UInt64, to socket: Int32) {
    var number = number
    _ = unsafe clinux_libc_send(socket, &number, 8)
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
