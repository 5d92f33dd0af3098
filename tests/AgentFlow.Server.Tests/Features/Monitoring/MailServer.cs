using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Monitoring;

/// <summary>npm's smtp-server, running (tests/smtp).</summary>
internal sealed class MailServer : IDisposable
{
    private readonly Process _process;

    private MailServer(Process process, int port)
    {
        _process = process;
        Port = port;
    }

    public int Port { get; }

    public static async Task<MailServer> StartAsync()
    {
        string folder = Repository.Folder("tests", "smtp");
        Assert.SkipUnless(Directory.Exists(Path.Combine(folder, "node_modules", "smtp-server")), "npm's smtp-server is not installed: npm ci --prefix tests/smtp, which ./test does where node and npm are");
        var process = Process.Start(new ProcessStartInfo("node", ["server.mjs"]) { WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true })!;
        string? port = await process.StandardOutput.ReadLineAsync();
        return new MailServer(process, int.Parse(port ?? throw new InvalidOperationException("smtp-server did not start"), CultureInfo.InvariantCulture));
    }

    /// <summary>The next mail: <c>from</c>, <c>to</c>, <c>user</c>, <c>text</c>.</summary>
    public async Task<JsonElement> NextAsync() => JsonElement.Parse(await _process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60)) ?? "null");

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
