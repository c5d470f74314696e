import Glibc
import SimulatedPlatform

extension Bench {
  /// Threads in containers of their own, and one container beside another that is busy.
  mutating func addThreads() throws(Refusal) {
    let groups = BenchProgram.groups.map { "\($0)" }
    var runs: [[Double]] = []
    for process in 1...effort.processes {
      Progress.show("eight containers, process \(process) of \(effort.processes)")
      runs += try program.run(["threads", "\(effort.runs)"] + groups, inRun: true)
        .all("run", of: 2)
    }
    add(
      BenchRow(
        name: "eight-containers", against: "the speed-up of eight threads of no-op ioctls",
        ratios: runs.map { $0[1] / $0[0] }, figures: runs.map { $0[1] }, unit: "times one",
        goal: .share(0.85)))
    runs = []
    for process in 1...effort.processes {
      Progress.show("a busy neighbour, process \(process) of \(effort.processes)")
      runs += try program.run(
        ["neighbour", "\(effort.neighbourBytes)", "\(effort.runs)"] + groups.prefix(2), inRun: true
      ).all("run", of: 2)
    }
    add(
      BenchRow(
        name: "busy-neighbour", against: "a 4 KiB map with the neighbour at rest",
        ratios: runs.map { $0[1] / $0[0] }, figures: runs.map { $0[1] }, unit: "ns",
        goal: .ratio(2)))
  }

  /// Reports of dirty pages of a terabyte, clean and all dirty.
  mutating func addDirtyPages() throws(Refusal) {
    var runs: [[Double]] = []
    for process in 1...effort.processes {
      Progress.show("dirty pages, process \(process) of \(effort.processes)")
      runs += try program.runDriver(
        ["dirty", "\(effort.trackedPages)", "65536", "\(min(effort.runs, 3))"]
      ).all("run", of: 4)
    }
    for (index, name) in ["dirty-clean", "dirty-all", "dirty-unmap"].enumerated() {
      add(
        BenchRow(
          name: name, against: "one plain OR of such a bitmap",
          ratios: runs.map { $0[index + 1] / $0[0] }, figures: runs.map { $0[index + 1] / 1e6 },
          unit: "ms", goal: .ratio(1.5)))
    }
  }
}
