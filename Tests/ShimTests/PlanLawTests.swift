import AddressSpaces
import DMATypes
import LegacyVFIO
import Shim
import Testing

/// The plan is the whole effect: what a backend is told can be read off the plan beforehand.
@Suite struct PlanLawTests {
  @Test(
    "The backend is told exactly what the plan says", arguments: 0..<200 as Range<UInt64>)
  func planIsTheWholeEffect(seed: UInt64) throws {
    var generator = ScriptGenerator(seed: seed)
    var container = try Container([], type: 0)
    var granted = 0
    for _ in 0..<80 {
      let step = generator.step()
      let expected = try? effects(of: step, on: container)
      let before = container.session.backend.calls.count
      let refusal = step.apply(to: &container)
      #expect((expected == nil) == (refusal != nil))
      #expect(Array(container.session.backend.calls[before...]) == expected ?? [])
      if expected?.isEmpty == false { granted += 1 }
    }
    #expect(granted > 0)
  }

  /// What a backend that never fails is told; throws the refusal.
  private func effects(of step: Step, on container: Container) throws(Rule) -> [String] {
    let (state, caller) = (container.state, container.caller)
    switch step {
    case .join(let facts):
      let plan = try state.plan(joining: facts, for: caller)
      let claim = plan.claims ? ["claim \(facts.number.rawValue)"] : []
      guard let attachment = plan.attachment else { return claim }
      let isFirstTable = state.domains.isEmpty && attachment.place == .newTable
      let fill = isFirstTable ? state.mappings.map { "map \(hexadecimal($0.range))" } : []
      return claim + calls(of: attachment) + fill
    case .leave(let number):
      guard let plan = state.plan(leaving: GroupNumber(rawValue: number)) else { return [] }
      return calls(of: plan, state)
    case .request(let request):
      try state.admit(request.command)
      switch try state.plan(request, for: caller) {
      // Address updates are told to those backends that want to know: this one does not.
      case .reply, .track, .reportDirty, .invalidate, .readdress: return []
      case .setDriver(let plan):
        return plan.driver.isType1 ? ["space"] + plan.attachments.flatMap { calls(of: $0) } : []
      case .map(let plan):
        return plan.reachesTables ? ["map \(hexadecimal(plan.mapping.range))"] : []
      case .unmap(let plan):
        guard plan.reachesTables, let starts = plan.starts else { return [] }
        return state.mappings.filter { starts.contains($0.range.start) }
          .map { "unmap \(hexadecimal($0.range))" }
      }
    }
  }

  private func calls(of attachment: Shim.Attachment) -> [String] {
    let group = attachment.facts.number.rawValue
    return switch attachment.place {
    case .noTable: []
    case .table: ["attach \(group)"]
    case .newTable: ["table for \(group)", "attach \(group)"]
    }
  }

  private func calls(of plan: LeavePlan, _ state: ContainerState) -> [String] {
    var calls: [String] = []
    if plan.domain != nil {
      calls.append("detach \(plan.number.rawValue)")
      if plan.unmapsAll { calls += state.mappings.map { "unmap \(hexadecimal($0.range))" } }
      if plan.removesDomain { calls.append("destroy table") }
    }
    if plan.releases { calls.append("release \(plan.number.rawValue)") }
    if plan.removesDriver, state.driver.isType1 { calls.append("destroy space") }
    return calls
  }
}
