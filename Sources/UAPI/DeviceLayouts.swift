// The structures of <linux/vfio.h> that device calls point at, stated once. Every field is a
// fixed-width integer at its natural alignment, so Swift lays them out as C does.

/// `struct vfio_device_info`.
struct DeviceInfoLayout: BitwiseCopyable {
  var argsz: UInt32 = 0
  var flags: UInt32 = 0
  var regionCount: UInt32 = 0
  var interruptCount: UInt32 = 0
  var capabilityOffset: UInt32 = 0
  var padding: UInt32 = 0
}

/// What GET_INFO reads of it.
struct DeviceInfoHeaderLayout: BitwiseCopyable {
  var argsz: UInt32 = 0
  var flags: UInt32 = 0
  var regionCount: UInt32 = 0
  var interruptCount: UInt32 = 0
}

/// `struct vfio_region_info`.
struct RegionInfoLayout: BitwiseCopyable {
  var argsz: UInt32 = 0
  var flags: UInt32 = 0
  var index: UInt32 = 0
  var capabilityOffset: UInt32 = 0
  var size: UInt64 = 0
  var offset: UInt64 = 0
}

/// `struct vfio_irq_info`.
struct InterruptInfoLayout: BitwiseCopyable {
  var argsz: UInt32 = 0
  var flags: UInt32 = 0
  var index: UInt32 = 0
  var count: UInt32 = 0
}

/// `struct vfio_irq_set`, before its data.
struct InterruptSettingLayout: BitwiseCopyable {
  var argsz: UInt32 = 0
  var flags: UInt32 = 0
  var index: UInt32 = 0
  var start: UInt32 = 0
  var count: UInt32 = 0
}

/// `struct vfio_pci_hot_reset_info` and `struct vfio_pci_hot_reset`, before their arrays.
struct HotResetLayout: BitwiseCopyable {
  var argsz: UInt32 = 0
  var flags: UInt32 = 0
  var count: UInt32 = 0
}

/// `struct vfio_pci_dependent_device`.
struct DependentDeviceLayout: BitwiseCopyable {
  var group: UInt32 = 0
  var segment: UInt16 = 0
  var bus: UInt8 = 0
  var deviceFunction: UInt8 = 0
}

/// `struct vfio_device_ioeventfd`.
struct IOEventLayout: BitwiseCopyable {
  var argsz: UInt32 = 0
  var flags: UInt32 = 0
  var offset: UInt64 = 0
  var data: UInt64 = 0
  var descriptor: Int32 = 0
}

/// `struct vfio_device_feature`, before its data.
struct FeatureLayout: BitwiseCopyable {
  var argsz: UInt32 = 0
  var flags: UInt32 = 0
}

/// `struct vfio_device_bind_iommufd`.
struct BindLayout: BitwiseCopyable {
  var argsz: UInt32 = 0
  var flags: UInt32 = 0
  var descriptor: Int32 = 0
  var device: UInt32 = 0
}
