using System.CommandLine;
using AgentFlow.Cli.Servers;
using AgentFlow.Client;

namespace AgentFlow.Cli.Audit;

/// <summary><c>af audit</c>: what was done, by whom, and whether the record of it still is what it was.</summary>
internal static class AuditCommand
{
    private const int PageSize = 500;
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(1);

    private static readonly Option<string?> Actor = new("--actor") { Description = "Only this actor.", HelpName = "name" };
    private static readonly Option<string?> Action = new("--action") { Description = "Only this action, for example run.cancel.", HelpName = "name" };
    private static readonly Option<string?> Resource = new("--resource") { Description = "Only this resource, for example run:ID; with * at its end every one that begins so.", HelpName = "name" };
    private static readonly Option<string?> Decision = new("--decision") { Description = "Only this decision, for example denied.", HelpName = "word" };
    private static readonly Option<string?> From = new("--from") { Description = "Not before this time, for example 2026-01-31T12:00:00Z.", HelpName = "time" };
    private static readonly Option<string?> To = new("--to") { Description = "Before this time.", HelpName = "time" };
    private static readonly Option<int> Limit = new("--limit") { Description = "Most records to list.", DefaultValueFactory = _ => 50, HelpName = "n" };
    private static readonly Option<int> Last = new("--last") { Description = "How many records to begin with.", DefaultValueFactory = _ => 10, HelpName = "n" };
    private static readonly Option<bool> Follow = new("--follow", "-f") { Description = "Go on with what comes, until Ctrl-C." };
    private static readonly Option<string?> Out = new("--out") { Description = "The file to write. Default: standard output.", HelpName = "file" };
    private static readonly Option<long> First = new("--first") { Description = "The first record, by its number.", HelpName = "number" };
    private static readonly Option<string?> ExportFile = new("--file") { Description = "Verify this export instead of a server's chain.", HelpName = "file" };
    private static readonly Option<string?> KeyFile = new("--key") { Description = "With --file: the public (or private) keys that are trusted, PEM.", HelpName = "file" };
    private static readonly Option<string[]> Witnesses = new("--witness") { Description = "With --file: a witness file; can be repeated.", HelpName = "file", DefaultValueFactory = _ => [] };

    public static Command Create() => new("audit", "Search, export and verify the record of what was done.")
    {
        Verb("verify", "Check the tenant's chain: every record, checkpoint and witness.", VerifyAsync, ExportFile, KeyFile, Witnesses),
        Verb("tail", "Print the newest records.", TailAsync, Last, Follow),
        Verb("search", "List records, newest first.", SearchAsync, Actor, Action, Resource, Decision, From, To, Limit),
        Verb("export", "Write the chain to a file, one JSON object a line.", ExportAsync, Out, First),
        Verb("checkpoints", "List the signed checkpoints, newest first.", CheckpointsAsync, Limit),
    };

    private static Command Verb(string name, string description, Func<Invocation, Task<int>> work, params Option[] options)
    {
        var command = new Command(name, description);
        Array.ForEach(options, command.Add);
        command.Does(work);
        return command;
    }

    private static async Task<int> VerifyAsync(Invocation invocation)
    {
        string? file = invocation.Get(ExportFile);
        if (file is null && (invocation.Get(KeyFile) is not null || invocation.Get(Witnesses) is { Length: > 0 }))
        {
            throw CliException.Usage("--key and --witness go with --file: a server verifies with its own.");
        }

        AuditVerification found;
        if (file is not null)
        {
            found = ExportedChain.Verify(file, invocation.Get(KeyFile) ?? throw CliException.Usage("--file needs --key: the public keys that are trusted."), invocation.Get(Witnesses) ?? []);
        }
        else
        {
            await using Connection connection = await Connection.OpenForReadingAsync(invocation);
            found = await connection.Client.VerifyAuditAsync(invocation.Cancelled);
        }

        AuditText.Verification(invocation.Terminal, found);
        return found.Intact ? ExitCode.Ok : ExitCode.Failed;
    }

    private static async Task<int> TailAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        int last = Math.Clamp(invocation.Get(Last), 1, PageSize);
        Page<AuditEntry> newest = await connection.Client.ListAuditAsync(new AuditQuery { Size = last }, invocation.Cancelled);
        foreach (AuditEntry entry in newest.Items.Reverse())
        {
            AuditText.Line(invocation.Terminal, entry);
        }

        string? cursor = newest.Items.Count > 0 ? $"{newest.Items[0].Number}" : null;
        while (invocation.Get(Follow))
        {
            Page<AuditEntry> more = await connection.Client.ListAuditAsync(new AuditQuery { Ascending = true, Cursor = cursor, Size = PageSize }, invocation.Cancelled);
            foreach (AuditEntry entry in more.Items)
            {
                AuditText.Line(invocation.Terminal, entry);
                cursor = $"{entry.Number}";
            }

            if (more.NextCursor is null)
            {
                await Task.Delay(Between, invocation.Cancelled);
            }
        }

        return ExitCode.Ok;
    }

    private static async Task<int> SearchAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        int limit = Math.Max(1, invocation.Get(Limit));
        var query = new AuditQuery
        {
            Actor = invocation.Get(Actor),
            Action = invocation.Get(Action),
            Resource = invocation.Get(Resource),
            Decision = invocation.Get(Decision),
            From = invocation.Get(From),
            To = invocation.Get(To),
            Size = Math.Min(limit, PageSize),
        };
        var entries = new List<AuditEntry>();
        long total;
        do
        {
            Page<AuditEntry> page = await connection.Client.ListAuditAsync(query, invocation.Cancelled);
            entries.AddRange(page.Items.Take(limit - entries.Count));
            query = query with { Cursor = page.NextCursor };
            total = page.TotalCount ?? entries.Count;
        }
        while (query.Cursor is not null && entries.Count < limit);

        AuditText.List(invocation.Terminal, entries, total);
        return ExitCode.Ok;
    }

    private static async Task<int> ExportAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        if (invocation.Get(Out) is not { } path)
        {
            await using Stream output = Console.OpenStandardOutput();
            await connection.Client.ExportAuditAsync(output, invocation.Get(First), invocation.Cancelled);
            return ExitCode.Ok;
        }

        try
        {
            // In place only when it is whole.
            await using (var file = new FileStream(path + ".new", FileMode.Create, FileAccess.Write))
            {
                await connection.Client.ExportAuditAsync(file, invocation.Get(First), invocation.Cancelled);
            }

            File.Move(path + ".new", path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Failed($"cannot write {path}: {e.Message}");
        }

        invocation.Terminal.Note($"{path} is written. Verify it with: af audit verify --file {path} --key FILE --witness FILE");
        return ExitCode.Ok;
    }

    private static async Task<int> CheckpointsAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        int limit = Math.Max(1, invocation.Get(Limit));
        var checkpoints = new List<AuditCheckpoint>();
        string? cursor = null;
        do
        {
            Page<AuditCheckpoint> page = await connection.Client.ListAuditCheckpointsAsync(Math.Min(limit, PageSize), cursor, invocation.Cancelled);
            checkpoints.AddRange(page.Items.Take(limit - checkpoints.Count));
            cursor = page.NextCursor;
        }
        while (cursor is not null && checkpoints.Count < limit);

        AuditText.Checkpoints(invocation.Terminal, checkpoints);
        return ExitCode.Ok;
    }
}
