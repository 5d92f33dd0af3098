namespace AgentFlow.Engine.Tests.Definitions.Loading;

/// <summary>For each rule a file that breaks it, marked as <see cref="Marked"/> reads it.</summary>
internal static class DiagnosticCases
{
    private const string Head = "language: 1\nname: sample\nversion: 1.0.0\n";
    private const string Machine = Head + "planner: fsm\ninitial_state: a\nfinal_states: [z]\n";
    private const string Graph = Head + "planner: dag\n";
    private const string Tree = Head + "planner: behavior_tree\n";
    private const string Llm = Head + "planner: llm\n";
    private const string Plan = "planner: dag\nsteps: [{ id: a, tool: skill.echo }]\n";

    public static IEnumerable<string> All => [.. Yaml, .. Values, .. Agents, .. Expressions, .. Machines, .. Graphs, .. ModelPlans, .. Types, .. Limits];

    private static string[] Yaml =>
    [
        Head + Plan + "description: \"«invalid-character»\u0007\"\n",
        Head + Plan + "description: «invalid-character»\ud800\n",
        Head + "planner: fsm\nstates: «yaml-syntax»[1, 2\nfinal_states: [a]\n",
        Head + "description: a«yaml-syntax»: b\n",
        Head + "description: «yaml-syntax»@a\n",
        Head + "planner: dag\nsteps:\n  - id: a\n«tab-indentation»\ttool: skill.echo\n",
        Head + Plan + "vars: { a: «yaml-syntax»!<%%> x }\n",
        "«empty-file»",
        "«empty-file»# nothing but a comment\n",
        Head + Plan + "«multiple-documents»---\nlanguage: 1\n",
        Head + Plan + "vars: { a: &x [1, «recursive-alias»*x] }\n",
        Head + Plan + "vars: { a: &fine [1], b: «unknown-anchor»*fin }\n",
        Head + Plan + "vars: { «invalid-merge»<<: 1 }\n",
        Head + Plan + "vars: { ? «invalid-key»[1] : 2 }\n",
        Head + Plan + "«duplicate-key»name: other\n",
        Head + Plan + "vars: { a: «unsupported-tag»!secret x }\n",
        Head + Plan + "vars: { a: «invalid-number».nan, b: «invalid-number»-.inf, c: «invalid-number»1e999 }\n",
        "«wrong-type»- language: 1\n",
        "«wrong-type»language\n",
    ];

    private static string[] Values =>
    [
        Head + Plan + "«unknown-key»stats: {}\n",
        Head + "planner: dag\n«unknown-key»jobs: [{ id: a, «unknown-key»uses: skill.echo }, { id: b, «unknown-key»needs: [a], «unknown-key»if: 'true' }]\n",
        Head + "«unknown-key»type: fsm\n«unknown-key»start_at: a\n«unknown-key»finalStates: [z]\nstates: { a: { «unknown-key»next: z }, z: { «unknown-key»end: true } }\n",
        Machine + "states: { a: { «unknown-key»conditional_transitions: [{ «unknown-key»if: 'true', «unknown-key»to: z }], «unknown-key»catch: z, «unknown-key»retries: 3 }, z: {} }\n",
        Head + Plan + "«unknown-key»max_attempts: 3\n",
        Head + Plan + "«unknown-key»zzz: 3\n«unknown-key»env: { A: b }\n",
        "«missing-key»«missing-key»«missing-key»«missing-key»description: nothing else\n",
        "«missing-key»«missing-key»planner: fsm\nname: a\nversion: 1.0.0\ninitial_state: a\nstates: { a: {} }\n",
        "«missing-key»" + Head + "planner: dag\n",
        "«missing-key»«missing-key»«missing-key»" + Head + "planner: fsm\n",
        Machine + "states: { a: { transitions: [«missing-key»{ target: z }, «missing-key»{ condition: 'true' }] }, z: {} }\n",
        Graph + "steps: [«missing-key»{ tool: skill.echo }]\n",
        Graph + "steps: [{ id: a, «missing-key»wait: {} }]\n",
        Graph + "«not-applicable»states: { a: {} }\n«not-applicable»final_states: [a]\n«not-applicable»initial_state: a\nsteps: [{ id: a }]\n",
        Machine + "«not-applicable»steps: []\n«not-applicable»max_parallel: 2\nstates: { a: { on_success: z }, z: {} }\n",
        Graph + "steps: [{ id: a, «not-applicable»retry: {}, «not-applicable»timeout: 1s }, { id: b, wait: { for: 1s }, «not-applicable»effects: none, «not-applicable»timeout: 1s, «not-applicable»input: {} }]\n",
        Graph + "steps: [{ id: a, on_error: «not-applicable»retry }]\n",
        Graph + "steps: [{ id: a, tool: skill.echo, «missing-key»compensate: {} }, { id: b, wait: { for: 1s }, «not-applicable»compensate: { tool: skill.echo } }]\n",
        Graph + "steps: [{ id: a, tool: skill.echo, compensate: { tool: skill.echo, «conflicting-keys»agent: «unknown-agent»a, on_error: «unknown-value»abort } }]\n",
        Graph + "steps: [{ id: a, wait: { for: 1s, «not-applicable»timeout: 1s } }]\n",
        Head + Plan + "on: { cron: [«missing-key»«missing-key»{ input: {} }, { name: a, schedule: «invalid-schedule»'60 * * * *' }, { name: b, schedule: '@daily', time_zone: «invalid-schedule»Mars }] }\n",
        Head + Plan + "on: { «unknown-key»http: [], cron: «wrong-type»{}, webhook: [«missing-key»{ name: a }, { name: b, secret: «invalid-secret»plain }, { name: c, secret: secret://s, input: «invalid-expression»'${run.id}' }] }\n",
        Head + Plan + "on: { cron: [{ name: a, schedule: '@daily' }], webhook: [{ name: «duplicate-id»a, secret: secret://s }] }\n",
        Head + "input: { required: [n] }\n" + Plan + "on: { cron: [«input-mismatch»{ name: a, schedule: '@daily' }] }\n",
        Head + Plan + "signals: { go: «wrong-type»7, stop: { «invalid-schema»type: nothing }, «invalid-name»'a b': {} }\n",
        Graph + "signals: { go: { type: string } }\nsteps: [{ id: a, wait: { signal: go, «conflicting-keys»schema: { type: integer } } }, { id: b, wait: { for: 1s, «not-applicable»schema: {} } }]\n",
        Graph + "steps: [{ id: a, «missing-key»human: {} }, { id: b, human: «wrong-type»x }, { id: c, human: { title: T, «unknown-key»asignee: { role: r } } }]\n",
        Graph + "steps: [{ id: a, human: { title: T, form: «invalid-agent»{ type: nothing } } }, { id: b, human: { title: T, assignee: «invalid-agent»{ role: r, user: u } } }]\n",
        Graph + "steps: [{ id: a, human: { title: T, on_timeout: «invalid-agent»fail } }, { id: b, human: { title: T, timeout: 1h, escalate: [{ after: «invalid-agent»2h, to: { role: r } }] } }]\n",
        Graph + "steps: [{ id: a, human: { title: T, form: { type: string }, timeout: 1h, on_timeout: «invalid-agent»{ answer: 7 } } }, { id: b, human: { title: T, priority: «invalid-agent»11 } }]\n",
        Graph + "steps: [{ id: a, human: { title: '${«unknown-field»run.nothing}' }, «not-applicable»input: {}, «not-applicable»retry: {}, «not-applicable»timeout: 1s }]\n",
        Graph + "steps: [{ id: a, tool: skill.echo, «conflicting-keys»human: { title: T } }, { id: b, wait: { for: 1s }, «not-applicable»approval: { role: r } }]\n",
        Graph + "steps: [{ id: a, tool: skill.echo, approval: { «conflicting-keys»role: r, user: u, «not-applicable»on_timeout: grant } }]\n",
        Graph + "steps: [{ id: a, tool: skill.echo, approval: { when: «invalid-expression»nothing, timeout: «wrong-type»soon } }]\n",
        Head + Plan + "policies: { approval: [{ when: input.amount > 1000, role: boss, on_timeout: «unknown-value»shrug, timeout: 1h }, «wrong-type»7, { when: «unknown-step»steps.a.output.x }] }\n",
        Graph + "steps: [{ id: a, tool: skill.echo, remedies: [«missing-key»{ tool: skill.echo }, { on: [«invalid-name»slow], times: «out-of-range»0, «not-applicable»then: accept }, { on: «empty-list»[], tool: skill.echo, «not-applicable»initial: 1s }] }]\n",
        Graph + "steps: [{ id: a, tool: skill.echo, remedies: «empty-list»[] }, { id: b, wait: { for: 1s }, «not-applicable»remedies: [] }, { id: c, tool: skill.echo, remedies: [{ on: [X], tool: skill.echo, «conflicting-keys»agent: «unknown-agent»a }] }]\n",
        Graph + "steps: [{ id: a, planner: dag, «not-applicable»permissions: [], «not-applicable»input: {}, steps: [{ id: b }] }]\n",
        Head + Plan + "defaults: { retry: { backoff: constant, «not-applicable»factor: 2 } }\n",
        Head + Plan + "«not-supported»subject: x\n«not-supported»concurrency: 3\n",
        Head + Plan + "policies: { priority: «out-of-range»11 }\n",
        Graph + "steps: [{ id: a, «missing-key»workflow: { version: «invalid-version»latest, on_parent_end: «unknown-value»kill }, «not-applicable»input: {}, «not-applicable»effects: none }]\n",
        Graph + "steps: [{ id: a, workflow: { name: «invalid-name»Bill, version: «invalid-version»1.2 } }, { id: b, workflow: { name: x, «unknown-key»versions: 1.x } }]\n",
        Graph + "steps: [{ id: a, «missing-key»«missing-key»barrier: {}, «not-applicable»timeout: 5s, «not-applicable»input: {}, «not-applicable»semaphore: { name: x, permits: 1 } }]\n",
        Graph + "steps: [{ id: a, tool: skill.echo, semaphore: { name: x, permits: «out-of-range»0 } }, { id: b, barrier: { name: x, parties: «out-of-range»1 } }]\n",
        Tree + "root: { sequence: [{ tool: skill.echo }], «not-applicable»semaphore: { name: x, permits: 1 } }\n",
        Graph + "steps: [{ id: a, wait: { until: run.now, «not-applicable»timeout: 1s } }, { id: b, wait: { for: 1s, «conflicting-keys»until: run.now } }]\n",
        Graph + "steps: [{ id: a, «missing-key»wait_for: {} }, { id: b, wait_for: { any: «empty-list»[], «conflicting-keys»all: [] }, «not-applicable»timeout: 1s }]\n",
        Graph + "steps: [{ id: a, wait_for: { all: [«missing-key»{ id: x }, { id: «duplicate-id»x, for: 1s }, «wrong-type»3, { until: «wrapped-condition»\"${run.now}\" }] } }]\n",
        Graph + "steps: [{ id: a, «missing-key»«missing-key»foreach: {} }, { id: b, «missing-key»«missing-key»while: {} }]\n",
        Graph + "steps: [{ id: a, foreach: { items: «wrong-type»5, as: «invalid-name»input, max_parallel: «out-of-range»0, on_error: «unknown-value»retry, do: { tool: skill.echo } } }]\n",
        Graph + "steps: [{ id: a, «not-applicable»retry: 3, «not-applicable»input: 1, foreach: { items: [1], «not-applicable»min_success: 1, do: { tool: skill.echo, «unknown-key»depends_on: [] } } }]\n",
        Graph + "steps: [{ id: a, foreach: { items: [1], on_error: continue, min_success: «out-of-range»1.5, do: {} } }, { id: b, foreach: { items: [1], on_error: continue, min_success: «wrong-type»most, do: {} } }]\n",
        Graph + "steps: [{ id: a, foreach: { items: [1], as: order, do: { tool: skill.echo, input: \"${order.id + order_index + string(«invalid-expression»index)}\" } } }, { id: b, input: \"${«invalid-expression»item}\" }]\n",
        Graph + "steps: [{ id: a, while: { until: 'index > 3', max: «out-of-range»0, do: { tool: skill.echo, input: \"${steps.«unknown-step»do.output}\" } } }]\n".Replace("'index > 3'", "«invalid-expression»index > 3").Replace("${steps.«unknown-step»do", "${«unknown-step»steps.do"),
        Tree + "«missing-key»root: {}\n",
        Tree + "root: { sequence: «empty-list»[] }\n",
        Tree + "root: { sequence: [{ id: a, tool: skill.echo }, { id: «duplicate-id»a, tool: skill.echo }], «conflicting-keys»selector: [] }\n",
        Tree + "root: { parallel: [{ tool: skill.echo }], success_policy: «out-of-range»2 }\n",
        Tree + "root: { parallel: [{ tool: skill.echo }], success_policy: «unknown-value»most, «not-applicable»timeout: 3s }\n",
        Tree + "root: { conditional_selector: [«missing-key»{ child: { tool: skill.echo } }, { «not-applicable»default: { tool: skill.echo } }, { condition: 'true', child: { tool: skill.echo } }] }\n",
        Tree + "root: { «missing-key»child: { tool: skill.echo } }\n",
        Tree + "root: { «missing-key»repeat: {}, child: { tool: skill.echo } }\n",
        Tree + "root: { retry: 2, «conflicting-keys»timeout: 3s, child: { invert: «wrong-type»3, child: { tool: skill.echo, «not-applicable»repeat: 2 } } }\n",
        Tree + "root: { sequence: [{ condition: \"«unknown-step»steps.zz.output == 1\" }, { tool: skill.echo }] }\n",
        Tree + "«not-applicable»steps: []\nroot: { tool: skill.echo, «not-applicable»success_policy: any }\n",
        Graph + "«not-applicable»root: {}\nsteps: [{ id: a }]\n",
        "«missing-key»" + Head + "planner: llm\n",
        Graph + "steps: [{ id: a, tool: skill.echo, «conflicting-keys»agent: x, «conflicting-keys»wait: { for: 1s }, «conflicting-keys»planner: dag }]\nagents: { x: { kind: llm } }\n",
        Graph + "steps: [{ id: a, wait: { signal: go, «conflicting-keys»for: 1s } }]\n",
        "language: «wrong-type»one\nname: «wrong-type»7\nversion: «wrong-type»true\ndescription: «wrong-type»[]\n" + Plan,
        Head + "planner: dag\nsteps: «wrong-type»{ a: {} }\n",
        Head + "planner: fsm\ninitial_state: a\nfinal_states: «wrong-type»a\nstates: «wrong-type»[a]\n",
        Machine + "states: { a: «wrong-type»skill.echo, b: { transitions: «wrong-type»1 }, z: }\n",
        Head + Plan + "«wrong-type»vars:\nagents: «wrong-type»[]\npolicies: «wrong-type»5\nassets: «wrong-type»data\n",
        Head + Plan + "policies: { max_budget: «wrong-type»\"5\", max_steps: «wrong-type»1.5, deadline: «wrong-type»true, permissions: [«wrong-type»1] }\n",
        Graph + "steps: [«wrong-type»a, { id: b, condition: «wrong-type»5, wait: «wrong-type»10m }]\n",
        Head + Plan + "policies: { on_exceed: «unknown-value»explode, durability: «unknown-value»every-step }\n",
        Head + Plan + "policies: { max_budget: 1, preflight: «unknown-value»maybe }\n",
        Head + Plan + "policies: { max_budget: 1, preflight: { ask: { «unknown-key»rolle: boss, timeout: «wrong-type»soon } } }\n",
        Head + Plan + "policies: { max_budget: 1, «missing-key»preflight: {} }\n",
        Head + Plan + "policies: { «not-applicable»preflight: ask }\n",
        Head + "planner: «unknown-value»state_machine\nstates: {}\n",
        Head + Plan + "defaults: { on_unknown: «unknown-value»maybe, retry: { backoff: «unknown-value»linear, on: [«unknown-value»timeout] } }\n",
        Head + Plan + "policies: { max_budget: «out-of-range»-1, max_steps: «out-of-range»0, deadline: «out-of-range»20000d }\n",
        Head + Plan + "policies: { max_budget: «out-of-range»0.0000000001 }\n",
        Head + Plan + "defaults: { timeout: «out-of-range»0s, retry: { max_attempts: «out-of-range»0, factor: «out-of-range»0.5, jitter: «out-of-range»2, initial: 2s, max: «out-of-range»1s } }\n",
        Graph + "max_parallel: «out-of-range»0\nsteps: [{ id: a }]\n",
        Head + Plan + "defaults: { timeout: «invalid-duration»10 }\n",
        Head + Plan + "defaults: { timeout: «invalid-duration»10 s }\n",
        Head + Plan + "defaults: { timeout: «invalid-duration»1s1m }\n",
        Head + Plan + "defaults: { timeout: «invalid-duration»1.5h }\n",
        "language: 1\nname: «invalid-name»My Workflow\nversion: 1.0.0\n" + Plan,
        Graph + "steps: [{ id: «invalid-name»a-b }, { id: «invalid-name»in }, { id: w, wait: { signal: «invalid-name»a b } }]\nagents: { «invalid-name»«unused-agent»1a: { kind: llm } }\n",
        Machine + "states: { a: { on_success: z }, z: , «invalid-name»«unreachable-state»a b: { on_success: z } }\n",
        "language: 1\nname: a\nversion: «invalid-version»1.2\n" + Plan,
        "language: 1\nname: a\nversion: «invalid-version»v1.2.0\n" + Plan,
        "language: 1\nname: a\nversion: «invalid-version»01.2.0\n" + Plan,
        "language: «unsupported-language»2\nname: a\nversion: 1.0.0\n" + Plan,
        Head + "planner: dag\nsteps: «empty-list»[]\n",
        Head + "planner: fsm\ninitial_state: «unknown-state»a\nfinal_states: «empty-list»[]\nstates: «empty-list»{}\n",
        Head + Plan + "defaults: { retry: { on: «empty-list»[] } }\n",
        Head + Plan + "policies: { permissions: [db.read, «duplicate-item»db.read] }\n",
        Graph + "steps: [{ id: a }, { id: «duplicate-id»a }]\n",
        Head + Plan + "assets: [«invalid-asset-path»/etc/passwd, «invalid-asset-path»../x, «invalid-asset-path»a/../../x, «invalid-asset-path»'a\\b', «invalid-asset-path»C:/x, «invalid-asset-path»a//b, «invalid-asset-path»./a, «missing-asset»data]\n",
        Head + Plan + "input: «wrong-type»[message]\n",
        Head + Plan + "input: { type: object, properties: { a: { «invalid-schema»type: strin, «invalid-schema»minLength: -1 } } }\n",
        Head + Plan + "input: { type: object, properties: { b: { «invalid-schema»$ref: '#/nowhere' } } }\n",
        Head + Plan + "input: { type: object, properties: { a: { «invalid-schema»type: [{ type: integer }] } } }\n",
        Head + Plan + "input: { type: object, maximum: «invalid-number».inf }\n",
    ];

    private static string[] ModelPlans =>
    [
        Llm + "«missing-key»«missing-key»«empty-list»plan: {}\n",
        Llm + "«not-applicable»steps: []\nplan: { goal: g, model: { model: m }, tools: [skill.echo] }\n",
        Graph + "«not-applicable»plan: {}\nsteps: [{ id: a }]\n",
        Llm + "plan: { goal: g, model: { model: m }, tools: [skill.echo], temperature: «temperature-too-high»0.3 }\n",
        Llm + "plan: { goal: g, model: { model: m }, tools: [skill.echo], temperature: 0.3, temperature_reason: 'ideas' }\n",
        Llm + "plan: { goal: g, model: { model: m, «unknown-key»temperature: 0.1 }, tools: [skill.echo], temperature: «out-of-range»3 }\n",
        Llm + "plan: { goal: '${«invalid-expression»inputs.x}', «invalid-agent»model: { provider: p }, tools: [skill.echo] }\n",
        Llm + "plan: { goal: g, model: { model: m }, tools: [«unknown-tool»skill.ecko, «wrong-type»5, skill.echo, «duplicate-item»skill.echo], agents: [«unknown-agent»x] }\n",
        Llm + "agents: { a: { kind: llm }, «unused-agent»b: { kind: llm } }\nplan: { goal: g, model: { model: m }, agents: [{ agent: a, timeout: «invalid-duration»5 }, «missing-key»{ timeout: 5s }] }\n",
        Llm + "policies: { permissions: [db.read] }\nplan: { goal: g, model: { model: m }, tools: [«permission-not-granted»skill.http_call] }\n",
        Llm + "plan: { goal: g, model: { model: m }, tools: [skill.echo], max_steps: «out-of-range»201, max_latency: «invalid-duration»5, on_invalid: «unknown-value»retry, prompt: «missing-asset»plan.md, examples: «missing-asset»plans.jsonl }\n",
        Llm + "plan: { goal: g, model: { model: m }, tools: [skill.echo], fallback: «unknown-value»persn }\n",
        Llm + "plan: { goal: g, model: { model: m }, tools: [skill.echo], fallback: { tool: «unknown-tool»skill.ecko }, branches: [«missing-key»{ tool: skill.echo }, { condition: 'true', id: «duplicate-id»branch_1 }, { condition: \"«unknown-step»steps.a.output\" }] }\n",
        Llm + "plan: { goal: g, model: { model: m }, tools: [skill.echo], replan: { on: [step_failure, «unknown-value»failure], «not-applicable»signal: x, strategy: «unknown-value»bold, max: «out-of-range»0 } }\n",
        Llm + "plan: { goal: g, model: { model: m }, tools: [skill.echo], replan: { on: «missing-key»[quality], strategy: adaptive, «not-applicable»model: {} } }\n",
        Llm + "plan: { goal: g, model: { model: m }, tools: [skill.echo], «missing-key»«missing-key»replan: { on: [event], strategy: escalation } }\n",
        Llm + "plan: { goal: g, model: { model: m }, tools: [skill.echo] }\noutput: \"${«unknown-step»steps.s1.output}\"\n",
    ];

    private static string[] Agents =>
    [
        Graph + "agents: { w: { kind: «unknown-agent-kind»lm } }\nsteps: [{ id: a, agent: w }]\n",
        Graph + "agents: { «missing-key»w: { role: x } }\nsteps: [{ id: a, agent: w }]\n",
        Graph + "agents: { w: { kind: llm, role: «wrong-type»5 } }\nsteps: [{ id: a, agent: w }]\n",
        Graph + "agents: { w: { kind: llm, model: «invalid-agent»{ provider: p } } }\nsteps: [{ id: a, agent: w }]\n",
        Graph + "agents: { w: { kind: rag, source: «invalid-agent»data/x } }\nsteps: [{ id: a, agent: w }]\n",
        Graph + "agents: { writer: { kind: llm } }\nsteps: [{ id: a, agent: «unknown-agent»writr }]\n",
        Graph + "agents: { «unused-agent»writer: { kind: llm } }\nsteps: [{ id: a, agent: «unknown-agent»zzzzz }]\n",
        Graph + "steps: [{ id: a, tool: «unknown-tool»skill.ecko }]\n",
        Graph + "steps: [{ id: a, tool: «invalid-contract»skill.broken, input: 5 }]\n",
        Graph + "steps: [{ id: a, tool: skill.strict, input: { «input-mismatch»n: one, list: [x, «input-mismatch»2], «input-mismatch»more: 1 } }, { id: b, tool: skill.strict, «input-mismatch»input: {} }, { id: c, tool: skill.strict, input: { n: '${input.n}' } }]\n",
        Graph + "agents: { w: { kind: llm, permissions: [«unknown-permission»db.raed] } }\nsteps: [{ id: a, agent: w }]\n",
        Graph + "policies: { permissions: [db.read] }\nsteps: [{ id: a, tool: «permission-not-granted»skill.query }, { id: b, tool: «permission-not-granted»skill.http_call }]\n",
        Graph + "policies: { permissions: [db.*] }\nsteps: [{ id: a, tool: «permission-not-granted»skill.query, permissions: [db.read] }, { id: b, tool: skill.echo, permissions: [«permission-not-granted»fs.read] }]\n",
        Graph + "agents: { w: { kind: llm, permissions: [fs.read], needs: [network.http] } }\nsteps: [{ id: a, agent: «permission-not-granted»w }]\n",
        Graph + "steps: [{ id: a, tool: skill.http_call, effects: «weaker-effects»none }]\n",
        Graph + "steps: [{ id: a, «repeated-effects»tool: skill.mail }, { id: b, tool: skill.mail, on_unknown: ask }, { id: c, tool: skill.mail, on_unknown: fail, retry: { max_attempts: 3 } }, { id: d, tool: skill.search }, { id: e, tool: skill.mail, effects: «weaker-effects»none }]\n",
        Graph + "steps: [{ id: a, «repeated-effects»tool: skill.charge }, { id: b, tool: skill.charge, on_unknown: ask }, { id: c, «repeated-effects»tool: skill.charge, on_unknown: fail, retry: { max_attempts: 3 } }]\n",
        Graph + "defaults: { on_unknown: ask }\nsteps: [{ id: a, tool: skill.mail }, { id: l, foreach: { items: '${input.list}', do: { «repeated-effects»tool: skill.mail, on_unknown: retry } } }, { id: e, tool: skill.echo, effects: external, on_unknown: retry }]\n",
        Graph + "steps: [{ id: a, tool: skill.http_call, «repeated-effects»compensate: { tool: skill.mail } }]\n",
    ];

    private static string[] Expressions =>
    [
        Graph + "steps: [{ id: a, condition: \"input.x >«invalid-expression» \" }]\n",
        Graph + "steps: [{ id: a, condition: \"«invalid-expression»inputs.x > 1 && «invalid-expression»foo(1)\" }]\n",
        Graph + "steps: [{ id: a, input: { text: 'Hello ${ «invalid-expression»nam } and ${ «invalid-expression»you }' } }]\n",
        Graph + "steps: [{ id: a, input: ['fine', '$${literal}', 'open «unclosed-expression»${input.x'] }]\n",
        Graph + "steps: [{ id: a, input: '${«foreign-expression»{ input.x }}' }]\n",
        Graph + "steps: [{ id: a, condition: «foreign-expression»'{{ input.x }}' }]\n",
        Graph + "steps: [{ id: a, condition: «wrapped-condition»'${input.x > 1}' }]\n",
        Graph + "steps: [{ id: a, condition: «wrapped-condition»'${«invalid-expression»inptu.x > 1}' }]\n",
        Graph + "steps: [{ id: a, input: { ok: 'Bearer secret://key#field ${input.x}', none: 'at «invalid-secret»secret://', part: '«invalid-secret»secret://key-${input.x}' } }]\n",
        Head + Plan + "vars: { key: '«unresolved-secret»secret://key' }\n",
        Head + "output: { x: '«unresolved-secret»secret://key' }\n" + Plan,
        Head + Plan + "vars: { greeting: «unevaluated-expression»'hi ${input.x}' }\n",
        Graph + "steps: [{ id: fetch }, { id: b, depends_on: [«unknown-step»fetsh], input: '${«unknown-step»steps.fetc.output}' }]\n",
        Graph + "vars: { limits: { low: 1 } }\nsteps: [{ id: a, input: ['${«unknown-field»vars.limit}', '${«unknown-field»vars.limits.hi}', '${vars.limits.low}', '${has(vars.x)}', '${«unknown-field»run.ID}', '${«unknown-field»error.msg}'] }]\n",
        Graph + "steps: [{ id: a, input: '${«unknown-field»vars.x}' }]\n",
        Graph + "vars: «wrong-type»5\nsteps: [{ id: a, input: '${vars.x}' }]\n",
        Graph + "vars: { text: t }\nsteps: [{ id: a, input: '${vars.text.size()}' }, { id: b, input: '${vars[\"text\"]} ${«unknown-field»vars[\"txt\"]}' }]\n",
        Graph + "steps: [{ id: a }, { id: b, depends_on: [a], input: '${«unknown-field»steps.a.result} ${steps.a.error.code} ${«unknown-field»steps.a.error.kode}' }]\n",
        Graph + "steps: [{ id: a }, { id: b, input: '${«missing-dependency»steps.a.output}', condition: '«missing-dependency»steps.b.status == \"failed\"' }]\n",
        Graph + "steps: [{ id: a }, { id: s, planner: fsm, initial_state: x, final_states: [x], states: { x: { input: '${«missing-dependency»steps.a.output}' } } }]\n",
        Machine + "states: { a: { input: '${«unvisited-step»steps.z.output}', on_success: z }, z: { input: '${steps.a.output}' } }\n",
        Graph + "steps: [{ id: a, input: ['${«environment-name»env}', '${«environment-name»env[input.x]}', '${«environment-name»env[\"a b\"]}', '${env.HOME}'] }]\n",
        Graph + "steps: [{ id: a }]\noutput: { x: '${steps.a.output}', y: '${«unknown-step»steps.c.output}' }\n",
    ];

    private const string Typed = "input: { type: object, properties: { n: { type: integer, minimum: 1, maximum: 10 }, s: { type: string, enum: [a, b] }, o: { type: object, properties: { k: { type: boolean } }, additionalProperties: false }, l: { type: array, items: { type: object, properties: { k: { type: string } }, additionalProperties: false } }, any: {}, open: { type: object, properties: { k: {} }, additionalProperties: true } } }\n";

    private static string[] Types =>
    [
        Typed + Graph + "steps: [{ id: a, condition: 'input.n > 5 && input.s == \"a\" && input.o.k && input.l.exists(e, e.k == \"x\") && input.any.x.y > 3 && input.open.z == 1 && has(input.later) && input.later > 1' }]\n",
        Typed + Graph + "steps: [{ id: a, condition: 'input.«undeclared-field»m > 5' }, { id: b, condition: 'input.o.«unknown-field»z' }, { id: c, input: { x: '${input.l.map(e, e.«unknown-field»z)}', y: '${input«undeclared-field»[\"m\"]}' } }]\n",
        Typed + Graph + "steps: [{ id: a, condition: 'input.n «type-mismatch»> input.s' }, { id: b, condition: input.«type-mismatch»s }, { id: c, condition: 'input.«type-mismatch»n && true' }, { id: d, input: '${input.s «type-mismatch»+ 1} ${input.n.«type-mismatch»size()}' }]\n",
        Typed + Graph + "steps: [{ id: a, condition: 'input.n «constant-condition»== \"5\"' }, { id: b, condition: 'input.s «constant-condition»== \"c\"' }, { id: c, condition: 'input.n «constant-condition»> 10' }, { id: d, condition: 'input.n «constant-condition»>= 1' }, { id: e, condition: '1 «constant-condition»< 2' }, { id: f, condition: 'true' }]\n",
        Typed + Graph + "vars: { on: true, limit: 5 }\nsteps: [{ id: a, condition: vars.on && vars.limit > 3 }, { id: b, condition: 'vars.limit «constant-condition»== \"5\"' }]\n",
        Machine + "states: { a: { tool: skill.strict, input: { n: 1 }, transitions: [{ condition: output == \"x\", target: z }, { condition: 'output «type-mismatch»> 5', target: z }, { condition: 'output.«type-mismatch»code == 5', target: z }], on_success: z }, z: { input: '${steps.a.output == null ? 1 : steps.a.output.size()}' } }\n",
        Machine + "states: { a: { tool: skill.strict, input: { n: 1 }, on_success: z, on_error: e }, e: { transitions: [{ condition: error != null && error.code == \"X\" && error.category == \"TRANSIENT\", target: z }, { condition: 'error.category «constant-condition»== \"bad\"', target: z }, { condition: 'steps.a.status «constant-condition»== \"done\"', target: z }], on_success: z }, z: }\n",
    ];

    private static string[] Limits =>
    [
        Machine + "states: { «missing-on-error»a: { tool: skill.http_call, on_success: w }, «missing-on-error»w: { wait: { signal: go, timeout: 1s }, on_success: v }, v: { wait: { signal: go }, on_success: e }, e: { tool: skill.echo, on_success: x }, x: { tool: skill.http_call, on_success: z, on_error: z }, z: { tool: skill.http_call } }\n",
        Graph + "steps: [{ id: a, tool: skill.http_call }, { id: n, planner: fsm, initial_state: x, final_states: [z], states: { x: { tool: skill.http_call, on_success: z }, z: } }]\n",
        Head + "policies: { deadline: 30s }\nplanner: dag\nsteps: [{ id: a, tool: skill.echo, timeout: 10s, «beyond-limit»retry: { max_attempts: 3 } }, { id: b, tool: skill.echo, timeout: 9s, retry: { max_attempts: 3 } }, { id: c, tool: skill.echo, «beyond-limit»timeout: 31s }, { id: d, tool: skill.echo }]\n",
        Graph + "steps: [{ id: n, timeout: 5s, planner: dag, steps: [{ id: a, tool: skill.echo, «beyond-limit»timeout: 6s }, { id: b, tool: skill.echo, timeout: 4s }] }]\n",
    ];

    private static string[] Machines =>
    [
        Head + "planner: fsm\ninitial_state: «unknown-state»start\nfinal_states: [done, «unknown-state»gone]\nstates: { begin: { on_success: «unknown-state»dne }, done: {} }\n",
        Machine + "states: { a: { transitions: [{ condition: 'true', target: «unknown-state»nowhere }], on_error: «unknown-state»zz }, z: {} }\n",
        Machine + "states: { a: { on_success: b }, «no-way-out»b: {}, «unreachable-state»z: {} }\n",
        Machine + "states: { a: { on_success: z }, z: { «final-with-exit»on_success: a, «final-with-exit»transitions: [], on_error: a } }\n",
        Machine + "states: { a: { on_success: z }, «unreachable-state»b: { on_success: z }, z: {} }\n",
        Machine + "states: { a: { on_success: z, on_error: b }, «no-path-to-final»b: { on_success: c }, «no-path-to-final»c: { on_success: b }, z: {} }\n",
        Machine + "states: { a: { on_success: z, outcome: «unused-outcome»x }, z: { outcome: y } }\n",
        Machine + "states: { a: { on_success: z, planner: fsm, initial_state: i, final_states: [i], states: { i: { outcome: «unused-outcome»x } } }, z: {} }\n",
    ];

    private static string[] Graphs =>
    [
        Graph + "steps: [{ id: a, depends_on: [«dependency-cycle»a] }]\n",
        Graph + "steps: [{ id: a, depends_on: [x, «dependency-cycle»c] }, { id: b, depends_on: [a] }, { id: c, depends_on: [b] }, { id: x }, { id: after, depends_on: [c] }]\n",
        Graph + "steps: [{ id: a, depends_on: [«dependency-cycle»b] }, { id: b, depends_on: [a] }, { id: c, depends_on: [«dependency-cycle»d] }, { id: d, depends_on: [c] }]\n",
    ];
}
