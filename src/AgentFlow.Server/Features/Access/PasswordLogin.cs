using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access;

/// <summary>
/// Checks passwords. A check is slow on purpose, so only a few run at once and only a few wait; nobody learns from the answer
/// or its time whether the tenant, the user or the password was wrong.
/// </summary>
internal sealed class PasswordLogin(IAccessStore store) : IDisposable
{
    private const int MaxWaiting = 64;

    private readonly SemaphoreSlim _slots = new(Math.Max(1, Environment.ProcessorCount / 2));
    private int _waiting;

    /// <summary>The user of that name and password; <see langword="null"/> when there is none who may log in.</summary>
    /// <exception cref="ProblemException"><c>RATE_LIMITED</c>: too many checks wait.</exception>
    public async ValueTask<UserAccount?> TryAsync(string tenant, string name, string password, CancellationToken cancellationToken)
    {
        UserAccount? user = null;
        if (TenantName.IsValid(tenant) && await store.FindTenantAsync(tenant, cancellationToken).ConfigureAwait(false) is { DisabledAt: null })
        {
            user = await store.FindUserAsync(tenant, name, cancellationToken).ConfigureAwait(false);
        }

        string stored = user is { DisabledAt: null, PasswordHash.Length: > 0 } ? user.PasswordHash : PasswordHash.Nobody;
        PasswordCheck check = await RunAsync(() => PasswordHash.Verify(password, stored), cancellationToken).ConfigureAwait(false);
        if (!check.Ok || user is null)
        {
            return null;
        }

        if (check.IsOutdated)
        {
            // Only now is the password at hand; a change in between goes before it.
            string stronger = await CreateAsync(password, cancellationToken).ConfigureAwait(false);
            if (await store.SetPasswordAsync(tenant, user.Id, stronger, stored, cancellationToken).ConfigureAwait(false))
            {
                return user with { PasswordHash = stronger };
            }
        }

        return user;
    }

    /// <summary>The stored form of a new password.</summary>
    /// <exception cref="ProblemException"><c>RATE_LIMITED</c>: too many checks wait.</exception>
    public ValueTask<string> CreateAsync(string password, CancellationToken cancellationToken) => RunAsync(() => PasswordHash.Create(password), cancellationToken);

    public void Dispose() => _slots.Dispose();

    private async ValueTask<T> RunAsync<T>(Func<T> work, CancellationToken cancellationToken)
    {
        try
        {
            if (Interlocked.Increment(ref _waiting) > MaxWaiting)
            {
                throw new ProblemException(ErrorCode.RateLimited, "Too many passwords are being checked. Send it again after the given time.");
            }

            await _slots.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await Task.Run(work, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                _slots.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }
}
