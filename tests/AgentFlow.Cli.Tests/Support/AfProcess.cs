using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace AgentFlow.Cli.Tests.Support;

internal sealed record AfResult(int Code, string Out, string Error)
{
    /// <summary>Everything, for messages of failed assertions.</summary>
    public override string ToString() => $"exit code {Code}\n--- stdout\n{Out}\n--- stderr\n{Error}";
}

/// <summary>A started <c>af</c>. Killed when disposed.</summary>
internal sealed class AfProcess : IDisposable
{
    private readonly Process _process;
    private readonly Output _out;
    private readonly Output _error;

    public AfProcess(ProcessStartInfo start)
    {
        _process = Process.Start(start)!;
        _out = new Output(_process.StandardOutput);
        _error = new Output(_process.StandardError);
    }

    /// <summary>Writes standard input, closes it and waits for the end.</summary>
    public async Task<AfResult> EndAsync(string input = "")
    {
        await _process.StandardInput.WriteAsync(input);
        _process.StandardInput.Close();
        using var patience = new CancellationTokenSource(Af.Patience);
        try
        {
            await _process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
            throw new TimeoutException($"af did not end. It printed:\n{_out}\n{_error}");
        }

        return new AfResult(_process.ExitCode, await _out.EndAsync(), await _error.EndAsync());
    }

    /// <summary>Waits for a line with this text on stdout, and gives the line.</summary>
    public Task<string> LineAsync(string text) => LineAsync(_out, text);

    /// <summary>Waits for a line with this text on stderr, and gives the line.</summary>
    public Task<string> ErrorLineAsync(string text) => LineAsync(_error, text);

    public void SendInterrupt() => Signal(2);

    public void SendTerminate() => Signal(15);

    public void SendKill() => _process.Kill(entireProcessTree: true);

    /// <summary>What it has printed to stderr so far.</summary>
    public string ErrorSoFar => _error.ToString();

    public bool HasExited => _process.HasExited;

    /// <summary>Stops the process in its tracks (SIGSTOP).</summary>
    public void SendStop() => Signal(19);

    /// <summary>Lets a stopped process go on (SIGCONT).</summary>
    public void SendContinue() => Signal(18);

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private async Task<string> LineAsync(Output output, string text) =>
        await output.LineAsync(text).WaitAsync(Af.Patience) ?? throw new InvalidOperationException($"af never printed '{text}':\n{await EndAsync()}");

    /// <param name="number">By its number on Linux, signal(7). Sent by this process: a shell would take its time.</param>
    private void Signal(int number) => Assert.Equal(0, Kill(_process.Id, number));

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int Kill(int process, int signal);

    /// <summary>Reads one stream to its end, so that the process never blocks on it.</summary>
    private sealed class Output
    {
        private readonly StringBuilder _text = new();
        private readonly List<(string Text, TaskCompletionSource<string?> Found)> _wanted = [];
        private readonly Task _reading;
        private int _lineStart;
        private bool _ended;

        public Output(StreamReader stream) => _reading = ReadAsync(stream);

        public async Task<string> EndAsync()
        {
            await _reading;
            return ToString();
        }

        public Task<string?> LineAsync(string text)
        {
            lock (_text)
            {
                string? line = ToString().Split('\n').FirstOrDefault(l => l.Contains(text, StringComparison.Ordinal));
                if (line is not null || _ended)
                {
                    return Task.FromResult(line);
                }

                var found = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
                _wanted.Add((text, found));
                return found.Task;
            }
        }

        public override string ToString()
        {
            lock (_text)
            {
                return _text.ToString();
            }
        }

        private async Task ReadAsync(StreamReader stream)
        {
            char[] buffer = new char[4096];
            int read;
            while ((read = await stream.ReadAsync(buffer)) > 0)
            {
                lock (_text)
                {
                    _text.Append(buffer, 0, read);
                    Notify(isEnd: false);
                }
            }

            lock (_text)
            {
                _ended = true;
                Notify(isEnd: true);
            }
        }

        private void Notify(bool isEnd)
        {
            string rest = _text.ToString(_lineStart, _text.Length - _lineStart);
            foreach (string line in rest.Split('\n')[..^1])
            {
                _wanted.RemoveAll(w => line.Contains(w.Text, StringComparison.Ordinal) && w.Found.TrySetResult(line));
                _lineStart += line.Length + 1;
            }

            if (isEnd)
            {
                _wanted.ForEach(w => w.Found.TrySetResult(null));
            }
        }
    }
}
