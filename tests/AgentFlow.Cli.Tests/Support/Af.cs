using System.Diagnostics;
using System.Text;

namespace AgentFlow.Cli.Tests.Support;

/// <summary>What a user has: a folder, a shell and <c>af</c>. Each test gets its own.</summary>
internal sealed class Af : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>Says hello.</summary>
    public const string Echo = """
        language: 1
        name: echo
        version: 1.0.0
        input: { type: object, required: [message], properties: { message: { type: string, minLength: 1 }, n: { type: integer } } }
        planner: fsm
        initial_state: say
        final_states: [say]
        states:
          say: { tool: skill.echo, input: { message: "${input.message}", confidence: 0.5 }, outcome: said }
        """;

    /// <summary>Waits for the signal "go".</summary>
    public const string Hold = """
        language: 1
        name: hold
        version: 1.0.0
        planner: fsm
        initial_state: before
        final_states: [after]
        states:
          before: { tool: skill.echo, input: { at: before }, on_success: hold }
          hold: { wait: { signal: go }, on_success: after }
          after: { tool: skill.echo, input: { got: "${steps.hold.output}" }, outcome: released }
        """;

    /// <summary>Fails unless it is told otherwise.</summary>
    public const string Fussy = """
        language: 1
        name: fussy
        version: 1.0.0
        input: { type: object, required: [message], properties: { message: { type: string } } }
        planner: fsm
        initial_state: look
        final_states: [fine]
        states:
          look:
            tool: skill.echo
            input: { ok: "${input.message == 'ok'}" }
            transitions: [ { condition: "output.ok", target: fine } ]
          fine: { tool: skill.echo, outcome: fine }
        """;

    /// <summary>Waits for the signal "go" when the input says so.</summary>
    public const string Choosy = """
        language: 1
        name: choosy
        version: 1.0.0
        planner: fsm
        initial_state: look
        final_states: [done]
        states:
          look: { tool: skill.echo, input: {}, transitions: [ { condition: "input.hold", target: hold } ], on_success: done }
          hold: { wait: { signal: go }, on_success: done }
          done: { tool: skill.echo, input: {}, outcome: done }
        """;

    private static readonly string Configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;

    public Af() => Folder = Directory.CreateTempSubdirectory("af-test-").FullName;

    public static string Dll { get; } = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "AgentFlow.Cli", Configuration, "af.dll"));

    public string Folder { get; }

    /// <summary>Set for every start; <see langword="null"/> removes.</summary>
    public Dictionary<string, string?> Environment { get; } = new(StringComparer.Ordinal);

    public string Write(string name, string text)
    {
        string path = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    public Task<AfResult> RunAsync(params string[] arguments) => RunAsync(input: "", arguments);

    public async Task<AfResult> RunAsync(string input, string[] arguments)
    {
        using AfProcess process = Start(arguments);
        return await process.EndAsync(input);
    }

    /// <summary>What is started instead of <see cref="Dll"/>: another build of <c>af</c>.</summary>
    public string Program { get; init; } = Dll;

    public AfProcess Start(params string[] arguments) => new(ProcessOf("dotnet", [Program, .. arguments]));

    /// <summary>Starts it under another program.</summary>
    /// <param name="program">The program and its own arguments.</param>
    public AfProcess StartUnder(string[] program, params string[] arguments) => new(ProcessOf(program[0], [.. program[1..], "dotnet", Dll, .. arguments]));

    /// <summary>The same under a terminal of 100 columns; what it showed is in <see cref="AfResult.Out"/>.</summary>
    public async Task<AfResult> RunOnTerminalAsync(params string[] arguments)
    {
        string command = string.Join(' ', new[] { "dotnet", Dll }.Concat(arguments).Select(a => $"'{a}'"));
        using var process = new AfProcess(ProcessOf("script", ["-qec", $"stty cols 100; {command}", "/dev/null"], ("TERM", "xterm-256color")));
        return await process.EndAsync("");
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private ProcessStartInfo ProcessOf(string program, string[] arguments, params (string Name, string Value)[] extra)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (string name in start.Environment.Keys.Where(k => k.StartsWith("AF_", StringComparison.Ordinal) || k is "NO_COLOR" or "TERM" or "COLORTERM").ToArray())
        {
            start.Environment.Remove(name);
        }

        // As ./af does.
        start.Environment["DOTNET_TieredPGO"] = "0";
        foreach (var (name, value) in Environment.Select(e => (e.Key, e.Value)).Concat(extra.Select(e => (e.Name, (string?)e.Value))))
        {
            start.Environment[name] = value;
        }

        return start;
    }
}
