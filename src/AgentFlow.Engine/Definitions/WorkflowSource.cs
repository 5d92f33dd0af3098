namespace AgentFlow.Engine.Definitions;

/// <summary>What a user wrote: the YAML text and the files that it refers to. Stored whole with each version.</summary>
/// <param name="Yaml">UTF-8 text of the workflow file.</param>
/// <param name="Path">Where it came from, for diagnostics only.</param>
public sealed record WorkflowSource(string Yaml, WorkflowAssets Assets, string Path = "workflow.yaml");

/// <summary>One finding of the loader.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1, in characters.</param>
/// <param name="Code">Stable kebab-case name of the rule, for example <c>unknown-key</c>.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="Remedy">What to do about it.</param>
/// <param name="IsError">False for a warning: the workflow loads all the same.</param>
public sealed record Diagnostic(string File, int Line, int Column, string Code, string Message, string Remedy, bool IsError = true)
{
    public override string ToString() => $"{File}:{Line}:{Column}: {(IsError ? "error" : "warning")} {Code}: {Message} {Remedy}".TrimEnd();
}
