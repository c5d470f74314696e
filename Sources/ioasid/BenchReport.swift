import Glibc

/// One promise, measured.
struct BenchRow {
  enum Goal {
    /// At most this often what it is measured against.
    case ratio(Double)
    /// At least so much of what it is measured against, where more is better.
    case share(Double)
    /// At most this figure.
    case figure(Double)
  }

  var name: String
  /// What the ratio is to.
  var against: String
  /// One for each run.
  var ratios: [Double]
  /// The same runs in `unit`; empty when the ratio is all there is.
  var figures: [Double] = []
  var unit = ""
  var goal: Goal?

  var meetsGoal: Bool? {
    switch goal {
    case .ratio(let most): Statistics(ratios).median <= most
    case .share(let least): Statistics(ratios).median >= least
    case .figure(let most): Statistics(figures).median <= most
    case nil: nil
    }
  }
}

/// The middle of some runs and the middle half around it.
struct Statistics {
  let median: Double
  let lowerQuartile: Double
  let upperQuartile: Double

  /// Zero of no runs.
  init(_ runs: [Double]) {
    let sorted = runs.sorted()
    func at(_ share: Double) -> Double {
      guard let last = sorted.indices.last else { return 0 }
      let place = share * Double(last)
      let low = Int(place)
      return sorted[low] + (sorted[min(low + 1, last)] - sorted[low]) * (place - Double(low))
    }
    (lowerQuartile, median, upperQuartile) = (at(0.25), at(0.5), at(0.75))
  }
}

/// The rows for people and for machines.
struct BenchReport {
  var rows: [BenchRow]
  var isQuick: Bool

  var table: String {
    var lines = [["row", "ratio", "middle half", "figure", "goal", ""]]
    for row in rows {
      let ratios = Statistics(row.ratios)
      lines.append([
        row.name, decimal(ratios.median, 3),
        "\(decimal(ratios.lowerQuartile, 3))…\(decimal(ratios.upperQuartile, 3))",
        row.figures.isEmpty ? "" : "\(decimal(Statistics(row.figures).median, 2)) \(row.unit)",
        goal(row), row.meetsGoal.map { $0 ? "met" : "missed" } ?? "",
      ])
    }
    return TextTable.lines(lines) + "\n" + notes
  }

  private let quickNote =
    "Quick: one run a row, of few mappings: it shows that the rows work and nothing else.\n"

  private var notes: String {
    (isQuick ? quickNote : "")
      + """
      Medians over runs after a warm-up. map, unmap: whole MAP_DMA and UNMAP_DMA of 4 KiB from a C
      program; random ones of the mappings (one in sixteen; all of a thousand) are taken away and
      made again, journal rewrites included. The mappings share 1024 resident pages, and the page
      is touched. The ratio is to a no-op ioctl on /dev/null in the same process and run; growth
      to the ratio among 1000 mappings. Memory is the process's resident memory, shared memory
      included, over the mappings. pin, unpin: 64 MiB of resident 4 KiB pages, by a driver's calls
      of 512 pages, and by one access-object call (pin and unpin) for all of them. device, driver:
      copies between a buffer and one mapping, by a device's DMA and by vfio_dma_rw; the ratio is
      of speeds. dirty: GET_BITMAP over a terabyte in 4096 mappings of a mediated device, clean and
      with every page dirty, and UNMAP_DMA with such a bitmap. eight-containers: MAP and UNMAP by a
      thread for each. busy-neighbour: the median 4 KiB MAP while another container maps 1 GiB.

      """
  }

  private func goal(_ row: BenchRow) -> String {
    switch row.goal {
    case .ratio(let most): "ratio ≤ \(decimal(most, 2))"
    case .share(let least): "ratio ≥ \(decimal(least, 2))"
    case .figure(let most): "≤ \(decimal(most, 2)) \(row.unit)"
    case nil: ""
    }
  }

  var json: String {
    let rows = rows.map { row in
      var fields = [
        "\"name\": \"\(row.name)\"", "\"against\": \"\(row.against)\"",
        "\"runs\": \(row.ratios.count)", "\"ratio\": \(object(row.ratios))",
      ]
      if !row.figures.isEmpty {
        fields += ["\"unit\": \"\(row.unit)\"", "\"figure\": \(object(row.figures))"]
      }
      switch row.goal {
      case .ratio(let most): fields.append("\"goalRatio\": \(decimal(most, 2))")
      case .share(let least): fields.append("\"goalShare\": \(decimal(least, 2))")
      case .figure(let most): fields.append("\"goalFigure\": \(decimal(most, 2))")
      case nil: break
      }
      if let isMet = row.meetsGoal { fields.append("\"isMet\": \(isMet)") }
      return "    {" + fields.joined(separator: ", ") + "}"
    }
    return """
      {
        "isQuick": \(isQuick),
        "rows": [
      \(rows.joined(separator: ",\n"))
        ]
      }

      """
  }

  private func object(_ runs: [Double]) -> String {
    let all = Statistics(runs)
    return "{\"median\": \(decimal(all.median, 4)), "
      + "\"lowerQuartile\": \(decimal(all.lowerQuartile, 4)), "
      + "\"upperQuartile\": \(decimal(all.upperQuartile, 4))}"
  }

  private func decimal(_ number: Double, _ places: Int) -> String {
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    return "\((number * scale).rounded() / scale)"
  }
}

/// What is being measured, on a terminal's last line; nothing in a pipe.
enum Progress {
  static func show(_ text: String) {
    guard isatty(STDERR_FILENO) == 1 else { return }
    System.say("\r\u{1b}[K\(text)", to: STDERR_FILENO)
  }
  static func end() { show("") }
}
