using System.Text;

namespace AgentFlow.Expressions.JsonSchema.Patterns;

internal sealed partial class EcmaTranslator
{
    /// <summary>Reads one <c>[…]</c>.</summary>
    private sealed class ClassReader(EcmaTranslator owner)
    {
        private readonly CodePointSet _points = new();
        private readonly StringBuilder _properties = new();
        private readonly CodePointSet _astralOfProperties = new();

        public void Read()
        {
            int opened = owner._at++;
            bool negated = owner.Current == '^';
            if (negated) owner._at++;
            while (owner.Current != ']')
            {
                if (owner.Ended) throw owner.Error("the class is not closed", opened);
                if (Atom() is not { } first) continue;
                if (owner.Current != '-' || owner._at + 1 >= owner.Length || owner.Peek == ']')
                {
                    _points.Add(first, first);
                    continue;
                }

                owner._at++;
                if (Atom() is not { } last)
                {
                    // A class escape ends no range: the hyphen stands for itself.
                    _points.Add(first, first);
                    _points.Add('-', '-');
                    continue;
                }

                if (last < first) throw owner.Error("a range of a class is in the wrong order");
                _points.Add(first, last);
            }

            owner._at++;
            Append(negated);
        }

        /// <summary>One character; null when it was a set, which is already taken in.</summary>
        private int? Atom()
        {
            if (owner.Ended) throw owner.Error("the class is not closed");
            if (owner.Current != '\\') return owner.CodePoint();
            char c = owner._at + 1 < owner.Length ? owner.Peek : throw owner.Error("the expression ends in a backslash");
            if (c == 'b')
            {
                owner._at += 2;
                return '\b';
            }

            if (c is 'p' or 'P')
            {
                (string basic, CodePointSet points) = owner.ReadSetEscape()!.Value;
                _properties.Append(basic);
                _astralOfProperties.Add(points);
                return null;
            }

            if (owner.ReadSetEscape() is not { } set) return owner.CharacterEscape();
            _points.Add(set.Points);
            return null;
        }

        private void Append(bool negated)
        {
            var all = new CodePointSet();
            all.Add(_points);
            all.Add(_astralOfProperties);
            if (_properties.Length == 0 && negated && !owner.Astral)
            {
                string basic = _points.BasicClass();
                owner._output.Append(basic.Length == 0 ? "[\\s\\S]" : $"[^{basic}]");
            }
            else if (_properties.Length == 0)
            {
                CodePointSet points = negated ? _points.Complement() : _points;
                owner.AppendSet(points.BasicClass(), points);
            }
            else if (!negated)
            {
                owner.AppendSet(_points.BasicClass() + _properties, all);
            }
            else
            {
                string[] pairs = owner.Pairs(all.Complement());
                string basic = $"[^{_points.BasicClass()}{_properties}\\uD800-\\uDFFF]";
                owner._output.Append(pairs.Length == 0 ? basic : $"(?:{basic}|{string.Join('|', pairs)})");
            }
        }
    }
}
