import CPreload

/// What dlsym(3) finds by a handle, where `dlsym` sends such calls. Programs that call libc by its
/// handle (ctypes, JNA, FFI libraries) get the function that a plain call reaches: ours, when it
/// stands directly in front of the one that was found. Where another library stands between the
/// two, it may be the one that asks for what it stands in front of, so the answer stays libc's.
@c(cpreload_symbol)
public func symbol(_ handle: Word, _ name: Word) -> Word {
  let find = unsafeBitCast(cpreload_find_symbol(), to: Call2.self)
  let found = find(handle, name)
  guard found != 0, interposes(name), find(-1, name) == found,  // RTLD_NEXT, as seen from here
    let library = cpreload_own_library()
  else { return found }
  return find(word(library), name)
}

private func interposes(_ name: Word) -> Bool {
  guard let name = UnsafePointer<CChar>(bitPattern: name) else { return false }
  for index in 0..<cpreload_next_count.rawValue where strcmp(cpreload_name(index), name) == 0 {
    return true
  }
  return false
}
