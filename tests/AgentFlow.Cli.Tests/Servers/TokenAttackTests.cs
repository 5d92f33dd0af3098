using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AgentFlow.Cli.Tests.Durability;
using AgentFlow.Cli.Tests.Support;
using AgentFlow.Cli.Tests.Support.Disks;

namespace AgentFlow.Cli.Tests.Servers;

/// <summary>What a real server asks of the kernel while forged tokens come: seen from outside, call by call.</summary>
public sealed partial class TokenAttackTests
{
    private const string Marker = "forged-key";

    [Fact]
    public async Task Serve_ForgedTokens_Are401AndOpenNoFileAndNoConnection()
    {
        Assert.SkipWhen(SystemCallLog.Missing is not null, SystemCallLog.Missing ?? "");
        using var af = new Af();
        af.Environment["AF_ACCESS"] = "required";
        string log = Path.Combine(af.Folder, "calls");
        string secret = Path.Combine(af.Folder, Marker + ".pem");
        using var mine = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await File.WriteAllTextAsync(secret, mine.ExportSubjectPublicKeyInfoPem());
        using var trap = new TcpListener(IPAddress.Loopback, 0);
        trap.Start();
        string url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)trap.LocalEndpoint).Port}/{Marker}");

        using ServedAf server = await ServedAf.StartAsync(af, ["strace", "-f", "--seccomp-bpf", "-e", "signal=none", "-e", "trace=open,openat,openat2,connect,execve", "-s", "300", "-o", log]);
        string password = PasswordText().Match(server.Process.ErrorSoFar).Groups[1].Value;
        using HttpResponseMessage login = await server.Http.PostAsJsonAsync("/api/v1/auth/token", new { grant_type = "password", username = "admin", password });
        string genuine = (await login.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("access_token").GetString()!;
        // Once each way, so that what is loaded for the first time is loaded.
        Assert.Equal(HttpStatusCode.OK, await AskAsync(server, genuine));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(server, genuine + "x"));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(server, genuine[..^10] + "AAAAAAAAAA"));
        int before = (await ReadAsync(log)).Length;

        string claims = genuine.Split('.')[1];
        string[] headers =
        [
            """{"alg":"none","typ":"at+jwt","kid":"x"}""",
            $$"""{"alg":"ES256","typ":"at+jwt","kid":"{{secret}}"}""",
            $$"""{"alg":"ES256","typ":"at+jwt","kid":"../../../../../../../..{{secret}}"}""",
            $$"""{"alg":"ES256","typ":"at+jwt","kid":"file://{{secret}}"}""",
            $$"""{"alg":"ES256","typ":"at+jwt","kid":"{{url}}"}""",
            $$"""{"alg":"ES256","typ":"at+jwt","kid":"x","jku":"{{url}}"}""",
            $$"""{"alg":"ES256","typ":"at+jwt","kid":"x","x5u":"{{url}}"}""",
            $$"""{"alg":"ES256","typ":"at+jwt","kid":"' UNION SELECT readfile('{{secret}}') --"}""",
        ];
        foreach (string header in headers)
        {
            string signed = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header))}.{claims}";
            byte[] signature = mine.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
            Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(server, $"{signed}.{Base64Url.EncodeToString(signature)}"));
        }

        Assert.Equal(HttpStatusCode.OK, await AskAsync(server, genuine));
        Assert.False(trap.Pending());
        string[] calls = await ReadAsync(log);
        // The log sees what there is to see: the database was opened.
        Assert.Contains(calls[..before], c => c.Contains("agentflow.db", StringComparison.Ordinal));
        Assert.DoesNotContain(calls, c => c.Contains(Marker, StringComparison.Ordinal));
        Assert.DoesNotContain(calls[before..], c => c.Contains("connect(", StringComparison.Ordinal) || c.Contains("execve(", StringComparison.Ordinal));
        // The runtime looks at its own limits from time to time, and what is refused is audited in the server's own folder.
        Assert.DoesNotContain(calls[before..], c => c.Contains("open", StringComparison.Ordinal) && !SystemFile().IsMatch(c));
        await server.KillAsync();
    }

    private static async Task<HttpStatusCode> AskAsync(ServedAf server, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/auth/whoami");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage response = await server.Http.SendAsync(request);
        return response.StatusCode;
    }

    /// <summary>The log so far, whole lines.</summary>
    private static async Task<string[]> ReadAsync(string log)
    {
        await using var file = new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        return (await reader.ReadToEndAsync()).Split('\n')[..^1];
    }

    [GeneratedRegex(@"password +(\S+)")]
    private static partial Regex PasswordText();

    [GeneratedRegex("\"(/proc/|/sys/)|\\.(dll|so)[.0-9]*\"|/\\.af/")]
    private static partial Regex SystemFile();
}
