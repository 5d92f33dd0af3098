using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>A running <c>af serve</c>, or <c>af worker</c>, and a client to it.</summary>
internal sealed class ServedAf : IDisposable
{
    private readonly Af _af;

    private ServedAf(Af af, AfProcess process, int port)
    {
        _af = af;
        Process = process;
        Port = port;
        Http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = Af.Patience };
    }

    public AfProcess Process { get; }

    public int Port { get; }

    public HttpClient Http { get; }

    /// <summary>Starts a server in the folder and waits until it takes work.</summary>
    /// <param name="under">A program to run it under, with its arguments.</param>
    public static async Task<ServedAf> StartAsync(Af af, string[]? under = null, int? port = null, string verb = "serve")
    {
        int free = port ?? FreePort();
        string[] arguments = [verb, "--url", string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{free}")];
        var served = new ServedAf(af, under is null ? af.Start(arguments) : af.StartUnder(under, arguments), free);
        try
        {
            await served.ReadyAsync();
            return served;
        }
        catch
        {
            served.Dispose();
            throw;
        }
    }

    public async Task SaveAsync(string workflow)
    {
        using HttpResponseMessage saved = await Http.PostAsync("/api/v1/workflows", new StringContent(workflow, Encoding.UTF8, "application/yaml"));
        Assert.True(saved.IsSuccessStatusCode, await saved.Content.ReadAsStringAsync());
    }

    /// <summary>Asks for a run.</summary>
    /// <param name="key">The idempotency key.</param>
    public async Task<HttpResponseMessage> PostRunAsync(string workflow, bool isAsync, object? input = null, string? key = null, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/workflows/{workflow}/execute{(isAsync ? "?async=true" : "")}")
        {
            Content = JsonContent.Create(new { input = input ?? new { } }),
        };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return await Http.SendAsync(request, cancellationToken);
    }

    /// <returns>The id of a run that was accepted (or, without <paramref name="isAsync"/>, has ended).</returns>
    public async Task<string> ExecuteAsync(string workflow, bool isAsync, object? input = null, string? key = null)
    {
        using HttpResponseMessage response = await PostRunAsync(workflow, isAsync, input, key);
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == (isAsync ? HttpStatusCode.Accepted : HttpStatusCode.OK), body);
        using JsonDocument run = JsonDocument.Parse(body);
        return run.RootElement.GetProperty(isAsync ? "job_id" : "id").GetString()!;
    }

    public async Task SignalAsync(string run, string name, string id)
    {
        using HttpResponseMessage response = await Http.PostAsJsonAsync($"/api/v1/runs/{run}/signal", new { name, id });
        Assert.True(response.StatusCode == HttpStatusCode.Accepted, await response.Content.ReadAsStringAsync());
    }

    /// <returns>The status of a run; <see langword="null"/> when there is no such run.</returns>
    public async Task<string?> StatusAsync(string run)
    {
        using HttpResponseMessage response = await Http.GetAsync($"/api/v1/runs/{run}");
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("status").GetString();
    }

    /// <summary>Waits until a run has a status.</summary>
    public async Task BecomesAsync(string run, string status)
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        string? now;
        while ((now = await StatusAsync(run)) != status)
        {
            Assert.False(patience.IsCancellationRequested || now is null, $"run {run} is {now ?? "gone"} instead of {status}\n{Process.ErrorSoFar}");
            await Task.Delay(20, CancellationToken.None);
        }
    }

    public async Task<List<JsonElement>> EventsAsync(string run)
    {
        var events = new List<JsonElement>();
        string? next = $"/api/v1/runs/{run}/events?limit=500";
        while (next is not null)
        {
            JsonElement page = await Http.GetFromJsonAsync<JsonElement>(next);
            events.AddRange(page.GetProperty("items").EnumerateArray());
            next = page.GetProperty("next_cursor") is { ValueKind: not JsonValueKind.Null } cursor ? $"/api/v1/runs/{run}/events?limit=500&from={cursor}" : null;
        }

        return events;
    }

    /// <summary>Every run that the server knows.</summary>
    public async Task<List<string>> RunsAsync()
    {
        var runs = new List<string>();
        string? next = "/api/v1/runs?page[size]=200";
        while (next is not null)
        {
            JsonElement page = await Http.GetFromJsonAsync<JsonElement>(next);
            runs.AddRange(page.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("id").GetString()!));
            next = page.GetProperty("next_cursor") is { ValueKind: not JsonValueKind.Null } cursor ? $"/api/v1/runs?page[size]=200&page[cursor]={Uri.EscapeDataString(cursor.ToString())}" : null;
        }

        return runs;
    }

    /// <summary>Kills the server itself with signal 9, and not the program that it runs under; returns once that has ended too.</summary>
    public async Task KillAsync()
    {
        string owner = Directory.GetFiles(_af.Folder, "*.owner", SearchOption.AllDirectories).Single();
        using (Process server = System.Diagnostics.Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(owner), CultureInfo.InvariantCulture)))
        {
            server.Kill();
        }

        await Process.EndAsync();
    }

    public void Dispose()
    {
        Http.Dispose();
        Process.Dispose();
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task ReadyAsync()
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        while (true)
        {
            try
            {
                using HttpResponseMessage ready = await Http.GetAsync("/readyz", patience.Token);
                if (ready.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                Assert.False(Process.HasExited, Process.ErrorSoFar);
            }

            await Task.Delay(20, patience.Token);
        }
    }
}
