internal import CLinux
internal import DMATypes
internal import SimulatedPlatform

/// Waits for eventfds that a program signals to act on a device: IOEVENTFD and the unmasking of
/// INTx.
///
/// One thread of its own, started with the first of them. A forked child has no such thread: its
/// parent, which the eventfds belong to, goes on serving them.
final class EventWatcher: Sendable {
  private struct Watched {
    var thread: Int32?
    var units: [Int32: (unit: DeviceUnit, times: Int)] = [:]
  }

  private let machine: Unowned
  private let watched = Guarded(Watched())

  /// The machine owns the watcher, and both live as long as the process.
  private struct Unowned: Sendable { unowned let machine: Machine }

  init(machine: Machine) { self.machine = Unowned(machine: machine) }

  func watch(_ event: EventTarget, for unit: DeviceUnit) {
    watched.withLock { watched in
      let thread = watched.thread ?? start()
      guard thread >= 0 else { return }
      watched.thread = thread
      if watched.units[event.descriptor] == nil { _ = clinux_watch(thread, event.descriptor) }
      watched.units[event.descriptor, default: (unit, 0)].times += 1
    }
  }

  func unwatch(_ event: EventTarget) {
    watched.withLock { watched in
      guard let thread = watched.thread else { return }
      // Leaving an eventfd's queue takes its count along: `eventfd_ctx_remove_wait_queue()`.
      clinux_drain_event(event.descriptor)
      watched.units[event.descriptor]?.times -= 1
      guard watched.units[event.descriptor]?.times == 0 else { return }
      watched.units[event.descriptor] = nil
      _ = clinux_unwatch(thread, event.descriptor)
    }
  }

  private func start() -> Int32 {
    let watcher = clinux_make_watcher()
    guard watcher >= 0 else { return watcher }
    let hidden = machine.machine.events.descriptors.hide(watcher)
    // SAFETY: the watcher lives as long as the process, and so does the pointer the thread keeps.
    let this = unsafe Unmanaged.passUnretained(self).toOpaque()
    let failure = unsafe clinux_start_watcher(
      hidden,
      { context, descriptor in
        unsafe Unmanaged<EventWatcher>.fromOpaque(context).takeUnretainedValue().arrived(descriptor)
      }, this)
    return failure < 0 ? failure : hidden
  }

  private func arrived(_ descriptor: Int32) {
    guard let unit = watched.withLock({ $0.units[descriptor]?.unit }) else { return }
    let event = EventTarget(owner: UInt32(bitPattern: clinux_pid()), descriptor: descriptor)
    _ = unit.withState(machine.machine) { state, environment in
      unit.device.eventArrived(event, &state, in: environment)
    }
  }
}
