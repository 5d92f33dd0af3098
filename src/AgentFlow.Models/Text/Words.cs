using System.Text;

namespace AgentFlow.Models.Text;

/// <summary>
/// Splits text into lower-case words: runs of letters and digits. Apostrophes inside a word vanish, so that "can't" and the
/// common "cant" are one word; a run of digits alone becomes <c>#</c>, because order numbers and amounts say nothing by their value.
/// Independent of culture.
/// </summary>
internal static class Words
{
    public const string Number = "#";

    public static List<string> Of(string text)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        bool digitsOnly = true;
        for (int i = 0; i <= text.Length; i++)
        {
            char c = i < text.Length ? text[i] : ' ';
            if (char.IsLetterOrDigit(c) || char.IsSurrogate(c))
            {
                digitsOnly &= char.IsAsciiDigit(c);
                word.Append(char.ToLowerInvariant(c));
                continue;
            }

            bool apostropheInside = c is '\'' or '\u2019' && word.Length > 0 && i + 1 < text.Length && char.IsLetter(text[i + 1]);
            if (apostropheInside || word.Length == 0)
                continue;

            words.Add(digitsOnly ? Number : word.ToString());
            word.Clear();
            digitsOnly = true;
        }

        return words;
    }
}
