using System.Diagnostics;
using AgentFlow.Engine.Secrets;

namespace AgentFlow.Server.Features.Secrets;

/// <summary>
/// Takes secrets out of spans when they end, before anybody who began to listen later exports them. Starts no span itself.
/// </summary>
internal sealed class MaskedTraces : IDisposable
{
    private readonly SecretMask _mask;
    private readonly ActivityListener _listener;

    public MaskedTraces(SecretMask mask)
    {
        _mask = mask;
        _listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name.StartsWith("AgentFlow.", StringComparison.Ordinal) || source.Name.Contains("System.Net", StringComparison.Ordinal),
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.None,
            ActivityStopped = Clean,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose() => _listener.Dispose();

    private void Clean(Activity activity)
    {
        if (_mask.IsEmpty)
        {
            return;
        }

        activity.DisplayName = _mask.Text(activity.DisplayName);
        if (activity.StatusDescription is { } description && _mask.Text(description) is var clean && !ReferenceEquals(clean, description))
        {
            activity.SetStatus(activity.Status, clean);
        }

        foreach ((string name, object? value) in activity.TagObjects.ToArray())
        {
            if (value is string text && _mask.Text(text) is var shown && !ReferenceEquals(shown, text))
            {
                activity.SetTag(name, shown);
            }
        }
    }
}
