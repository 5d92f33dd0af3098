using AgentFlow.Client;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Cli.Logins;

/// <summary>Gives the access token of a login that is kept, a new one when the old one is about to expire.</summary>
internal sealed class StoredLogin(LoginFile file, Login login, TimeProvider clock)
{
    private volatile Login _login = login;

    /// <summary>The login to a server; <see langword="null"/> when there is none.</summary>
    public static StoredLogin? Find(ServerAddress server)
    {
        var file = new LoginFile(server);
        return file.Read() is { } login ? new StoredLogin(file, login, TimeProvider.System) : null;
    }

    /// <exception cref="CliException">The login has ended.</exception>
    public async ValueTask<string> TokenAsync(CancellationToken cancelled)
    {
        if (_login.IsFresh(clock.GetUtcNow()))
        {
            return _login.AccessToken;
        }

        // The lock keeps other requests of this process out as well.
        using IDisposable alone = await file.LockAsync(cancelled);
        try
        {
            // Somebody else may have been here.
            _login = file.Read() ?? throw Ended();
            if (!_login.IsFresh(clock.GetUtcNow()))
            {
                using var client = new AgentFlowClient(new AgentFlowClientOptions(file.Server));
                // Not given up half-way: a token that was exchanged and whose answer nobody read would be lost.
                TokenPair next = await client.RefreshAsync(_login.RefreshToken, CancellationToken.None);
                _login = Login.Of(_login.Server, _login.Tenant, _login.User, next, clock.GetUtcNow());
                file.Write(_login);
            }

            return _login.AccessToken;
        }
        catch (AgentFlowException e) when (e.Code == ErrorCode.Unauthenticated.Code)
        {
            file.Remove();
            throw Ended();
        }
    }

    private CliException Ended() => CliException.Failed($"your login to {file.Server} has ended. Log in again: af login --server {file.Server} --user {_login.User}");
}
