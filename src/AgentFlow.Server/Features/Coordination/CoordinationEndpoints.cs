using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Coordination;

/// <summary>What the runs of a tenant share by name: who holds it and who waits for it.</summary>
internal sealed class CoordinationEndpoints(IRunStore store)
{
    /// <summary>Places that one answer is made from.</summary>
    private const int MostPlaces = 100_000;

    public async Task SemaphoresAsync(HttpContext context, CancellationToken cancellationToken)
    {
        (PageRequest page, IGrouping<string, SharedPlace>[] names) = await ReadAsync(context, SharedKind.Semaphore, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, PageView<SemaphoreView>.Of(names, page, false, static n => n.Key, SemaphoreView.Of), ServerJson.Default.PageViewSemaphoreView).ConfigureAwait(false);
    }

    public async Task BarriersAsync(HttpContext context, CancellationToken cancellationToken)
    {
        (PageRequest page, IGrouping<string, SharedPlace>[] names) = await ReadAsync(context, SharedKind.Barrier, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, PageView<BarrierView>.Of(names, page, false, static n => n.Key, BarrierView.Of), ServerJson.Default.PageViewBarrierView).ConfigureAwait(false);
    }

    private async ValueTask<(PageRequest Page, IGrouping<string, SharedPlace>[] Names)> ReadAsync(HttpContext context, SharedKind kind, CancellationToken cancellationToken)
    {
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        query.Word("sort", "name");
        query.End();
        IReadOnlyList<SharedPlace> places = await store.ListPlacesAsync(Tenant.Of(context), kind, MostPlaces, cancellationToken).ConfigureAwait(false);
        return (page, [.. places.GroupBy(p => p.Name, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal)]);
    }
}

/// <summary>A semaphore. It is there as long as somebody holds or wants one of its permits.</summary>
public sealed record SemaphoreView
{
    public required string Name { get; init; }

    /// <summary>How many may be held at once, as those say that hold and wait; where they differ, the most.</summary>
    public required int Permits { get; init; }

    /// <summary>In the order of asking.</summary>
    public required IReadOnlyList<PlaceView> Holders { get; init; }

    /// <summary>In the order in which they are served.</summary>
    public required IReadOnlyList<PlaceView> Waiting { get; init; }

    internal static SemaphoreView Of(IGrouping<string, SharedPlace> places) => new()
    {
        Name = places.Key,
        Permits = places.Max(p => p.Size),
        Holders = [.. places.Where(p => p.Held).Select(PlaceView.Of)],
        Waiting = [.. places.Where(p => !p.Held).Select(PlaceView.Of)],
    };
}

/// <summary>A barrier that somebody waits at.</summary>
public sealed record BarrierView
{
    public required string Name { get; init; }

    /// <summary>How many have to come; where those that wait differ, the most.</summary>
    public required int Parties { get; init; }

    /// <summary>In the order of arrival.</summary>
    public required IReadOnlyList<PlaceView> Waiting { get; init; }

    internal static BarrierView Of(IGrouping<string, SharedPlace> places) => new()
    {
        Name = places.Key,
        Parties = places.Max(p => p.Size),
        Waiting = [.. places.Select(PlaceView.Of)],
    };
}

/// <param name="Run">The run's id.</param>
/// <param name="Step">The step's id in the run's <c>steps</c>.</param>
public sealed record PlaceView(string Run, string Step)
{
    internal static PlaceView Of(SharedPlace place) => new(place.Run.ToString(), place.Step.ToString(System.Globalization.CultureInfo.InvariantCulture));
}
