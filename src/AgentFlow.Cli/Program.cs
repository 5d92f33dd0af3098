using System.CommandLine;
using AgentFlow.Cli;

try
{
    ParseResult parsed = AfCommand.Create().Parse(args);
    if (parsed.Errors.Count > 0)
    {
        return AfCommand.Explain(parsed, Console.Error);
    }

    using var interrupts = new Interrupts();
    // Signals are Interrupts' business, and so is the text of what went wrong.
    var configuration = new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false };
    return await parsed.InvokeAsync(configuration, interrupts.Token);
}
catch (Exception e)
{
    // The boundary: whatever happens, the user gets one message and an exit code that says what kind of failure it was.
    return Failures.Report(e, Console.Error);
}
