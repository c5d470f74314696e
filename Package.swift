// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target. `touchesMemory` marks the few that hold raw memory.
func settings(touchesMemory: Bool = false) -> [SwiftSetting] {
  [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
  ] + (touchesMemory ? [.strictMemorySafety()] : [])
}

func module(_ name: String, _ imports: [Target.Dependency], touchesMemory: Bool = false) -> Target {
  .target(name: name, dependencies: imports, swiftSettings: settings(touchesMemory: touchesMemory))
}

func tests(_ name: String, _ imports: [Target.Dependency], touchesMemory: Bool = false) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.byName(name: name)] + imports,
    swiftSettings: settings(touchesMemory: touchesMemory))
}

/// The preload goes into every process of a run: no Swift runtime, no heap, nothing needed but
/// libc, and no symbol shown but those it stands in front of. Optimised in every configuration,
/// because a global that is not constant would be set up under a lock that no signal handler may
/// wait for; and for size, because every page of it is resident in every process.
let preload: Target = .target(
  name: "Preload", dependencies: ["CPreload", "CEngine"], exclude: ["exports.map"],
  swiftSettings: settings() + [
    .enableExperimentalFeature("Embedded"),
    .unsafeFlags(["-Osize", "-wmo", "-no-allocations"]),
  ],
  linkerSettings: [
    .unsafeFlags(
      ["-enable-experimental-feature", "Embedded", "-use-ld=lld"]
        + ["-Xclang-linker", "-static-libgcc"]
        + linker("--version-script=\(Context.packageDirectory)/Sources/Preload/exports.map")
        + guest)
  ])

/// The engine goes into every process of a run that opens a VFIO node: its runtime is its own, and
/// no symbol is shown but one.
let engine: Target = .target(
  name: "Engine", dependencies: ["CEngine", "CHeap", "DMATypes", "MachineFile", "SharedMachine"],
  exclude: ["exports.map"], swiftSettings: settings(touchesMemory: true),
  linkerSettings: [
    .unsafeFlags(
      ["-static-stdlib", "-use-ld=lld", "-Xclang-linker", "-static-libgcc"]
        + linker("--version-script=\(Context.packageDirectory)/Sources/Engine/exports.map")
        + guest)
  ])

func linker(_ option: String) -> [String] { ["-Xlinker", option] }

/// Of both: guests in processes that others debug. Valgrind and gdb of Debian 12 read the debugging
/// information of every library there, and give up at what this compiler writes.
var guest: [String] {
  linker("-z") + linker("now") + linker("-z") + linker("nodelete") + linker("--strip-debug")
}

let targets: [Target] = [
  .target(name: "CLinux"),
  .target(name: "CHeap"),
  .systemLibrary(name: "CEngine"),
  .systemLibrary(name: "CMediated"),
  .target(name: "CPreload", cSettings: [.unsafeFlags(["-O2"])]),
  module("DMATypes", ["CLinux"], touchesMemory: true),
  module("LegacyVFIO", ["DMATypes"]),
  module("AddressSpaces", ["DMATypes"]),
  module("UAPI", ["DMATypes", "LegacyVFIO", "AddressSpaces", "CLinux"], touchesMemory: true),
  module("Shim", ["DMATypes", "LegacyVFIO", "AddressSpaces"]),
  module("SoftwareIOMMU", ["DMATypes", "AddressSpaces", "CLinux"], touchesMemory: true),
  module(
    "SimulatedPlatform",
    ["DMATypes", "LegacyVFIO", "AddressSpaces", "SoftwareIOMMU", "MachineFile"],
    touchesMemory: true),
  module(
    "LinuxIOMMUFD", ["DMATypes", "AddressSpaces", "UAPI", "CLinux"], touchesMemory: true),
  module("TrappedAccess", ["DMATypes"], touchesMemory: true),
  module(
    "MediatedDevices",
    [
      "AddressSpaces", "CLinux", "CMediated", "DMATypes", "LegacyVFIO", "Shim", "SoftwareIOMMU",
      "UAPI",
    ], touchesMemory: true),
  module("MachineFile", []),
  module("HostPlatform", ["DMATypes", "AddressSpaces", "MachineFile"], touchesMemory: true),
  module("Traces", ["DMATypes", "LegacyVFIO", "UAPI"]),
  module("Recorder", ["DMATypes", "Traces", "CLinux"], touchesMemory: true),
  module("Replayer", ["DMATypes", "Traces", "UAPI", "Conformance", "CLinux"], touchesMemory: true),
  module(
    "SharedMachine",
    [
      "DMATypes", "LegacyVFIO", "AddressSpaces", "UAPI", "Shim", "SoftwareIOMMU",
      "SimulatedPlatform", "TrappedAccess", "MachineFile", "Traces", "CLinux", "HostPlatform",
      "LinuxIOMMUFD", "CMediated", "MediatedDevices",
    ], touchesMemory: true),
  module(
    "Diagnosis", ["DMATypes", "AddressSpaces", "HostPlatform", "SimulatedPlatform"],
    touchesMemory: true),
  module("PlatformView", ["DMATypes", "AddressSpaces", "SimulatedPlatform"]),
  module(
    "Conformance",
    [
      "DMATypes", "LegacyVFIO", "AddressSpaces", "UAPI", "Shim", "SoftwareIOMMU", "LinuxIOMMUFD",
      "CLinux", "Traces",
    ],
    touchesMemory: true),
  module("PlatformFile", ["DMATypes", "AddressSpaces", "SimulatedPlatform"]),
  engine,
  preload,
  .executableTarget(
    name: "ioasid",
    dependencies: [
      "AddressSpaces", "CLinux", "CMediated", "Conformance", "Diagnosis", "DMATypes",
      "HostPlatform",
      "MachineFile", "PlatformFile", "PlatformView", "Recorder", "Replayer", "SimulatedPlatform",
      "SoftwareIOMMU", "Traces",
    ],
    swiftSettings: settings(touchesMemory: true)),

  .target(name: "SeededRandom", path: "Tests/SeededRandom", swiftSettings: settings()),
  .testTarget(
    name: "GuideTests", dependencies: ["Diagnosis", "DMATypes", "Shim"], swiftSettings: settings()),
  .testTarget(name: "TidyTests", swiftSettings: settings()),
  tests("DMATypes", ["SeededRandom"]),
  tests("Shim", ["DMATypes", "LegacyVFIO", "AddressSpaces", "SeededRandom"]),
  tests("SoftwareIOMMU", ["DMATypes", "AddressSpaces", "SeededRandom"], touchesMemory: true),
  tests(
    "LinuxIOMMUFD",
    ["DMATypes", "AddressSpaces", "Conformance", "Shim", "LegacyVFIO", "RecordedLayouts"]),
  tests("Conformance", []),
  tests("MediatedDevices", ["AddressSpaces", "DMATypes"]),
  tests("MachineFile", []),
  .target(name: "MachineTrees", path: "Tests/MachineTrees", swiftSettings: settings()),
  .target(name: "RecordedLayouts", path: "Tests/RecordedLayouts", swiftSettings: settings()),
  tests("HostPlatform", ["AddressSpaces", "DMATypes", "MachineTrees"]),
  tests("SimulatedPlatform", ["DMATypes", "LegacyVFIO", "AddressSpaces"]),
  tests("UAPI", ["DMATypes", "LegacyVFIO", "AddressSpaces", "RecordedLayouts", "Shim"]),
  tests("Replayer", ["DMATypes", "SeededRandom", "Traces"]),
  tests("Traces", ["DMATypes", "LegacyVFIO", "SeededRandom", "UAPI"]),
  .target(name: "NativeInstructions", path: "Tests/NativeInstructions"),
  tests(
    "TrappedAccess", ["DMATypes", "CLinux", "NativeInstructions", "SeededRandom"],
    touchesMemory: true),
  tests(
    "SharedMachine",
    [
      "AddressSpaces", "CLinux", "Conformance", "DMATypes", "LegacyVFIO", "LinuxIOMMUFD",
      "MachineFile", "SeededRandom", "Shim", "SimulatedPlatform", "SoftwareIOMMU", "UAPI",
    ], touchesMemory: true),
  tests("Diagnosis", ["DMATypes", "HostPlatform", "MachineTrees", "SimulatedPlatform"]),
  tests("PlatformFile", ["DMATypes", "SimulatedPlatform"]),
  tests("PlatformView", ["SimulatedPlatform"]),
  tests("ioasid", ["Diagnosis", "PlatformView", "SimulatedPlatform"]),
  .executableTarget(name: "edu-copy", path: "Tests/Programs/edu-copy"),
  .executableTarget(name: "ioasid-bench", path: "Tests/Programs/bench"),
  .target(
    name: "BenchDriver", path: "Tests/Programs/bench-driver", publicHeadersPath: ".",
    cSettings: [.unsafeFlags(["-O2"])]),
  .testTarget(name: "ConversationTests", swiftSettings: settings()),
  .testTarget(name: "PreloadTests", swiftSettings: settings()),
  .testTarget(name: "RunTests", swiftSettings: settings()),
]

let package = Package(
  name: "ioasid",
  products: [
    .library(name: "ioasid-preload", type: .dynamic, targets: ["Preload"]),
    .library(name: "ioasid-engine", type: .dynamic, targets: ["Engine"]),
    .library(name: "ioasid-bench-driver", type: .dynamic, targets: ["BenchDriver"]),
    .library(name: "vfio-ioasid", type: .dynamic, targets: ["MediatedDevices"]),
    .library(name: "MediatedDevices", targets: ["MediatedDevices"]),
  ],
  targets: targets, swiftLanguageModes: [.v6])
