using System.Threading.Channels;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using Npgsql;
using NpgsqlTypes;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Tells other processes what this one committed, and this one what they did. Announcements are gathered for 10 ms and sent
/// as one notification; a lost one costs time, nothing else.
/// </summary>
internal sealed class PostgresNews : IAsyncDisposable
{
    /// <summary>A notification holds less than 8,000 bytes; a word with its space is 28.</summary>
    private const int WordsPerNotification = 250;

    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(10);

    private readonly PostgresDatabase _database;
    private readonly Channel<bool> _wake = System.Threading.Channels.Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly Task _loop;
    private HashSet<string> _words = new(StringComparer.Ordinal);
    private volatile bool _heard;

    public PostgresNews(PostgresDatabase database, string channel)
    {
        _database = database;
        Channel = channel;
        _loop = Task.Run(SendAsync, CancellationToken.None);
    }

    public event Action<StoreNews>? Arrived;

    /// <summary>What the processes on one schema listen to.</summary>
    public string Channel { get; }

    /// <summary>
    /// Whether another process listens. One that comes says so itself, and renewals count who is there; nothing is announced
    /// into the void, because that would cost a lone process a tenth of its throughput.
    /// </summary>
    public bool Heard
    {
        get => _heard;
        set => _heard = value;
    }

    public static async Task<string> ChannelAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand("SELECT 'agentflow_' || to_hex(hashtext(current_schema()))", connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    public void Raise(StoreNews news) => Arrived?.Invoke(news);

    /// <summary>Runs are there to claim.</summary>
    public void AnnounceWork() => Announce("w");

    /// <summary>Something is in the inbox of a run that another process owns.</summary>
    public void AnnounceItem(Ulid run) => Announce("i" + run);

    public void AnnounceEnd(Ulid run) => Announce("e" + run);

    /// <summary>Announces work before it returns, for a process that is about to go.</summary>
    public Task AnnounceWorkNowAsync(CancellationToken cancellationToken) => SendAsync(["w"], cancellationToken);

    /// <summary>Lets the others know that there is somebody to tell things.</summary>
    public Task AnnounceSelfAsync(CancellationToken cancellationToken) => SendAsync([], cancellationToken);

    /// <summary>Takes a notification from another process apart.</summary>
    public void Receive(string payload)
    {
        string[] words = payload.Split(' ');
        if (words[0] == _database.Tag)
        {
            return;
        }

        _heard = true;
        foreach (string word in words.AsSpan(1))
        {
            if (word == "w")
            {
                Raise(new StoreNews(StoreNewsKind.WorkAvailable));
            }
            else if (word.Length > 0 && Ulid.TryParse(word.AsSpan(1), out Ulid run))
            {
                Raise(new StoreNews(word[0] == 'i' ? StoreNewsKind.ItemArrived : StoreNewsKind.RunEnded, run));
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _stop.Dispose();
    }

    private void Announce(string word)
    {
        if (!_heard)
        {
            return;
        }

        lock (_gate)
        {
            if (!_words.Add(word))
            {
                return;
            }
        }

        _wake.Writer.TryWrite(true);
    }

    private async Task SendAsync()
    {
        try
        {
            while (await _wake.Reader.WaitToReadAsync(_stop.Token).ConfigureAwait(false))
            {
                _wake.Reader.TryRead(out _);
                HashSet<string> words;
                lock (_gate)
                {
                    (words, _words) = (_words, new HashSet<string>(StringComparer.Ordinal));
                }

                await SendAsync(words, _stop.Token).ConfigureAwait(false);
                await Task.Delay(Gathering, _stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
        }
    }

    private async Task SendAsync(IReadOnlyCollection<string> words, CancellationToken cancellationToken)
    {
        List<string> payloads = [.. words.Chunk(WordsPerNotification).DefaultIfEmpty([]).Select(chunk => _database.Tag + " " + string.Join(' ', chunk))];
        try
        {
            await _database.ReadAsync(
                async (connection, token) =>
                {
                    // A notification needs no disk: what it speaks of is durable already.
                    using var notify = new NpgsqlCommand("SELECT set_config('synchronous_commit', 'off', true), count(pg_notify($1, p)) FROM unnest($2) AS p", connection);
                    notify.Parameters.Value(Channel).Values(payloads, NpgsqlDbType.Text);
                    return await notify.ExecuteNonQueryAsync(token).ConfigureAwait(false);
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            // Lost news only makes others look later; the renewal reports a server that is gone.
        }
    }
}
