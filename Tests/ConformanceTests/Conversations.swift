import Conformance

/// Conversations with the result of each call as the native kernel gives it, behind the arrow.
enum Conversations {
  struct Conversation: Sendable, CustomStringConvertible {
    var description: String
    var text: String

    func parsed() throws -> (Script, [Int64]) {
      var lines = ["world mixed limit=65535"]
      var results: [Int64] = []
      for line in text.split(separator: "\n") {
        let parts = line.split(separator: ">")
        var words = parts[0].split(separator: " ").map(String.init)
        if words.contains("MAP_DMA"), words.count == 3 {
          words += ["argsz=32", "flags=3", "vaddr=m+0x14000", "iova=\(words[2])", "size=0x1000"]
          words.remove(at: 2)
        }
        lines.append(words.joined(separator: " "))
        results.append(Int64(parts[1].split(separator: " ")[0]) ?? .min)
      }
      return (try Script(parsing: lines.joined(separator: "\n")), results)
    }
  }

  static let all = [
    Conversation(
      description: "the container is closed first",
      text: """
        f0 = open-container > 0
        f1 = open-group number=3 > 0
        f1 SET_CONTAINER f0 > 0
        f0 SET_IOMMU type=3 > 0
        f0 MAP_DMA 0x1000 > 0
        f0 close > 0
        f2 = f1 GET_DEVICE_FD "0000:00:05.0" > 0
        device-write "0000:00:05.0" iova=0x1000 value=7 > 0
        f1 GET_STATUS argsz=8 > 0
        f2 close > 0
        f1 UNSET_CONTAINER > 0
        device-read "0000:00:05.0" iova=0x1000 > -14
        f1 UNSET_CONTAINER > -22
        """),
    Conversation(
      description: "the group is closed while its device is open",
      text: """
        f0 = open-container > 0
        f1 = open-group number=3 > 0
        f1 SET_CONTAINER f0 > 0
        f0 SET_IOMMU type=3 > 0
        f2 = f1 GET_DEVICE_FD "0000:00:05.0" > 0
        f1 close > 0
        f0 MAP_DMA 0x1000 > 0
        f3 = open-group number=3 > -16
        f2 close > 0
        f0 MAP_DMA 0x2000 > -22
        f0 SET_IOMMU type=1 > -22
        f3 = open-group number=3 > 0
        f3 SET_CONTAINER f0 > 0
        f0 SET_IOMMU type=1 > 0
        f0 MAP_DMA 0x1000 > 0
        """),
    Conversation(
      description: "devices keep a group in its container",
      text: """
        f0 = open-container > 0
        f1 = open-group number=6 > 0
        f2 = f1 GET_DEVICE_FD "0000:02:01.0" > -22
        f1 SET_CONTAINER f0 > 0
        f2 = f1 GET_DEVICE_FD "0000:02:01.0" > -22
        f0 SET_IOMMU type=3 > 0
        f2 = f1 GET_DEVICE_FD "0000:02:01.0" > 0
        f3 = f1 GET_DEVICE_FD "0000:02:02.0%20%20" > 0
        f4 = f1 GET_DEVICE_FD "0000:02:02.0" > 0
        f5 = f1 GET_DEVICE_FD "0000:02:02.0x" > -19
        f5 = f1 GET_DEVICE_FD "0000:02:02.0%20x" > -22
        f1 UNSET_CONTAINER > -16
        f2 close > 0
        f3 close > 0
        f1 UNSET_CONTAINER > -16
        f4 close > 0
        f1 UNSET_CONTAINER > 0
        """),
    Conversation(
      description: "one of two groups leaves",
      text: """
        f0 = open-container > 0
        f1 = open-group number=3 > 0
        f2 = open-group number=6 > 0
        f1 SET_CONTAINER f0 > 0
        f2 SET_CONTAINER f0 > 0
        f0 SET_IOMMU type=3 > 0
        f0 MAP_DMA 0x1000 > 0
        f1 UNSET_CONTAINER > 0
        f0 MAP_DMA 0x1000 > -17
        f2 UNSET_CONTAINER > 0
        f0 MAP_DMA 0x1000 > -22
        """),
    Conversation(
      description: "types and what claims them",
      text: """
        f0 = open-container > 0
        f0 SET_IOMMU type=3 > -22
        f1 = open-group number=3 > 0
        f1 SET_CONTAINER closed > -9
        f1 SET_CONTAINER foreign > -77
        f1 SET_CONTAINER f1 > -77
        f1 SET_CONTAINER f0 @0x0 > -14
        f1 SET_CONTAINER f0 > 0
        f1 SET_CONTAINER f0 > -22
        f1 SET_CONTAINER closed > -9
        f1 SET_CONTAINER foreign > -22
        f0 SET_IOMMU type=0 > -19
        f0 SET_IOMMU type=2 > -19
        f0 SET_IOMMU type=6 > -22
        f0 SET_IOMMU type=8 > -19
        f0 SET_IOMMU type=9 > -22
        f0 SET_IOMMU type=10 > -19
        f0 ioctl number=0x3b73 > -22
        f0 CHECK_EXTENSION extension=10 > 0
        f0 CHECK_EXTENSION extension=4 > 0
        f0 SET_IOMMU type=1 > 0
        f0 SET_IOMMU type=1 > -22
        f0 ioctl number=0x3b73 > -25
        f0 CHECK_EXTENSION extension=10 > 1
        f0 CHECK_EXTENSION extension=4 > 1
        f1 ioctl number=0x3b73 > -25
        """),
    Conversation(
      description: "a mediated device asks for nothing",
      text: """
        f0 = open-container > 0
        f1 = open-group number=20 > 0
        f1 SET_CONTAINER f0 > 0
        f0 SET_IOMMU type=6 > 0
        f0 MAP_DMA 0xfee00000 > 0
        f0 CHECK_EXTENSION extension=10 > 0
        f0 CHECK_EXTENSION extension=4 > 1
        f2 = open-group number=3 > 0
        f2 SET_CONTAINER f0 > -22
        f1 UNSET_CONTAINER > 0
        f2 SET_CONTAINER f0 > 0
        f0 SET_IOMMU type=3 > 0
        f0 MAP_DMA 0xfee00000 > -22
        """),
    Conversation(
      description: "groups that cannot be taken",
      text: """
        f0 = open-container > 0
        f1 = open-group number=21 > 0
        f1 GET_STATUS argsz=8 > 0
        f1 SET_CONTAINER f0 > -1
        f2 = open-group number=22 > 0
        f2 SET_CONTAINER f0 > 0
        f0 SET_IOMMU type=3 > -1
        f3 = open-group number=3 > 0
        f3 SET_CONTAINER f0 > 0
        f0 SET_IOMMU type=3 > -1
        f2 UNSET_CONTAINER > 0
        f0 SET_IOMMU type=3 > 0
        f2 SET_CONTAINER f0 > -1
        """),
  ]
}
