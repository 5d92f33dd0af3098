using System.Diagnostics;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Bridge;

/// <summary>The agent in tests/bridge-agent: a Node program that knows the wire contract and nothing else.</summary>
internal sealed class NodeAgent : IDisposable
{
    private readonly Process _process;
    private readonly Queue<JsonElement> _tasks = new();

    private NodeAgent(Process process, string id) => (_process, Id) = (process, id);

    public string Id { get; }

    public static async Task<NodeAgent> StartAsync(string id, string secret, int orchestrator, string capabilities = "document.read")
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "AgentFlow.slnx")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        var start = new ProcessStartInfo("node", [Path.Combine(folder, "tests", "bridge-agent", "agent.mjs")]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["AGENT_ID"] = id;
        start.Environment["SHARED_SECRET"] = secret;
        start.Environment["COMMAND_CENTER_URL"] = FormattableString.Invariant($"http://127.0.0.1:{orchestrator}");
        start.Environment["CAPABILITIES"] = capabilities;
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("there is no node");
            throw;
        }

        var agent = new NodeAgent(process, id);
        Assert.True((await agent.ReadAsync()).TryGetProperty("listening", out _));
        return agent;
    }

    /// <summary>Has the agent make one call, and gives the answer's body.</summary>
    public async Task<JsonElement> CallAsync(string call, string? argument = null, int status = 200)
    {
        await _process.StandardInput.WriteLineAsync(argument is null ? call : $"{call} {argument}");
        await _process.StandardInput.FlushAsync();
        JsonElement line = await ReadAsync();
        while (line.TryGetProperty("task", out JsonElement task))
        {
            _tasks.Enqueue(task);
            line = await ReadAsync();
        }

        Assert.True(line.TryGetProperty("call", out JsonElement made), $"instead of an answer came {line}");
        Assert.True((call, status) == (made.GetString(), line.GetProperty("status").GetInt32()), line.ToString());
        return line.GetProperty("body");
    }

    /// <summary>The next task that the agent gets.</summary>
    public async Task<JsonElement> TaskAsync()
    {
        if (_tasks.TryDequeue(out JsonElement waiting))
        {
            return waiting;
        }

        JsonElement line = await ReadAsync();
        Assert.True(line.TryGetProperty("task", out JsonElement task), $"instead of a task came {line}");
        return task;
    }

    public void Dispose()
    {
        _process.Kill();
        _process.Dispose();
    }

    private async Task<JsonElement> ReadAsync()
    {
        string? line = await _process.StandardOutput.ReadLineAsync().WaitAsync(Af.Patience);
        return JsonElement.Parse(line ?? throw new InvalidOperationException("the agent ended"));
    }
}
