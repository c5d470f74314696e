import Glibc

func begin(_ arguments: [String]) throws(Refusal) {
  let rest = Array(arguments.dropFirst())
  if let word = rest.first, ["--help", "-h"].contains(word), let command = arguments.first,
    let text = Help.text(of: command)
  {
    return System.say(text, to: STDOUT_FILENO)
  }
  switch arguments.first {
  case "run": try RunCommand.run(rest)
  case "platform": try PlatformCommand.run(rest)
  case "doctor": try DoctorCommand.run(rest)
  case "backends": try BackendsCommand.run(rest)
  case "bench": try BenchCommand.run(rest)
  case "conform": try ConformCommand.run(rest)
  case "record": try RecordCommand.run(rest)
  case "replay": try ReplayCommand.run(rest)
  case "--help", "-h", "help": System.say(Help.text, to: STDOUT_FILENO)
  case "--version": System.say("ioasid \(Help.version)\n", to: STDOUT_FILENO)
  case nil: throw Refusal("no command: see ioasid --help", status: Refusal.usage)
  case let name?:
    throw Refusal("no command '\(name)': see ioasid --help", status: Refusal.usage)
  }
}

do throws(Refusal) {
  try begin(Array(CommandLine.arguments.dropFirst()))
} catch {
  System.say("ioasid: \(error.message)\n", to: STDERR_FILENO)
  exit(error.status)
}
