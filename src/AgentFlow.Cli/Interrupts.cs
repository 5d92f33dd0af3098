using System.Runtime.InteropServices;

namespace AgentFlow.Cli;

/// <summary>Ctrl-C and SIGTERM: the first asks the command to stop, the second ends the process.</summary>
internal sealed class Interrupts : IDisposable
{
    private readonly CancellationTokenSource _cancel = new();
    private readonly PosixSignalRegistration[] _signals;

    public Interrupts() => _signals =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle),
    ];

    public CancellationToken Token => _cancel.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration signal in _signals)
        {
            signal.Dispose();
        }

        _cancel.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        if (_cancel.IsCancellationRequested)
        {
            Environment.Exit(ExitCode.Interrupted);
        }

        // Not here: what the token calls would run on the signal thread, and a second Ctrl-C would wait for it.
        _ = _cancel.CancelAsync();
    }
}
