namespace AgentFlow.Models.Text;

/// <summary>
/// M. F. Porter's suffix stripping (Program 14(3), 1980), with the author's later departures (<c>bli</c>, <c>logi</c>).
/// Words with anything but the letters a to z, and words of one or two letters, are left as they are.
/// </summary>
internal ref struct PorterStemmer
{
    private static readonly (string Suffix, string With)[] Step2 =
    [
        ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"), ("alli", "al"),
        ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"), ("ator", "ate"), ("alism", "al"),
        ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"), ("logi", "log"),
    ];

    private static readonly (string Suffix, string With)[] Step3 =
        [("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];

    private static readonly string[] Step4 =
    [
        "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize",
    ];

    private readonly Span<char> _letters;
    private int _length;

    private PorterStemmer(Span<char> letters)
    {
        _letters = letters;
        _length = letters.Length;
    }

    public static string Stem(string word)
    {
        if (word.Length is < 3 or > 64)
            return word;
        foreach (char c in word)
        {
            if (!char.IsAsciiLetterLower(c))
                return word;
        }

        Span<char> letters = stackalloc char[word.Length];
        word.CopyTo(letters);
        var stemmer = new PorterStemmer(letters);
        stemmer.RemovePlural();
        stemmer.RemovePastAndGerund();
        if (stemmer.EndsWith("y") && stemmer.HasVowel(stemmer._length - 1))
            stemmer._letters[stemmer._length - 1] = 'i';
        stemmer.ReplaceLongest(Step2);
        stemmer.ReplaceLongest(Step3);
        stemmer.RemoveResidue();
        stemmer.RemoveFinalE();
        return new string(stemmer._letters[..stemmer._length]);
    }

    private void RemovePlural()
    {
        if (EndsWith("sses") || EndsWith("ies"))
            _length -= 2;
        else if (EndsWith("s") && !EndsWith("ss"))
            _length--;
    }

    private void RemovePastAndGerund()
    {
        if (EndsWith("eed"))
        {
            if (Measure(_length - 3) > 0)
                _length--;
            return;
        }

        int stem = EndsWith("ed") ? _length - 2 : EndsWith("ing") ? _length - 3 : -1;
        if (stem < 0 || !HasVowel(stem))
            return;

        _length = stem;
        if (EndsWith("at") || EndsWith("bl") || EndsWith("iz"))
            // The suffix that was just cut is longer than one letter, so there is room for the e.
            _letters[_length++] = 'e';
        else if (EndsInDoubleConsonant() && _letters[_length - 1] is not ('l' or 's' or 'z'))
            _length--;
        else if (Measure(_length) == 1 && EndsInShortSyllable(_length))
            _letters[_length++] = 'e';
    }

    private void ReplaceLongest((string Suffix, string With)[] rules)
    {
        (string Suffix, string With) best = ("", "");
        foreach (var rule in rules)
        {
            if (rule.Suffix.Length > best.Suffix.Length && EndsWith(rule.Suffix))
                best = rule;
        }

        if (best.Suffix.Length == 0 || Measure(_length - best.Suffix.Length) == 0)
            return;
        _length -= best.Suffix.Length;
        best.With.CopyTo(_letters[_length..]);
        _length += best.With.Length;
    }

    private void RemoveResidue()
    {
        string best = "";
        foreach (string suffix in Step4)
        {
            if (suffix.Length > best.Length && EndsWith(suffix))
                best = suffix;
        }

        int stem = _length - best.Length;
        if (best.Length == 0 || Measure(stem) < 2)
            return;
        if (best == "ion" && _letters[stem - 1] is not ('s' or 't'))
            return;
        _length = stem;
    }

    private void RemoveFinalE()
    {
        if (EndsWith("e"))
        {
            int measure = Measure(_length - 1);
            if (measure > 1 || (measure == 1 && !EndsInShortSyllable(_length - 1)))
                _length--;
        }

        if (EndsWith("ll") && Measure(_length - 1) > 1)
            _length--;
    }

    private readonly bool EndsWith(string suffix) => _letters[.._length].EndsWith(suffix);

    private readonly bool IsConsonant(int i) => _letters[i] switch
    {
        'a' or 'e' or 'i' or 'o' or 'u' => false,
        'y' => i == 0 || !IsConsonant(i - 1),
        _ => true,
    };

    private readonly bool HasVowel(int end)
    {
        for (int i = 0; i < end; i++)
        {
            if (!IsConsonant(i))
                return true;
        }

        return false;
    }

    /// <summary>How many times a vowel run is followed by a consonant run before <paramref name="end"/>.</summary>
    private readonly int Measure(int end)
    {
        int count = 0;
        for (int i = 1; i < end; i++)
        {
            if (IsConsonant(i) && !IsConsonant(i - 1))
                count++;
        }

        return count;
    }

    private readonly bool EndsInDoubleConsonant() =>
        _length > 1 && _letters[_length - 1] == _letters[_length - 2] && IsConsonant(_length - 1);

    /// <summary>Consonant, vowel, consonant that is not w, x or y: "hop", not "snow".</summary>
    private readonly bool EndsInShortSyllable(int end) =>
        end > 2 && IsConsonant(end - 3) && !IsConsonant(end - 2) && IsConsonant(end - 1) && _letters[end - 1] is not ('w' or 'x' or 'y');
}
