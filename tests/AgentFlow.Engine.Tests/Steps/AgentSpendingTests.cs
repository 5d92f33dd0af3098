using System.Reflection;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Steps;
using AgentFlow.Engine.Tests.Runs;

namespace AgentFlow.Engine.Tests.Steps;

/// <summary>Calls under a monthly cap, as one or several processes pay for them.</summary>
public class AgentSpendingTests
{
    private static readonly KnownPolicy Capped = new("writer", new AgentPolicy { MonthlyCapNanoDollars = 1000 }, null);

    private readonly Month _clock = new();
    private readonly IAgentStore _store = DispatchProxy.Create<IAgentStore, SpendStore>();

    private SpendStore Store => (SpendStore)_store;

    [Fact]
    public async Task Calls_OfSeveralProcesses_NeverCostMoreThanTheCap()
    {
        AgentSpending[] processes = [.. Enumerable.Range(0, 3).Select(_ => new AgentSpending(_store, _clock))];
        int[] made = await Task.WhenAll(processes.SelectMany((process, p) => Enumerable.Range(0, 4).Select(t => Task.Run(async () =>
        {
            int count = 0;
            while (await PayAsync(process, (p * 100_000) + (t * 1000) + count, 7))
            {
                count++;
            }

            return count;
        }))));
        Assert.InRange(made.Sum(), 1000 / 7 - 3, 1000 / 7);
        Assert.InRange(Store.Spent("2026-11"), made.Sum() * 7, 1000);
    }

    [Fact]
    public async Task Settled_Calls_GetBackWhatTheyDidNotCost()
    {
        var process = new AgentSpending(_store, _clock);
        for (int i = 0; i < 100; i++)
        {
            Assert.True(await PayAsync(process, i, 500), $"call {i}");
            process.Settle("t", Capped, (Flow.RunId, i), 500, 5);
        }

        // Five hundred are spent, and five hundred is what the next may cost.
        Assert.True(await PayAsync(process, 100, 500));
        Assert.False(await PayAsync(process, 101, 1));
    }

    [Fact]
    public async Task Return_GivesWhatWasTakenAndNotSpent()
    {
        var process = new AgentSpending(_store, _clock);
        Assert.True(await PayAsync(process, 0, 400));
        process.Settle("t", Capped, (Flow.RunId, 0), 400, 100);
        await process.ReturnAsync();
        Assert.Equal(100, Store.Spent("2026-11"));
    }

    [Fact]
    public async Task Process_ThatDies_HasSpentWhatItPaidWith()
    {
        Assert.True(await PayAsync(new AgentSpending(_store, _clock), 0, 990));
        var next = new AgentSpending(_store, _clock);
        Assert.True(await PayAsync(next, 0, 10));
        Assert.False(await PayAsync(next, 1, 1));
    }

    [Fact]
    public async Task Attempt_ThatAsksAgain_PaysOnceAndTheNextOnePaysAnew()
    {
        var process = new AgentSpending(_store, _clock);
        Assert.True(await PayAsync(process, 0, 600));
        Assert.True(await PayAsync(process, 0, 600));
        // The first is unknown and keeps what it may have cost.
        Assert.False(await PayAsync(process, 0, 600, attempt: 2));
        process.Settle("t", Capped, (Flow.RunId, 0), 600, 0);
        Assert.True(await PayAsync(process, 0, 600, attempt: 3));
        process.Release((Flow.RunId, 0));
        Assert.True(await PayAsync(process, 1, 1000));
    }

    [Fact]
    public async Task Refused_UntilTheMonthIsOver()
    {
        var process = new AgentSpending(_store, _clock);
        Assert.True(await PayAsync(process, 0, 1000));
        Assert.False(await PayAsync(process, 1, 0));
        Assert.Equal(Payment.Made, process.Pay("t", Capped, (Flow.RunId, 2, 1), 300, isOwed: true));
        _clock.Now = _clock.Now.AddMonths(1);
        Assert.True(await PayAsync(process, 3, 1000));
        // What the month before paid for is not given back to this one.
        process.Settle("t", Capped, (Flow.RunId, 0), 1000, 1);
        Assert.False(await PayAsync(process, 4, 1));
    }

    [Fact]
    public async Task Answer_ToACallOfAnotherProcess_CountsWithWhatWasNotHeldBack()
    {
        var process = new AgentSpending(_store, _clock);
        process.Settle("t", Capped, (Flow.RunId, 0), 100, 700);
        Assert.False(await PayAsync(process, 1, 500));
        Assert.True(await PayAsync(process, 2, 400));
    }

    /// <summary>As a step does it: asks the store as often as it is told to.</summary>
    private static async Task<bool> PayAsync(AgentSpending process, int step, long most, int attempt = 1)
    {
        Payment payment;
        while ((payment = process.Pay("t", Capped, (Flow.RunId, step, attempt), most, isOwed: false)) == Payment.Unknown)
        {
            await process.TakeAsync("t", Capped, most);
        }

        return payment == Payment.Made;
    }

    private sealed class Month : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 11, 30, 23, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}

/// <summary>A registry that knows what months have come to, and nothing else.</summary>
public class SpendStore : DispatchProxy
{
    private readonly Dictionary<string, long> _spent = [];

    public long Spent(string month)
    {
        lock (_spent)
        {
            return _spent.GetValueOrDefault(month);
        }
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        Assert.Equal(nameof(IAgentStore.SpendAsync), targetMethod!.Name);
        (string month, long change, long most) = ((string)args![2]!, (long)args[3]!, (long)args[4]!);
        lock (_spent)
        {
            long after = _spent.GetValueOrDefault(month) + change;
            if (after <= most)
            {
                _spent[month] = Math.Max(0, after);
            }

            return new ValueTask<bool>(after <= most);
        }
    }
}
