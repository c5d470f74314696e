internal import CMediated
internal import DMATypes
internal import SimulatedPlatform
internal import UAPI

/// What a driver's functions in `vfio_ioasid.h` lead to. Never freed.
@safe nonisolated(unsafe) let mediatedHost: UnsafePointer<vfio_ioasid_host> = {
  let host = UnsafeMutablePointer<vfio_ioasid_host>.allocate(capacity: 1)
  unsafe host.initialize(
    to: vfio_ioasid_host(
      pin_pages: { device, iova, count, protection, pages in
        unsafe unit(device).pin(IOVA(iova), count, protection, into: pages)
      },
      unpin_pages: { device, iova, count in unsafe unit(device).unpin(IOVA(iova), count) },
      dma_rw: { device, iova, data, count, isWrite in
        unsafe unit(device).copy(data, IOVA(iova), count, isWrite: isWrite != 0)
      },
      copy_page: { device, page, offset, data, count, isWrite in
        let bytes = unsafe UnsafeMutableRawBufferPointer(start: data, count: count)
        return unsafe unit(device).copy(
          memory(page), Int(clamping: offset), bytes, isWrite: isWrite != 0)
      },
      page_address: { device, page in
        unsafe UnsafeMutableRawPointer(
          bitPattern: UInt(unit(device).address(of: memory(page))))
      },
      copy_from_user: { to, from, count in
        let bytes = unsafe UnsafeMutableRawBufferPointer(start: to, count: Int(clamping: count))
        let address = UserAddress(UInt64(UInt(bitPattern: from)))
        return (try? unsafe CallerMemory.read(bytes, from: address)) == nil ? count : 0
      },
      copy_to_user: { to, from, count in
        let bytes = unsafe UnsafeRawBufferPointer(start: from, count: Int(clamping: count))
        let address = UserAddress(UInt64(UInt(bitPattern: to)))
        return (try? unsafe CallerMemory.write(bytes, to: address)) == nil ? count : 0
      },
      event_get: { device, descriptor, event in
        do throws(Errno) {
          guard descriptor >= 0, let events = unsafe unit(device).events,
            let event = unsafe event
          else { throw .badDescriptor }
          unsafe event.pointee = vfio_ioasid_event(try events.resolve(descriptor))
          return 0
        } catch {
          return -error.rawValue
        }
      },
      event_signal: { device, event in
        guard let event = unsafe event else { return }
        unsafe unit(device).events?.signal(event.pointee.target)
      },
      event_put: { device, event in
        guard let event = unsafe event else { return }
        unsafe unit(device).events?.release(event.pointee.target)
      }))
  return unsafe UnsafePointer(host)
}()

/// The unit that a driver's device stands for.
private func unit(_ device: UnsafeMutablePointer<vfio_device>?) -> MediatedUnit {
  // SAFETY: drivers have devices from the host only, which set the owner, and only while the unit
  // lives: as long as the process.
  unsafe Unmanaged<MediatedUnit>.fromOpaque(device.unsafelyUnwrapped.pointee.owner)
    .takeUnretainedValue()
}

/// The memory that a page's handle names.
private func memory(_ page: OpaquePointer?) -> MappedMemory {
  MappedMemory(rawValue: UInt64(UInt(bitPattern: page)))
}

extension vfio_ioasid_event {
  init(_ target: EventTarget) {
    let holder = UInt64(target.owner) << 32 | UInt64(UInt32(bitPattern: target.descriptor))
    self.init(words: (holder, UInt64(bitPattern: target.identity)))
  }

  var target: EventTarget {
    EventTarget(
      owner: UInt32(words.0 >> 32), descriptor: Int32(truncatingIfNeeded: words.0),
      identity: Int64(bitPattern: words.1))
  }
}
