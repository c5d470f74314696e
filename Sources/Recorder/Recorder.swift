import CLinux
import DMATypes
import Traces

/// Records the conversation of a program with the machine's own VFIO nodes.
///
/// A tracer in the sense of ptrace(2): the program and everything that it starts stop at the system
/// calls that can reach a VFIO file. The kernel answers each, unchanged; the recorder reads what
/// was said and what came of it. So it sees every program, whatever it was written in and however
/// it is linked. What a program does without a system call it does not see: loads and stores of
/// mapped registers, and what devices do to memory. Calls on VFIO files are let through one at a
/// time, so that the order of the lines is the order in which the kernel did them.
public final class Recorder {
  struct Thread {
    var process: RecordedProcess
    /// What to do when its system call is over.
    var finish: ((Int64) -> Void)?
    /// Whether its call is the one that is let through.
    var isServed = false
  }

  private var threads: [Int32: Thread] = [:]
  /// New threads that stopped before the one that made them told of them.
  private var unknown: Set<Int32> = []
  /// Stopped at a call on a VFIO file while another is under way.
  private var waiting: [clinux_stop] = []
  private var isServing = false
  private var processCount = 0
  var containerCount: UInt64 = 0
  private let append: (String) -> Void

  /// A recorder that gives each line, with its end, to `append`.
  public init(append: @escaping (String) -> Void) { self.append = append }

  /// Records a child that `clinux_trace_fork` made, and everything that it starts, until the last
  /// of them has ended. The wait status of the first.
  public func record(_ child: Int32) -> Int32 {
    clinux_trace_ignore_terminal()
    threads[child] = Thread(process: RecordedProcess(pid: child))
    var status: Int32 = 0
    while true {
      var stop = clinux_stop()
      unsafe clinux_trace_wait(&stop)
      if stop.kind == Int32(clinux_no_more.rawValue) { return status }
      if stop.kind == Int32(clinux_ended.rawValue), stop.thread == child {
        status = Int32(truncatingIfNeeded: stop.detail)
      }
      handle(stop)
    }
  }

  private func handle(_ stop: clinux_stop) {
    let thread = stop.thread
    switch clinux_stop_kind(UInt32(bitPattern: stop.kind)) {
    case clinux_entered: enter(stop)
    case clinux_left: leave(stop)
    case clinux_bore:
      adopt(Int32(truncatingIfNeeded: stop.detail), from: thread)
      clinux_trace_resume(thread, isMaking(thread), 0)
    case clinux_executed: executed(stop)
    case clinux_signalled:
      clinux_trace_resume(thread, 0, Int32(truncatingIfNeeded: stop.detail))
    case clinux_paused: clinux_trace_listen(thread)
    case clinux_started:
      if threads[thread] == nil {
        unknown.insert(thread)
      } else {
        clinux_trace_resume(thread, isMaking(thread), 0)
      }
    default: ended(thread)
    }
  }

  /// A thread that stops in the middle of its call goes on to the call's end.
  private func isMaking(_ thread: Int32) -> Int32 { threads[thread]?.finish == nil ? 0 : 1 }

  // MARK: - Threads and processes

  private func adopt(_ child: Int32, from parent: Int32) {
    guard let parent = threads[parent]?.process, threads[child] == nil else { return }
    let owner = ProcFile.line("Tgid:", of: "/proc/\(child)/status").flatMap { Int32($0) }
    let process =
      owner == parent.pid ? parent : RecordedProcess(pid: child, forkedFrom: parent)
    threads[child] = Thread(process: process)
    if unknown.remove(child) != nil { clinux_trace_resume(child, 0, 0) }
  }

  /// The thread that asked for it has the process's number from now on, and is alone.
  private func executed(_ stop: clinux_stop) {
    let former = Int32(truncatingIfNeeded: stop.detail)
    if former != stop.thread { ended(former) }
    if let process = threads[stop.thread]?.process { process.executed() }
    finishServing(stop.thread)
    threads[stop.thread]?.finish = nil
    clinux_trace_resume(stop.thread, 0, 0)
  }

  private func ended(_ thread: Int32) {
    finishServing(thread)
    if let process = threads.removeValue(forKey: thread)?.process, process.number != nil,
      process.hasFiles, !threads.values.contains(where: { $0.process === process })
    {
      write(TracedCall(.exit, [], result: .value(.decimal(0))), of: process)
    }
    unknown.remove(thread)
    waiting.removeAll { $0.thread == thread }
  }

  // MARK: - System calls

  private func enter(_ stop: clinux_stop) {
    guard let process = threads[stop.thread]?.process,
      let call = SystemCall(stop, process, self)
    else {
      clinux_trace_resume(stop.thread, 0, 0)
      return
    }
    if call.isLegacy, isServing {
      waiting.append(stop)
      return
    }
    isServing = isServing || call.isLegacy
    threads[stop.thread]?.isServed = call.isLegacy
    threads[stop.thread]?.finish = call.begin()
    clinux_trace_resume(stop.thread, 1, 0)
  }

  private func leave(_ stop: clinux_stop) {
    // The kernel makes a call that a signal interrupted once more (ERESTARTSYS and its kin).
    let isRestarted = (-516 ... -512).contains(stop.result)
    let finish = threads[stop.thread]?.finish
    threads[stop.thread]?.finish = nil
    if !isRestarted { finish?(stop.result) }
    // The thread goes on before another is let through: it may be the one that is waited for.
    clinux_trace_resume(stop.thread, 0, 0)
    finishServing(stop.thread)
  }

  private func finishServing(_ thread: Int32) {
    guard threads[thread]?.isServed == true else { return }
    threads[thread]?.isServed = false
    isServing = false
    while !isServing, !waiting.isEmpty { enter(waiting.removeFirst()) }
  }

  // MARK: - Lines

  /// Writes down a call of a process.
  func write(_ call: TracedCall, of process: RecordedProcess) {
    if process.number == nil {
      processCount += 1
      process.number = processCount
    }
    var call = call
    call.process = process.number ?? 1
    append("\(call)\n")
  }

  /// The file of a descriptor that came from elsewhere: by a socket, or from before the recording.
  func received(_ descriptor: Int32, by process: RecordedProcess) -> LegacyFile? {
    let path = "/proc/\(process.pid)/fd/\(descriptor)"
    // A descriptor of O_PATH is no open file.
    guard process.name(descriptor: descriptor) != .mark(.path) else { return nil }
    let known = threads.values.flatMap { $0.process.files.values }
    func only(_ isOne: (LegacyFile.Kind) -> Bool) -> LegacyFile? {
      let found = known.filter { isOne($0.kind) }
      guard let first = found.first else { return nil }
      return found.allSatisfy { $0 === first } ? first : nil
    }
    let file: LegacyFile
    switch ProcFile.node(path) {
    case .container:
      let one = only { if case .container = $0 { true } else { false } }
      if one == nil { containerCount += 1 }
      file = one ?? LegacyFile(.container(containerCount))
    case .group(let number), .unprotectedGroup(let number):
      file = only { $0 == .group(number) } ?? LegacyFile(.group(number))
    case nil:
      guard ProcFile.link(path) == "anon_inode:[vfio-device]" else { return nil }
      let one = only { if case .device = $0 { true } else { false } }
      file = one ?? LegacyFile(.device("unnamed"))
    }
    process.enter(descriptor, file)
    return file
  }
}
