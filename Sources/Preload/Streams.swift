import CPreload
import Synchronization

// libc opens and closes the descriptor of a stream where no interposed function sees it.

typealias Stream = UnsafeMutablePointer<FILE>

/// The flags of open(2) that a mode of fopen(3) means.
private func flags(_ mode: UnsafePointer<CChar>) -> Int32 {
  var updates = false, extra: Int32 = 0
  var at = 1
  while mode[0] != 0, mode[at] != 0, mode[at] != 0x2c {  // ','
    if mode[at] == 0x2b { updates = true }  // '+'
    if mode[at] == 0x65 { extra |= O_CLOEXEC }  // 'e'
    if mode[at] == 0x78 { extra |= O_EXCL }  // 'x'
    at += 1
  }
  let access = updates ? O_RDWR : mode[0] == 0x72 ? O_RDONLY : O_WRONLY  // 'r'
  switch mode[0] {
  case 0x77: extra |= O_CREAT | O_TRUNC  // 'w'
  case 0x61: extra |= O_CREAT | O_APPEND  // 'a'
  default: break
  }
  return access | extra
}

@inline(__always)
private func opened(_ call: @autoclosure () -> Word, _ path: Word, _ mode: Word) -> Word {
  let kept = cpreload_errno().pointee
  let result = call()
  if _fastPath(result != 0) { return result }
  return openNodeStream(path, mode, kept)
}

@inline(never)
private func openNodeStream(_ path: Word, _ mode: Word, _ kept: Int32) -> Word {
  guard let text = UnsafePointer<CChar>(bitPattern: mode) else { return 0 }
  let descriptor = openNode(-1, currentDirectory, path, Word(flags(text)), kept)
  guard descriptor >= 0 else { return 0 }
  let stream = Word(bitPattern: fdopen(int(descriptor), text))
  if stream == 0 { _ = interposedClose(descriptor) }
  return stream
}

/// Stands in front of libc's `fopen`.
@c(fopen)
public func interposedFopen(_ path: Word, _ mode: Word) -> Word {
  opened(next(cpreload_next_fopen, Call2.self)(path, mode), path, mode)
}

/// Stands in front of libc's `fopen64`.
@c(fopen64)
public func interposedFopen64(_ path: Word, _ mode: Word) -> Word {
  opened(next(cpreload_next_fopen64, Call2.self)(path, mode), path, mode)
}

/// The descriptor of a stream leaves the table before libc closes it.
@inline(__always)
private func leaving(_ stream: Word) -> Entry {
  guard let stream = Stream(bitPattern: stream), highest.pointee.load(ordering: .relaxed) != 0
  else { return .none }
  let descriptor = fileno(stream)
  guard descriptor >= 0, entry(descriptor) != .none, entry(descriptor) != .hidden,
    !sharesTheParentsMemory()
  else { return .none }
  return replace(descriptor, .none)
}

/// Stands in front of libc's `fclose`.
@c(fclose)
public func interposedFclose(_ stream: Word) -> Word {
  let gone = leaving(stream)
  let result = next(cpreload_next_fclose, Call1.self)(stream)
  if _slowPath(gone != .none) { drop(gone) }
  return result
}

@inline(__always)
private func reopened(_ name: cpreload_next_name, _ path: Word, _ mode: Word, _ stream: Word)
  -> Word
{
  let reopen = next(name, Call3.self)
  let gone = leaving(stream)
  defer { drop(gone) }
  guard path != 0, machineDevice() != 0, let node = status(currentDirectory, path, 0),
    UInt64(node.st_dev) == machineDevice(), node.st_mode & 0o170000 == 0o020000,
    let text = UnsafePointer<CChar>(bitPattern: mode)
  else { return reopen(path, mode, stream) }
  // The stream first becomes one of a file that opens, and then its descriptor the node's.
  let descriptor = answer(openNode(currentDirectory, path, flags(text)))
  let other = reopen(Preload.path("/dev/null"), mode, stream)
  guard descriptor >= 0, let moved = Stream(bitPattern: other) else { return 0 }
  let closeOnExec = flags(text) & O_CLOEXEC
  _ = interposedDup3(descriptor, Word(fileno(moved)), Word(closeOnExec))
  _ = interposedClose(descriptor)
  return other
}

/// Stands in front of libc's `freopen`.
@c(freopen)
public func interposedFreopen(_ path: Word, _ mode: Word, _ stream: Word) -> Word {
  reopened(cpreload_next_freopen, path, mode, stream)
}

/// Stands in front of libc's `freopen64`.
@c(freopen64)
public func interposedFreopen64(_ path: Word, _ mode: Word, _ stream: Word) -> Word {
  reopened(cpreload_next_freopen64, path, mode, stream)
}
