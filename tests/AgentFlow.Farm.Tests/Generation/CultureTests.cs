using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using AgentFlow.Farm.Generation;

namespace AgentFlow.Farm.Tests.Generation;

public sealed class CultureTests
{
    /// <summary>A culture worse than any real one: other digits' signs, separators and letters in every place that a number has.</summary>
    [Fact]
    public void Generator_InAHostileCulture_WritesTheSameBytes()
    {
        byte[] usual = Everything();
        var hostile = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        hostile.NumberFormat.NumberDecimalSeparator = ",";
        hostile.NumberFormat.NumberGroupSeparator = ".";
        hostile.NumberFormat.NegativeSign = "\u2212";
        hostile.NumberFormat.PositiveSign = "plus";
        hostile.NumberFormat.NaNSymbol = "1";
        hostile.DateTimeFormat.TimeSeparator = ".";
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = hostile;
            Assert.Equal("−1,5", (-1.5).ToString(CultureInfo.CurrentCulture));
            Assert.Equal(Encoding.UTF8.GetString(usual), Encoding.UTF8.GetString(Everything()));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    /// <summary>The golden tests once more, in a process with another language, time zone and (with ICU) real cultures.</summary>
    [Theory]
    [InlineData("tr_TR.UTF-8", "Pacific/Chatham")]
    [InlineData("ar_SA.UTF-8", "America/St_Johns")]
    [InlineData("de_CH.UTF-8", "Asia/Kathmandu")]
    public async Task Generator_InAProcessFromElsewhere_WritesTheGoldenBytes(string language, string zone)
    {
        string dll = typeof(CultureTests).Assembly.Location;
        string settings = Path.Combine(Path.GetTempPath(), $"farm-{Guid.NewGuid():N}.runtimeconfig.json");
        bool hasIcu = NativeLibrary.TryLoad("libicuuc.so", out _);
        string own = await File.ReadAllTextAsync(Path.ChangeExtension(dll, ".runtimeconfig.json"));
        await File.WriteAllTextAsync(settings, hasIcu ? own.Replace("\"System.Globalization.Invariant\": true", "\"System.Globalization.Invariant\": false", StringComparison.Ordinal) : own);
        try
        {
            var start = new ProcessStartInfo("dotnet", ["exec", "--runtimeconfig", settings, "--depsfile", Path.ChangeExtension(dll, ".deps.json"), dll, "-noLogo", "-noColor", "-class", typeof(GoldenTests).FullName!, "-class", typeof(CultureProbe).FullName!])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.Environment["LANG"] = start.Environment["LC_ALL"] = language;
            start.Environment["TZ"] = zone;
            start.Environment[CultureProbe.Variable] = hasIcu ? language[..5].Replace('_', '-') : "";
            using Process child = Process.Start(start)!;
            Task<string> error = child.StandardError.ReadToEndAsync();
            string output = await child.StandardOutput.ReadToEndAsync();
            await child.WaitForExitAsync();
            Assert.True(child.ExitCode == 0, output + await error);
        }
        finally
        {
            File.Delete(settings);
        }
    }

    private static byte[] Everything() =>
    [
        .. FarmJson.Canonical(ScenarioGenerator.Generate(Scale.Medium, 20, 0.35, -42)),
        .. FarmJson.Canonical(WorkflowGenerator.InStream(1234567, 0.5, -42)),
        .. FarmJson.Canonical(FleetGenerator.Team(10, -42)),
        .. FarmJson.Chaos(),
    ];
}

/// <summary>Says in the child process that it really is elsewhere; without its variable there is nothing to say.</summary>
public sealed class CultureProbe
{
    public const string Variable = "FARM_EXPECTED_CULTURE";

    [Fact]
    public void Process_WithAnExpectedCulture_HasIt() =>
        Assert.Equal(Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } expected ? expected : CultureInfo.CurrentCulture.Name, CultureInfo.CurrentCulture.Name);
}
