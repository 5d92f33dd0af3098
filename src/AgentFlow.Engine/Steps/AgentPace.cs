using System.Globalization;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Agents;

namespace AgentFlow.Engine.Steps;

/// <summary>
/// Counts what registered agents do in any 60 seconds against their rates, for the steps of this process. Whoever comes when a rate is used up
/// is told when it is its turn, and that turn is kept for it: it is told once, and in the order of coming. Safe for concurrent use.
/// </summary>
internal sealed class AgentPace
{
    private const long Window = 60_000;
    private const int MostTurns = 4096;

    private readonly Dictionary<(string Tenant, string Agent, bool Leaps), Meter> _meters = [];
    private readonly Lock _gate = new();

    /// <summary>Asks for one attempt.</summary>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="leaps">The agent lives in a simulated time, which goes at once to whatever is waited for: it stands still otherwise.</param>
    /// <returns>How long to wait before asking again, and for which rate; <see langword="null"/>: go on.</returns>
    public (long WaitMs, string Rate)? Ask(string tenant, KnownPolicy known, (Ulid Run, int Step, int Attempt) who, long now, bool leaps)
    {
        if (known.Policy is { RequestsPerMinute: null, TokensPerMinute: null })
        {
            return null;
        }

        lock (_gate)
        {
            Meter meter = Of(tenant, known.Agent, leaps);
            meter.Now = leaps ? meter.Now : Math.Max(meter.Now, now);
            if (known.Policy.TokensPerMinute is { } tokens && meter.UntilTokens(tokens) is > 0 and var dry)
            {
                meter.Now += leaps ? dry : 0;
                return (dry, string.Create(CultureInfo.InvariantCulture, $"{tokens} tokens a minute"));
            }

            if (known.Policy.RequestsPerMinute is { } requests && meter.UntilTurn(requests, who) is > 0 and var wait)
            {
                meter.Now += leaps ? wait : 0;
                return (wait, string.Create(CultureInfo.InvariantCulture, $"{requests} requests a minute"));
            }

            return null;
        }
    }

    /// <summary>Counts the tokens of an attempt that has ended.</summary>
    public void Spent(string tenant, KnownPolicy known, long tokens, long now, bool leaps)
    {
        if (known.Policy.TokensPerMinute is not null && tokens > 0)
        {
            lock (_gate)
            {
                Meter meter = Of(tenant, known.Agent, leaps);
                meter.Now = leaps ? meter.Now : Math.Max(meter.Now, now);
                meter.Spend(tokens);
            }
        }
    }

    private Meter Of(string tenant, string agent, bool leaps)
    {
        if (!_meters.TryGetValue((tenant, agent, leaps), out Meter? meter))
        {
            _meters.Add((tenant, agent, leaps), meter = new Meter());
        }

        return meter;
    }

    /// <summary>One agent's last 60 seconds, and the turns that are given out already.</summary>
    private sealed class Meter
    {
        // The latest turns, at most as many as there may be in a window, in order of time; those to come included.
        private readonly Queue<long> _turns = new();
        private readonly Dictionary<(Ulid Run, int Step, int Attempt), long> _kept = [];
        private readonly Queue<(long At, long Tokens)> _spent = new();
        private long _tokens;
        private long _latest;

        public long Now { get; set; }

        public long UntilTurn(int most, (Ulid Run, int Step, int Attempt) who)
        {
            if (_kept.TryGetValue(who, out long kept))
            {
                if (kept <= Now)
                {
                    _kept.Remove(who);
                }

                return kept - Now;
            }

            // A rate that was lowered: what is beyond it now does not count twice.
            while (_turns.Count > most)
            {
                _turns.Dequeue();
            }

            // Nobody overtakes those who wait, not even where the rate was raised.
            long turn = Math.Max(_latest, _turns.Count == most ? Math.Max(Now, _turns.Dequeue() + Window) : Now);
            _turns.Enqueue(_latest = turn);
            if (turn > Now)
            {
                Forget();
                _kept[who] = turn;
            }

            return turn - Now;
        }

        public long UntilTokens(long most)
        {
            while (_spent.TryPeek(out (long At, long Tokens) oldest) && oldest.At + Window <= Now)
            {
                _tokens -= _spent.Dequeue().Tokens;
            }

            if (_tokens < most)
            {
                return 0;
            }

            long left = _tokens;
            return _spent.First(s => (left -= s.Tokens) < most).At + Window - Now;
        }

        public void Spend(long tokens)
        {
            _spent.Enqueue((Now, tokens));
            _tokens += tokens;
        }

        /// <summary>Whoever was cancelled meanwhile does not come back for its turn.</summary>
        private void Forget()
        {
            if (_kept.Count >= MostTurns)
            {
                foreach ((Ulid, int, int) gone in _kept.Where(k => k.Value + Window < Now).Select(k => k.Key).ToArray())
                {
                    _kept.Remove(gone);
                }
            }
        }
    }
}
