using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Access.Oidc;

/// <summary>npm's oidc-provider, running (tests/oidc).</summary>
public sealed class OidcProvider : IDisposable
{
    private readonly Process _process;
    private readonly HttpClient _http;

    private OidcProvider(Process process, int port)
    {
        _process = process;
        Issuer = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = new Uri(Issuer) };
    }

    public string Issuer { get; }

    private static string Folder { get; } = Find();

    public static async Task<OidcProvider> StartAsync()
    {
        Assert.SkipUnless(Directory.Exists(Path.Combine(Folder, "node_modules", "oidc-provider")), "npm's oidc-provider is not installed: npm ci --prefix tests/oidc, which ./test does where node and npm are");
        var process = Process.Start(new ProcessStartInfo("node", ["provider.mjs"]) { WorkingDirectory = Folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        string? port = await process.StandardOutput.ReadLineAsync();
        return new OidcProvider(process, int.Parse(port ?? throw new InvalidOperationException("oidc-provider did not start"), CultureInfo.InvariantCulture));
    }

    /// <summary>An access token for a client of its own.</summary>
    public async Task<string> AccessTokenAsync(string alg, params (string Name, string Value)[] parameters) =>
        (await TokenAsync(alg, [("grant_type", "client_credentials"), ("resource", "urn:agentflow"), ("scope", "work"), .. parameters])).GetProperty("access_token").GetString()!;

    /// <summary>What somebody gets who logs in with a browser.</summary>
    public async Task<(string AccessToken, string IdToken)> LogInAsync(string alg)
    {
        var at = new Uri($"{Issuer}/auth?client_id=app-{alg}&response_type=code&redirect_uri={Uri.EscapeDataString("https://app.example.com/back")}&scope=openid%20work&resource=urn:agentflow&nonce=n");
        while (at.Host == "127.0.0.1")
        {
            using HttpResponseMessage step = await _http.GetAsync(at);
            Assert.True(step.Headers.Location is not null, $"{at}: {await step.Content.ReadAsStringAsync()}");
            at = new Uri(at, step.Headers.Location!);
        }

        string code = at.Query.TrimStart('?').Split('&').Single(p => p.StartsWith("code=", StringComparison.Ordinal))[5..];
        JsonElement tokens = await TokenAsync(alg, [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", "https://app.example.com/back"), ("resource", "urn:agentflow")]);
        return (tokens.GetProperty("access_token").GetString()!, tokens.GetProperty("id_token").GetString()!);
    }

    /// <summary>New keys instead of the old ones.</summary>
    public async Task RotateAsync() => (await _http.GetAsync("/test/rotate")).EnsureSuccessStatusCode();

    /// <summary>How often its documents were fetched.</summary>
    public async Task<int> FetchesAsync() => int.Parse(await _http.GetStringAsync("/test/fetches"), CultureInfo.InvariantCulture);

    public void Dispose()
    {
        _http.Dispose();
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private async Task<JsonElement> TokenAsync(string alg, (string Name, string Value)[] parameters)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/token")
        {
            Content = new FormUrlEncodedContent(parameters.Select(p => KeyValuePair.Create(p.Name, p.Value))),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"app-{alg}:a+secret+of+the+tests")));
        using HttpResponseMessage response = await _http.SendAsync(request);
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        return JsonElement.Parse(body);
    }

    private static string Find()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "AgentFlow.slnx")))
        {
            folder = folder.Parent;
        }

        return Path.Combine(folder?.FullName ?? throw new InvalidOperationException("The tests do not run inside the repository."), "tests", "oidc");
    }
}
