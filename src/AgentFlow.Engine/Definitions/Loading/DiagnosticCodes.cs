namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>The stable codes of <see cref="Diagnostic.Code"/>; docs/reference/workflow-file.md explains each.</summary>
public static class DiagnosticCodes
{
    // The file and its YAML.
    public const string FileUnreadable = "file-unreadable";
    public const string TooLarge = "too-large";
    public const string InvalidEncoding = "invalid-encoding";
    public const string InvalidCharacter = "invalid-character";
    public const string YamlSyntax = "yaml-syntax";
    public const string TabIndentation = "tab-indentation";
    public const string EmptyFile = "empty-file";
    public const string MultipleDocuments = "multiple-documents";
    public const string TooDeep = "too-deep";
    public const string AliasLimit = "alias-limit";
    public const string RecursiveAlias = "recursive-alias";
    public const string UnknownAnchor = "unknown-anchor";
    public const string InvalidMerge = "invalid-merge";
    public const string InvalidKey = "invalid-key";
    public const string DuplicateKey = "duplicate-key";
    public const string UnsupportedTag = "unsupported-tag";
    public const string InvalidNumber = "invalid-number";
    public const string TooManyProblems = "too-many-problems";

    // Assets.
    public const string InvalidAssetPath = "invalid-asset-path";
    public const string MissingAsset = "missing-asset";
    public const string AssetOutside = "asset-outside";
    public const string AssetUnreadable = "asset-unreadable";
    public const string AssetLimit = "asset-limit";

    // Keys and values.
    public const string UnknownKey = "unknown-key";
    public const string MissingKey = "missing-key";
    public const string NotApplicable = "not-applicable";
    public const string NotSupported = "not-supported";
    public const string ConflictingKeys = "conflicting-keys";
    public const string WrongType = "wrong-type";
    public const string UnknownValue = "unknown-value";
    public const string OutOfRange = "out-of-range";
    public const string InvalidDuration = "invalid-duration";
    public const string InvalidSchedule = "invalid-schedule";
    public const string InvalidName = "invalid-name";
    public const string InvalidVersion = "invalid-version";
    public const string UnsupportedLanguage = "unsupported-language";
    public const string EmptyList = "empty-list";
    public const string DuplicateItem = "duplicate-item";
    public const string DuplicateId = "duplicate-id";
    public const string InvalidSchema = "invalid-schema";
    public const string TooManyNodes = "too-many-nodes";

    // Agents, tools, permissions.
    public const string UnknownAgentKind = "unknown-agent-kind";
    public const string InvalidAgent = "invalid-agent";
    public const string UnknownAgent = "unknown-agent";
    public const string UnusedAgent = "unused-agent";
    public const string UnknownWorkflow = "unknown-workflow";
    public const string EndlessStarts = "endless-starts";
    public const string UnknownTool = "unknown-tool";
    public const string InvalidContract = "invalid-contract";
    public const string InputMismatch = "input-mismatch";
    public const string UnknownPermission = "unknown-permission";
    public const string PermissionNotGranted = "permission-not-granted";
    public const string WeakerEffects = "weaker-effects";
    public const string RepeatedEffects = "repeated-effects";

    // Expressions.
    public const string InvalidExpression = "invalid-expression";
    public const string UnclosedExpression = "unclosed-expression";
    public const string ForeignExpression = "foreign-expression";
    public const string WrappedCondition = "wrapped-condition";
    public const string UnevaluatedExpression = "unevaluated-expression";
    public const string InvalidSecret = "invalid-secret";
    public const string UnresolvedSecret = "unresolved-secret";
    public const string UnknownStep = "unknown-step";
    public const string UnknownField = "unknown-field";
    public const string UndeclaredField = "undeclared-field";
    public const string TypeMismatch = "type-mismatch";
    public const string ConstantCondition = "constant-condition";
    public const string MissingDependency = "missing-dependency";
    public const string UnvisitedStep = "unvisited-step";
    public const string EnvironmentName = "environment-name";

    // State machines and graphs.
    public const string UnknownState = "unknown-state";
    public const string NoWayOut = "no-way-out";
    public const string FinalWithExit = "final-with-exit";
    public const string UnreachableState = "unreachable-state";
    public const string NoPathToFinal = "no-path-to-final";
    public const string UnusedOutcome = "unused-outcome";
    public const string MissingOnError = "missing-on-error";
    public const string BeyondLimit = "beyond-limit";
    public const string DependencyCycle = "dependency-cycle";

    // Plans of models.
    public const string TemperatureTooHigh = "temperature-too-high";
    public const string InvalidExample = "invalid-example";
}
