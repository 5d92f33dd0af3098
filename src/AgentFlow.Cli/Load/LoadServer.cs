using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;

namespace AgentFlow.Cli.Load;

/// <summary>A server of its own for one load, in another process, on a database that is gone afterwards.</summary>
internal sealed class LoadServer : IAsyncDisposable
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly string _folder;

    private LoadServer(Process process, string folder, Uri address, string secret) => (_process, _folder, Address, Secret) = (process, folder, address, secret);

    public Uri Address { get; }

    public string Secret { get; }

    /// <summary>Processor time since its start.</summary>
    public TimeSpan Cpu
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    public static async Task<LoadServer> StartAsync(CancellationToken cancelled)
    {
        string folder = Directory.CreateTempSubdirectory("agentflow-load-").FullName;
        string secret = RandomNumberGenerator.GetHexString(64);
        string program = Environment.ProcessPath!;
        string[] self = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
        var start = new ProcessStartInfo(program, [.. self, "serve", "--url", "http://127.0.0.1:0", "-o", "json"]) { WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string name in start.Environment.Keys.Where(k => k.StartsWith("AF_", StringComparison.Ordinal) && k != "AF_AUDIT").ToArray())
        {
            start.Environment.Remove(name);
        }

        start.Environment["AF_DB_DSN"] = "sqlite:" + Path.Combine(folder, "load.db");
        start.Environment["AF_LOG_LEVEL"] = "error";
        start.Environment["SHARED_SECRET"] = secret;
        var process = Process.Start(start)!;
        var errors = new List<string>();
        process.ErrorDataReceived += (_, line) => errors.Add(line.Data ?? "");
        process.BeginErrorReadLine();
        try
        {
            string? said = await process.StandardOutput.ReadLineAsync(cancelled);
            return said is not null
                ? new LoadServer(process, folder, new Uri(JsonElement.Parse(said).GetProperty("url").GetString()!), secret)
                : throw CliException.Failed($"the server for the load did not start: {string.Join(' ', errors.TakeLast(5))}");
        }
        catch
        {
            process.Kill();
            process.Dispose();
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        using (var terminate = Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
        {
            await terminate.WaitForExitAsync();
        }

        using var limit = new CancellationTokenSource(EndLimit);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
