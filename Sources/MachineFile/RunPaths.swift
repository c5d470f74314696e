/// Where a run's files lie, as every process of the run sees them.
///
/// All of them are on one tmpfs: a file whose `st_dev` equals that of `machine` is the run's own.
public enum RunPaths {
  /// Holds the character device nodes `vfio` and `N`, one for each group.
  public static let nodes = "/dev/vfio"
  /// Holds everything that the processes of a run share.
  public static let run = "/sys/module/ioasid"
  /// The checked platform and the shared words: see `MachineImage`.
  public static let machine = "/sys/module/ioasid/machine"
  /// A directory that every user may make files in: one file for each open container.
  public static let containers = "/sys/module/ioasid/containers"
  /// The same: one file for each container, with what happened in it. No descriptor of a program
  /// leads there.
  public static let journals = "/sys/module/ioasid/journals"
  /// One regular file for each group, named by its number.
  public static let groups = "/sys/module/ioasid/groups"
  /// One regular file for each device, named as sysfs names the device.
  public static let devices = "/sys/module/ioasid/devices"
  /// One regular file for each device, with its registers. No descriptor of a program leads there.
  public static let states = "/sys/module/ioasid/states"
  /// The file that `--trace` named, whatever the directory or root of the process. Absent without
  /// it.
  public static let trace = "/sys/module/ioasid/trace"
  /// The machine's own `/dev/vfio`, with the iommufd backend only: `devices/vfioN` lies there, and on
  /// some kernels an iommufd called `vfio`.
  public static let machineNodes = "/sys/module/ioasid/machine-nodes"
  /// The machine's own `/dev/iommu`, with the iommufd backend only.
  public static let machineIOMMU = "/sys/module/ioasid/iommu"
}
