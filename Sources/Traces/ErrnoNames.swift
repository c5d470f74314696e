public import DMATypes

/// Error numbers by the names of `<errno.h>` on x86-64.
public enum ErrnoNames {
  /// The name, or `E` and the number where there is none.
  public static func name(of errno: Errno) -> String {
    let number = Int(errno.rawValue)
    guard names.indices.contains(number), !names[number].isEmpty else { return "E\(number)" }
    return names[number]
  }

  /// The number; nil for what is no name that `name(of:)` gives.
  public static func errno(named name: String) -> Errno? {
    if let number = names.firstIndex(of: name), number > 0 { return Errno(rawValue: Int32(number)) }
    guard name.first == "E", let number = Int32(name.dropFirst()), number > 0,
      self.name(of: Errno(rawValue: number)) == name
    else { return nil }
    return Errno(rawValue: number)
  }

  private static let names: [String] =
    [""]
      + """
      EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT \
      ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG \
      ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY \
      ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR \
      EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE \
      ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG \
      ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK \
      EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP \
      EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET \
      ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT \
      ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL \
      EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED \
      EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON
      """.split(separator: " ").map { $0 == "-" ? "" : String($0) }
}
