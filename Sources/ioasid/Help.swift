/// What the tool says about itself.
enum Help {
  static let version = "0.1.0"

  static let text = """
    Runs programs written for legacy VFIO, unmodified, on I/O address spaces.

    ioasid run [--backend software|iommufd|auto] [--platform FILE] [--trace FILE] [--verbose]
               [--precise-dirty] [--bug-compatible] [--mediated [NAME=]DRIVER.so]…
               -- PROGRAM [ARGUMENT…]
        Becomes PROGRAM, in a view of the machine that has the platform's devices.
        --backend   what translates: software is the embedded IOMMU, and the default
        --platform  the machine to show, as JSON; without it the built-in one
        --trace     appends the conversation to FILE, one line a call
        --mediated  adds a device that a driver in user space makes (vfio_ioasid.h)
        --verbose   tells on stderr what devices do wrong
        --precise-dirty   counts pages as dirty that devices wrote, not all of them as type1 does
        --bug-compatible  leaves the bits in dirty bitmaps that Linux 6.12 forgets there
    ioasid platform [FILE]
        Prints the built-in platform, or the one in FILE after checking it, as JSON.
    ioasid bench [--json] [--quick]
        Measures calls, look-ups, starts and memory, each against something of the same run.
        --json      for machines
        --quick     one run of everything, to see that it works
    ioasid --help, ioasid --version

    Exit status of run: the program's own; 127 when it is not found and 126 when it cannot be
    executed; 1 when the view cannot be built or the platform is refused; 2 when the command line
    makes no sense.

    """
}
