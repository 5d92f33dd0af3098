using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using AgentFlow.Contracts.Errors;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Http;

/// <summary>
/// Keeps those who show no credentials, or none that hold, from filling the audit: of each source and action the first refusal
/// of a minute is written as it is, before its answer; the others are counted, and the count is written when the minute is
/// over. Whoever sends from many addresses shares one count once there are too many.
/// </summary>
internal sealed partial class AnonymousRefusals(AuditRecorder recorder, TimeProvider clock, ILogger log) : BackgroundService
{
    /// <summary>How long one count lasts.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    /// <summary>Most counts at once: the audit grows by at most twice as many records in a minute, and two.</summary>
    public const int MostCounts = 128;

    private const string Others = "others";

    private readonly ConcurrentDictionary<(string Source, string Action), Count> _counts = new();

    /// <summary>Counts that are kept now.</summary>
    internal int Counts => _counts.Count;

    /// <summary>Writes a refusal down, or counts it.</summary>
    /// <exception cref="ProblemException"><c>AUDIT_UNAVAILABLE</c>.</exception>
    public async Task RefuseAsync(HttpContext context, string action, string resource, Problem problem)
    {
        string source = SourceOf(context.Connection.RemoteIpAddress);
        var key = (source, action);
        if (!_counts.ContainsKey(key) && _counts.Count >= MostCounts)
        {
            key = (Others, RefusalAudit.Denied);
        }

        var first = new Count(clock.GetUtcNow().ToUnixTimeMilliseconds(), clock.GetTimestamp());
        Count count = _counts.GetOrAdd(key, first);
        if (ReferenceEquals(count, first))
        {
            await recorder.RefuseAsync(context, Tenant.Default, action, resource, problem, key.Item1).ConfigureAwait(false);
        }
        else
        {
            count.Add(problem.Code);
        }
    }

    /// <summary>Writes the counts whose time is over.</summary>
    /// <param name="all">Those whose time is not over as well.</param>
    internal async Task WriteAsync(bool all, CancellationToken cancellationToken)
    {
        foreach (((string source, string action) key, Count count) in _counts)
        {
            if (!all && clock.GetElapsedTime(count.Began) < Window)
            {
                continue;
            }

            // Whoever counted on it a moment ago has counted; whoever comes now begins the next one.
            _counts.TryRemove(key, out _);
            (long times, string codes) = count.End();
            if (times == 0)
            {
                continue;
            }

            try
            {
                await recorder.SummarizeAsync(Tenant.Default, key.action, $"source:{key.source}", codes, times, count.Since, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                NotWritten(log, times, key.source, e.Message);
            }
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken).ConfigureAwait(false);
        await WriteAsync(all: true, cancellationToken).ConfigureAwait(false);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ticks = new PeriodicTimer(Window / 6, clock);
        try
        {
            while (await ticks.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                await WriteAsync(all: false, stoppingToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // StopAsync writes what is left.
        }
    }

    /// <summary>The address; of IPv6 the network, because one sender has all of it.</summary>
    internal static string SourceOf(IPAddress? address)
    {
        if (address is null)
        {
            return "local";
        }

        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        if (address.AddressFamily != AddressFamily.InterNetworkV6 || IPAddress.IsLoopback(address))
        {
            return address.ToString();
        }

        byte[] bytes = address.GetAddressBytes();
        Array.Clear(bytes, 8, 8);
        return new IPAddress(bytes) + "/64";
    }

    private sealed class Count(long since, long began)
    {
        private const int MostCodes = 8;

        private readonly Lock _gate = new();
        private readonly SortedSet<string> _codes = new(StringComparer.Ordinal);
        private long _times;

        public long Since => since;

        public long Began => began;

        public void Add(string code)
        {
            lock (_gate)
            {
                _times++;
                if (_codes.Count < MostCodes)
                {
                    _codes.Add(code);
                }
            }
        }

        public (long Times, string Codes) End()
        {
            lock (_gate)
            {
                return (_times, string.Join(' ', _codes));
            }
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "{Times} refused request(s) without valid credentials from {Source} could not be audited: {Reason}")]
    private static partial void NotWritten(ILogger logger, long times, string source, string reason);
}
