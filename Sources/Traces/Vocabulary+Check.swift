extension Vocabulary {
  /// Refuses a call that no recorder writes and no replay could make.
  static func check(_ call: TracedCall) throws(Complaint) {
    try check(result: call)
    switch call.operation {
    case .ioctl: try check(ioctl: call)
    case .open:
      guard case .text = call.arguments.first?.value else { throw Complaint("open needs a path") }
      try check(named: call, after: 1)
    case .close:
      guard call.handle != nil, call.arguments.count == 1 else {
        throw Complaint("close needs a file")
      }
    case .exit:
      guard call.arguments.isEmpty, call.result == .value(.decimal(0)) else {
        throw Complaint("exit says nothing")
      }
    case .load, .store: try check(access: call)
    case .munmap, .mprotect, .mremap:
      guard let first = call.arguments.first, first.name == nil else {
        throw Complaint("\(call.operation.rawValue) needs an address")
      }
      _ = try FieldFormat.address.bits(of: first.value, width: 8) { _ in 0 }
      try check(named: call, after: 1)
    case .read, .pread, .mmap:
      guard call.handle != nil else { throw Complaint("a file is missing") }
      try check(named: call, after: 1)
    case .write, .pwrite:
      guard call.handle != nil, call.arguments.count > 1, case .bytes = call.arguments[1].value
      else { throw Complaint("\(call.operation.rawValue) needs a file and bytes") }
      try check(named: call, after: 2)
    }
    if call.operation != .ioctl, let output = call.output {
      guard [.read, .pread, .load].contains(call.operation), case .bytes = output else {
        throw Complaint("\(call.operation.rawValue) has no output")
      }
    }
  }

  /// An access has a place, and a width that an instruction has.
  private static func check(access call: TracedCall) throws(Complaint) {
    guard let first = call.arguments.first, first.name == nil, case .memory = first.value,
      call.result == .value(.decimal(0))
    else { throw Complaint("\(call.operation.rawValue) needs a place and answers 0") }
    let width: Int
    if call.operation == .store {
      guard call.arguments.count == 2, case .bytes(let bytes) = call.arguments[1].value,
        bytes.omitted == 0
      else { throw Complaint("store needs bytes") }
      width = bytes.shown.count
    } else {
      try check(named: call, after: 1)
      guard case .hex(let count)? = call.arguments["count"] else { return }
      width = Int(clamping: count)
    }
    guard [1, 2, 4, 8].contains(width) else { throw Complaint("an access has 1, 2, 4 or 8 bytes") }
  }

  private static func check(result call: TracedCall) throws(Complaint) {
    guard case .value(let value) = call.result else { return }
    switch value {
    case .decimal, .memory, .handle, .hex: return
    default: throw Complaint("'\(value)' is no result")
    }
  }

  /// The named arguments from a place on; a mark for a bad buffer may follow.
  private static func check(named call: TracedCall, after start: Int) throws(Complaint) {
    var rest = call.arguments.dropFirst(start)
    for (name, format) in named(call.operation) {
      guard let field = rest.popFirst(), field.name == name else {
        throw Complaint("the argument '\(name)' is missing")
      }
      _ = try format.bits(of: field.value, width: 8) { _ in 0 }
    }
    if let field = rest.popFirst() {
      let isBuffer = [.read, .pread, .write, .pwrite].contains(call.operation)
      guard isBuffer, field.name == nil, field.value.isBadMemory else {
        throw Complaint("the argument '\(field)' does not belong here")
      }
    }
    if let field = rest.first { throw Complaint("the argument '\(field)' does not belong here") }
  }

  private static func check(ioctl call: TracedCall) throws(Complaint) {
    guard let handle = call.handle, call.arguments.count > 1,
      call.arguments.allSatisfy({ $0.name == nil })
    else { throw Complaint("ioctl needs a file and a request") }
    let request: RequestLayout
    switch call.arguments[1].value {
    case .hex(let number):
      guard let number = UInt32(exactly: number), self.request(number, on: handle) == nil else {
        throw Complaint("the request has a name")
      }
      request = RequestLayout(number: number, name: "", argument: .none)
    case .words(let words, 0) where words.count == 1:
      guard let known = requests(of: handle).first(where: { $0.name == words[0] }) else {
        throw Complaint("\(handle) has no request '\(words[0])'")
      }
      request = known
    default: throw Complaint("'\(call.arguments[1].value)' is no request")
    }
    let arguments = Array(call.arguments.dropFirst(2))
    if request.name.isEmpty {
      try check(unnamed: arguments, UnnamedRequest(request.number), call.output)
      return
    }
    try check(argument: arguments, of: request)
    guard let output = call.output else { return }
    guard case .structure(let layout) = request.argument, case .structure(let fields) = output
    else { throw Complaint("'\(output)' is no output of this request") }
    try layout.check(output: fields)
  }

  /// Bytes where the number says how many there are.
  private static func check(
    unnamed arguments: [TracedField], _ request: UnnamedRequest, _ output: TracedValue?
  ) throws(Complaint) {
    guard arguments.count <= 1 else { throw Complaint("more arguments than ioctl has") }
    switch arguments.first?.value {
    case nil, .hex, .mark(.pointer): break
    case .mark(.unreadable) where request.inputCount > 0: break
    case .bytes(let bytes)
    where request.inputCount > 0 && bytes.omitted == 0 && bytes.shown.count == request.inputCount:
      break
    case let value?: throw Complaint("'\(value)' is no argument of this request")
    }
    guard let output else { return }
    guard case .bytes(let bytes) = output, request.outputCount > 0, bytes.omitted == 0,
      bytes.shown.count <= request.outputCount
    else { throw Complaint("'\(output)' is no output of this request") }
  }

  private static func check(
    argument: [TracedField], of request: RequestLayout
  ) throws(Complaint) {
    guard argument.count <= 1 else { throw Complaint("more arguments than ioctl has") }
    guard let value = argument.first?.value else {
      guard case .none = request.argument else { throw Complaint("an argument is missing") }
      return
    }
    switch (request.argument, value) {
    case (.value(let table), _):
      guard table.value(of: try table.bits(of: value)) == value else {
        throw Complaint("it is written '\(table.value(of: try table.bits(of: value)))'")
      }
    case (.descriptor, _) where !value.isBadMemory:
      _ = try FieldFormat.descriptor.bits(of: value, width: 4) { _ in 0 }
    case (.text, .text): return
    case (.structure(let layout), .structure(let fields)):
      _ = try layout.encode(fields) { _ in 0 }
    case (.text, _) where value.isBadMemory, (.structure, _) where value.isBadMemory,
      (.descriptor, _):
      return
    default: throw Complaint("'\(value)' is no argument of \(request.name)")
    }
  }
}

extension TracedValue {
  var isBadMemory: Bool {
    switch self {
    case .mark(.null), .mark(.unreadable), .mark(.readonly): true
    default: false
    }
  }
}
