// The structures of <linux/vfio.h> that device calls point at, stated once. Every field is a
// fixed-width integer at its natural alignment, so Swift lays them out as C does.

/// `struct vfio_device_info`.
package struct DeviceInfoLayout: BitwiseCopyable {
  package var argsz: UInt32 = 0
  package var flags: UInt32 = 0
  package var regionCount: UInt32 = 0
  package var interruptCount: UInt32 = 0
  package var capabilityOffset: UInt32 = 0
  package var padding: UInt32 = 0
}

/// What GET_INFO reads of it.
package struct DeviceInfoHeaderLayout: BitwiseCopyable {
  package var argsz: UInt32 = 0
  package var flags: UInt32 = 0
  package var regionCount: UInt32 = 0
  package var interruptCount: UInt32 = 0
}

/// `struct vfio_region_info`.
package struct RegionInfoLayout: BitwiseCopyable {
  package var argsz: UInt32 = 0
  package var flags: UInt32 = 0
  package var index: UInt32 = 0
  package var capabilityOffset: UInt32 = 0
  package var size: UInt64 = 0
  package var offset: UInt64 = 0
}

/// `struct vfio_irq_info`.
package struct InterruptInfoLayout: BitwiseCopyable {
  package var argsz: UInt32 = 0
  package var flags: UInt32 = 0
  package var index: UInt32 = 0
  package var count: UInt32 = 0
}

/// `struct vfio_irq_set`, before its data.
package struct InterruptSettingLayout: BitwiseCopyable {
  package var argsz: UInt32 = 0
  package var flags: UInt32 = 0
  package var index: UInt32 = 0
  package var start: UInt32 = 0
  package var count: UInt32 = 0
}

/// `struct vfio_pci_hot_reset_info` and `struct vfio_pci_hot_reset`, before their arrays.
package struct HotResetLayout: BitwiseCopyable {
  package var argsz: UInt32 = 0
  package var flags: UInt32 = 0
  package var count: UInt32 = 0
}

/// `struct vfio_pci_dependent_device`.
package struct DependentDeviceLayout: BitwiseCopyable {
  package var group: UInt32 = 0
  package var segment: UInt16 = 0
  package var bus: UInt8 = 0
  package var deviceFunction: UInt8 = 0
}

/// `struct vfio_device_ioeventfd`.
package struct IOEventLayout: BitwiseCopyable {
  package var argsz: UInt32 = 0
  package var flags: UInt32 = 0
  package var offset: UInt64 = 0
  package var data: UInt64 = 0
  package var descriptor: Int32 = 0
}

/// `struct vfio_device_feature`, before its data.
package struct FeatureLayout: BitwiseCopyable {
  package var argsz: UInt32 = 0
  package var flags: UInt32 = 0
}

/// `struct vfio_device_bind_iommufd`.
package struct BindLayout: BitwiseCopyable {
  package var argsz: UInt32 = 0
  package var flags: UInt32 = 0
  package var descriptor: Int32 = 0
  package var device: UInt32 = 0
}
