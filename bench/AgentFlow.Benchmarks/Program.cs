using System.Runtime.InteropServices;
using AgentFlow.Benchmarks;
using AgentFlow.Storage.Sqlite;

// bench [micro|durable|audit|http|first-step|pure|parallel|signals|all]... [--seconds N] [--out FILE]
double seconds = 4;
string? file = null;
for (int i = 0; i < args.Length - 1; i++)
{
    if (args[i] == "--seconds")
    {
        seconds = double.Parse(args[i + 1], System.Globalization.CultureInfo.InvariantCulture);
    }
    else if (args[i] == "--out")
    {
        file = args[i + 1];
    }
}

TimeSpan round = TimeSpan.FromSeconds(seconds);
bool Wanted(string name) => args.Contains(name) || args.Contains("all") || !args.Any(a => a is "micro" or "durable" or "audit" or "pure" or "parallel" or "signals" or "http" or "first-step");
var report = new Report();
SqliteEngine.Load();
Console.WriteLine($"{Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, .NET {Environment.Version}, SQLite {SqliteEngine.Version}");
if (Wanted("micro"))
{
    await Micro.RunAsync(report);
}

if (Wanted("durable"))
{
    await Durable.WorkflowsAsync(report, "ten-steps-durable", "Ten steps, each a durable barrier (in process)", [1, 16, 64], round);
}

if (Wanted("audit"))
{
    await AuditCost.InProcessAsync(report, [1, 16, 64], round);
}

if (Wanted("http"))
{
    await OverHttp.WorkflowsAsync(report, "ten-steps-durable", "Ten steps, each a durable barrier (over HTTP)", [1, 16, 64], round);
}

if (Wanted("first-step"))
{
    await Durable.FirstStepAsync(report, 3_000);
}

if (Wanted("pure"))
{
    await Durable.WorkflowsAsync(report, "ten-steps-pure", "Ten pure steps, one barrier (in process)", [1, 16, 64], round);
}

if (Wanted("parallel"))
{
    await Durable.WorkflowsAsync(report, "hundred-parallel", "A hundred parallel steps and a join, durable (in process)", [1, 8], round);
}

if (Wanted("signals"))
{
    await Durable.SignalsAsync(report, 10_000, 2_000);
}

if (file is not null)
{
    await File.WriteAllTextAsync(file, report.ToMarkdown());
}

return 0;
