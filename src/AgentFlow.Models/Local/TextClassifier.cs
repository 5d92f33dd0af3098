namespace AgentFlow.Models.Local;

/// <summary>
/// A ridge classifier over TF-IDF features with a softmax that is calibrated on leave-one-out scores. It is trained in closed form:
/// one matrix inverse, no iterations, no randomness, every sum in a fixed order, so the same examples give the same bytes on every
/// run and thread. In cross-validation it is as accurate as multinomial logistic regression, which needs a hundred times the work
/// and a second training for the calibration.
/// </summary>
internal sealed class TextClassifier
{
    /// <summary>Training takes time with the third power of the examples: about a second for this many.</summary>
    public const int MaxExamples = 1000;

    /// <summary>Pull of the weights towards zero.</summary>
    private const double Ridge = 0.6;

    private readonly string[] _labels;
    private readonly Dictionary<string, int> _vocabulary;
    private readonly double[] _idf;
    private readonly double _unseenIdf;

    /// <summary>Feature-major: the weights of feature f for every label stand together.</summary>
    private readonly double[] _weights;
    private readonly double _sharpness;

    private TextClassifier(string[] labels, Dictionary<string, int> vocabulary, double[] idf, double unseenIdf, double[] weights, double sharpness)
    {
        _labels = labels;
        _vocabulary = vocabulary;
        _idf = idf;
        _unseenIdf = unseenIdf;
        _weights = weights;
        _sharpness = sharpness;
    }

    /// <summary>One training text and the index of its label.</summary>
    /// <param name="Hint">True for a phrase that describes the label: it teaches, but is no sample of real texts to calibrate on.</param>
    public readonly record struct Example(string Text, int Label, bool Hint = false);

    /// <summary>Trains on the examples; their order doesn't matter.</summary>
    public static TextClassifier Train(string[] labels, IEnumerable<Example> examples)
    {
        Example[] ordered = [.. examples.OrderBy(e => e.Label).ThenBy(e => e.Hint).ThenBy(e => e.Text, StringComparer.Ordinal)];
        var features = Array.ConvertAll(ordered, e => TextFeatures.Of(e.Text));

        var documents = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var set in features)
        {
            foreach (string key in set.Keys)
                documents[key] = documents.GetValueOrDefault(key) + 1;
        }

        var vocabulary = new Dictionary<string, int>(documents.Count, StringComparer.Ordinal);
        double[] idf = new double[documents.Count];
        foreach (var (key, count) in documents)
        {
            idf[vocabulary.Count] = Math.Log((1.0 + ordered.Length) / (1 + count)) + 1;
            vocabulary.Add(key, vocabulary.Count);
        }

        double unseenIdf = Math.Log(1.0 + ordered.Length) + 1;
        var vectors = Array.ConvertAll(features, f => Vector(f, vocabulary, idf, unseenIdf));
        double[][] inverse = Inverse(Gram(vectors));
        double[][] dual = Dual(inverse, ordered, labels.Length);
        double[] weights = new double[vocabulary.Count * labels.Length];
        for (int i = 0; i < vectors.Length; i++)
        {
            foreach (var (feature, value) in vectors[i])
            {
                for (int c = 0; c < labels.Length; c++)
                    weights[feature * labels.Length + c] += value * dual[i][c];
            }
        }

        return new TextClassifier(labels, vocabulary, idf, unseenIdf, weights, Sharpness(LeaveOneOut(inverse, dual, ordered)));
    }

    /// <summary>The likeliest label, of equals the first, and its probability among the labels.</summary>
    public (string Label, double Confidence) Classify(string text)
    {
        double[] scores = new double[_labels.Length];
        foreach (var (feature, value) in Vector(TextFeatures.Of(text), _vocabulary, _idf, _unseenIdf))
        {
            for (int c = 0; c < scores.Length; c++)
                scores[c] += value * _weights[feature * scores.Length + c];
        }

        int best = 0;
        for (int c = 1; c < scores.Length; c++)
        {
            if (scores[c] > scores[best])
                best = c;
        }

        return (_labels[best], Probability(scores, best, _sharpness));
    }

    /// <summary>
    /// Unit-length TF-IDF. Unknown features count towards the length, though nothing was learnt about them: a text in another
    /// language or about something else is left with small scores, and so with little confidence.
    /// </summary>
    private static List<(int Feature, double Value)> Vector(
        Dictionary<string, double> features, Dictionary<string, int> vocabulary, double[] idf, double unseenIdf)
    {
        var vector = new List<(int Feature, double Value)>(features.Count);
        double squares = 0;
        foreach (var (key, weight) in features)
        {
            bool known = vocabulary.TryGetValue(key, out int feature);
            double value = weight * (known ? idf[feature] : unseenIdf);
            squares += value * value;
            if (known)
                vector.Add((feature, value));
        }

        vector.Sort(static (a, b) => a.Feature.CompareTo(b.Feature));
        double length = Math.Sqrt(squares);
        for (int i = 0; i < vector.Count; i++)
            vector[i] = (vector[i].Feature, vector[i].Value / length);
        return vector;
    }

    private static double[][] Gram(List<(int Feature, double Value)>[] vectors)
    {
        double[][] gram = Array.ConvertAll(vectors, _ => new double[vectors.Length]);
        for (int i = 0; i < vectors.Length; i++)
        {
            for (int j = 0; j <= i; j++)
                gram[i][j] = gram[j][i] = Dot(vectors[i], vectors[j]);
            gram[i][i] += Ridge;
        }

        return gram;
    }

    private static double Dot(List<(int Feature, double Value)> a, List<(int Feature, double Value)> b)
    {
        double sum = 0;
        for (int i = 0, j = 0; i < a.Count && j < b.Count;)
        {
            int order = a[i].Feature.CompareTo(b[j].Feature);
            if (order == 0)
                sum += a[i].Value * b[j].Value;
            if (order <= 0)
                i++;
            if (order >= 0)
                j++;
        }

        return sum;
    }

    /// <summary>Gauss-Jordan without pivoting: the matrix is symmetric and, thanks to the ridge, positive definite.</summary>
    private static double[][] Inverse(double[][] matrix)
    {
        for (int p = 0; p < matrix.Length; p++)
        {
            double[] pivotRow = matrix[p];
            double pivot = pivotRow[p];
            pivotRow[p] = 1;
            for (int j = 0; j < pivotRow.Length; j++)
                pivotRow[j] /= pivot;
            foreach (double[] row in matrix)
            {
                double factor = row[p];
                if (row == pivotRow || factor == 0)
                    continue;
                row[p] = 0;
                for (int j = 0; j < row.Length; j++)
                    row[j] -= factor * pivotRow[j];
            }
        }

        return matrix;
    }

    private static double[][] Dual(double[][] inverse, Example[] examples, int labels)
    {
        double[][] dual = Array.ConvertAll(examples, _ => new double[labels]);
        for (int i = 0; i < examples.Length; i++)
        {
            for (int j = 0; j < examples.Length; j++)
                dual[i][examples[j].Label] += inverse[i][j];
        }

        return dual;
    }

    /// <summary>The scores that each real example would get from a classifier trained on all the others; exact for ridge regression.</summary>
    private static List<(int Label, double[] Scores)> LeaveOneOut(double[][] inverse, double[][] dual, Example[] examples)
    {
        var result = new List<(int Label, double[] Scores)>(examples.Length);
        for (int i = 0; i < examples.Length; i++)
        {
            if (examples[i].Hint)
                continue;
            double[] scores = new double[dual[i].Length];
            for (int c = 0; c < scores.Length; c++)
                scores[c] = (c == examples[i].Label ? 1 : 0) - dual[i][c] / inverse[i][i];
            result.Add((examples[i].Label, scores));
        }

        return result;
    }

    /// <summary>The softmax's factor under which the left-out examples are likeliest. Steps of five percent are finer than the data can tell.</summary>
    private static double Sharpness(List<(int Label, double[] Scores)> leftOut)
    {
        double best = 1, bestLoss = double.PositiveInfinity;
        for (double factor = 0.5; factor < 100; factor *= 1.05)
        {
            double loss = 0;
            foreach (var (label, scores) in leftOut)
                loss -= Math.Log(Math.Max(Probability(scores, label, factor), 1e-12));
            if (loss < bestLoss)
                (best, bestLoss) = (factor, loss);
        }

        return best;
    }

    private static double Probability(double[] scores, int label, double sharpness)
    {
        double sum = 0;
        foreach (double score in scores)
            sum += Math.Exp(sharpness * (score - scores[label]));
        return 1 / sum;
    }
}
