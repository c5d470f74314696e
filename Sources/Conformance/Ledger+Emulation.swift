/// What the kernel's emulation of type1 (`CONFIG_IOMMUFD_VFIO_CONTAINER`) does otherwise. The
/// functions named are those of its drivers/iommu/iommufd.
extension Ledger {
  static let emulation: [LedgerRow] = states + answers + maps + opens + unmaps

  private static func row(
    _ name: String, _ section: String, _ text: String, partsWays: Bool = false, witness: String,
    covers: @escaping @Sendable (Situation) -> Bool
  ) -> LedgerRow {
    LedgerRow(
      "emulation-" + name, of: [.compat], section: "emulation-" + section, text,
      partsWays: partsWays, witness: witness, covers: covers)
  }

  /// iommufd_vfio_ioctl: there is no state "without a driver".
  private static let states: [LedgerRow] = [
    row(
      "maps-before-driver", "states", "MAP and UNMAP work before SET_IOMMU, once a group is in",
      partsWays: true,
      witness: """
        f0 = open-container
        f1 = open-group number=3
        f1 SET_CONTAINER f0
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x1000 size=0x1000
        """
    ) { at in
      at.isBeforeDriver && (at.call.verb == .mapDMA || at.call.verb == .unmapDMA)
        && at.expectedError == errnoINVAL && at.actualError == 0
    },
    row(
      "answers-before-driver", "states",
      "before SET_IOMMU calls are answered for what they ask, ENODEV before a group is in",
      witness: """
        f0 = open-container
        f0 GET_INFO argsz=24
        """
    ) { at in
      let errors: Set<Int64> = [
        0, errnoNODEV, errnoFAULT, errnoINVAL, errnoNOTTY, errnoNOENT, errnoEXIST, errnoOVERFLOW,
      ]
      return at.isBeforeDriver && at.call.verb != .setIOMMU && at.call.verb != .checkExtension
        && at.errors([errnoINVAL], errors)
    },
    row(
      "set-iommu", "states", "SET_IOMMU succeeds again and again; without a group it is ENODEV",
      witness: ready + "f0 SET_IOMMU type=3\n"
    ) { at in
      at.call.verb == .setIOMMU && at.isOnContainer
        && at.errors([errnoINVAL, errnoNODEV], [0, errnoNODEV, errnoINVAL])
    },
    row(
      "group-leaves-with-open-device", "states", "UNSET_CONTAINER succeeds while devices are open",
      partsWays: true,
      witness: ready + """
        f2 = f1 GET_DEVICE_FD "0000:00:05.0"
        f1 UNSET_CONTAINER
        """
    ) { $0.call.verb == .unsetContainer && $0.errors([errnoBUSY], [0]) },
    row(
      "group-opens-beside-device", "states",
      "the group's node opens again while a device of it is still open", partsWays: true,
      witness: ready + """
        f2 = f1 GET_DEVICE_FD "0000:00:05.0"
        f1 close
        f3 = open-group number=3
        """
    ) { $0.call.verb == .openGroup && $0.errors([errnoBUSY], [0]) },
    row(
      "device-before-driver", "states", "GET_DEVICE_FD needs no SET_IOMMU", partsWays: true,
      witness: """
        f0 = open-container
        f1 = open-group number=3
        f1 SET_CONTAINER f0
        f2 = f1 GET_DEVICE_FD "0000:00:05.0"
        """
    ) { $0.call.verb == .getDeviceFD && $0.errors([errnoINVAL], [0]) },
    row(
      "mappings-survive", "states",
      "what was mapped stays when the last group leaves, and is there for the next",
      partsWays: true,
      witness: ready + """
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x1000 size=0x1000
        f1 UNSET_CONTAINER
        f1 SET_CONTAINER f0
        f0 SET_IOMMU type=3
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x1000 size=0x1000
        """
    ) { at in
      guard at.somethingLeft else { return false }
      if at.isType1(.mapDMA) { return at.errors([0, errnoFAULT, errnoNOSPC], [errnoEXIST]) }
      guard at.isType1(.unmapDMA), at.errors([0], [0]), !at.isVersion1,
        let kept = at.size(in: at.actual), let type1 = at.size(in: at.expected)
      else { return false }
      return kept > type1
    },
  ]

  private static let answers: [LedgerRow] = [
    row(
      "extensions", "answers",
      "CHECK_EXTENSION denies NESTING and UPDATE_VADDR, has DMA_CC fail with ENODEV, and NOIOMMU",
      witness: ready + "f0 CHECK_EXTENSION extension=6\n"
    ) { at in
      guard at.call.verb == .checkExtension, at.isOnContainer else { return false }
      return switch at.field(0) {
      case 4: [-errnoNODEV, 0, 1].contains(at.actual.result)
      case 6, 10: at.actual.result == 0
      case 8: at.actual.result == 1
      default: false
      }
    },
    row(
      "info", "answers",
      "GET_INFO has no migration capability, another order, no limit, and always rewrites argsz",
      witness: ready + "f0 GET_INFO argsz=120\n"
    ) { at in
      guard at.isType1(.getInfo), at.errors([0, errnoFAULT], [0, errnoFAULT]) else { return false }
      let bytes = at.actual.bytes
      guard at.actualError == 0, bytes.count >= 28 else { return true }
      // argsz for n ranges, both flags, and the limit's capability first where there is one.
      let needed = Int(bytes[0]) | Int(bytes[1]) << 8
      guard needed > 56, needed % 16 == 8, bytes[4] == 3 else { return false }
      return at.field(0) < 20 || bytes[16] == 0 || bytes[24] == 3
    },
    row(
      "own-calls", "answers", "the node answers the calls of an iommufd, too",
      witness: ready + "f0 ioctl number=0x3b80\n"
    ) { at in
      at.call.verb == .ioctl && at.isOnContainer && at.errors([errnoNOTTY], [errnoFAULT])
        && (0x3b80...0x3ba0).contains(at.field(0))
    },
    row(
      "dirty-pages", "answers", "DIRTY_PAGES does not exist",
      witness: ready + """
        f0 DIRTY_PAGES argsz=8 flags=0 iova=0 size=0 pgsize=0 bytes=0 data=0
        """
    ) { $0.isType1(.dirtyPages) && $0.actualError == errnoNOTTY },
  ]

  /// iommufd_vfio_map_dma.
  private static let maps: [LedgerRow] = [
    row(
      "map-without-limit", "map", "dma_entry_limit does not exist", partsWays: true,
      witness: ready + """
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x1000 size=0x1000
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x2000 size=0x1000
        """
    ) { $0.isType1(.mapDMA) && $0.errors([errnoNOSPC], [0]) },
    row(
      "map-order", "map",
      "MAP's errors: EOVERFLOW where addresses wrap, EINVAL for reserved addresses before EEXIST",
      witness: ready + """
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0xfffffffffffff000 size=0x2000
        """
    ) { at in
      let errors: Set<Int64> = [
        errnoINVAL, errnoEXIST, errnoNOSPC, errnoFAULT, errnoNOENT, errnoOVERFLOW,
      ]
      return at.isType1(.mapDMA) && at.errors(errors, errors)
    },
    row(
      "map-looks-later", "map",
      "with no device open MAP takes any memory, reserved addresses and half pages",
      partsWays: true,
      witness: ready + """
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0xc000 iova=0x1000 size=0x1000
        """
    ) { at in
      at.isType1(.mapDMA) && !at.hasOpenDevice && at.errors([errnoFAULT, errnoINVAL], [0])
    },
  ]

  /// The rest of what MAP leaves for later.
  private static let opens: [LedgerRow] = [
    row(
      "device-looks-later", "map",
      "GET_DEVICE_FD pins what was mapped before: EFAULT when a process that mapped has ended",
      partsWays: true,
      witness: ready + """
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x1000 size=0x1000 by-child
        f2 = f1 GET_DEVICE_FD "0000:00:05.0"
        """
    ) { at in
      at.call.verb == .getDeviceFD && at.errors([0], [errnoFAULT])
        && at.past.contains { $0.call.byChild && $0.call.verb == .mapDMA && $0.outcome.result == 0 }
    }
  ]

  /// iommufd_vfio_unmap_dma.
  private static let unmaps: [LedgerRow] = [
    row(
      "unmap-splits", "unmap", "as version 1 UNMAP splits mappings at both ends of the range",
      partsWays: true,
      witness: """
        f0 = open-container
        f1 = open-group number=3
        f1 SET_CONTAINER f0
        f0 SET_IOMMU type=1
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x1000 size=0x2000
        f0 UNMAP_DMA argsz=24 flags=0 iova=0x1000 size=0x1000 pgsize=0 bytes=0 data=0
        """
    ) { at in
      at.isType1(.unmapDMA) && at.isVersion1 && at.errors([0], [0]) && at.differsInSizeOnly
    },
    row(
      "unmap-to-the-top", "unmap", "UNMAP up to 2⁶⁴ removes what is there", partsWays: true,
      witness: ready + """
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x1000 size=0x1000
        f0 UNMAP_DMA argsz=24 flags=0 iova=0x1000 size=0xfffffffffffff000 pgsize=0 bytes=0 data=0
        """
    ) { at in
      at.isType1(.unmapDMA) && at.field(2) &+ at.field(3) == 0 && at.field(3) != 0
        && at.errors([0], [0]) && at.differsInSizeOnly
    },
    row(
      "unmap-in-part", "unmap",
      "a range that cuts a mapping is ENOENT, and what came before it is gone", partsWays: true,
      witness: ready + """
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x1000 size=0x1000
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x2000 size=0x2000
        f0 UNMAP_DMA argsz=24 flags=0 iova=0x1000 size=0x2000 pgsize=0 bytes=0 data=0
        """
    ) { at in
      // Where the structure is read-only, EFAULT hides which of the two it was.
      let hidden: Set<Int64> = at.call.place == .readOnly ? [errnoFAULT] : []
      return at.isType1(.unmapDMA)
        && at.errors([errnoINVAL], hidden.union([0, errnoNOENT, errnoOVERFLOW]))
        && at.size(in: at.actual).map { $0 > 0 } ?? true
    },
    row(
      "unmap-without-vaddr", "unmap", "UNMAP with dirty bits or VADDR is EINVAL", partsWays: true,
      witness: ready + """
        f0 UNMAP_DMA argsz=24 flags=4 iova=0 size=0x1000 pgsize=0 bytes=0 data=0
        """
    ) { at in
      at.isType1(.unmapDMA) && at.field(1) & 5 != 0 && at.errors([0, errnoFAULT], [errnoINVAL])
    },
    row(
      "unmap-errors", "unmap",
      "UNMAP's errors: ENOENT for a cut, EOVERFLOW past 2⁶⁴, none for what is unaligned; size"
        + " becomes 0",
      witness: ready + """
        f0 MAP_DMA argsz=32 flags=3 vaddr=m+0x14000 iova=0x1000 size=0x2000
        f0 UNMAP_DMA argsz=24 flags=0 iova=0x1000 size=0x1000 pgsize=0 bytes=0 data=0
        """
    ) { at in
      at.isType1(.unmapDMA) && at.expectedError == errnoINVAL && at.differsInSizeOnly
        && [0, errnoINVAL, errnoNOENT, errnoOVERFLOW].contains(at.actualError)
        && at.size(in: at.actual).map { $0 == 0 } ?? false
    },
  ]
}
