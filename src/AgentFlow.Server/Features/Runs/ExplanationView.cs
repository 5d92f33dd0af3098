using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Runs;

/// <summary>Why a run took the way that it took.</summary>
/// <param name="Note">What could not be explained, and why.</param>
/// <param name="JournalHash">Hex SHA-256 over what the run did so far: equal for runs that did the same, value for value, whatever ran side by side with what; absent where the journal cannot be read.</param>
public sealed record ExplanationView(string RunId, string Workflow, string Version, string Status, string? Note, string? JournalHash, IReadOnlyList<ExplanationLineView> Lines)
{
    /// <summary>
    /// Follows the journal once more with the planning function, which asks every condition again, and tells what happened
    /// beside what was asked for it.
    /// </summary>
    internal static ExplanationView Of(string tenant, RunRow row, WorkflowDefinition definition, IReadOnlyList<StoredFrame> frames, Func<ReadOnlyMemory<byte>, Payload?> blob)
    {
        var asked = new List<AskedCondition>();
        string? note = null;
        try
        {
            RunLoader.Load(
                new ClaimedRun(0, row.Run, tenant, row.Workflow, row.Version, row.DefinitionHash), definition, new RunHistory(null, frames, [], 0), blob, asked.Add);
        }
        catch (RunUnreadableException e)
        {
            note = $"From here on the conditions cannot be evaluated again: {e.Message}";
        }

        ILookup<long, AskedCondition> conditions = asked.ToLookup(a => a.Seq);
        var fold = new RunFold(definition);
        var lines = new List<ExplanationLineView>();
        var hash = new JournalHash(row.Run, definition);
        bool isWhole = true;
        try
        {
            foreach (StoredFrame stored in frames)
            {
                IReadOnlyList<JournalEvent> events = FrameCodec.Decode(row.Run, stored, blob).Events;
                for (int i = 0; i < events.Count; i++)
                {
                    long seq = stored.FirstSeq + i;
                    AskedCondition[] own = [.. conditions[seq]];
                    var words = new EventWords(fold, own);
                    if (words.Say(events[i]) is var (path, text))
                    {
                        lines.Add(new ExplanationLineView(seq, UnixTime.Of(events[i].At), path, EventJson.TypeOf(events[i].Tag), text, [.. own.Select(ExplainedConditionView.Of)]));
                    }

                    fold.Apply(events[i]);
                    hash.Apply(events[i]);
                }
            }
        }
        catch (FrameCorruptException e)
        {
            note = e.Message;
            isWhole = false;
        }

        return new ExplanationView(row.Run.ToString(), row.Workflow, row.Version, fold.Status(row).Word(), note, isWhole ? hash.ToHex() : null, lines);
    }
}

/// <summary>One event that decided something, in words.</summary>
/// <param name="Seq">Sequence of the event.</param>
/// <param name="Path">Structural path of what it is about; empty for the run.</param>
/// <param name="Type">The event's name.</param>
/// <param name="Conditions">What was asked for it, in order.</param>
public sealed record ExplanationLineView(long Seq, DateTimeOffset At, string Path, string Type, string Text, IReadOnlyList<ExplainedConditionView> Conditions);

/// <param name="Value"><c>true</c>, <c>false</c>, or <c>error</c>.</param>
/// <param name="Error">Why it could not be evaluated.</param>
public sealed record ExplainedConditionView(string Expression, string Value, string? Error, IReadOnlyList<AskedInput> Inputs)
{
    internal static ExplainedConditionView Of(AskedCondition asked) => new(asked.Expression, asked.Value, asked.Error, asked.Inputs);
}
