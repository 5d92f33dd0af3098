using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AgentFlow.Cli.Terminals;

namespace AgentFlow.Cli.Clusters;

/// <summary><c>af cluster</c>: PostgreSQL, a control process and workers on this machine.</summary>
internal static class ClusterCommand
{
    private const string StateFile = "cluster.json";
    private const int MaxWorkers = 64;

    private static readonly Option<bool> Local = new("--local") { Description = "On this machine: the only kind of cluster that this verb starts." };
    private static readonly Option<string?> Folder = new("--dir") { Description = "Where the cluster keeps its data and logs.", HelpName = "folder" };
    private static readonly Option<int> Workers = new("--workers") { Description = "How many data processes.", DefaultValueFactory = _ => 2, HelpName = "n" };
    private static readonly Option<string?> Url = new("--url") { Description = "Where the API listens. Default: http://127.0.0.1:8000.", HelpName = "address" };
    private static readonly Option<bool> Purge = new("--purge") { Description = "Delete the cluster's data and logs too." };

    public static Command Create() => new("cluster", "A cluster of processes on one PostgreSQL, on this machine.")
    {
        Verb("up", "Start PostgreSQL, a control process and workers.", UpAsync, Local, Folder, Workers, Url),
        Verb("status", "Show which of them run.", StatusAsync, Folder),
        Verb("down", "Hand over, and stop all of them.", DownAsync, Folder, Purge),
    };

    private static Command Verb(string name, string description, Func<Invocation, Task<int>> work, params Option[] options)
    {
        var command = new Command(name, description);
        Array.ForEach(options, command.Add);
        command.Does(work);
        return command;
    }

    private static async Task<int> UpAsync(Invocation invocation)
    {
        int workers = invocation.Get(Workers);
        if (!invocation.Get(Local))
        {
            throw CliException.Usage("write af cluster up --local. On several machines start af serve with AF_MODE=control and af worker with one AF_DB_DSN by whatever starts your services.");
        }

        if (workers is < 1 or > MaxWorkers)
        {
            throw CliException.Usage($"--workers is 1 to {MaxWorkers}.");
        }

        string folder = FolderOf(invocation);
        if (Read(folder).Where(p => p.IsAlive).ToArray() is { Length: > 0 } running)
        {
            Print(invocation.Terminal, running);
            throw CliException.Failed($"the cluster in {folder} is up already. Stop it first: af cluster down{DirectoryArgument(invocation)}");
        }

        Directory.CreateDirectory(folder);
        var processes = new List<ClusterProcess>();
        try
        {
            invocation.Terminal.Note("starting PostgreSQL…");
            string dsn = await LocalPostgres.In(Path.Combine(folder, "postgres")).StartAsync(invocation.Cancelled);
            invocation.Terminal.Note("starting the control process…");
            Environment.SetEnvironmentVariable("AF_MODE", "control");
            string url = invocation.Get(Url) ?? "http://127.0.0.1:8000";
            processes.Add(await ClusterProcess.StartAsync(folder, "control", dsn, ["serve", "--url", url], invocation.Cancelled));
            Environment.SetEnvironmentVariable("AF_MODE", null);
            for (int i = 1; i <= workers; i++)
            {
                invocation.Terminal.Note($"starting worker {i} of {workers}…");
                processes.Add(await ClusterProcess.StartAsync(folder, string.Create(CultureInfo.InvariantCulture, $"worker-{i}"), dsn, ["worker"], invocation.Cancelled));
            }
        }
        finally
        {
            // What runs can be stopped, however far this came.
            Write(folder, processes);
        }

        Print(invocation.Terminal, processes);
        if (!invocation.Terminal.IsJson)
        {
            invocation.Terminal.Say($"The cluster is up. Try: AF_SERVER={processes[0].Url} af run …, open {processes[0].Url}/docs, and stop it with: af cluster down{DirectoryArgument(invocation)}", Tone.Strong);
        }

        return ExitCode.Ok;
    }

    private static Task<int> StatusAsync(Invocation invocation)
    {
        string folder = FolderOf(invocation);
        ClusterProcess[] processes = [.. Read(folder)];
        Print(invocation.Terminal, processes);
        int alive = processes.Count(p => p.IsAlive);
        bool database = Directory.Exists(Path.Combine(folder, "postgres")) && LocalPostgres.In(Path.Combine(folder, "postgres")).RunningPort() is not null;
        invocation.Terminal.Note($"{alive} of {processes.Length} processes run; PostgreSQL {(database ? "runs" : "does not run")}.");
        return Task.FromResult(processes.Length > 0 && alive == processes.Length && database ? ExitCode.Ok : ExitCode.Failed);
    }

    private static async Task<int> DownAsync(Invocation invocation)
    {
        string folder = FolderOf(invocation);
        ClusterProcess[] processes = [.. Read(folder)];
        // Workers hand over to nobody here: what is unfinished goes on when the cluster is up again.
        foreach (ClusterProcess process in processes)
        {
            invocation.Terminal.Note($"stopping {process.Name}…");
            await process.StopAsync(invocation.Cancelled);
        }

        if (Directory.Exists(Path.Combine(folder, "postgres")))
        {
            invocation.Terminal.Note("stopping PostgreSQL…");
            await LocalPostgres.In(Path.Combine(folder, "postgres")).StopAsync(invocation.Cancelled);
        }

        if (Directory.Exists(folder))
        {
            if (invocation.Get(Purge))
            {
                Directory.Delete(folder, recursive: true);
            }
            else
            {
                Write(folder, []);
            }
        }

        invocation.Terminal.Note(invocation.Get(Purge) ? "The cluster is down and its data are gone." : $"The cluster is down; its data stay in {folder}.");
        return ExitCode.Ok;
    }

    private static string FolderOf(Invocation invocation) =>
        Path.GetFullPath(invocation.Get(Folder) ?? (Environment.UserName == "root" ? "/var/lib/agentflow/cluster" : Path.Combine(".af", "cluster")));

    private static string DirectoryArgument(Invocation invocation) => invocation.Get(Folder) is { } folder ? $" --dir {folder}" : "";

    private static IReadOnlyList<ClusterProcess> Read(string folder)
    {
        string file = Path.Combine(folder, StateFile);
        return File.Exists(file) ? JsonSerializer.Deserialize(File.ReadAllText(file), CliJson.Default.IReadOnlyListClusterProcess)! : [];
    }

    private static void Write(string folder, IReadOnlyList<ClusterProcess> processes) =>
        File.WriteAllText(Path.Combine(folder, StateFile), JsonSerializer.Serialize(processes, CliJson.Default.IReadOnlyListClusterProcess));

    private static void Print(Terminal terminal, IReadOnlyList<ClusterProcess> processes)
    {
        if (terminal.IsJson)
        {
            terminal.WriteArray(processes, CliJson.Default.ClusterProcess);
            return;
        }

        var table = new TableView(terminal, new TableColumn("process"), new TableColumn("pid", IsNumber: true), new TableColumn("runs"), new TableColumn("address"), new TableColumn("log"));
        foreach (ClusterProcess process in processes)
        {
            bool alive = process.IsAlive;
            table.Add(process.Name, process.Pid.ToString(CultureInfo.InvariantCulture), new TableCell(alive ? "yes" : "no", alive ? Tone.Good : Tone.Bad), process.Url, process.Log);
        }

        table.Print();
    }
}
