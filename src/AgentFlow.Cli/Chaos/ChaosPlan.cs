using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Randomness;

namespace AgentFlow.Cli.Chaos;

/// <summary>What can strike one attempt of a step.</summary>
internal enum ChaosFault
{
    /// <summary>The model's provider answers 429.</summary>
    RateLimited,

    /// <summary>The same, with a Retry-After.</summary>
    RateLimitedFor,

    /// <summary>The provider's answer breaks off in the middle of its JSON.</summary>
    MalformedAnswer,

    /// <summary>The model says nothing.</summary>
    EmptyAnswer,

    /// <summary>The answer arrives a few bytes at a time, over minutes.</summary>
    SlowDrip,

    /// <summary>Instead of an answer the model calls a tool that nobody gave it.</summary>
    WrongTool,

    /// <summary>A tool's output tells whoever reads it to do something else.</summary>
    Injection,

    /// <summary>The tool fails in a way that passes.</summary>
    ToolError,

    /// <summary>The tool never answers.</summary>
    ToolHangs,

    /// <summary>The worker dies before the call; another one reads the journal and goes on.</summary>
    WorkerKilled,

    /// <summary>The worker dies after the call has happened and before its outcome is written.</summary>
    WorkerKilledAfter,
}

/// <summary>One fault and where it strikes.</summary>
/// <param name="Step">Path with visits, as in idempotency keys: <c>write#2</c>.</param>
/// <param name="Attempt">From 1.</param>
internal sealed record ChaosStrike(string Step, int Attempt, ChaosFault Fault);

/// <summary>The faults of one run, as <c>--replay</c> takes them.</summary>
/// <param name="Trace">SHA-256 of the trace that it led to.</param>
internal sealed record ChaosPlan(string Workflow, ulong Seed, IReadOnlyList<ChaosStrike> Strikes, string Verdict, string Trace)
{
    /// <exception cref="CliException">There is no such file, or it is no plan.</exception>
    public static ChaosPlan Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), CliJson.Default.ChaosPlan) is { Strikes: not null } plan ? plan : throw new JsonException("it has no 'strikes'");
        }
        catch (JsonException e)
        {
            throw CliException.Usage($"{path} is no chaos plan: {e.Message} Write one with: af chaos WORKFLOW --save FILE");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"cannot read {path}: {e.Message}");
        }
    }
}

/// <summary>Decides which attempts are struck: by a seed, or as a plan says.</summary>
internal sealed class ChaosDice
{
    private readonly ulong _seed;
    private readonly double _rate;
    private readonly Dictionary<(string, int), ChaosFault>? _plan;

    /// <param name="rate">The probability that an attempt is struck, 0 to 1.</param>
    public ChaosDice(ulong seed, double rate) => (_seed, _rate) = (seed, rate);

    public ChaosDice(IEnumerable<ChaosStrike> strikes) => _plan = strikes.ToDictionary(s => (s.Step, s.Attempt), s => s.Fault);

    /// <summary>What has struck, in order.</summary>
    public List<ChaosStrike> Struck { get; } = [];

    /// <summary>What strikes an attempt. It depends on nothing but the seed and the attempt: one fault less changes no other one.</summary>
    public ChaosFault? Throw(string step, int attempt, ReadOnlySpan<ChaosFault> possible)
    {
        ChaosFault? fault = null;
        if (_plan is not null)
        {
            fault = _plan.TryGetValue((step, attempt), out ChaosFault planned) && possible.Contains(planned) ? planned : null;
        }
        else
        {
            byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{_seed}/{step}/{attempt}"));
            var random = new SeededRandom(BinaryPrimitives.ReadUInt64LittleEndian(hash));
            if ((random.NextUInt64() >> 11) * (1.0 / (1UL << 53)) < _rate && possible.Length > 0)
            {
                fault = possible[(int)(random.NextUInt64() % (ulong)possible.Length)];
            }
        }

        if (fault is { } strikes)
        {
            Struck.Add(new ChaosStrike(step, attempt, strikes));
        }

        return fault;
    }
}
