using System.Collections.Concurrent;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Config;

/// <summary>
/// The settings that hold, for every tenant, and changing them. Reading one costs a look into memory: what others change on a
/// shared store, and in the file, is looked for every second.
/// </summary>
internal sealed partial class ConfigBook : IAsyncDisposable
{
    private const int Attempts = 10;
    private const int MaxTenants = 10_000;
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, ConfigState> _tenants = new(StringComparer.Ordinal);
    private readonly IConfigStore _store;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly Action<ServerOptions> _apply;
    private readonly bool _isShared;
    private readonly Settings _started;
    private readonly CancellationTokenSource _stop = new();
    private int _disposed;
    private readonly Task _loop;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ServerOptions _options;

    /// <param name="apply">Takes over the live settings of a file that has changed.</param>
    public ConfigBook(IConfigStore store, ServerOptions options, TimeProvider clock, ILogger log, Action<ServerOptions> apply)
    {
        (_store, _options, _clock, _log, _apply, _isShared, _started) = (store, options, clock, log, apply, options.Store.IsShared, options.Given);
        _loop = Task.Run(LookAsync, CancellationToken.None);
    }

    /// <summary>What holds for a tenant now.</summary>
    public async ValueTask<TenantConfig> OfAsync(string tenant, CancellationToken cancellationToken)
    {
        if (!_tenants.TryGetValue(tenant, out ConfigState? state))
        {
            state = await _store.ReadAsync(tenant, cancellationToken).ConfigureAwait(false);
            if (_tenants.Count >= MaxTenants)
            {
                // Names of tenants come from callers.
                _tenants.Clear();
            }

            _tenants[tenant] = state;
        }

        return new TenantConfig(_started, Volatile.Read(ref _options).Given, state);
    }

    /// <summary>Sets, or with a <see langword="null"/> value gives up, one setting.</summary>
    /// <param name="note">Called with each change before it is written; what it throws stops the change.</param>
    /// <returns>The version that holds the value; the present one when nothing had to be changed.</returns>
    public Task<long> SetAsync(string tenant, ConfigKey key, string? value, string actor, Func<ConfigVersion, Task> note, CancellationToken cancellationToken) =>
        ChangeAsync(tenant, actor, null, state => [new ConfigChange(key, state.Values.GetValueOrDefault(key), value)], note, cancellationToken);

    /// <summary>Makes the values of an earlier version hold again, as a new version.</summary>
    /// <param name="version">0: as if nothing had ever been set.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such version.</exception>
    public async Task<long> RollBackAsync(string tenant, long version, string actor, Func<ConfigVersion, Task> note, CancellationToken cancellationToken)
    {
        // Undone one by one, the newest first, the changes since then lead to what was.
        IReadOnlyList<ConfigVersion> since = await SinceAsync(tenant, version, cancellationToken).ConfigureAwait(false);
        var then = new Dictionary<ConfigKey, string?>();
        foreach (ConfigChange change in since.SelectMany(v => v.Changes))
        {
            then[change.Key] = change.From;
        }

        return await ChangeAsync(
            tenant, actor, version, state => [.. then.Select(t => new ConfigChange(t.Key, state.Values.GetValueOrDefault(t.Key), t.Value))], note, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask<IReadOnlyList<ConfigVersion>> HistoryAsync(string tenant, long before, int max, CancellationToken cancellationToken) => _store.HistoryAsync(tenant, before, max, cancellationToken);

    /// <summary>Waits until a tenant has a newer version than this, at most for a time.</summary>
    /// <param name="stopping">Ends the wait early.</param>
    /// <returns>The newest version.</returns>
    public async Task<long> WaitAsync(string tenant, long after, TimeSpan most, CancellationToken stopping, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping);
        limit.CancelAfter(most);
        while (true)
        {
            Task changed = Volatile.Read(ref _changed).Task;
            long version = (await OfAsync(tenant, cancellationToken).ConfigureAwait(false)).Version;
            if (version > after || limit.IsCancellationRequested)
            {
                return version;
            }

            await changed.WaitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public async ValueTask DisposeAsync()
    {
        // A host whose start failed is disposed twice.
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            await _stop.CancelAsync().ConfigureAwait(false);
            await _loop.ConfigureAwait(false);
            _stop.Dispose();
        }
    }

    private async Task<long> ChangeAsync(
        string tenant, string actor, long? rollbackTo, Func<ConfigState, IEnumerable<ConfigChange>> changes, Func<ConfigVersion, Task> note, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            ConfigState state = await _store.ReadAsync(tenant, cancellationToken).ConfigureAwait(false);
            ConfigChange[] real = [.. changes(state).Where(c => c.From != c.To)];
            if (real.Length == 0)
            {
                return state.Version;
            }

            var version = new ConfigVersion(state.Version + 1, _clock.GetUtcNow().ToUnixTimeMilliseconds(), actor, rollbackTo, real);
            await note(version).ConfigureAwait(false);
            if (await _store.AppendAsync(tenant, version, cancellationToken).ConfigureAwait(false))
            {
                _tenants[tenant] = await _store.ReadAsync(tenant, cancellationToken).ConfigureAwait(false);
                Announce();
                return version.Version;
            }

            if (attempt == Attempts)
            {
                throw new ConfigContendedException();
            }
        }
    }

    /// <summary>Versions above one, the newest first.</summary>
    private async Task<IReadOnlyList<ConfigVersion>> SinceAsync(string tenant, long version, CancellationToken cancellationToken)
    {
        long newest = (await _store.ReadAsync(tenant, cancellationToken).ConfigureAwait(false)).Version;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(version, newest);
        ArgumentOutOfRangeException.ThrowIfNegative(version);
        var since = new List<ConfigVersion>();
        while (newest - since.Count > version)
        {
            IReadOnlyList<ConfigVersion> page = await _store.HistoryAsync(tenant, newest - since.Count + 1, (int)Math.Min(500, newest - since.Count - version), cancellationToken).ConfigureAwait(false);
            if (page.Count == 0)
            {
                break;
            }

            since.AddRange(page);
        }

        return since;
    }

    private void Announce() => Interlocked.Exchange(ref _changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    private async Task LookAsync()
    {
        bool failed = false;
        DateTime file = Stamp();
        while (!_stop.IsCancellationRequested)
        {
            await Task.Delay(LookEvery, _clock, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (Stamp() is var now && now != file)
            {
                file = now;
                Reload();
            }

            if (!_isShared)
            {
                continue;
            }

            try
            {
                await LookIntoStoreAsync().ConfigureAwait(false);
                failed = false;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                if (!failed)
                {
                    NotRead(_log, e);
                }

                failed = true;
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task LookIntoStoreAsync()
    {
        bool changed = false;
        foreach ((string tenant, long version) in await _store.VersionsAsync(_stop.Token).ConfigureAwait(false))
        {
            if (!_tenants.TryGetValue(tenant, out ConfigState? known) || known.Version != version)
            {
                _tenants[tenant] = await _store.ReadAsync(tenant, _stop.Token).ConfigureAwait(false);
                changed = true;
            }
        }

        if (changed)
        {
            Announce();
        }
    }

    private DateTime Stamp() => _options.Given.FilePath is { } path ? File.GetLastWriteTimeUtc(path) : default;

    /// <summary>Takes over what may change while the server runs, and says what waits for a restart.</summary>
    private void Reload()
    {
        ServerOptions before = _options;
        ServerOptions after;
        try
        {
            after = ServerOptions.From(before.Given.Again());
        }
        catch (OptionsException e)
        {
            NotUsable(_log, before.Given.FilePath!, string.Join("; ", e.Problems));
            return;
        }

        Setting[] changed = [.. SettingSchema.All.Where(s => !s.IsFamily && before.Given[s.Name] != after.Given[s.Name])];
        if (changed.Length == 0)
        {
            return;
        }

        Volatile.Write(ref _options, after);
        _apply(after);
        Announce();
        foreach (Setting setting in changed)
        {
            string value = setting.IsSecret ? "(not shown)" : after.Given[setting.Name] ?? setting.Default;
            if (setting.IsLive)
            {
                Reloaded(_log, setting.Key, value);
            }
            else
            {
                NeedsRestart(_log, setting.Key, value);
            }
        }
    }

    [LoggerMessage(1, LogLevel.Error, "What other processes have set cannot be read; what was read before holds. It is tried again every second")]
    private static partial void NotRead(ILogger logger, Exception exception);

    [LoggerMessage(2, LogLevel.Error, "{File} has changed and is not usable; what was read before holds: {Problems}")]
    private static partial void NotUsable(ILogger logger, string file, string problems);

    [LoggerMessage(3, LogLevel.Information, "{Key} is {Value} from now on")]
    private static partial void Reloaded(ILogger logger, string key, string value);

    [LoggerMessage(4, LogLevel.Warning, "{Key} was changed to {Value}, which takes effect when this process is started again")]
    private static partial void NeedsRestart(ILogger logger, string key, string value);
}

/// <summary>Others change the same tenant's settings all the time.</summary>
internal sealed class ConfigContendedException() : Exception("Others are changing this tenant's settings at the same moment; send it again.");
