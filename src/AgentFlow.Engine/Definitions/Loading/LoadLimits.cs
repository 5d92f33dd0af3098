namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>What the loader takes. Everything here bounds time and memory for files from strangers.</summary>
public static class LoadLimits
{
    /// <summary>Bytes of the YAML text in UTF-8.</summary>
    public const int YamlBytes = 1 << 20;

    /// <summary>Bytes of one change of a run's plan in UTF-8.</summary>
    public const int ChangeBytes = 256 << 10;

    /// <summary>Bytes of a scope that a node puts below itself, the results that it keeps for it included.</summary>
    public const int GraftBytes = 2 << 20;

    /// <summary>Levels of YAML, aliases followed. Leaves room for <see cref="ScopeDepth"/> scopes of two levels each.</summary>
    public const int YamlDepth = 128;

    /// <summary>Levels of a JSON value: input template, vars, schema, agent settings. JSON readers stop at 64 by default.</summary>
    public const int DataDepth = 60;

    /// <summary>Characters that aliases may add to the document when they are written out.</summary>
    public const long AliasExpansion = 4 << 20;

    /// <summary>States, steps and scopes in all.</summary>
    public const int Nodes = 2_000;

    /// <summary>Scopes inside each other, the workflow's own included.</summary>
    public const int ScopeDepth = 50;

    /// <summary>Files of one workflow.</summary>
    public const int AssetFiles = 1_000;

    /// <summary>Bytes of all files of one workflow.</summary>
    public const long AssetBytes = 16 << 20;

    /// <summary>Diagnostics in one answer.</summary>
    public const int Diagnostics = 1_000;
}
