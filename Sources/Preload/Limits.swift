import CEngine
import CPreload

// How much memory a program may lock follows from its limit, its capabilities and what it has
// locked already. The engine keeps what it knows of them and is told of every call that may change
// them.

@inline(__always)
private func changing(_ result: Word) -> Word {
  limitsMayHaveChanged()
  return result
}

@inline(never)
func limitsMayHaveChanged() {
  // A task with our memory and a process id of its own changes nothing of ours, and may run beside
  // us with the same thread-local storage: what we keep there of being inside the engine is no
  // thread's alone then.
  guard let engine = loadedEngine(), !sharesTheParentsMemory() else { return }
  let error = cpreload_errno().pointee
  _ = insideWithRoom(function(engine.pointee.limits))
  cpreload_errno().pointee = error
}

/// Stands in front of libc's `setrlimit`.
@c(setrlimit)
public func interposedSetrlimit(_ resource: Word, _ limit: Word) -> Word {
  changing(next(cpreload_next_setrlimit, Call2.self)(resource, limit))
}

/// Stands in front of libc's `setrlimit64`.
@c(setrlimit64)
public func interposedSetrlimit64(_ resource: Word, _ limit: Word) -> Word {
  changing(next(cpreload_next_setrlimit64, Call2.self)(resource, limit))
}

/// Stands in front of libc's `prlimit`.
@c(prlimit)
public func interposedPrlimit(_ pid: Word, _ resource: Word, _ new: Word, _ old: Word) -> Word {
  changing(next(cpreload_next_prlimit, Call4.self)(pid, resource, new, old))
}

/// Stands in front of libc's `prlimit64`.
@c(prlimit64)
public func interposedPrlimit64(_ pid: Word, _ resource: Word, _ new: Word, _ old: Word) -> Word {
  changing(next(cpreload_next_prlimit64, Call4.self)(pid, resource, new, old))
}

/// Stands in front of libc's `mlockall`.
@c(mlockall)
public func interposedMlockall(_ flags: Word) -> Word {
  changing(next(cpreload_next_mlockall, Call1.self)(flags))
}

/// Stands in front of libc's `capset`.
@c(capset)
public func interposedCapset(_ header: Word, _ data: Word) -> Word {
  changing(next(cpreload_next_capset, Call2.self)(header, data))
}

/// Stands in front of libc's `setuid`.
@c(setuid)
public func interposedSetuid(_ user: Word) -> Word {
  changing(next(cpreload_next_setuid, Call1.self)(user))
}

/// Stands in front of libc's `seteuid`.
@c(seteuid)
public func interposedSeteuid(_ user: Word) -> Word {
  changing(next(cpreload_next_seteuid, Call1.self)(user))
}

/// Stands in front of libc's `setreuid`.
@c(setreuid)
public func interposedSetreuid(_ real: Word, _ effective: Word) -> Word {
  changing(next(cpreload_next_setreuid, Call2.self)(real, effective))
}

/// Stands in front of libc's `setresuid`.
@c(setresuid)
public func interposedSetresuid(_ real: Word, _ effective: Word, _ saved: Word) -> Word {
  changing(next(cpreload_next_setresuid, Call3.self)(real, effective, saved))
}
