using System.Threading.Channels;

namespace AgentFlow.Cli.Workflows;

/// <summary>Says when something below a folder has changed and is quiet again.</summary>
internal sealed class WorkflowWatch : IDisposable
{
    /// <summary>Editors save in several steps; what follows within this time belongs to the same change.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(150);

    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly FileSystemWatcher _watcher;
    private readonly string _folder;

    /// <exception cref="CliException">The system refuses to watch.</exception>
    public WorkflowWatch(string folder)
    {
        _folder = Path.GetFullPath(folder);
        _watcher = new FileSystemWatcher(_folder) { IncludeSubdirectories = true };
        _watcher.Changed += (_, e) => Note(e.FullPath);
        _watcher.Created += (_, e) => Note(e.FullPath);
        _watcher.Deleted += (_, e) => Note(e.FullPath);
        _watcher.Renamed += (_, e) => Note(e.FullPath);
        // Too many changes at once: which ones is not known, and does not matter.
        _watcher.Error += (_, _) => _changes.Writer.TryWrite(true);
        try
        {
            _watcher.EnableRaisingEvents = true;
        }
        catch (IOException e)
        {
            throw CliException.Failed($"cannot watch {folder}: {e.Message} Raise the system's limit (fs.inotify.max_user_watches) or name a smaller folder.");
        }
    }

    /// <summary>Waits for the next change.</summary>
    public async Task NextAsync(CancellationToken cancelled)
    {
        await _changes.Reader.ReadAsync(cancelled);
        do
        {
            await Task.Delay(Quiet, cancelled);
        }
        while (_changes.Reader.TryRead(out _));
    }

    public void Dispose() => _watcher.Dispose();

    private void Note(string path)
    {
        string below = Path.GetRelativePath(_folder, path);
        if (!below.Split(Path.DirectorySeparatorChar).Any(WorkflowFolder.IsSkipped))
        {
            _changes.Writer.TryWrite(true);
        }
    }
}
