import CPreload

// realpath(3) follows a link of /proc by system calls of libc's own, to the file that stands for
// the legacy one.

/// realpath(3)'s answer with our names in place of the run's. It is written over: ours are
/// shorter.
@inline(__always)
private func resolved(_ result: Word, ownsMemory: Bool) -> Word {
  guard _slowPath(cpreload_in_run() != 0), result != 0, cpreload_depth() == 0 else { return result }
  return named(result, ownsMemory)
}

@inline(never)
private func named(_ result: Word, _ ownsMemory: Bool) -> Word {
  guard let text = UnsafeMutablePointer<UInt8>(bitPattern: result) else { return result }
  var count = 0
  while text[count] != 0 { count += 1 }
  guard var name = NodeName(standIn: UnsafeBufferPointer(start: text, count: count)) else {
    return result
  }
  if name.isAnonymous {
    // The link is the name of no path.
    if ownsMemory { cpreload_free(text) }
    _ = fail(Errno.ENOENT)
    return 0
  }
  let length = name.count
  name.withPath { own in
    let own = UnsafePointer<UInt8>(bitPattern: own).unsafelyUnwrapped
    for place in 0...length { text[place] = own[place] }
  }
  return result
}

/// Stands in front of libc's `realpath`.
@c(realpath)
public func interposedRealpath(_ path: Word, _ room: Word) -> Word {
  resolved(next(cpreload_next_realpath, Call2.self)(path, room), ownsMemory: room == 0)
}

/// Stands in front of libc's `__realpath_chk`.
@c(__realpath_chk)
public func interposedCheckedRealpath(_ path: Word, _ room: Word, _ size: Word) -> Word {
  resolved(next(cpreload_next___realpath_chk, Call3.self)(path, room, size), ownsMemory: room == 0)
}

/// Stands in front of libc's `canonicalize_file_name`.
@c(canonicalize_file_name)
public func interposedCanonicalize(_ path: Word) -> Word {
  resolved(next(cpreload_next_canonicalize_file_name, Call1.self)(path), ownsMemory: true)
}
