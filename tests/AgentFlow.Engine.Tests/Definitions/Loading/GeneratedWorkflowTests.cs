using System.Text;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.StateMachine;

namespace AgentFlow.Engine.Tests.Definitions.Loading;

/// <summary>Random files that keep every rule.</summary>
public class GeneratedWorkflowTests
{
    private const int Rounds = 300;

    [Fact]
    public void Load_ValidFile_LoadsWithoutErrorsAndAsWhatWasWritten()
    {
        int seed = Random.Shared.Next(1 << 30);
        for (int round = 0; round < Rounds; round++)
        {
            var generator = new Generator(seed + round);
            string yaml = generator.Workflow();
            LoadResult first = Loading.Load(yaml);
            string context = $"Seed {seed + round}:\n{string.Join('\n', first.Diagnostics)}\n{yaml}";
            Assert.True(first.Definition is not null, context);

            // Warnings may come: a random machine has unreachable states. The scopes are as they were written.
            Assert.True(generator.Ids.SequenceEqual(first.Definition.Nodes.Skip(1).Select(n => n.Id)), context);
            Assert.True(first.Definition.Nodes.OfType<GraphNode>().SelectMany(g => g.Rules.SelectMany((r, i) => r.DependsOn.Select(d => d < i))).All(isEarlier => isEarlier), context);

            WorkflowDefinition second = Loading.Load(yaml).Definition!;
            Assert.Equal(first.Definition.Hash, second.Hash);
            Assert.Equal(Outline(first.Definition), Outline(second));
        }
    }

    private static string Outline(WorkflowDefinition definition) => string.Join('\n', definition.Nodes.Select(n => n switch
    {
        StateMachineNode machine => $"{n.Id} fsm {machine.Initial} {string.Join(';', machine.Rules.Select(r => $"{r.OnSuccess},{r.OnError},{r.IsFinal},{string.Join('|', r.Transitions.Select(t => $"{t.Condition.Source}>{t.Target}"))}"))}",
        GraphNode graph => $"{n.Id} dag {graph.MaxParallel} {string.Join(';', graph.Rules.Select(r => $"{string.Join(',', r.DependsOn)} {r.Condition?.Source} {r.OnError}"))}",
        CallNode call => $"{n.Id} {call.Tool.Contract.Id} {call.Retry.MaxAttempts} {call.AttemptTimeout} {string.Join(',', call.Input?.Expressions.Select(e => e.Source) ?? [])}",
        _ => $"{n.Id} {n.GetType().Name}",
    }));

    private sealed class Generator(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly StringBuilder _yaml = new();
        private int _next;

        /// <summary>Ids in document order.</summary>
        public List<string> Ids { get; } = [];

        public string Workflow()
        {
            _yaml.Append("language: 1\nname: generated\nversion: 1.0.0\nagents:\n  writer: { kind: llm }\n  reader: { kind: rag }\nvars: { limit: 5 }\n");
            if (_random.Next(2) == 0)
            {
                _yaml.Append("defaults: { timeout: 5s, retry: { max_attempts: 2 } }\n");
            }

            Scope("", 0);
            return _yaml.ToString();
        }

        private void Scope(string indent, int depth)
        {
            if (_random.Next(2) == 0)
            {
                Machine(indent, depth);
            }
            else
            {
                Graph(indent, depth);
            }
        }

        private void Machine(string indent, int depth)
        {
            string[] ids = NewIds();
            int finals = _random.Next(1, ids.Length + 1);
            _yaml.Append($"{indent}planner: fsm\n{indent}initial_state: {ids[0]}\n{indent}final_states: [{string.Join(", ", ids[^finals..])}]\n{indent}states:\n");
            for (int i = 0; i < ids.Length; i++)
            {
                _yaml.Append($"{indent}  {ids[i]}:\n");
                string inner = indent + "    ";
                Body(inner, depth, ids[i], ids[..i]);
                if (_random.Next(2) == 0)
                {
                    _yaml.Append($"{inner}on_error: {Any(ids)}\n");
                }

                if (i < ids.Length - finals)
                {
                    if (_random.Next(2) == 0)
                    {
                        _yaml.Append($"{inner}transitions:\n{inner}  - {{ condition: {Condition([ids[i]])}, target: {Any(ids)} }}\n");
                    }

                    _yaml.Append($"{inner}on_success: {ids[i + 1]}\n");
                }
            }
        }

        private void Graph(string indent, int depth)
        {
            string[] ids = NewIds();
            _yaml.Append($"{indent}planner: dag\n{(_random.Next(3) == 0 ? $"{indent}max_parallel: {_random.Next(1, 9)}\n" : "")}{indent}steps:\n");
            for (int i = 0; i < ids.Length; i++)
            {
                string inner = indent + "    ";
                string[] depends = [.. ids[..i].Where(_ => _random.Next(3) == 0)];
                _yaml.Append($"{indent}  - id: {ids[i]}\n{inner}depends_on: [{string.Join(", ", depends)}]\n");
                if (_random.Next(3) == 0)
                {
                    _yaml.Append($"{inner}condition: {Condition(depends)}\n{inner}on_error: {(_random.Next(2) == 0 ? "abort" : "continue")}\n");
                }

                Body(inner, depth, ids[i], depends);
            }
        }

        /// <param name="readable">Steps that have surely been declared before.</param>
        private void Body(string indent, int depth, string id, string[] readable)
        {
            Ids.Add(id);
            switch (_random.Next(depth < 3 ? 6 : 5))
            {
                case 0:
                    _yaml.Append($"{indent}tool: skill.echo\n{indent}input: {Value(readable, 0)}\n{indent}timeout: {_random.Next(1, 60)}s\n");
                    break;
                case 1:
                    _yaml.Append($"{indent}agent: {(_random.Next(2) == 0 ? "writer" : "reader")}\n{indent}retry: {{ max_attempts: {_random.Next(1, 9)}, jitter: 0.{_random.Next(10)} }}\n");
                    break;
                case 2:
                    _yaml.Append($"{indent}wait: {(_random.Next(2) == 0 ? "{ for: 1h30m }" : "{ signal: go, timeout: 2d }")}\n");
                    break;
                case 3:
                    _yaml.Append($"{indent}input: {Value(readable, 0)}\n");
                    break;
                case 4:
                    _yaml.Append($"{indent}description: \"nothing: at # all\"\n");
                    break;
                default:
                    Scope(indent, depth + 1);
                    break;
            }
        }

        private string Condition(string[] readable) => _random.Next(4) switch
        {
            0 when readable.Length > 0 => $"steps.{Any(readable)}.status == 'succeeded'",
            1 => "\"output.x > vars.limit && !(error != null)\"",
            2 => "'size(input.items) > 0 || env.FORCE == \"1\"'",
            _ => "true",
        };

        private string Value(string[] readable, int depth) => _random.Next(depth < 3 ? 8 : 6) switch
        {
            0 => _random.Next(-1_000, 1_000).ToString(),
            1 => "true",
            2 => "'it''s ${input.name}, $${literally}'",
            3 => "\"tab\\t${vars.limit}\\u00e9\"",
            4 when readable.Length > 0 => $"\"${{steps.{Any(readable)}.output}}\"",
            5 => "plain text",
            6 => $"[{string.Join(", ", Enumerable.Range(0, _random.Next(4)).Select(_ => Value(readable, depth + 1)))}]",
            _ => $"{{ a: {Value(readable, depth + 1)}, \"b c\": {Value(readable, depth + 1)} }}",
        };

        private string[] NewIds() => [.. Enumerable.Range(0, _random.Next(1, 7)).Select(_ => $"s{_next++}")];

        private string Any(string[] ids) => ids[_random.Next(ids.Length)];
    }
}
