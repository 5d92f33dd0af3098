namespace AgentFlow.Cli.Chaos;

/// <summary>Finds the smallest set of faults that still does what a greater one did: no single one of it can be left out.</summary>
internal static class ChaosShrink
{
    /// <param name="fails">Whether a run under these faults fails.</param>
    public static IReadOnlyList<ChaosStrike> Shrink(IReadOnlyList<ChaosStrike> strikes, Func<IReadOnlyList<ChaosStrike>, bool> fails)
    {
        List<ChaosStrike> left = [.. strikes];
        for (int size = Math.Max(1, left.Count / 2); size >= 1; size /= 2)
        {
            bool again = true;
            while (again)
            {
                again = false;
                for (int at = 0; at < left.Count; at += size)
                {
                    List<ChaosStrike> fewer = [.. left.Take(at), .. left.Skip(at + size)];
                    if (fewer.Count < left.Count && fails(fewer))
                    {
                        left = fewer;
                        again = true;
                        break;
                    }
                }
            }
        }

        return left;
    }
}
