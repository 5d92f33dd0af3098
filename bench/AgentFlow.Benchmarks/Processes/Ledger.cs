using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Benchmarks.Processes;

/// <summary>What steps really did, held against what the journal says.</summary>
/// <param name="Lost">Accepted runs that did not complete, and steps of completed ones that never ended.</param>
/// <param name="InDoubt">Steps that ran again because their process died before their outcome was on disk.</param>
/// <param name="Repeated">Steps that ran again although nothing in the journal says why: none may.</param>
internal sealed record Ledger(int Lost, int InDoubt, int Repeated)
{
    public static async Task<Ledger> ReadAsync(string path, IEnumerable<Ulid> accepted, IRunStore store)
    {
        Dictionary<string, Dictionary<string, (int Begun, int Done)>> steps = [];
        foreach (string line in await File.ReadAllLinesAsync(path))
        {
            string[] words = line.Split(' ');
            if (!steps.TryGetValue(words[0], out Dictionary<string, (int Begun, int Done)>? of))
            {
                steps[words[0]] = of = [];
            }

            (int begun, int done) = of.GetValueOrDefault(words[1]);
            of[words[1]] = words[2] == "S" ? (begun + 1, done) : (begun, done + 1);
        }

        int lost = 0, inDoubt = 0, repeated = 0;
        foreach (Ulid run in accepted)
        {
            Dictionary<string, (int Begun, int Done)> own = steps.GetValueOrDefault(run.ToString()) ?? [];
            RunRow? row = await store.FindAsync("default", run, default);
            lost += row?.Status == RunStatus.Completed && own.Count == 10 && own.Values.All(s => s.Done > 0) ? 0 : 1;
            int again = own.Values.Sum(s => s.Begun - 1);
            if (again > 0)
            {
                // One more beginning for each attempt that the journal calls unknown, and none besides.
                IReadOnlyList<StoredFrame> frames = await store.ReadFramesAsync("default", run, 0, 1_000, default);
                int unknown = frames.SelectMany(f => FrameCodec.Decode(f.Data, hash => store.ReadBlob("default", hash)).Events).Count(e => e is StepUnknown);
                inDoubt += Math.Min(again, unknown);
                repeated += Math.Max(0, again - unknown);
            }
        }

        return new Ledger(lost, inDoubt, repeated);
    }
}
