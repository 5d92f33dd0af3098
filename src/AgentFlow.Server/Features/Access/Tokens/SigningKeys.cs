using System.Security.Cryptography;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>
/// The keys of this deployment. A process makes its own key when it first signs, publishes the public half in the store and
/// keeps the private half in memory alone: there is no file, row or backup to steal it from, and a process that is gone can
/// sign nothing more. After <paramref name="signsFor"/> a new key takes over; the old one is published until the last token
/// under it has expired. Safe for concurrent calls.
/// </summary>
internal sealed class SigningKeys(ITokenStore store, UlidFactory ids, TimeProvider clock, TimeSpan signsFor) : IDisposable
{
    // Tokens name keys that nobody knows as fast as they can be sent: the store is asked at most once in this time.
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    /// <summary>How long another process may take to hear that a key was retired.</summary>
    private static readonly TimeSpan Slowest = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _signing = new(1, 1);
    private readonly SemaphoreSlim _reading = new(1, 1);
    private volatile Dictionary<string, (VerificationKey Key, long RetiresAt)> _known = [];
    private long _readAt;
    private long _ownSince;
    private ECDsa? _own;
    private string _ownId = "";
    private DateTimeOffset _ownUntil;
    private long _ownRetires;
    private volatile string _superseded = "";

    /// <summary>Signs what <paramref name="write"/> makes of the key's name.</summary>
    public async ValueTask<(byte[] Signed, byte[] Signature)> SignAsync(Func<string, byte[]> write, CancellationToken cancellationToken)
    {
        await _signing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_own is null || clock.GetUtcNow() >= _ownUntil || _superseded == _ownId)
            {
                await RotateAsync(cancellationToken).ConfigureAwait(false);
            }

            byte[] signed = write(_ownId);
            return (signed, _own!.SignData(signed, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
        }
        finally
        {
            _signing.Release();
        }
    }

    /// <summary>The key of that name, of whatever process; <see langword="null"/> when none is published.</summary>
    public async ValueTask<VerificationKey?> FindAsync(string id, CancellationToken cancellationToken)
    {
        if (Known(id) is { } known)
        {
            return known;
        }

        // Ids are ULIDs of this deployment's own making: nothing else is worth asking for.
        if (!Ulid.TryParse(id, out _))
        {
            return null;
        }

        long asked = clock.GetTimestamp();
        await _reading.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Whoever waited behind a reading that began after they came has its answer.
            if (Known(id) is { } read)
            {
                return read;
            }

            if (_readAt != 0 && _readAt >= asked)
            {
                return null;
            }

            TimeSpan since = _readAt == 0 ? LookAgain : clock.GetElapsedTime(_readAt);
            if (since < LookAgain)
            {
                await Task.Delay(LookAgain - since, clock, cancellationToken).ConfigureAwait(false);
            }

            _readAt = clock.GetTimestamp();
            await ReadAsync(cancellationToken).ConfigureAwait(false);
            return Known(id);
        }
        finally
        {
            _reading.Release();
        }
    }

    /// <summary>
    /// Takes note of what was retired, here or by another process: a key that verifies nothing any more takes with it what it
    /// verified, and one whose end was brought forward signs nothing more.
    /// </summary>
    public async Task FollowAsync(CancellationToken cancellationToken)
    {
        long began;
        await _reading.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            began = clock.GetTimestamp();
            await ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _reading.Release();
        }

        await _signing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // A key that was made after the reading is not in it.
            if (_own is not null && _ownSince <= began && (!_known.TryGetValue(_ownId, out var own) || own.RetiresAt < _ownRetires))
            {
                _superseded = _ownId;
            }
        }
        finally
        {
            _signing.Release();
        }
    }

    /// <summary>Lets every process sign with a new key. What was signed before is good until it expires.</summary>
    /// <returns>The keys that sign nothing any more.</returns>
    public async Task<IReadOnlyList<SigningKey>> RotateAllAsync(CancellationToken cancellationToken)
    {
        // Others hear of it a moment later and sign until then.
        long at = (clock.GetUtcNow() + Slowest + TokenValidator.MaxLifetime + TokenValidator.Leeway).ToUnixTimeMilliseconds();
        SigningKey[] ended = [.. (await PublishedAsync(cancellationToken).ConfigureAwait(false)).Where(k => !(k.RetiresAt <= at))];
        foreach (SigningKey key in ended)
        {
            await store.RetireSigningKeyAsync(key.Id, at, cancellationToken).ConfigureAwait(false);
        }

        await FollowAsync(cancellationToken).ConfigureAwait(false);
        return [.. ended.Select(k => k with { RetiresAt = at })];
    }

    /// <summary>Ends a key and everything that it signed: here at once, elsewhere with the next look.</summary>
    /// <returns>The key; <see langword="null"/> when none of that name is published.</returns>
    public async Task<SigningKey?> RetireAsync(string id, CancellationToken cancellationToken)
    {
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        SigningKey? key = (await PublishedAsync(cancellationToken).ConfigureAwait(false)).FirstOrDefault(k => k.Id == id);
        if (key is null || !await store.RetireSigningKeyAsync(id, now, cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        await FollowAsync(cancellationToken).ConfigureAwait(false);
        return key with { RetiresAt = now };
    }

    /// <summary>The public keys under which tokens may be out now, newest first.</summary>
    public async ValueTask<IReadOnlyList<SigningKey>> PublishedAsync(CancellationToken cancellationToken)
    {
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        IReadOnlyList<SigningKey> all = await store.ListSigningKeysAsync(cancellationToken).ConfigureAwait(false);
        return [.. all.Where(k => !(k.RetiresAt <= now))];
    }

    public void Dispose()
    {
        _signing.Dispose();
        _reading.Dispose();
        _own?.Dispose();
    }

    private VerificationKey? Known(string id) =>
        _known.TryGetValue(id, out var known) && clock.GetUtcNow().ToUnixTimeMilliseconds() < known.RetiresAt ? known.Key : null;

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        var keys = new Dictionary<string, (VerificationKey, long)>(StringComparer.Ordinal);
        foreach (SigningKey key in await PublishedAsync(cancellationToken).ConfigureAwait(false))
        {
            keys[key.Id] = (_known.TryGetValue(key.Id, out var known) ? known.Key : Import(key.Id, key.PublicKey.Span), key.RetiresAt ?? long.MaxValue);
        }

        // Whoever removes a key from the store ends what it signed.
        foreach ((string id, (VerificationKey key, _)) in _known)
        {
            if (!keys.ContainsKey(id))
            {
                key.Withdraw();
            }
        }

        _known = keys;
    }

    private async Task RotateAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        string id = ids.Create().ToString();
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        try
        {
            DateTimeOffset until = now + signsFor;
            long retires = (until + TokenValidator.MaxLifetime + TokenValidator.Leeway).ToUnixTimeMilliseconds();
            // Published before anything is signed with it: no process can meet a token whose key it cannot find.
            await store.AddSigningKeyAsync(new SigningKey(id, nameof(SignatureAlgorithm.ES256), key.ExportSubjectPublicKeyInfo(), default, now.ToUnixTimeMilliseconds(), retires), cancellationToken).ConfigureAwait(false);
            _own?.Dispose();
            (_own, _ownId, _ownUntil, _ownRetires, _ownSince) = (key, id, until, retires, clock.GetTimestamp());
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    private static VerificationKey Import(string id, ReadOnlySpan<byte> publicKey)
    {
        using var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(publicKey, out _);
        return VerificationKey.OfPoint(id, key.ExportParameters(false).Q);
    }
}
