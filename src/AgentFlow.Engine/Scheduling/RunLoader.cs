using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Scheduling;

/// <summary>
/// Builds a run's state from its journal: feeds the causes to the planning function again and holds every decision against
/// the one on record. From a snapshot on it does the same with the frames that follow.
/// </summary>
public static class RunLoader
{
    /// <param name="asked">Hears of every condition that is asked again on the way.</param>
    /// <exception cref="RunUnreadableException">A frame is damaged, or the planning function decides otherwise than it did.</exception>
    public static RunMachine Load(
        ClaimedRun run, WorkflowDefinition definition, RunHistory history, Func<ReadOnlyMemory<byte>, Payload?> blob, Action<AskedCondition>? asked = null)
    {
        RunState state = history.Snapshot is { } snapshot && SnapshotCodec.TryDecode(snapshot.Data, run.Tenant, run.Run, definition, blob) is { } restored
            ? restored
            : new RunState(run.Tenant, run.Run, definition.Base);
        if (state.Seq == 0 && history.Frames is [{ FirstSeq: > 0 }, ..])
        {
            throw new RunUnreadableException($"Run {run.Run}: the snapshot at {history.Snapshot?.Seq} cannot be read by this build and the frames before it were not loaded.", null);
        }

        var machine = new RunMachine(state) { Replaying = true, Asked = asked };
        foreach (StoredFrame stored in history.Frames)
        {
            Replay(machine, run, stored, blob);
        }

        machine.Replaying = false;
        foreach (NodeRun node in state.Open.Values.Where(n => n.Phase == NodePhase.Scheduled).OrderBy(n => n.Id))
        {
            machine.Runnable.Add(node);
        }

        return machine;
    }

    private static void Replay(RunMachine machine, ClaimedRun run, StoredFrame stored, Func<ReadOnlyMemory<byte>, Payload?> blob)
    {
        Frame frame;
        try
        {
            frame = FrameCodec.Decode(run.Run, stored, blob);
        }
        catch (FrameCorruptException e)
        {
            throw new RunUnreadableException(e.Message, e);
        }

        if (stored.FirstSeq != machine.State.Seq)
        {
            throw new RunUnreadableException($"Frame {stored.FirstSeq} of run {run.Run} stands where {machine.State.Seq} is expected: a frame is missing.", null);
        }

        int position = 0;
        while (position < frame.Events.Count)
        {
            JournalEvent cause = frame.Events[position];
            JournalEvent[] together = [.. frame.Events.Skip(position).TakeWhile(e => e is SignalReceived)];
            List<JournalEvent> decided;
            machine.WatchesLoops = cause is RunStarted && position + 1 < frame.Events.Count && frame.Events[position + 1] is LoopsWatched;
            machine.HoldsStart = cause is RunStarted && frame.Events.Skip(position + 1).TakeWhile(e => !e.IsCause).Any(e => e is StartHeld);
            try
            {
                if (!cause.IsCause || !(together.Length > 0 ? machine.HandleSignals(together) : machine.Handle(cause)))
                {
                    throw Diverged(run, stored, position, $"{cause.Tag} is on record where nothing leads to it");
                }

                decided = machine.TakeEvents();
            }
            catch (IllegalTransitionException e)
            {
                throw Diverged(run, stored, position, e.Message);
            }

            for (int i = 0; i < decided.Count; i++)
            {
                if (position + i >= frame.Events.Count || !decided[i].Equals(frame.Events[position + i]))
                {
                    string recorded = position + i < frame.Events.Count ? frame.Events[position + i].ToString() : "nothing";
                    throw Diverged(run, stored, position + i, $"this build decides {decided[i]}, on record is {recorded}");
                }
            }

            position += decided.Count;
        }
    }

    private static RunUnreadableException Diverged(ClaimedRun run, StoredFrame frame, int position, string what) =>
        new($"Run {run.Run} diverges at event {frame.FirstSeq + position} (frame {frame.FirstSeq}): {what}.", null);
}

/// <summary>A run's journal cannot be followed; the message names the frame and event.</summary>
public sealed class RunUnreadableException(string message, Exception? inner) : Exception(message, inner);
