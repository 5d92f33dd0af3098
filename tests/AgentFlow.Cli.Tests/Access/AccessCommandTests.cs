using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Access;

public sealed partial class AccessCommandTests : IDisposable
{
    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Verbs_OnAServerThatAsks_DoWhatTheirTokenMay()
    {
        _af.Environment["AF_ACCESS"] = "required";
        _af.Write("echo.yaml", Af.Echo);
        using AfProcess server = _af.Start("serve", "--url", "http://127.0.0.1:0", "-o", "json");
        string address = JsonElement.Parse(await server.LineAsync("url")).GetProperty("url").GetString()!;
        string admin = KeyText().Match(server.ErrorSoFar).Value;
        Assert.NotEqual("", admin);

        _af.Environment["AF_SERVER"] = address;
        AfResult refused = await _af.RunAsync("runs", "list");
        Assert.Equal(ExitCode.Failed, refused.Code);
        Assert.Contains("UNAUTHENTICATED", refused.Error, StringComparison.Ordinal);

        _af.Environment["AF_TOKEN"] = admin;
        Assert.Contains("roles: admin, platform", await OkAsync("whoami"), StringComparison.Ordinal);
        await OkAsync("roles", "save", "runner", "--allow", "workflows.*", "--allow", "runs.read", "--allow", "keys.own", "--workflow", "echo*");
        await OkAsync("users", "create", "ann", "--role", "runner");
        string key = (await OkAsync("keys", "create", "ci", "--user", "ann", "--days", "1")).Trim();
        Assert.Matches(KeyText(), key);
        string list = await OkAsync("keys", "list");
        Assert.Contains("ci", list, StringComparison.Ordinal);
        Assert.DoesNotContain(key, list, StringComparison.Ordinal);
        Assert.Contains("runner", await OkAsync("roles", "list"), StringComparison.Ordinal);

        Assert.Contains("\"status\": \"completed\"", await OkAsync("run", "echo.yaml", "-i", "message=x", "-o", "json", "--token", key), StringComparison.Ordinal);
        AfResult denied = await _af.RunAsync("users", "list", "--token", key);
        Assert.Equal(ExitCode.Failed, denied.Code);
        Assert.Contains("access.read", denied.Error, StringComparison.Ordinal);
        AfResult elsewhere = await _af.RunAsync("runs", "list", "--token", key, "--tenant", "acme");
        Assert.Contains("TENANT_MISMATCH", elsewhere.Error, StringComparison.Ordinal);

        string password = (await OkAsync("tenants", "create", "acme", "--admin", "boss")).Trim();
        Assert.Matches("^[A-Za-z0-9_-]{24}$", password);
        Assert.Contains("acme", await OkAsync("tenants", "list"), StringComparison.Ordinal);
        await OkAsync("users", "disable", "ann");
        Assert.Contains("UNAUTHENTICATED", (await _af.RunAsync("whoami", "--token", key)).Error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, (await _af.RunAsync("whoami", "--token", "two words")).Code);

        server.SendTerminate();
        await server.EndAsync();
        // What was shown once stands nowhere on the disk.
        string[] secrets = [admin.Split('.')[2], key.Split('.')[2], password];
        Assert.All(Directory.GetFiles(_af.Folder, "*", SearchOption.AllDirectories), file =>
            Assert.All(secrets, secret => Assert.Equal(-1, File.ReadAllBytes(file).AsSpan().IndexOf(Encoding.ASCII.GetBytes(secret)))));
    }

    [Fact]
    public async Task Password_OnTheDatabaseItself_OpensADeploymentAgain()
    {
        await OkAsync("users", "create", "ann", "--role", "admin");
        File.WriteAllText(Path.Combine(_af.Folder, "pw"), "a password to come back in\n");
        AfResult changed = await _af.RunAsync("users", "password", "ann", "--password-file", "pw");
        Assert.True(changed.Code == ExitCode.Ok, $"{changed}");
        JsonElement ann = JsonElement.Parse(await OkAsync("users", "list", "-o", "json"))[0];
        Assert.Equal(("ann", true), (ann.GetProperty("name").GetString(), ann.GetProperty("can_log_in").GetBoolean()));
        AfResult weak = await _af.RunAsync("short\n", ["users", "password", "ann"]);
        Assert.Equal(ExitCode.Failed, weak.Code);
        Assert.Contains("at least 12 characters", weak.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, (await _af.RunAsync("users", "password", "ann", "--password-file", "no-such-file")).Code);
    }

    private async Task<string> OkAsync(params string[] arguments)
    {
        AfResult result = await _af.RunAsync(arguments);
        Assert.True(result.Code == ExitCode.Ok, $"af {string.Join(' ', arguments)}: {result}");
        return result.Out;
    }

    [GeneratedRegex(@"afk_\S+\.\S+\.[A-Za-z0-9_-]{43}")]
    private static partial Regex KeyText();
}
