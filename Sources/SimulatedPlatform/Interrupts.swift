internal import DMATypes
internal import LegacyVFIO

/// The kinds of interrupt of a vfio-pci device.
enum Interrupt {
  static let intx: UInt32 = 0
  static let msi: UInt32 = 1
  static let msix: UInt32 = 2
  static let error: UInt32 = 3
  static let request: UInt32 = 4
  static let kindCount: UInt32 = 5

  static let eventfd: UInt32 = 1
  static let maskable: UInt32 = 2
  static let automasked: UInt32 = 4
  static let noResize: UInt32 = 8
}

extension PCIDevice {
  /// `vfio_pci_ioctl_get_irq_info()` and `vfio_pci_get_irq_count()`.
  func interruptInfo(
    _ index: UInt32, _ state: borrowing DeviceState
  ) throws(Errno) -> InterruptInfo {
    switch index {
    case Interrupt.intx:
      return InterruptInfo(
        flags: Interrupt.eventfd | Interrupt.maskable | Interrupt.automasked,
        count: state.virtual[ConfigSpace.interruptPin] != 0 ? 1 : 0)
    case Interrupt.msi:
      return InterruptInfo(flags: Interrupt.eventfd | Interrupt.noResize, count: 1)
    case Interrupt.msix:
      return InterruptInfo(flags: Interrupt.eventfd | Interrupt.noResize, count: 0)
    case Interrupt.request:
      return InterruptInfo(flags: Interrupt.eventfd | Interrupt.noResize, count: 1)
    default:
      // Errors are reported on PCI Express only.
      throw .invalidArgument
    }
  }

  /// `vfio_pci_set_irqs_ioctl()`: exactly one action that the kind supports, or ENOTTY.
  func setInterrupts(
    _ setting: InterruptSetting, _ state: inout DeviceState, in environment: some DeviceEnvironment
  ) throws(Errno) {
    switch (setting.index, setting.action) {
    case (Interrupt.intx, .mask): try setINTxMask(setting, &state)
    case (Interrupt.intx, .unmask): try setINTxUnmask(setting, &state, in: environment)
    case (Interrupt.intx, .trigger): try setINTxTrigger(setting, &state, in: environment)
    case (Interrupt.msi, .trigger): try setMSITrigger(setting, &state, in: environment)
    case (Interrupt.request, .trigger): try setRequestTrigger(setting, &state, in: environment)
    default: throw .notTypewriter
    }
  }

  private func setINTxMask(
    _ setting: InterruptSetting, _ state: inout DeviceState
  ) throws(Errno) {
    guard state.interruptKind == .intx, setting.start == 0, setting.count == 1 else {
      throw .invalidArgument
    }
    switch setting.payload {
    case .none: maskINTx(&state)
    case .booleans(let values): if values.first != 0 { maskINTx(&state) }
    case .events: throw .notTypewriter
    }
  }

  private func setINTxUnmask(
    _ setting: InterruptSetting, _ state: inout DeviceState, in environment: some DeviceEnvironment
  ) throws(Errno) {
    guard state.interruptKind == .intx, setting.start == 0, setting.count == 1 else {
      throw .invalidArgument
    }
    switch setting.payload {
    case .none: unmaskINTx(&state, in: environment)
    case .booleans(let values): if values.first != 0 { unmaskINTx(&state, in: environment) }
    case .events(let descriptors):
      let descriptor = descriptors.first ?? -1
      guard descriptor >= 0 else {
        dropWatched(&state.unmaskEvent, in: environment)
        return
      }
      let event = try environment.resolveEvent(descriptor)
      guard !state.unmaskEvent.isSome else {
        environment.release(event)
        throw .busy
      }
      state.unmaskEvent = event
      environment.watch(event)
    }
  }

  private func setINTxTrigger(
    _ setting: InterruptSetting, _ state: inout DeviceState, in environment: some DeviceEnvironment
  ) throws(Errno) {
    let isActive = state.interruptKind == .intx
    if isActive, setting.count == 0, setting.payload == .none {
      disableInterrupts(&state, in: environment)
      return
    }
    guard isActive || state.interruptKind == .none, setting.start == 0, setting.count == 1 else {
      throw .invalidArgument
    }
    switch setting.payload {
    case .events(let descriptors):
      let event = try resolve(descriptors.first ?? -1, in: environment)
      if isActive {
        drop(&state.trigger, in: environment)
        state.trigger = event
      } else {
        state.trigger = event
        state.interruptKind = .intx
        state.intxIsMasked = state.virtualINTxDisabled
        // A pin that rose before anyone listened is not heard until it rises again: the lab's
        // interrupt controller drops what reaches a line that is not set up.
        state.setINTxDisable(state.intxIsMasked)
      }
    case .none:
      guard isActive else { throw .invalidArgument }
      signalINTx(state, in: environment)
    case .booleans(let values):
      guard isActive else { throw .invalidArgument }
      if values.first != 0 { signalINTx(state, in: environment) }
    }
  }

  private func setMSITrigger(
    _ setting: InterruptSetting, _ state: inout DeviceState, in environment: some DeviceEnvironment
  ) throws(Errno) {
    let isActive = state.interruptKind == .msi
    if isActive, setting.count == 0, setting.payload == .none {
      disableInterrupts(&state, in: environment)
      return
    }
    guard isActive || state.interruptKind == .none else { throw .invalidArgument }
    switch setting.payload {
    case .events(let descriptors):
      if !isActive {
        // No vector at all cannot be enabled: pci_alloc_irq_vectors().
        guard setting.start + setting.count >= 1 else { throw .outOfRange }
        state.interruptKind = .msi
        state.setMSIEnable(true)
        state.setINTxDisable(true)
      }
      guard let descriptor = descriptors.first else { return }
      drop(&state.trigger, in: environment)
      do throws(Errno) {
        state.trigger = try resolve(descriptor, in: environment)
      } catch {
        if !isActive { disableInterrupts(&state, in: environment) }
        throw error
      }
    case .none:
      guard isActive else { throw .invalidArgument }
      if setting.count == 1, state.trigger.isSome { environment.signal(state.trigger) }
    case .booleans(let values):
      guard isActive else { throw .invalidArgument }
      if let first = values.first, first != 0, state.trigger.isSome {
        environment.signal(state.trigger)
      }
    }
  }

  /// `vfio_pci_set_ctx_trigger_single()`.
  private func setRequestTrigger(
    _ setting: InterruptSetting, _ state: inout DeviceState, in environment: some DeviceEnvironment
  ) throws(Errno) {
    guard setting.start == 0, setting.count <= 1 else { throw .invalidArgument }
    switch setting.payload {
    case .none:
      guard state.requestTrigger.isSome else { throw .invalidArgument }
      if setting.count == 0 {
        drop(&state.requestTrigger, in: environment)
      } else {
        environment.signal(state.requestTrigger)
      }
    case .booleans(let values):
      guard let first = values.first else { throw .invalidArgument }
      if first != 0, state.requestTrigger.isSome { environment.signal(state.requestTrigger) }
    case .events(let descriptors):
      guard let descriptor = descriptors.first, descriptor >= -1 else { throw .invalidArgument }
      let event = try resolve(descriptor, in: environment)
      drop(&state.requestTrigger, in: environment)
      state.requestTrigger = event
    }
  }

  /// A reference to the caller's eventfd; none for a number below 0.
  private func resolve(
    _ descriptor: Int32, in environment: some DeviceEnvironment
  ) throws(Errno) -> EventTarget {
    descriptor < 0 ? .none : try environment.resolveEvent(descriptor)
  }

  /// Gives up a reference.
  func drop(_ event: inout EventTarget, in environment: some DeviceEnvironment) {
    guard event.isSome else { return }
    environment.release(event)
    event = .none
  }

  /// Gives up a reference to an eventfd that is watched.
  private func dropWatched(_ event: inout EventTarget, in environment: some DeviceEnvironment) {
    guard event.isSome else { return }
    environment.unwatch(event)
    drop(&event, in: environment)
  }

  /// Ends INTx or MSI: `vfio_intx_disable()`, `vfio_msi_disable()`.
  func disableInterrupts(_ state: inout DeviceState, in environment: some DeviceEnvironment) {
    switch state.interruptKind {
    case .none: return
    case .intx: dropWatched(&state.unmaskEvent, in: environment)
    case .msi:
      state.setMSIEnable(false)
      state.setINTxDisable(false)
    }
    drop(&state.trigger, in: environment)
    state.interruptKind = .none
  }

  /// Holds INTx back: `__vfio_pci_intx_mask()`.
  func maskINTx(_ state: inout DeviceState) {
    // Without INTx the function's bit still follows the program's.
    if state.interruptKind != .intx {
      state.setINTxDisable(true)
    } else if !state.intxIsMasked {
      state.setINTxDisable(true)
      state.intxIsMasked = true
    }
  }

  /// Lets INTx through again; one that is pending is sent and stays masked:
  /// `vfio_pci_intx_unmask_handler()`.
  func unmaskINTx(_ state: inout DeviceState, in environment: some DeviceEnvironment) {
    if state.interruptKind != .intx {
      state.setINTxDisable(false)
    } else if state.intxIsMasked, !state.virtualINTxDisabled {
      if state.pinIsAsserted {
        signalINTx(state, in: environment)
      } else {
        state.setINTxDisable(false)
        state.intxIsMasked = false
      }
    }
  }

  /// The pin rises: if it is heard, masks it and tells the program, as `vfio_intx_handler()` does.
  func deliverINTx(_ state: inout DeviceState, in environment: some DeviceEnvironment) {
    guard state.interruptKind == .intx, state.pinIsAsserted, !state.intxIsDisabled,
      !state.intxIsMasked
    else { return }
    state.setINTxDisable(true)
    state.intxIsMasked = true
    signalINTx(state, in: environment)
  }

  /// `vfio_send_intx_eventfd()`.
  private func signalINTx(
    _ state: borrowing DeviceState, in environment: some DeviceEnvironment
  ) {
    guard !state.virtualINTxDisabled, state.trigger.isSome else { return }
    environment.signal(state.trigger)
  }
}
