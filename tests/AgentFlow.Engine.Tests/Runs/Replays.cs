using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Tests.Runs;

internal static class Replays
{
    /// <summary>
    /// The journal of a run gives the same state from its start, and from a snapshot after every frame; and a snapshot read
    /// and written again is the same bytes.
    /// </summary>
    public static void Same(Play play)
    {
        RunState replayed = play.Reload().State;
        Assert.Equal(play.State.Seq, replayed.Seq);
        Assert.Equal(play.State.Status, replayed.Status);
        Assert.Equal(play.State.Output, replayed.Output);
        Assert.Equal(play.State.Definition.Nodes.Select(n => n.Address), replayed.Definition.Nodes.Select(n => n.Address));
        var machine = new RunMachine(new RunState("default", Flow.RunId, play.State.Definition.Base)) { Replaying = true, WatchesLoops = play.State.WatchesLoops };
        foreach (StoredFrame frame in play.Frames)
        {
            foreach (JournalEvent cause in FrameCodec.Decode(frame.Data, play.Blob).Events.Where(e => e.IsCause))
            {
                machine.Handle(cause);
            }

            if (machine.State.Status.IsTerminal())
            {
                break;
            }

            var snapshot = new StoredSnapshot(machine.State.Seq, Play.Bytes(machine.State));
            Assert.Equal(snapshot.Data.ToArray(), Play.Bytes(SnapshotCodec.TryDecode(snapshot.Data, "default", Flow.RunId, play.State.Definition.Base, play.Blob)!));
            RunState fromSnapshot = play.Reload(snapshot).State;
            Assert.Equal(play.State.Status, fromSnapshot.Status);
            Assert.Equal(play.State.Output, fromSnapshot.Output);
        }
    }
}
