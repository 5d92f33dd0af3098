using System.Globalization;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Steps;

/// <summary>Whether a call is paid for.</summary>
internal enum Payment
{
    /// <summary>It is.</summary>
    Made,

    /// <summary>The store has to be asked first: <see cref="AgentSpending.TakeAsync"/>.</summary>
    Unknown,

    /// <summary>The month's cap does not have so much left.</summary>
    Refused,
}

/// <summary>
/// The calendar months (UTC) of registered agents that have a cap: what this process has taken of them from the store and not spent. Calls are paid
/// for with the most that they may cost before they begin, and get the rest back. The store gives no more than the cap, whoever asks, so that all
/// processes together stay below it; what a process that dies had taken counts as spent. Safe for concurrent use.
/// </summary>
internal sealed class AgentSpending(IAgentStore agents, TimeProvider clock)
{
    /// <summary>A process takes so many parts of a cap at once, so that not every call asks the store.</summary>
    private const int Parts = 256;

    private const int MostHeld = 65_536;

    private readonly Dictionary<(string Tenant, string Agent), Purse> _purses = [];
    private readonly Dictionary<(Ulid Run, int Step), Held> _held = [];
    private readonly Lock _gate = new();

    /// <summary>Pays for an attempt, once however often it asks.</summary>
    /// <param name="attempt">The attempt; <see langword="null"/> only asks whether it could be paid for.</param>
    /// <param name="most">Billionths of a dollar that it may cost. A call that costs nothing asks for the smallest amount all the same.</param>
    /// <param name="isOwed">It is made whatever it costs.</param>
    public Payment Pay(string tenant, KnownPolicy known, (Ulid Run, int Step, int Number)? attempt, long most, bool isOwed)
    {
        long amount = Math.Max(most, 1);
        lock (_gate)
        {
            Purse purse = Of(tenant, known.Agent);
            Held before = default;
            if (attempt is { } asked && _held.TryGetValue((asked.Run, asked.Step), out before) && before.Attempt == asked.Number)
            {
                return Payment.Made;
            }

            if (purse.Left < amount && !isOwed)
            {
                return purse.RefusedFrom <= amount - purse.Left && purse.RefusedUnder == known.Policy.MonthlyCapNanoDollars && clock.GetElapsedTime(purse.RefusedAt) <= AgentPolicies.BelievedFor ? Payment.Refused : Payment.Unknown;
            }

            if (attempt is { } paid)
            {
                if (_held.Count >= MostHeld)
                {
                    // They stay paid for.
                    _held.Clear();
                }

                purse.Left -= amount;
                _held[(paid.Run, paid.Step)] = new Held(purse, purse.Month, amount + (before.Month == purse.Month ? before.Amount : 0), paid.Number);
            }

            return Payment.Made;
        }
    }

    /// <summary>Takes from the store what a call needs and is not there; afterwards it asks again. Throws what the store throws.</summary>
    public Task TakeAsync(string tenant, KnownPolicy known, long most)
    {
        lock (_gate)
        {
            Purse purse = Of(tenant, known.Agent);
            // Many ask at the same moment: the store is asked once, and whoever has too little then asks again.
            return purse.Exchange is { IsCompleted: false } under ? under : purse.Exchange = FillAsync(tenant, known, purse, Math.Max(most, 1));
        }
    }

    /// <summary>What an attempt has cost; the rest of what it was paid with goes back.</summary>
    /// <param name="reserved">What the run has held back for it: what it was paid with, where another process did that.</param>
    public void Settle(string tenant, KnownPolicy known, (Ulid Run, int Step) step, long reserved, long cost)
    {
        lock (_gate)
        {
            Purse purse = Of(tenant, known.Agent);
            if (!_held.Remove(step, out Held held))
            {
                purse.Left -= Math.Max(0, cost - reserved);
            }
            else if (held.Month == purse.Month)
            {
                purse.Left += held.Amount - cost;
            }

            long kept = 2 * Math.Max(Ahead(known), held.Amount);
            if (purse.Left > kept && purse.Exchange is null or { IsCompleted: true })
            {
                purse.Left -= kept;
                purse.Exchange = GiveBackAsync(tenant, known.Agent, purse.Month, kept);
            }
        }
    }

    /// <summary>The step has ended without a further outcome.</summary>
    public void Release((Ulid Run, int Step) step)
    {
        lock (_gate)
        {
            if (_held.Remove(step, out Held held) && held.Month == held.Purse.Month)
            {
                held.Purse.Left += held.Amount;
            }
        }
    }

    /// <summary>The process ends: what it has not spent is given back, and what it owes is noted. What cannot be written now counts as spent.</summary>
    public async Task ReturnAsync()
    {
        (string Tenant, string Agent, string Month, long Left)[] rest;
        lock (_gate)
        {
            rest = [.. _purses.Where(p => p.Value.Left != 0).Select(p => (p.Key.Tenant, p.Key.Agent, p.Value.Month, p.Value.Left))];
            _purses.Clear();
        }

        await Task.WhenAll(rest.Select(r => GiveBackAsync(r.Tenant, r.Agent, r.Month, r.Left))).ConfigureAwait(false);
    }

    private static long Ahead(KnownPolicy known) => known.Policy.MonthlyCapNanoDollars.GetValueOrDefault() / Parts;

    private async Task FillAsync(string tenant, KnownPolicy known, Purse purse, long amount)
    {
        string month = purse.Month;
        long needed = amount - purse.Left;
        if (needed <= 0)
        {
            return;
        }

        long cap = known.Policy.MonthlyCapNanoDollars.GetValueOrDefault();
        long taken = Math.Max(needed, Ahead(known));
        // The caller holds the lock.
        await Task.Yield();
        if (!await agents.SpendAsync(tenant, known.Agent, month, taken, cap, CancellationToken.None).ConfigureAwait(false)
            && (taken == needed || !await agents.SpendAsync(tenant, known.Agent, month, taken = needed, cap, CancellationToken.None).ConfigureAwait(false)))
        {
            taken = 0;
        }

        lock (_gate)
        {
            if (purse.Month == month)
            {
                purse.Left += taken;
                (purse.RefusedFrom, purse.RefusedUnder, purse.RefusedAt) = (taken > 0 ? long.MaxValue : needed, cap, clock.GetTimestamp());
            }
        }
    }

    private async Task GiveBackAsync(string tenant, string agent, string month, long amount)
    {
        // The caller may hold the lock.
        await Task.Yield();
        try
        {
            await agents.SpendAsync(tenant, agent, month, -amount, long.MaxValue, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The store says so itself. It may have been given back or not: it is not given back twice.
        }
    }

    private Purse Of(string tenant, string agent)
    {
        if (!_purses.TryGetValue((tenant, agent), out Purse? purse))
        {
            _purses.Add((tenant, agent), purse = new Purse());
        }

        DateTimeOffset now = clock.GetUtcNow();
        if ((now.Year, now.Month) != purse.Of)
        {
            // What is left of the month before is nobody's any more.
            purse.Of = (now.Year, now.Month);
            purse.Month = now.ToString("yyyy-MM", CultureInfo.InvariantCulture);
            purse.Left = 0;
            purse.RefusedFrom = long.MaxValue;
        }

        return purse;
    }

    /// <summary>One agent's month, as this process has it.</summary>
    private sealed class Purse
    {
        public (int Year, int Month) Of { get; set; }

        public string Month { get; set; } = "";

        /// <summary>Taken and not spent; negative when calls cost more than they were to.</summary>
        public long Left { get; set; }

        /// <summary>From this amount on, beside what there was, the store had too little left.</summary>
        public long RefusedFrom { get; set; } = long.MaxValue;

        /// <summary>The cap that was refused under: another one is asked for at once.</summary>
        public long RefusedUnder { get; set; }

        public long RefusedAt { get; set; }

        /// <summary>What the store is asked at present.</summary>
        public Task? Exchange { get; set; }
    }

    private readonly record struct Held(Purse Purse, string Month, long Amount, int Attempt);
}
