using System.Text;

namespace AgentFlow.Expressions.Cel.Patterns;

internal sealed partial class PatternParser
{
    private PatternNode.Set Class()
    {
        var set = new CodePointSet.Builder();
        var isComplement = Accept('^');
        var isFirst = true;
        while (isFirst || Peek() != ']')
        {
            if (IsAtEnd)
            {
                throw new PatternException("'[' without ']'");
            }

            isFirst = false;
            if (Peek() == '[' && Peek(1) == ':' && TryPosix(set))
            {
                continue;
            }

            if (Accept('\\'))
            {
                if (TryNamedClass(set))
                {
                    continue;
                }

                Range(set, EscapedCodePoint());
            }
            else
            {
                Range(set, _text[_position++]);
            }
        }

        _position++;
        return new PatternNode.Set(set.Build(isComplement, _flags.HasFlag(Flags.IgnoreCase)));
    }

    private void Range(CodePointSet.Builder set, int low)
    {
        var high = low;
        if (Peek() == '-' && Peek(1) is not (']' or -1))
        {
            _position++;
            high = Accept('\\') ? EscapedCodePoint() : _text[_position++];
            if (high < low)
            {
                throw new PatternException($"the range {new Rune(low)}-{new Rune(high)} is upside down");
            }
        }

        set.Add(low, high);
    }

    private bool TryPosix(CodePointSet.Builder set)
    {
        var end = Array.IndexOf(_text, ':', _position + 2);
        if (end < 0 || end + 1 >= _text.Length || _text[end + 1] != ']')
        {
            return false;
        }

        var name = string.Concat(_text[(_position + 2)..end].Select(c => new Rune(c).ToString()));
        var isComplement = name.StartsWith('^');
        var pairs = CodePointClasses.Posix(isComplement ? name[1..] : name) ?? throw new PatternException($"no class [:{name}:]");
        set.Add(pairs, isComplement);
        _position = end + 2;
        return true;
    }

    /// <summary>Reads what follows a backslash if it names a class.</summary>
    private bool TryNamedClass(CodePointSet.Builder set)
    {
        var (pairs, isComplement) = Peek() switch
        {
            'd' => (CodePointClasses.Digits, false),
            'D' => (CodePointClasses.Digits, true),
            's' => (CodePointClasses.Blanks, false),
            'S' => (CodePointClasses.Blanks, true),
            'w' => (CodePointClasses.WordCharacters, false),
            'W' => (CodePointClasses.WordCharacters, true),
            _ => (null, false),
        };
        if (pairs is not null)
        {
            _position++;
            set.Add(pairs, isComplement);
            return true;
        }

        if (Peek() is not ('p' or 'P'))
        {
            return false;
        }

        isComplement = _text[_position++] == 'P';
        var name = PropertyName();
        if (name.StartsWith('^'))
        {
            (name, isComplement) = (name[1..], !isComplement);
        }

        var categories = CodePointClasses.Categories(name);
        if (categories == 0)
        {
            throw new PatternException($"no Unicode category '{name}': use one such as L, Lu or Nd; script names are not supported");
        }

        set.AddCategories(isComplement ? CodePointClasses.Complement(categories) : categories);
        return true;
    }

    private string PropertyName()
    {
        if (!Accept('{'))
        {
            return IsAtEnd ? "" : new Rune(_text[_position++]).ToString();
        }

        var name = new StringBuilder();
        while (!Accept('}'))
        {
            if (IsAtEnd)
            {
                throw new PatternException("\\p{ without }");
            }

            name.Append(new Rune(_text[_position++]));
        }

        return name.ToString();
    }
}
