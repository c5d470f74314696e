import Conformance
import Testing

@Suite("Scripts are text")
struct ScriptTests {
  @Test("print(parse(x)) == x and parse(print(s)) == s", arguments: 0..<50 as Range<UInt64>)
  func roundTrip(seed: UInt64) throws {
    let script = SeededGenerator.script(seed: seed, length: 100)
    let text = script.description
    let parsed = try Script(parsing: text)
    #expect(parsed == script)
    #expect(parsed.description == text)
  }

  @Test("Every kind of call survives printing")
  func everyVerb() throws {
    let scripts = (0..<200 as Range<UInt64>).flatMap { seed in
      [nil, World.labWithPins].map { SeededGenerator.script(seed: seed, length: 100, on: $0) }
    }
    let made = Set(scripts.flatMap { $0.calls.map(\.verb) })
    #expect(made == Set(Verb.allCases))
    for script in scripts { #expect(try Script(parsing: script.description) == script) }
  }

  @Test(
    "A bad line is refused with its number",
    arguments: [
      ("world nowhere limit=1", 1), ("world lab limit=1\nf0 fly", 2),
      ("world lab limit=1\n\nf0 GET_INFO", 3), ("world lab limit=1\nGET_INFO argsz=1", 2),
      ("world lab limit=1\nf0 GET_INFO argsz=0xg", 2), ("world lab limit=1\nf0 close twice", 2),
      ("world lab limit=1\nf1 SET_CONTAINER", 2), ("", 1),
      ("world lab limit=1\nf1 = f0 GET_DEVICE_FD \"%2\"", 2),
    ])
  func refusal(text: String, line: Int) {
    let error = #expect(throws: ScriptError.self) { _ = try Script(parsing: text) }
    #expect(error?.line == line)
  }
}
