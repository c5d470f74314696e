import Foundation

/// What a C compiler printed of the kernel's headers, by name: the size of a structure, the offset
/// and size of a field (`structure.field`), the number of a call.
public func recordedLayouts() throws -> [String: [Int]] {
  let file = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Fixtures/Layouts/vfio-6.12.txt")
  var table: [String: [Int]] = [:]
  for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
    let words = line.split(separator: " ").map(String.init)
    switch words[0] {
    case "struct": table[words[1]] = [Int(words[2])].compactMap(\.self)
    case "ioctl": table[words[1]] = [Int(words[2].dropFirst(2), radix: 16)].compactMap(\.self)
    default: table[words[0]] = words.dropFirst().compactMap { Int($0) }
    }
  }
  return table
}

/// A structure of ours beside the kernel's: its size, and each field's offset and size.
public struct LayoutExample: Sendable, CustomStringConvertible {
  /// The kernel's name for it.
  public var name: String
  private var size: Int
  private var fields: [String: [Int]]
  /// The name.
  public var description: String { name }

  /// Measures a structure; its fields go by the kernel's names.
  public init<Layout>(
    _ name: String, _ type: Layout.Type, _ fields: [String: PartialKeyPath<Layout>]
  ) {
    self.name = name
    size = MemoryLayout<Layout>.size
    self.fields = fields.mapValues { path in
      func bytes<Value>(_: Value.Type) -> Int { MemoryLayout<Value>.size }
      let value: Any.Type = Swift.type(of: path).valueType
      return [MemoryLayout<Layout>.offset(of: path) ?? -1, bytes(value)]
    }
  }

  /// What lies otherwise than the kernel's, a line each.
  public func differences(from table: [String: [Int]]) -> [String] {
    let whole = table[name] == [size] ? [] : ["\(name): \(size) bytes"]
    return whole
      + fields.filter { table["\(name).\($0)"] != $1 }.map { "\(name).\($0): \($1)" }.sorted()
  }
}
