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

let targets: [Target] = [
  .target(name: "CLinux"),
  .systemLibrary(name: "CEngine"),
  module("DMATypes", [], touchesMemory: true),
  module("LegacyVFIO", ["DMATypes"]),
  module("AddressSpaces", ["DMATypes"]),
  module("UAPI", ["DMATypes", "LegacyVFIO", "AddressSpaces", "CLinux"], touchesMemory: true),
  module("Shim", ["DMATypes", "LegacyVFIO", "AddressSpaces"]),
  module("SoftwareIOMMU", ["DMATypes", "AddressSpaces"], touchesMemory: true),
  module("SimulatedPlatform", ["DMATypes", "LegacyVFIO", "AddressSpaces", "SoftwareIOMMU"]),
  module("TrappedAccess", ["DMATypes"]),

  tests("DMATypes", []),
  tests("Shim", ["DMATypes", "LegacyVFIO", "AddressSpaces"]),
  tests("UAPI", ["DMATypes", "LegacyVFIO", "AddressSpaces", "Shim"]),
]

let package = Package(name: "ioasid", targets: targets, swiftLanguageModes: [.v6])
