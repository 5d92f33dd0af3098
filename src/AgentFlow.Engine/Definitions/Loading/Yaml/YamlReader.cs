using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace AgentFlow.Engine.Definitions.Loading.Yaml;

/// <summary>
/// Composes the parser's events into a tree. What can be said about the rest is still said after a problem, except where
/// the text stops being YAML or reaches a limit. Anchored nodes are shared, never copied: what aliases would expand to
/// is added up before anybody walks it.
/// </summary>
internal sealed class YamlReader
{
    private readonly Findings _findings;
    private readonly string _text;
    private readonly Parser _parser;
    private readonly Dictionary<string, YamlNode> _anchors = new(StringComparer.Ordinal);
    private readonly Stack<string> _openAnchors = new();
    private readonly Stack<int> _openFlows = new();
    private long _expanded;
    private int _end;

    private YamlReader(YamlText text, Findings findings)
    {
        _text = text.Text;
        _findings = findings;
        _parser = new Parser(new Scanner(new StringReader(_text), skipComments: true));
    }

    /// <summary>The document's root, or <see langword="null"/> with the reason among the findings.</summary>
    public static YamlNode? Read(YamlText text, Findings findings)
    {
        foreach ((int offset, int character) in text.Forbidden)
        {
            findings.Error(offset, DiagnosticCodes.InvalidCharacter, $"The character U+{character:X4} is not allowed in YAML.", "Remove it, or write it as an escape in double quotes, such as \"\\u001B\".");
        }

        return new YamlReader(text, findings).ReadDocument();
    }

    private YamlNode? ReadDocument()
    {
        if (Next() is not StreamStart || Next() is not { } first)
        {
            return null;
        }

        if (first is not DocumentStart)
        {
            _findings.Error(0, DiagnosticCodes.EmptyFile, "The file is empty.", "Write a workflow: language, name, version, planner and its states or steps.");
            return null;
        }

        YamlNode? root = Next() is { } start ? ReadNode(start, 1) : null;
        if (root is null || Next() is not DocumentEnd || Next() is not { } after)
        {
            return null;
        }

        if (after is DocumentStart)
        {
            _findings.Error(OffsetOf(after), DiagnosticCodes.MultipleDocuments, "The file holds more than one YAML document.", "Keep one workflow per file: remove the '---' and what follows.");
        }

        return root;
    }

    /// <summary>Null stops the reading: the reason is among the findings.</summary>
    private YamlNode? ReadNode(ParsingEvent start, int depth)
    {
        if (depth > LoadLimits.YamlDepth)
        {
            return Stop(OffsetOf(start), DiagnosticCodes.TooDeep, $"The YAML nests deeper than {LoadLimits.YamlDepth} levels.", "Flatten the structure.");
        }

        if (start is AnchorAlias alias)
        {
            return ReadAlias(alias, depth);
        }

        if (start is not NodeEvent node)
        {
            // The parser lets an explicit key without a key pass, and then loses its place.
            return Stop(OffsetOf(start), DiagnosticCodes.YamlSyntax, "A key or value is missing here.", "Write one, or quote '?' and ':' where they are text.");
        }

        string? anchor = node.Anchor.IsEmpty ? null : node.Anchor.Value;
        if (anchor is not null)
        {
            _openAnchors.Push(anchor);
        }

        YamlNode? read = node switch
        {
            Scalar scalar => ReadScalar(scalar),
            SequenceStart sequence => ReadSequence(sequence, depth),
            _ => ReadMapping((MappingStart)node, depth),
        };
        if (anchor is not null && read is not null)
        {
            _openAnchors.Pop();
            _anchors[anchor] = read;
        }

        return read;
    }

    private YamlNode? ReadAlias(AnchorAlias alias, int depth)
    {
        int offset = OffsetOf(alias);
        string name = alias.Value.Value;
        if (_openAnchors.Contains(name))
        {
            return Stop(offset, DiagnosticCodes.RecursiveAlias, $"The alias '*{Excerpt.Of(name)}' stands inside the very node that it names.", "Write the value out; a workflow cannot contain itself.");
        }

        if (!_anchors.TryGetValue(name, out YamlNode? target))
        {
            _findings.Error(offset, DiagnosticCodes.UnknownAnchor, $"No '&{Excerpt.Of(name)}' stands before the alias '*{Excerpt.Of(name)}'.", _findings.Suggest(name, _anchors.Keys) + $"Put '&{Excerpt.Of(name)}' before the value that is meant, or quote the text if it is no alias.");
            return new YamlScalar(offset, offset, "", YamlStyle.Unknown, isPlain: true);
        }

        if (depth + target.Height - 1 > LoadLimits.YamlDepth)
        {
            return Stop(offset, DiagnosticCodes.TooDeep, $"With '*{Excerpt.Of(name)}' written out the YAML nests deeper than {LoadLimits.YamlDepth} levels.", "Flatten the structure.");
        }

        _expanded += target.Weight;
        return _expanded <= LoadLimits.AliasExpansion
            ? target
            : Stop(offset, DiagnosticCodes.AliasLimit, $"Written out, the aliases make more than {LoadLimits.AliasExpansion >> 20} MiB of text.", "Use fewer aliases, or smaller ones.");
    }

    private YamlScalar ReadScalar(Scalar scalar)
    {
        bool isText = scalar.Tag.IsNonSpecific || (!scalar.Tag.IsEmpty && scalar.Tag.Value == "tag:yaml.org,2002:str");
        if (!isText)
        {
            RefuseTag(scalar, null);
        }

        YamlStyle style = scalar.Style switch
        {
            ScalarStyle.SingleQuoted => YamlStyle.SingleQuoted,
            ScalarStyle.DoubleQuoted => YamlStyle.DoubleQuoted,
            ScalarStyle.Literal => YamlStyle.Literal,
            ScalarStyle.Folded => YamlStyle.Folded,
            _ => YamlStyle.Plain,
        };
        return new YamlScalar(OffsetOf(scalar), (int)scalar.End.Index, scalar.Value, style, style == YamlStyle.Plain && !isText);
    }

    private YamlSequence? ReadSequence(SequenceStart start, int depth)
    {
        RefuseTag(start, "tag:yaml.org,2002:seq");
        bool isFlow = start.Style == SequenceStyle.Flow;
        Open(start, isFlow);
        var items = new List<YamlNode>();
        while (Next() is { } item)
        {
            if (item is SequenceEnd)
            {
                Close(isFlow);
                return new YamlSequence(OffsetOf(start), items);
            }

            if (ReadNode(item, depth + 1) is not { } read)
            {
                return null;
            }

            items.Add(read);
        }

        return null;
    }

    private YamlMapping? ReadMapping(MappingStart start, int depth)
    {
        RefuseTag(start, "tag:yaml.org,2002:map");
        bool isFlow = start.Style == MappingStyle.Flow;
        Open(start, isFlow);
        var entries = new MappingEntries(_findings);
        while (Next() is { } next)
        {
            if (next is MappingEnd)
            {
                Close(isFlow);
                return new YamlMapping(OffsetOf(start), entries.Merged());
            }

            if (ReadNode(next, depth + 1) is not { } key || Next() is not { } value || ReadNode(value, depth + 1) is not { } read)
            {
                return null;
            }

            entries.Add(OffsetOf(next), key, read, next is AnchorAlias);
        }

        return null;
    }

    private void RefuseTag(NodeEvent node, string? allowed)
    {
        if (!node.Tag.IsEmpty && node.Tag.Value != allowed)
        {
            string tag = node.Tag.Value.Replace("tag:yaml.org,2002:", "!!", StringComparison.Ordinal);
            _findings.Error((int)node.Start.Index, DiagnosticCodes.UnsupportedTag, $"The tag '{Excerpt.Of(tag)}' is not supported.", "Remove it: numbers, true, false and null are recognised without one; '!!str', or quotes, make text of them.");
        }
    }

    private void Open(NodeEvent start, bool isFlow)
    {
        if (isFlow)
        {
            _openFlows.Push(OffsetOf(start));
        }
    }

    private void Close(bool isFlow)
    {
        if (isFlow)
        {
            _openFlows.Pop();
        }
    }

    private YamlNode? Stop(int offset, string code, string message, string remedy)
    {
        _findings.Error(offset, code, message, remedy);
        return null;
    }

    /// <summary>Where the node itself starts, behind its anchor and tag.</summary>
    private int OffsetOf(ParsingEvent at)
    {
        int offset = (int)at.Start.Index;
        if (at is not NodeEvent { } node || at is AnchorAlias || (node.Anchor.IsEmpty && node.Tag.IsEmpty && !node.Tag.IsNonSpecific))
        {
            return offset;
        }

        // One anchor and one tag, in any order, with blanks and comments behind each.
        for (int properties = 0; properties < 2 && offset < _text.Length && _text[offset] is '&' or '!'; properties++)
        {
            offset = IndexOrEnd(_text.AsSpan(offset).IndexOfAny(" \t\n"), offset);
            while (offset < _text.Length && _text[offset] is ' ' or '\t' or '\n' or '#')
            {
                offset = _text[offset] == '#' ? IndexOrEnd(_text.AsSpan(offset).IndexOf('\n'), offset) : offset + 1;
            }
        }

        return Math.Min(offset, (int)at.End.Index);
    }

    private int IndexOrEnd(int found, int start) => found < 0 ? _text.Length : start + found;

    private ParsingEvent? Next()
    {
        try
        {
            if (!_parser.MoveNext())
            {
                return null;
            }

            _end = Math.Max(_end, (int)_parser.Current!.End.Index);
            return _parser.Current;
        }
        catch (YamlException e)
        {
            new SyntaxProblem(_text, _end, _openFlows).Report(_findings, (int)e.Start.Index, e.Message);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Instead of a YamlException the parser lets others pass for some texts: InvalidOperationException for a flow
            // collection that is never closed, ArgumentException for a malformed tag. None means more than "not YAML".
            new SyntaxProblem(_text, _end, _openFlows).Report(_findings, -1, "");
        }

        return null;
    }
}
