/// What the tool says about itself.
enum Help {
  static let version = "0.1.0"

  static let text = """
    Runs programs written for legacy VFIO, unmodified, on I/O address spaces.

    ioasid run [--backend software|iommufd|auto] [--platform FILE] [--trace FILE] [--verbose]
               [--precise-dirty] [--bug-compatible] [--mediated [NAME=]DRIVER.so]…
               [--p2p refuse|record|dmabuf]
               -- PROGRAM [ARGUMENT…]
    ioasid run --join PID -- PROGRAM [ARGUMENT…]
        Becomes PROGRAM, in a view of a machine with legacy VFIO.
        --join      the machine is the one of the run that process PID is in
        --backend   what translates: software, the default, is the embedded IOMMU with simulated
                    devices; iommufd is this machine's /dev/iommu with its own devices; auto takes
                    what works here, and says on stderr which and why
        --platform  the machine to show, as JSON; without it the built-in one
        --trace     appends the conversation to FILE, one line a call
        --mediated  adds a device that a driver in user space makes (vfio_ioasid.h)
        --p2p       what iommufd does with a MAP of device registers: refuse, the default, EFAULT;
                    record succeeds in the books, and devices fault there; dmabuf asks the kernel
        --verbose   tells on stderr what devices do wrong
        --precise-dirty   counts pages as dirty that devices wrote, not all of them as type1 does
        --bug-compatible  leaves the bits in dirty bitmaps that Linux 6.12 forgets there
    ioasid record [--backend software|iommufd] --output FILE -- PROGRAM [ARGUMENT…]
        Runs PROGRAM on the machine's own VFIO nodes, or on a backend, and writes its conversation
        to FILE. Loads and stores of mapped registers are written on a backend only: on the
        machine's own nodes they are no calls.
    ioasid replay FILE [--on native|compat|iommufd|software|oracle] [--all]
        Performs the conversation in FILE elsewhere, software unless told, and prints the first
        difference, or none.
        --on        native and compat are the machine's own nodes, with type1 or with the kernel's
                    emulation of it behind them; oracle is the model that tests compare with
        --all       goes on after the first difference
    ioasid doctor [--platform FILE] [--json]
        Says of this machine, or of a platform, what legacy programs can be given: nodes, rights,
        each group with who is locked out and how to take it, and what cannot be exact.
    ioasid backends [--json]
        Lists each backend, what it can and cannot do here, and why.
    ioasid platform [FILE]
        Prints the built-in platform, or the one in FILE after checking it, as JSON.
    ioasid bench [--json] [--quick]
        Measures calls, look-ups, starts and memory, each against something of the same run.
        --json      for machines
        --quick     one run of everything, to see that it works
    ioasid bench --on native|iommufd --group N [--device ADDRESS] [--arena fresh|huge|scattered]
                 [--native FILE] [--json]
        Measures MAP_DMA and UNMAP_DMA on this machine's kernel. On native, prints lines to keep
        in FILE; on iommufd, a table of the shim beside them and beside the bare kernel.
    ioasid conform [--on LIST] [--seed S] [--scripts N] [--calls N] [--shard I/N]
                   [--junit FILE] [--results FILE]
    ioasid conform --script FILE [--on LIST]
    ioasid conform merge [--junit FILE] RESULTS…
        Runs the same generated scripts on everybody who answers the legacy calls, compares each
        answer with the oracle's, and prints a table; 1 when something undocumented differs.
        --on        of native, compat, run, iommufd, software, oracle; without it whoever is here.
                    run is the whole product: ioasid run … -- ioasid conform --on run,oracle
        --seed, --scripts, --calls
                    which scripts, how many, and how long; the same ones on every machine
        --shard     only part I of N, to be merged with the others
        --junit     writes the outcome as a JUnit file
        --results   writes the outcome for merge, which adds up runs on several machines
        --script    runs one script, as printed with a difference, and shows what differs
    ioasid --help, ioasid COMMAND --help, ioasid --version

    Exit status of run and record: the program's own; 127 when it is not found and 126 when it
    cannot be executed; 1 when the view cannot be built, or the platform or the backend is refused.
    Of replay: 1 when there is a difference. 2 when the command line makes no sense.

    """

  /// What is said of one command; nil when there is none of that name.
  static func text(of command: String) -> String? {
    var isOfIt = false
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
      if !line.hasPrefix(" ") { isOfIt = line.hasPrefix("ioasid \(command) ") }
      return isOfIt
    }
    return lines.isEmpty ? nil : lines.joined(separator: "\n") + "\n"
  }
}
