using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using AgentFlow.Contracts.Ids;

namespace AgentFlow.Benchmarks.Processes;

/// <summary>A process of this program that executes runs.</summary>
internal sealed class WorkerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _reading;

    private WorkerProcess(Process process)
    {
        _process = process;
        _reading = ReadAsync();
    }

    /// <summary>Runs that it accepted.</summary>
    public ConcurrentDictionary<Ulid, bool> Accepted { get; } = new();

    /// <summary>Runs whose end it has on disk.</summary>
    public ConcurrentDictionary<Ulid, bool> Ended { get; } = new();

    public static async Task<WorkerProcess> StartAsync(string address, string ledger, int maxSteps = 1024)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(WorkerProcess).Assembly.Location);
        }

        foreach (string argument in new[] { "worker", address, ledger, maxSteps.ToString(CultureInfo.InvariantCulture) })
        {
            start.ArgumentList.Add(argument);
        }

        var worker = new WorkerProcess(Process.Start(start)!);
        await worker._ready.Task;
        return worker;
    }

    public async Task StartRunsAsync(int count)
    {
        await _process.StandardInput.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"start {count}"));
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Ends the process without a word to it (SIGKILL).</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        await _reading;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync();
        }

        await _reading;
        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            string[] words = line.Split(' ');
            switch (words[0])
            {
                case "ready":
                    _ready.TrySetResult();
                    break;
                case "accepted":
                    Accepted[Ulid.Parse(words[1])] = true;
                    break;
                case "ended":
                    Ended[Ulid.Parse(words[1])] = true;
                    break;
            }
        }

        _ready.TrySetException(new InvalidOperationException("A worker process ended before it was ready."));
    }
}
