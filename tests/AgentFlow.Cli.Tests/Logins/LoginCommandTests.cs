using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Logins;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed partial class LoginCommandTests : IAsyncLifetime
{
    private readonly Af _af = new();
    private AfProcess _server = null!;
    private string _address = "";
    private string _password = "";

    private string Config => Path.Combine(_af.Folder, "config");

    private string LoginPath => Assert.Single(Directory.GetFiles(Path.Combine(Config, "agentflow", "logins"), "*.json"));

    public async ValueTask InitializeAsync()
    {
        _af.Environment["XDG_CONFIG_HOME"] = Config;
        _af.Environment["AF_ACCESS"] = "required";
        _server = _af.Start("serve", "--url", "http://127.0.0.1:0", "-o", "json");
        _address = JsonElement.Parse(await _server.LineAsync("url")).GetProperty("url").GetString()!;
        _password = PasswordText().Match(_server.ErrorSoFar).Groups[1].Value;
        Assert.NotEqual("", _password);
        _af.Environment["AF_SERVER"] = _address;
    }

    public async ValueTask DisposeAsync()
    {
        _server.SendTerminate();
        await _server.EndAsync();
        _server.Dispose();
        _af.Dispose();
    }

    [Fact]
    public async Task Login_FromAPipe_IsKeptPrivatelyAndUsedUntilLogout()
    {
        AfResult login = await _af.RunAsync(_password + "\n", ["login", "--user", "admin", "-o", "json"]);
        Assert.True(login.Code == ExitCode.Ok, $"{login}");
        Assert.Equal(("admin", "default"), (JsonElement.Parse(login.Out).GetProperty("user").GetString(), JsonElement.Parse(login.Out).GetProperty("tenant").GetString()));
        JsonObject kept = JsonNode.Parse(File.ReadAllText(LoginPath))!.AsObject();
        string[] secrets = [_password, (string)kept["access_token"]!, (string)kept["refresh_token"]!];
        Assert.All(secrets, s => Assert.DoesNotContain(s, login.Out + login.Error, StringComparison.Ordinal));
        Assert.DoesNotContain(_password, File.ReadAllText(LoginPath), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(LoginPath));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(LoginPath)!));

        Assert.Contains("user:", (await OkAsync("whoami")).Out, StringComparison.Ordinal);
        // What the user says goes before the login, even when it does not hold.
        _af.Environment["AF_TOKEN"] = "made-up";
        Assert.Contains("UNAUTHENTICATED", (await _af.RunAsync("whoami")).Error, StringComparison.Ordinal);
        _af.Environment["AF_TOKEN"] = null;
        Assert.Contains("TENANT_MISMATCH", (await _af.RunAsync("whoami", "--tenant", "acme")).Error, StringComparison.Ordinal);

        await OkAsync("logout");
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(LoginPathOrFolder())!, "*.json"));
        Assert.Contains("UNAUTHENTICATED", (await _af.RunAsync("whoami")).Error, StringComparison.Ordinal);
        // The tokens are void at the server, too: whoever copied the file has nothing.
        await PutBackAsync(kept);
        AfResult copied = await _af.RunAsync("whoami");
        Assert.Equal(ExitCode.Failed, copied.Code);
        kept["renew_at"] = "2020-01-01T00:00:00+00:00";
        await PutBackAsync(kept);
        Assert.Contains("Log in again: af login", (await _af.RunAsync("whoami")).Error, StringComparison.Ordinal);
        Assert.Contains("there is no login", (await OkAsync("logout")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verbs_AfterTheAccessTokenExpired_ExchangeTheRefreshTokenOnce()
    {
        Assert.Equal(ExitCode.Ok, (await _af.RunAsync(_password, ["login", "--user", "admin"])).Code);
        JsonObject kept = JsonNode.Parse(File.ReadAllText(LoginPath))!.AsObject();
        string first = (string)kept["refresh_token"]!;
        kept["renew_at"] = "2020-01-01T00:00:00+00:00";
        await PutBackAsync(kept);

        // Several at once: whoever came second would present a token that was exchanged, and end the login.
        AfResult[] results = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => _af.RunAsync("whoami")));
        Assert.All(results, r => Assert.True(r.Code == ExitCode.Ok, $"{r}"));
        JsonObject next = JsonNode.Parse(File.ReadAllText(LoginPath))!.AsObject();
        Assert.NotEqual(first, (string)next["refresh_token"]!);
        await OkAsync("whoami");
        Assert.Equal((string)next["refresh_token"]!, (string)JsonNode.Parse(File.ReadAllText(LoginPath))!["refresh_token"]!);
    }

    [Fact]
    public async Task Login_ThatCannotBe_SaysWhyAndKeepsNothing()
    {
        AfResult wrong = await _af.RunAsync("not the password", ["login", "--user", "admin"]);
        Assert.Equal(ExitCode.Failed, wrong.Code);
        Assert.Contains("UNAUTHENTICATED", wrong.Error, StringComparison.Ordinal);
        AfResult empty = await _af.RunAsync("", ["login", "--user", "admin"]);
        Assert.Equal(ExitCode.Usage, empty.Code);
        Assert.Contains("password is empty", empty.Error, StringComparison.Ordinal);
        Assert.Contains("--user", (await _af.RunAsync("x", ["login"])).Error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, (await _af.RunAsync("login", "--user", "admin", "--password-file", "nothing")).Code);
        // There is no way to put the password on the command line.
        Assert.Equal(ExitCode.Usage, (await _af.RunAsync("login", "--user", "admin", "--password", _password)).Code);
        _af.Environment["AF_SERVER"] = null;
        Assert.Contains("name the server", (await _af.RunAsync(_password, ["login", "--user", "admin"])).Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Config) && Directory.GetFiles(Config, "*.json", SearchOption.AllDirectories).Length > 0);
    }

    [Fact]
    public async Task Login_FileThatOthersMayReadOrThatIsDamaged_IsNotUsed()
    {
        Assert.Equal(ExitCode.Ok, (await _af.RunAsync(_password, ["login", "--user", "admin"])).Code);
        string path = LoginPath;
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        AfResult open = await _af.RunAsync("whoami");
        Assert.Equal(ExitCode.Failed, open.Code);
        Assert.Contains("chmod 600", open.Error, StringComparison.Ordinal);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(path, "{\"server\":");
        Assert.Contains("Log in again", (await _af.RunAsync("whoami")).Error, StringComparison.Ordinal);
        await _af.RunAsync("logout");
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task Quota_AndSigningKeys_OverALogin()
    {
        Assert.Equal(ExitCode.Ok, (await _af.RunAsync(_password, ["login", "--user", "admin"])).Code);
        await OkAsync("tenants", "create", "acme");
        Assert.Contains("unlimited", (await OkAsync("tenants", "quota", "acme")).Out, StringComparison.Ordinal);
        string table = (await OkAsync("tenants", "quota", "acme", "--runs", "7", "--storage", "2GiB", "--workflows", "unlimited")).Out;
        Assert.Matches(@"runs\s+7\s+tenant\s+0", table);
        Assert.Matches(@"storage\s+2147483648\s+tenant\s+\d+", table);
        JsonElement quotas = JsonElement.Parse((await OkAsync("tenants", "quota", "acme", "--runs", "default", "-o", "json")).Out);
        Assert.Equal("none", quotas.GetProperty("quotas")[0].GetProperty("source").GetString());
        AfResult bad = await _af.RunAsync("tenants", "quota", "acme", "--runs", "-3");
        Assert.NotEqual(ExitCode.Ok, bad.Code);
        Assert.Contains("TENANT_NOT_FOUND", (await _af.RunAsync("tenants", "quota", "nobody")).Error, StringComparison.Ordinal);

        JsonElement keys = JsonElement.Parse((await OkAsync("keys", "signing", "list", "-o", "json")).Out);
        string id = keys[0].GetProperty("id").GetString()!;
        await OkAsync("keys", "signing", "rotate");
        await OkAsync("whoami");
        await OkAsync("keys", "signing", "retire", id);
        Assert.Contains("UNAUTHENTICATED", (await _af.RunAsync("whoami")).Error, StringComparison.Ordinal);
    }

    private string LoginPathOrFolder() => Path.Combine(Config, "agentflow", "logins", "x");

    private async Task PutBackAsync(JsonObject login)
    {
        string server = (string)login["server"]!;
        string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(server)))[..12];
        string path = Path.Combine(Config, "agentflow", "logins", $"{new Uri(server).Authority.Replace(':', '_')}-{hash}.json");
        await File.WriteAllTextAsync(path, login.ToJsonString());
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private async Task<AfResult> OkAsync(params string[] arguments)
    {
        AfResult result = await _af.RunAsync(arguments);
        Assert.True(result.Code == ExitCode.Ok, $"af {string.Join(' ', arguments)}: {result}");
        return result;
    }

    [GeneratedRegex(@"password +(\S+)")]
    private static partial Regex PasswordText();
}
