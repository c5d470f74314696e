/// A Linux error number, as a refused call reports it.
///
/// An open set: a backend may report any number, known here or not.
public struct Errno: RawRepresentable, Error, Hashable, Sendable {
  /// The positive number, as in `<errno.h>`.
  public let rawValue: Int32

  /// Wraps a positive error number.
  @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }
}

extension Errno {
  /// The corresponding C error is `EPERM`.
  @inlinable public static var notPermitted: Self { .init(rawValue: 1) }
  /// The corresponding C error is `ENOENT`.
  @inlinable public static var notFound: Self { .init(rawValue: 2) }
  /// The corresponding C error is `EINTR`.
  @inlinable public static var interrupted: Self { .init(rawValue: 4) }
  /// The corresponding C error is `EIO`.
  @inlinable public static var inputOutput: Self { .init(rawValue: 5) }
  /// The corresponding C error is `E2BIG`.
  @inlinable public static var tooBig: Self { .init(rawValue: 7) }
  /// The corresponding C error is `EBADF`.
  @inlinable public static var badDescriptor: Self { .init(rawValue: 9) }
  /// The corresponding C error is `EAGAIN`.
  @inlinable public static var tryAgain: Self { .init(rawValue: 11) }
  /// The corresponding C error is `ENOMEM`.
  @inlinable public static var noMemory: Self { .init(rawValue: 12) }
  /// The corresponding C error is `EACCES`.
  @inlinable public static var accessDenied: Self { .init(rawValue: 13) }
  /// The corresponding C error is `EFAULT`.
  @inlinable public static var badAddress: Self { .init(rawValue: 14) }
  /// The corresponding C error is `EBUSY`.
  @inlinable public static var busy: Self { .init(rawValue: 16) }
  /// The corresponding C error is `EEXIST`.
  @inlinable public static var exists: Self { .init(rawValue: 17) }
  /// The corresponding C error is `ENODEV`.
  @inlinable public static var noDevice: Self { .init(rawValue: 19) }
  /// The corresponding C error is `EINVAL`.
  @inlinable public static var invalidArgument: Self { .init(rawValue: 22) }
  /// The corresponding C error is `EMFILE`.
  @inlinable public static var tooManyDescriptors: Self { .init(rawValue: 24) }
  /// The corresponding C error is `ENOTTY`.
  @inlinable public static var notTypewriter: Self { .init(rawValue: 25) }
  /// The corresponding C error is `ENOSPC`.
  @inlinable public static var noSpace: Self { .init(rawValue: 28) }
  /// The corresponding C error is `ESPIPE`.
  @inlinable public static var notSeekable: Self { .init(rawValue: 29) }
  /// The corresponding C error is `ERANGE`.
  @inlinable public static var outOfRange: Self { .init(rawValue: 34) }
  /// The corresponding C error is `EDEADLK`.
  @inlinable public static var deadlock: Self { .init(rawValue: 35) }
  /// The corresponding C error is `EOVERFLOW`.
  @inlinable public static var overflow: Self { .init(rawValue: 75) }
  /// The corresponding C error is `EBADFD`.
  @inlinable public static var wrongDescriptor: Self { .init(rawValue: 77) }
  /// The corresponding C error is `EOPNOTSUPP`.
  @inlinable public static var notSupported: Self { .init(rawValue: 95) }
  /// The corresponding C error is `EADDRINUSE`.
  @inlinable public static var addressInUse: Self { .init(rawValue: 98) }
}
