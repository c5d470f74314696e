import CPreload

// The second names by which libc shows some functions, which its older headers and programs use.

/// Stands in front of libc's `__open`.
@c(__open)
public func interposedOpenAlias(_ path: Word, _ flags: Word, _ mode: Word) -> Word {
  interposedOpen(path, flags, mode)
}

/// Stands in front of libc's `__open64`.
@c(__open64)
public func interposedOpen64Alias(_ path: Word, _ flags: Word, _ mode: Word) -> Word {
  interposedOpen64(path, flags, mode)
}

/// Stands in front of libc's `__close`.
@c(__close)
public func interposedCloseAlias(_ descriptor: Word) -> Word {
  interposedClose(descriptor)
}

/// Stands in front of libc's `__dup2`.
@c(__dup2)
public func interposedDup2Alias(_ original: Word, _ copy: Word) -> Word {
  interposedDup2(original, copy)
}

/// Stands in front of libc's `__fcntl`.
@c(__fcntl)
public func interposedFcntlAlias(_ descriptor: Word, _ command: Word, _ argument: Word) -> Word {
  interposedFcntl(descriptor, command, argument)
}

/// Stands in front of libc's `__read`.
@c(__read)
public func interposedReadAlias(_ descriptor: Word, _ address: Word, _ count: Word) -> Word {
  interposedRead(descriptor, address, count)
}

/// Stands in front of libc's `__write`.
@c(__write)
public func interposedWriteAlias(_ descriptor: Word, _ address: Word, _ count: Word) -> Word {
  interposedWrite(descriptor, address, count)
}

/// Stands in front of libc's `__pread64`.
@c(__pread64)
public func interposedPread64Alias(
  _ descriptor: Word, _ address: Word, _ count: Word, _ offset: Word
) -> Word {
  interposedPread64(descriptor, address, count, offset)
}

/// Stands in front of libc's `__pwrite64`.
@c(__pwrite64)
public func interposedPwrite64Alias(
  _ descriptor: Word, _ address: Word, _ count: Word, _ offset: Word
) -> Word {
  interposedPwrite64(descriptor, address, count, offset)
}

/// Stands in front of libc's `__lseek`.
@c(__lseek)
public func interposedLseekAlias(_ descriptor: Word, _ offset: Word, _ whence: Word) -> Word {
  interposedLseek(descriptor, offset, whence)
}
