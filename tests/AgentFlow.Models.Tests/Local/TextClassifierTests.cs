using AgentFlow.Models.Local;
using AgentFlow.Models.Tests.Support;

namespace AgentFlow.Models.Tests.Local;

public class TextClassifierTests
{
    [Fact]
    public void Train_ExamplesInAnyOrder_GivesTheSameClassifier()
    {
        int seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var examples = SupportTemplate.Examples();
        var shuffled = examples.ToArray();
        new Random(seed).Shuffle(shuffled);

        var first = TextClassifier.Train(SupportTemplate.Labels, examples);
        var second = TextClassifier.Train(SupportTemplate.Labels, shuffled);

        Assert.All(SupportTemplate.HeldOut(), message => Assert.Equal(first.Classify(message.Text), second.Classify(message.Text)));
    }

    [Fact]
    public void Classify_LeftOutExamples_IsAsSureAsItIsRight()
    {
        // Expected calibration error by ten-fold cross-validation on the training examples: fold = position within the label, modulo 10.
        var examples = SupportTemplate.Examples();
        int[] seen = new int[SupportTemplate.Labels.Length];
        int[] fold = [.. examples.Select(e => e.Hint ? -1 : seen[e.Label]++ % 10)];
        var results = new List<(double Confidence, bool Right)>();
        for (int f = 0; f < 10; f++)
        {
            var classifier = TextClassifier.Train(SupportTemplate.Labels, examples.Where((_, i) => fold[i] != f));
            for (int i = 0; i < examples.Length; i++)
            {
                if (fold[i] != f)
                    continue;
                var (label, confidence) = classifier.Classify(examples[i].Text);
                results.Add((confidence, label == SupportTemplate.Labels[examples[i].Label]));
            }
        }

        double error = results.GroupBy(r => (int)(r.Confidence * 5)).Sum(g => Math.Abs(g.Average(r => r.Confidence) - g.Average(r => r.Right ? 1 : 0)) * g.Count()) / results.Count;
        TestContext.Current.TestOutputHelper?.WriteLine($"accuracy {results.Average(r => r.Right ? 1 : 0):P1}, calibration error {error:F3}");
        Assert.InRange(error, 0, 0.1);
    }

    [Theory, InlineData(""), InlineData("   "), InlineData("!!!"), InlineData("\0\uFFFF"), InlineData("🪴🪴")]
    public void Classify_NothingToRead_IsUnsure(string text)
    {
        var classifier = TextClassifier.Train(SupportTemplate.Labels, SupportTemplate.Examples());

        Assert.InRange(classifier.Classify(text).Confidence, 0, 1);
    }
}
