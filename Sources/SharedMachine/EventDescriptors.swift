internal import CLinux
internal import DMATypes
internal import SimulatedPlatform

/// What the engine needs of what the preload keeps: the process's descriptor table, and a word
/// about its memory.
public protocol DescriptorTable: Sendable {
  /// The open file of ours behind a descriptor; nil when it is not ours.
  func file(_ descriptor: Int32) -> OpenFile?
  /// Takes a descriptor out of the program's sight and way; answers the number it has from now on.
  func hide(_ descriptor: Int32) -> Int32
  /// Ends that.
  func reveal(_ descriptor: Int32)
  /// Whether the program ever asked for memory that may be written or executed and not read.
  var hidesReading: Bool { get }
}

/// The eventfds that devices hold on to: duplicates of the program's, numbered out of its way and
/// hidden from it, because the program may close its own and use the number for something else.
///
/// They are closed on exec and end with their process. The kernel's device goes on to signal the
/// eventfd itself, so a device whose holder is gone looks for it among the descriptors of whichever
/// process makes it send an interrupt: a daemon's, or those of the program that was executed.
final class EventDescriptors: Sendable {
  private struct Held {
    var descriptor: Int32
    var references: Int
  }

  let descriptors: any DescriptorTable
  /// By the kernel's number: however often a program names one eventfd, it is held once.
  private let held = Guarded<[Int64: Held]>([:])

  init(descriptors: any DescriptorTable) { self.descriptors = descriptors }

  /// Takes a reference to the caller's eventfd: `EBADF` when it is not open, `EINVAL` when it is
  /// something else (`eventfd_ctx_fdget()`).
  func resolve(_ descriptor: Int32) throws(Errno) -> EventTarget {
    let identity = clinux_eventfd_identity(descriptor)
    guard identity >= 0 else { throw Errno(rawValue: Int32(-identity)) }
    let number = try held.withLock { (held) throws(Errno) in
      if let known = held[identity] {
        held[identity]?.references += 1
        return known.descriptor
      }
      let duplicate = clinux_duplicate(descriptor, 0)
      guard duplicate >= 0 else { throw Errno(rawValue: -duplicate) }
      let hidden = descriptors.hide(duplicate)
      held[identity] = Held(descriptor: hidden, references: 1)
      return hidden
    }
    return EventTarget(
      owner: UInt32(bitPattern: clinux_pid()), descriptor: number, identity: identity)
  }

  /// Adds one, whoever holds it.
  func signal(_ event: EventTarget) {
    if held.withLock({ $0[event.identity]?.descriptor }) == event.descriptor {
      _ = clinux_signal_event(event.descriptor)
      return
    }
    let isOwn = event.owner == UInt32(bitPattern: clinux_pid())
    if !isOwn,
      clinux_signal_event_of(Int32(bitPattern: event.owner), event.descriptor, event.identity) >= 0
    {
      return
    }
    let found = clinux_find_event(event.identity)
    if found >= 0 { _ = clinux_signal_event(found) }
  }

  /// Gives a reference back. One that another process took is closed when that process ends.
  func release(_ event: EventTarget) {
    guard event.owner == UInt32(bitPattern: clinux_pid()) else { return }
    let isLast = held.withLock { held in
      guard let entry = held.first(where: { $0.value.descriptor == event.descriptor }) else {
        return false
      }
      if entry.value.references > 1 {
        held[entry.key]?.references -= 1
        return false
      }
      held[entry.key] = nil
      return true
    }
    guard isLast else { return }
    descriptors.reveal(event.descriptor)
    _ = clinux_close(event.descriptor)
  }
}
