using System.Collections.Concurrent;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Secrets;
using AgentFlow.Server.Configuration;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Secrets;

/// <summary>All places where secrets are kept, asked in order. What comes from elsewhere is kept in memory for a while.</summary>
internal sealed partial class SecretKeeping : ISecretSource, IDisposable
{
    // Names come from definitions, so there are not many; a bound all the same.
    private const int MaxCached = 10_000;
    private static readonly TimeSpan Look = TimeSpan.FromHours(6);

    private readonly List<ISecretProvider> _providers = [];
    private readonly ConcurrentDictionary<(string Tenant, string Name), (Secret Secret, DateTimeOffset Until)> _cache = new();
    private readonly SecretMask _mask;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly TimeSpan _keep;
    private readonly SecretFile? _file;
    private readonly ITimer _watch;

    /// <exception cref="OptionsException">The encrypted file cannot be read.</exception>
    public SecretKeeping(SecretSettings settings, StoreAddress store, SecretMask mask, TimeProvider clock, ILogger log)
    {
        (_mask, _clock, _log, _keep) = (mask, clock, log, settings.Cache);
        // Credentials of the places themselves are secrets that every tool could meet.
        mask.Add(new[] { ("AF_VAULT_TOKEN", settings.Vault?.Token), ("AF_AZURE_CLIENT_SECRET", settings.Azure?.ClientSecret), ("AF_SECRETS_PASSPHRASE", settings.Passphrase) }
            .Where(s => s.Item2 is not null).Select(s => (s.Item1, s.Item2!)));
        foreach (SecretPlace place in settings.Places)
        {
            _providers.Add(place switch
            {
                SecretPlace.File => _file = new SecretFile(settings.FilePath(store), settings.KeyPath(store), settings.Passphrase, clock, mask.Add),
                SecretPlace.Env => new EnvironmentSecrets(settings.Environment, mask.Add),
                SecretPlace.Vault => new VaultSecrets(settings.Vault!),
                _ => new AzureSecrets(settings.Azure!, clock),
            });
        }

        try
        {
            // Read now, so that everything in it is masked from the first line on.
            _file?.All();
        }
        catch (SecretUnavailableException e)
        {
            throw new OptionsException([e.Message]);
        }

        _watch = clock.CreateTimer(_ => WarnOfDue(), null, TimeSpan.Zero, Look);
    }

    public async ValueTask<string?> FindAsync(string tenant, SecretReference reference, CancellationToken cancellationToken) =>
        await FindAsync(tenant, reference.Name, cancellationToken).ConfigureAwait(false) is { } secret && secret.Fields.TryGetValue(reference.Field, out string? value)
            ? value.Length >= SecretMask.LeastLength ? value : throw new SecretUnavailableException($"{reference} is shorter than {SecretMask.LeastLength} characters: it could not be told from other text in what tools answer. Use a longer one.")
            : null;

    /// <summary>Every place's secrets of a tenant; where a name is in two places, the first one counts.</summary>
    /// <exception cref="SecretUnavailableException">A place does not answer or refuses.</exception>
    public async Task<IReadOnlyList<SecretState>> ListAsync(string tenant, CancellationToken cancellationToken)
    {
        var all = new List<SecretState>();
        foreach (ISecretProvider provider in _providers)
        {
            all.AddRange(await provider.ListAsync(tenant, cancellationToken).ConfigureAwait(false));
        }

        return [.. all.DistinctBy(s => s.Name).OrderBy(s => s.Name, StringComparer.Ordinal)];
    }

    /// <summary>One secret; <see langword="null"/> when the tenant has none of that name.</summary>
    /// <exception cref="SecretUnavailableException">A place does not answer or refuses.</exception>
    public async Task<SecretState?> StateAsync(string tenant, string name, CancellationToken cancellationToken) =>
        (await FindAsync(tenant, name, cancellationToken).ConfigureAwait(false))?.State;

    /// <summary>Where a name is, or would be kept; <see langword="null"/> when no place takes secrets.</summary>
    /// <exception cref="SecretUnavailableException">A place does not answer or refuses.</exception>
    public async Task<ISecretProvider?> PlaceAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        foreach (ISecretProvider provider in _providers)
        {
            if (await provider.FindAsync(tenant, name, cancellationToken).ConfigureAwait(false) is not null)
            {
                return provider;
            }
        }

        return _providers.Find(p => p.CanWrite);
    }

    /// <summary>Adds a secret or gives it other values.</summary>
    /// <exception cref="SecretUnavailableException">The place does not answer or refuses.</exception>
    public async Task<SecretState> SetAsync(ISecretProvider place, string tenant, string name, IReadOnlyDictionary<string, string> fields, TimeSpan? rotateEvery, CancellationToken cancellationToken)
    {
        Mask(name, fields);
        SecretState state = await place.SetAsync(tenant, name, fields, rotateEvery, cancellationToken).ConfigureAwait(false);
        _cache.TryRemove((tenant, name), out _);
        return state;
    }

    public async Task<bool> RemoveAsync(ISecretProvider place, string tenant, string name, CancellationToken cancellationToken)
    {
        bool removed = await place.RemoveAsync(tenant, name, cancellationToken).ConfigureAwait(false);
        _cache.TryRemove((tenant, name), out _);
        return removed;
    }

    public void Dispose()
    {
        _watch.Dispose();
        _providers.OfType<IDisposable>().ToList().ForEach(p => p.Dispose());
    }

    private async Task<Secret?> FindAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        DateTimeOffset now = _clock.GetUtcNow();
        foreach (ISecretProvider provider in _providers)
        {
            if (!provider.IsLocal && _cache.TryGetValue((tenant, name), out (Secret Secret, DateTimeOffset Until) kept) && now < kept.Until && kept.Secret.State.Provider == provider.Name)
            {
                return kept.Secret;
            }

            if (await AskAsync(provider, tenant, name, cancellationToken).ConfigureAwait(false) is { } found)
            {
                Mask(name, found.Fields);
                if (!provider.IsLocal)
                {
                    if (_cache.Count >= MaxCached)
                    {
                        _cache.Clear();
                    }

                    _cache[(tenant, name)] = (found, now + _keep);
                }

                return found;
            }
        }

        return null;
    }

    private static async ValueTask<Secret?> AskAsync(ISecretProvider provider, string tenant, string name, CancellationToken cancellationToken)
    {
        try
        {
            return await provider.FindAsync(tenant, name, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new SecretUnavailableException($"The answer of '{provider.Name}' is not what such a vault answers: correct its address.", e);
        }
    }

    private void Mask(string name, IReadOnlyDictionary<string, string> fields) => _mask.Add(fields.Select(f => (new SecretReference(name, f.Key).ToString(), f.Value)));

    /// <summary>Says which secrets of this machine's own file are due. Those of others have their own alarms.</summary>
    private void WarnOfDue()
    {
        try
        {
            DateTimeOffset now = _clock.GetUtcNow();
            foreach (SecretState due in (_file?.All() ?? []).Where(s => s.DueAt <= now))
            {
                Due(_log, due.Name, due.Tenant, due.DueAt!.Value, due.Name);
            }
        }
        catch (SecretUnavailableException e)
        {
            NotReadable(_log, e.Message);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The secret {Name} of tenant {Tenant} was to be replaced by {DueAt:u}. Run af secrets rotate {Again}")]
    private static partial void Due(ILogger logger, string name, string tenant, DateTimeOffset dueAt, string again);

    [LoggerMessage(2, LogLevel.Error, "{Problem}")]
    private static partial void NotReadable(ILogger logger, string problem);
}
