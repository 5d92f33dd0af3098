using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Servers;

public sealed class ServeCommandTests : IDisposable
{
    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Theory]
    [InlineData("http://127.0.0.1:0")]
    [InlineData("unix:./af.sock")]
    public async Task Serve_Address_IsWhereVerbsFindIt(string url)
    {
        _af.Write("echo.yaml", Af.Echo);
        using AfProcess server = _af.Start("serve", "--url", url, "-o", "json");
        string address = JsonElement.Parse(await server.LineAsync("url")).GetProperty("url").GetString()!;
        AfResult run = await _af.RunAsync("run", "echo.yaml", "-i", "message=Hello", "-o", "json", "--server", address);
        Assert.True(run.Code == ExitCode.Ok, $"{run}");
        string id = JsonElement.Parse(run.Out).GetProperty("id").GetString()!;

        _af.Environment["AF_SERVER"] = address;
        Assert.Contains(id, (await _af.RunAsync("runs", "list")).Out, StringComparison.Ordinal);
        Assert.Contains("skill.echo", (await _af.RunAsync("tools", "list")).Out, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Ok, (await _af.RunAsync("validate", "echo.yaml")).Code);

        server.SendTerminate();
        AfResult stopped = await server.EndAsync();
        Assert.True(stopped.Code == ExitCode.Ok, $"{stopped}");
        Assert.Equal(ExitCode.Unreachable, (await _af.RunAsync("runs", "list")).Code);
    }

    [Fact]
    public async Task Serve_DatabaseInUse_SaysHowToGoOn()
    {
        using AfProcess server = _af.Start("serve", "--url", "http://127.0.0.1:0");
        await server.LineAsync("AgentFlow serves");
        AfResult second = await _af.RunAsync("runs", "list");
        Assert.Equal((ExitCode.Unreachable, ""), (second.Code, second.Out));
        Assert.Contains("--server", second.Error, StringComparison.Ordinal);
        Assert.Contains("DATABASE_LOCKED", second.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", second.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Serve_AddressInUse_SaysSo()
    {
        using AfProcess server = _af.Start("serve", "--url", "http://127.0.0.1:0", "-o", "json");
        string address = JsonElement.Parse(await server.LineAsync("url")).GetProperty("url").GetString()!;
        _af.Environment["AF_DB_DSN"] = "sqlite:other.db";
        AfResult second = await _af.RunAsync("serve", "--url", address);
        Assert.Equal(ExitCode.Failed, second.Code);
        Assert.Contains("--url", second.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--url", "http://0.0.0.0:8000")]
    [InlineData("--url", "nowhere")]
    public async Task Serve_ImpossibleAddress_IsMisuse(params string[] options)
    {
        AfResult result = await _af.RunAsync(["serve", .. options]);
        Assert.Equal(ExitCode.Usage, result.Code);
        Assert.Contains($"--url {options[1]}: ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnyVerb_NoServerThere_SaysHowToStartOne()
    {
        AfResult result = await _af.RunAsync("runs", "list", "--server", "http://127.0.0.1:9");
        Assert.Equal((ExitCode.Unreachable, ""), (result.Code, result.Out));
        Assert.Contains("No AgentFlow server answers at http://127.0.0.1:9", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnyVerb_ImpossibleSetting_IsMisuse()
    {
        _af.Environment["AF_DB_DSN"] = "mysql://user:secret@db/af";
        AfResult result = await _af.RunAsync("runs", "list");
        Assert.Equal(ExitCode.Usage, result.Code);
        Assert.Contains("AF_DB_DSN", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnyVerb_FileThatIsNoDatabase_SaysSo()
    {
        _af.Write("my.db", new string('x', 5000));
        _af.Environment["AF_DB_DSN"] = "sqlite:my.db";
        AfResult result = await _af.RunAsync("runs", "list");
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("cannot open the database my.db", result.Error, StringComparison.Ordinal);
    }
}
