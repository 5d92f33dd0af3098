namespace AgentFlow.Contracts.Tests;

/// <summary>The checked-out tree that this test run was built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find(new DirectoryInfo(AppContext.BaseDirectory));

    private static string Find(DirectoryInfo? folder)
    {
        for (; folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "AgentFlow.slnx"))) return folder.FullName;
        }

        throw new InvalidOperationException($"No AgentFlow.slnx above {AppContext.BaseDirectory}: run the tests from inside the repository.");
    }
}
